"""Where the coefficients of the elementary functions come from: minimax polynomials, by Remez' exchange in mpmath.

    python bench/fitting.py [NAME...]

prints the coefficients of every fit (or of those whose names start so), lowest order first, as hexadecimal floats,
with the base-2 logarithm of the largest weighted error before and after rounding. In f32, and where 0 is not inside
the interval, they are rounded one after the other, the rest fitted again. The fits stand at the end;
jit/tianyuan_jit/scalars holds the results.
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
        largest: Any = max(abs(e) for e in errors)
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
        if i and (fit.low >= 0 or fit.dtype == "f32"):
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


def logarithm(terms: int, dtype: str = "f64") -> Fit:
    """(log(1+f) - f + f²/2) / f³, relative to log(1+f)."""

    def f(x: Any) -> Any:
        near = mp.mpf(1) / 3 - x / 4 + x * x / 5
        return near if abs(x) < mp.mpf("1e-10") else (mp.log1p(x) - x + x * x / 2) / x**3

    return Fit(f, terms, *ROOTS, lambda x: abs(x**3 / mp.log1p(x)) if x else SMALL, dtype)


def odd_logarithm(terms: int, pairs: int) -> Fit:
    """(2 atanh s / s - 2) / s² in u = s²."""
    high = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.001")
    f = even_part(
        lambda s: (2 * mp.atanh(s) / s - 2) / s**2,
        lambda u: mp.mpf(2) / 3 + 2 * u / 5 + 2 * u * u / 7 + 2 * u**3 / 9,
    )
    return Fit(f, terms, SMALL, high, identity, pairs=pairs)


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.003")


def exponential(terms: int, dtype: str = "f64") -> Fit:
    """(e^r - 1 - r) / r², relative to e^r."""

    def f(x: Any) -> Any:
        near = mp.mpf(1) / 2 + x / 6 + x * x / 24
        return near if abs(x) < mp.mpf("1e-12") else (mp.exp(x) - 1 - x) / x**2

    return Fit(f, terms, -HALF_LN2, HALF_LN2, lambda x: x * x / mp.exp(x) + SMALL, dtype)


def hyperbolic_tangent(terms: int) -> Fit:
    """(tanh x / x - 1) / x² in u = x² <= 0.81, relative to tanh x."""
    f = even_part(lambda x: (mp.tanh(x) / x - 1) / x**2, lambda u: -mp.mpf(1) / 3 + 2 * u / 15 - 17 * u * u / 315)
    return Fit(f, terms, SMALL, mp.mpf("0.81"), lambda u: u * mp.sqrt(u) / mp.tanh(mp.sqrt(u)), "f32")


def bell_ratio(terms: int, shift: Any, high: Any, pairs: int = 0) -> Fit:
    """(1 + 2x) e^(x²) erfc x in q = (x - shift) / (x + shift), from x = 0, relative."""

    def f(q: Any) -> Any:
        x = shift * (1 + q) / (1 - q)
        return (1 + 2 * x) * scaled_erfc(x)

    return Fit(f, terms, mp.mpf(-1), (high - shift) / (high + shift), lambda q: 1 / f(q), pairs=pairs)


def scaled_erfc(x: Any) -> Any:
    """e^(x²) erfc x."""
    with mp.workdps(90):
        return mp.exp(x * x) * mp.erfc(x)


def error_function(terms: int, high: Any, dtype: str) -> Fit:
    """erf x / x - 1 in u = x², relative to erf x / x."""
    c = 2 / mp.sqrt(mp.pi)
    f = even_part(lambda x: mp.erf(x) / x - 1, lambda u: c * (1 - u / 3 + u * u / 10) - 1)
    return Fit(f, terms, SMALL, mp.mpf(high) ** 2, lambda u: 1 / (f(u) + 1), dtype)


def error_exponent(terms: int, low: Any, high: Any) -> Fit:
    """-log(erfc x) / x - 1, relative to erf x."""
    return Fit(
        lambda x: -mp.log(mp.erfc(x)) / x - 1,
        terms,
        mp.mpf(low),
        mp.mpf(high),
        lambda x: x * mp.erfc(x) / mp.erf(x),
        "f32",
    )


def error_inverse(terms: int, low: Any, high: Any, of: Real, dtype: str) -> Fit:
    """erfinv x / x where ``of`` gives w = -log(1 - x²) of the variable, relative."""

    def f(t: Any) -> Any:
        one_less = mp.exp(-of(t))
        if one_less > 1 - CUT:
            return mp.sqrt(mp.pi) / 2 * (1 + mp.pi / 12 * (1 - one_less) + 7 * mp.pi**2 / 480 * (1 - one_less) ** 2)
        x = mp.sqrt(1 - one_less)
        return erfinv_of_complement(one_less / (1 + x)) / x

    return Fit(f, terms, mp.mpf(low), mp.mpf(high), lambda t: 1 / f(t), dtype)


def erfinv_of_complement(c: Any) -> Any:
    """y with erfc y = c, by Newton's method for log erfc."""
    y = mp.sqrt(-mp.log(c)) if c < mp.mpf("0.1") else mp.erfinv(1 - c)
    for _ in range(12):
        e = mp.erfc(y)
        step = (mp.log(e) - mp.log(c)) * e * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
        y += step
        if abs(step) < mp.mpf(10) ** -45:
            break
    return y


