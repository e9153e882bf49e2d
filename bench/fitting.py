"""Where the coefficients of the elementary functions come from: minimax polynomials, by Remez' exchange in mpmath.

    python bench/fitting.py [NAME...]

prints the coefficients of every fit (or of those whose names start so), lowest order first, as hexadecimal floats,
with the base-2 logarithm of the largest weighted error before and after rounding. f32 coefficients are rounded one
after the other, the rest fitted again. The fits stand at the end; jit/tianyuan_jit/scalars holds the results.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import mpmath  # pyright: ignore[reportMissingTypeStubs]
import numpy as np
from attrs import frozen

mp: Any = mpmath  # it has no types
mp.mp.dps = 60

Real = Callable[[Any], Any]


@frozen
class Fit:
    """f(x) ~ sum of c[i] x^i, i < terms, on [low, high], with the least largest weight(x) |error(x)|."""

    f: Real
    terms: int
    low: Any
    high: Any
    weight: Real
    dtype: str = "f64"
    pairs: int = 0  # how many coefficients are given as pairs of floats


def basis(x: Any, count: int) -> list[Any]:
    """1, x, x², ..."""
    powers = [mp.mpf(1)]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return powers


def exchange(rows: Sequence[Sequence[Any]], values: Sequence[Any], weights: Sequence[Any]) -> tuple[list[Any], Any]:
    """Coefficients of the least largest error over the points, and that error."""
    n, points = len(rows[0]), len(rows)
    chosen = [round((points - 1) * (1 - np.cos(np.pi * (i + 0.5) / (n + 1))) / 2) for i in range(n + 1)]
    best: tuple[list[Any], Any] = ([], mp.inf)
    for _ in range(30):
        system, right = mp.matrix(n + 1, n + 1), mp.matrix(n + 1, 1)
        for i, j in enumerate(chosen):
            for c in range(n):
                system[i, c] = rows[j][c] * weights[j]
            system[i, n], right[i] = (-1) ** i, values[j] * weights[j]
        solved = mp.lu_solve(system, right)
        found = [solved[c] for c in range(n)]
        errors = [w * (v - mp.fdot(found, row)) for row, v, w in zip(rows, values, weights, strict=True)]
        largest = max(map(abs, errors))
        best = (found, largest) if largest < best[1] else best
        chosen = alternating(errors, n + 1)
        if len(chosen) < n + 1 or largest < abs(solved[n]) * mp.mpf("1.002"):
            break
    return best


def alternating(errors: Sequence[Any], count: int) -> list[int]:
    """The ``count`` largest extrema whose signs alternate."""
    extrema: list[int] = []
    for j, e in enumerate(errors):
        if not extrema or mp.sign(e) != mp.sign(errors[extrema[-1]]):
            extrema.append(j)
        elif abs(e) > abs(errors[extrema[-1]]):
            extrema[-1] = j
    while len(extrema) > count:
        extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
    return extrema


def rounded(c: Any, dtype: str) -> Any:
    """To the nearest f32 or f64."""
    return mp.mpf(float(np.float32(float(c)) if dtype == "f32" else float(c)))


def coefficients(fit: Fit) -> tuple[list[Any], Any, Any]:
    """The rounded coefficients, a pair taking two places, and the errors before and after rounding."""
    points = 30 * fit.terms + 200
    angles = [mp.pi * i / points for i in range(points + 1)]
    xs = [(fit.low + fit.high) / 2 - (fit.high - fit.low) / 2 * mp.cos(a) for a in angles]
    values, weights = [fit.f(x) for x in xs], [fit.weight(x) for x in xs]
    rows = [basis(x, fit.terms) for x in xs]
    free, ideal = exchange(rows, values, weights)
    done: list[Any] = []
    for i in range(fit.terms):
        if fit.dtype == "f32" and i:
            rest = [v - mp.fdot(done, row[:i]) for v, row in zip(values, rows, strict=True)]
            free = done + exchange([row[i:] for row in rows], rest, weights)[0]
        head = rounded(free[i], fit.dtype)
        done.append(head + rounded(free[i] - head, fit.dtype) if i < fit.pairs else head)
    final = max(w * abs(v - mp.fdot(done, row)) for row, v, w in zip(rows, values, weights, strict=True))
    return done, ideal, final


def main(prefixes: Sequence[str]) -> None:
    """Print the fits asked for."""
    for name, make in FITS.items():
        if prefixes and not name.startswith(tuple(prefixes)):
            continue
        fit = make()
        found, ideal, final = coefficients(fit)
        words: list[str] = []
        for c in found:
            head = rounded(c, fit.dtype)
            words += [float(head).hex()] + ([float(c - head).hex()] if c != head else [])
        print(f"{name}: 2^{float(mp.log(ideal, 2)):.1f}, rounded 2^{float(mp.log(final, 2)):.1f}")
        print("    " + " ".join(shorter(w) for w in words), flush=True)


def shorter(word: str) -> str:
    """A hexadecimal float without trailing zeros."""
    mantissa, exponent = word.split("p")
    return mantissa.rstrip("0").rstrip(".") + "p" + exponent if "." in mantissa else word


# ---- what is fitted

SMALL = mp.mpf(10) ** -20
CUT = mp.mpf(10) ** -6


def even_part(f: Real, series: Real) -> Real:
    """u -> f(sqrt u), by ``series`` of u where f would divide zeros."""
    return lambda u: series(u) if u < CUT else f(mp.sqrt(u))


def one(x: Any) -> Any:
    """No weight."""
    return mp.mpf(1)


def identity(x: Any) -> Any:
    """Weight x, for factors of x in front of the polynomial."""
    return abs(x) + SMALL


QUARTER = (mp.pi / 4 * mp.mpf("1.001")) ** 2


def sine(terms: int, dtype: str) -> Fit:
    """(sin r / r - 1) / r² in u = r², relative to sin r."""
    f = even_part(lambda r: (mp.sin(r) / r - 1) / r**2, lambda u: -mp.mpf(1) / 6 + u / 120 - u * u / 5040)
    return Fit(f, terms, SMALL, QUARTER, lambda u: u + SMALL, dtype)


def cosine(terms: int, dtype: str) -> Fit:
    """(cos r - 1 + r²/2) / r⁴ in u = r²."""
    f = even_part(
        lambda r: (mp.cos(r) - 1 + r * r / 2) / r**4,
        lambda u: mp.mpf(1) / 24 - u / 720 + u * u / 40320,
    )
    return Fit(f, terms, SMALL, QUARTER, lambda u: u * u + SMALL, dtype)


def tangent(terms: int) -> Fit:
    """(tan r / r - 1) / r² in u = r², relative."""
    f = even_part(lambda r: (mp.tan(r) / r - 1) / r**2, lambda u: mp.mpf(1) / 3 + 2 * u / 15 + 17 * u * u / 315)
    return Fit(f, terms, SMALL, QUARTER, lambda u: u * mp.sqrt(u) / mp.tan(mp.sqrt(u)))


ROOTS = (mp.sqrt(mp.mpf(1) / 2) - 1, mp.sqrt(2) - 1)


def logarithm(terms: int) -> Fit:
    """(log(1+f) - f + f²/2) / f³, relative to log(1+f)."""

    def f(x: Any) -> Any:
        near = mp.mpf(1) / 3 - x / 4 + x * x / 5
        return near if abs(x) < mp.mpf("1e-10") else (mp.log1p(x) - x + x * x / 2) / x**3

    return Fit(f, terms, *ROOTS, lambda x: abs(x**3 / mp.log1p(x)) if x else SMALL)


def odd_logarithm(terms: int, pairs: int) -> Fit:
    """(2 atanh s / s - 2) / s² in u = s²."""
    high = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.001")
    f = even_part(
        lambda s: (2 * mp.atanh(s) / s - 2) / s**2,
        lambda u: mp.mpf(2) / 3 + 2 * u / 5 + 2 * u * u / 7 + 2 * u**3 / 9,
    )
    return Fit(f, terms, SMALL, high, identity, pairs=pairs)


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.003")


def exponential(terms: int) -> Fit:
    """(e^r - 1 - r) / r²."""

    def f(x: Any) -> Any:
        near = mp.mpf(1) / 2 + x / 6 + x * x / 24
        return near if abs(x) < mp.mpf("1e-12") else (mp.exp(x) - 1 - x) / x**2

    return Fit(f, terms, -HALF_LN2, HALF_LN2, lambda x: x * x + SMALL)


FITS: dict[str, Callable[[], Fit]] = {
    "sin32": lambda: sine(3, "f32"),
    "cos32": lambda: cosine(3, "f32"),
    "sin64": lambda: sine(6, "f64"),
    "cos64": lambda: cosine(6, "f64"),
    "tan, for f32": lambda: tangent(7),
    "log, for f32": lambda: logarithm(11),
    "log_pair": lambda: odd_logarithm(8, 1),
    "exp, for f32": lambda: exponential(6),
}

if __name__ == "__main__":
    main(sys.argv[1:])