def arctangent(terms: int, high: Any) -> Fit:
    """(atan t / t - 1) / t² in u = t², relative to atan t."""
    f = even_part(lambda t: (mp.atan(t) / t - 1) / t**2, lambda u: -mp.mpf(1) / 3 + u / 5 - u * u / 7 + u**3 / 9)
    return Fit(f, terms, SMALL, high**2, lambda u: u * mp.sqrt(u) / mp.atan(mp.sqrt(u)))


def arcsine(terms: int) -> Fit:
    """(asin t / t - 1) / t² in u = t² <= 1/4, relative to asin t."""
    f = even_part(
        lambda t: (mp.asin(t) / t - 1) / t**2,
        lambda u: mp.mpf(1) / 6 + 3 * u / 40 + 15 * u * u / 336 + 105 * u**3 / 3456,
    )
    return Fit(f, terms, SMALL, mp.mpf("0.2501"), lambda u: u * mp.sqrt(u) / mp.asin(mp.sqrt(u)))


def hyperbolic_sine(terms: int, high: Any) -> Fit:
    """(sinh r / r - 1) / r² in u = r²."""
    f = even_part(lambda r: (mp.sinh(r) / r - 1) / r**2, lambda u: mp.mpf(1) / 6 + u / 120 + u * u / 5040)
    return Fit(f, terms, SMALL, high**2, identity)


def hyperbolic_cosine(terms: int, high: Any) -> Fit:
    """(cosh r - 1) / r² in u = r²."""
    f = even_part(lambda r: (mp.cosh(r) - 1) / r**2, lambda u: mp.mpf(1) / 2 + u / 24 + u * u / 720 + u**3 / 40320)
    return Fit(f, terms, SMALL, high**2, identity)


def log_gamma(terms: int) -> Fit:
    """lgamma(2 + y) / y on |y| <= 1/2, relative."""

    def f(y: Any) -> Any:
        euler = 1 - mp.euler
        return mp.loggamma(2 + y) / y if abs(y) > SMALL else euler + (mp.zeta(2) - 1) * y / 2

    return Fit(f, terms, mp.mpf("-0.5"), mp.mpf("0.5"), lambda y: 1 / f(y), pairs=1)


def stirling(terms: int) -> Fit:
    """x (lgamma x - (x - 1/2) log x + x - log(2π) / 2) in u = 1/x², x >= 7.5, relative to lgamma's size there."""

    def f(u: Any) -> Any:
        if u < CUT:
            return mp.mpf(1) / 12 - u / 360 + u * u / 1260
        x = 1 / mp.sqrt(u)
        return x * (mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2)

    return Fit(f, terms, SMALL, mp.mpf("7.5") ** -2, lambda u: mp.sqrt(u) / 8)


ROOT_OF_DIGAMMA = mp.findroot(mp.digamma, 1.46)


def digamma(terms: int) -> Fit:
    """ψ(x) / (x - x0) in t = x - 3/2, |t| <= 1/2, where ψ(x0) = 0, relative."""

    def f(t: Any) -> Any:
        x = t + mp.mpf(3) / 2
        return mp.digamma(x) / (x - ROOT_OF_DIGAMMA)

    return Fit(f, terms, mp.mpf("-0.5"), mp.mpf("0.5"), lambda t: 1 / f(t), pairs=1)


def digamma_series(terms: int) -> Fit:
    """(log x - 1/(2x) - ψ(x)) x² in u = 1/x², x >= 8."""

    def f(u: Any) -> Any:
        if u < CUT:
            return mp.mpf(1) / 12 - u / 120 + u * u / 252
        x = 1 / mp.sqrt(u)
        return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / u

    return Fit(f, terms, SMALL, mp.mpf(1) / 64, identity)


FITS: dict[str, Callable[[], Fit]] = {
    "exp32": lambda: exponential(5, "f32"),
    "exp64": lambda: exponential(11),
    "log32": lambda: logarithm(8, "f32"),
    "log64": lambda: odd_logarithm(7, 0),
    "tanh32": lambda: hyperbolic_tangent(7),
    "sin32": lambda: sine(3, "f32"),
    "cos32": lambda: cosine(3, "f32"),
    "sin64": lambda: sine(6, "f64"),
    "cos64": lambda: cosine(6, "f64"),
    "tan, for f32": lambda: tangent(7),
    "log, for f32": lambda: logarithm(11),
    "log_pair": lambda: odd_logarithm(8, 1),
    "exp, for f32": lambda: exponential(6),
    "erf32 near 0": lambda: error_function(7, "0.91", "f32"),
    "erf32 far": lambda: error_exponent(7, "0.89", "3.95"),
    "erfc, for f32": lambda: bell_ratio(12, mp.mpf(2), mp.mpf("10.2")),
    "erfc64": lambda: bell_ratio(24, mp.mpf(3), mp.mpf(28), 4),
    "erf64 near 0": lambda: error_function(12, "0.91", "f64"),
    "erfinv32 near 0": lambda: error_inverse(10, 0, 5, lambda t: t, "f32"),
    "erfinv32 far": lambda: error_inverse(10, "-0.8", "1.1", lambda t: (t + 3) ** 2, "f32"),
    "erfinv64 near 0": lambda: error_inverse(24, 0, 6, lambda t: t, "f64"),
    "erfinv64 farther": lambda: error_inverse(21, "-0.801", "0.8", lambda t: (t + mp.mpf("3.25")) ** 2, "f64"),
    "erfinv64 far": lambda: error_inverse(19, "-1.001", "1.05", lambda t: (t + 5) ** 2, "f64"),
    "atan, for f32": lambda: arctangent(10, mp.mpf("1.001")),
    "atan64": lambda: arctangent(11, mp.mpf("0.4145")),
    "asin, for f32": lambda: arcsine(6),
    "asin64": lambda: arcsine(13),
    "sinh, for f32": lambda: hyperbolic_sine(3, HALF_LN2),
    "cosh, for f32": lambda: hyperbolic_cosine(3, HALF_LN2),
    "sinh64": lambda: hyperbolic_sine(5, HALF_LN2),
    "cosh64": lambda: hyperbolic_cosine(5, HALF_LN2),
    "lgamma": lambda: log_gamma(19),
    "stirling": lambda: stirling(6),
    "digamma": lambda: digamma(23),
    "digamma far": lambda: digamma_series(6),
}

if __name__ == "__main__":
    main(sys.argv[1:])
