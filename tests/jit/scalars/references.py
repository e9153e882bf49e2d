"""The elementary functions in more precision: f64 for f32, mpmath for f64; and arguments that are hard for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
from attrs import frozen
from scipy import special

mp: Any = mpmath
sp: Any = special

DIGITS = 50
SPECIALS = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 2.0**-1022, -(2.0**-1022), 1e308]


@frozen
class Reference:
    """``wide`` of f64 arrays; ``exact`` of mpmath numbers; f64 arguments in ``low .. high`` and others worth a look.

    ``bounds``: the largest errors measured in ulp, in f32 and f64, rounded up (see test_accuracy).
    """

    wide: Callable[..., Any]
    exact: Callable[[Any], Any]
    bounds: tuple[float, float]
    low: float
    high: float
    hard: Callable[[np.random.Generator], Sequence[Any]] = lambda rng: ()


def near(center: float) -> Callable[[np.random.Generator], Sequence[Any]]:
    """Points around ``center``, at all small distances from it."""
    return lambda rng: [center + np.ldexp(rng.uniform(-1, 1, 600), rng.integers(-52, 0, 600))]


def near_quarter_turns(rng: np.random.Generator) -> Sequence[Any]:
    """Multiples of π/2, small and huge ones, both sides of the limits of reduction, and the hardest f64 of all."""
    turns = np.concatenate([rng.integers(1, 2**30, 200), 2.0 ** np.arange(60), [2**24 - 1, 2**24 + 1, 63661, 63662]])
    x = turns * (np.pi / 2)
    hardest = [6381956970095103 * 2.0**797, 1e5, 2.0**24, 1e22, 1.7e308]
    return [x, np.nextafter(x, 0), np.nextafter(x, np.inf), -x, np.array(hardest)]


def squares_beside(rng: np.random.Generator) -> Sequence[Any]:
    """1 - 2^-n and its negative."""
    x = 1 - 2.0 ** -np.arange(1, 54)
    return [x, -x, 1 - np.exp(-rng.uniform(0, 36, 500))]


def subnormal_results(low: float, high: float) -> Callable[[np.random.Generator], Sequence[Any]]:
    """Arguments of results near both ends of the range."""
    return lambda rng: [rng.uniform(low, low * 0.99, 300), rng.uniform(high * 0.99, high, 300)]


def inside(f: Callable[[Any], Any], domain: Callable[[Any], bool], poles: dict[float, Any] | None = None) -> Any:
    """``f`` in its domain, values at its poles, NaN elsewhere."""

    def g(x: Any) -> Any:
        if mp.isnan(x):
            return mp.nan
        for pole, value in (poles or {}).items():
            if x == pole:
                return value
        return f(x) if domain(x) else mp.nan

    return g


def everywhere(f: Callable[[Any], Any]) -> Any:
    """``f`` of all that are numbers."""
    return inside(f, lambda x: True)


def _positive(x: Any) -> bool:
    return x > 0


def _unit(x: Any) -> bool:
    return abs(x) <= 1


def _log(base: Any) -> Any:
    return inside(lambda x: mp.inf if mp.isinf(x) else mp.log(x) / mp.log(base), _positive, {0.0: -mp.inf})


def _exp2(x: Any) -> Any:
    return mp.mpf(2) ** x


def _rsqrt(x: Any) -> Any:
    return 1 / mp.sqrt(x)


def _erfc(x: Any) -> Any:
    return mp.erfc(x) if abs(x) < 200 else mp.mpf(0 if x > 0 else 2)


def _cbrt(x: Any) -> Any:
    return x if mp.isinf(x) else mp.sign(x) * mp.cbrt(abs(x))


def _logistic(x: Any) -> Any:
    return mp.exp(x) / (1 + mp.exp(x)) if x < 0 else 1 / (1 + mp.exp(-x))


def _finite(f: Callable[[Any], Any]) -> Any:
    return inside(f, mp.isfinite)


INFINITE = {1.0: mp.inf, -1.0: -mp.inf}
GROWING = subnormal_results(-745.2, 709.9)

REFERENCES: dict[str, Reference] = {
    "exp": Reference(np.exp, everywhere(mp.exp), (0.88, 0.87), -20, 20, GROWING),
    "exp2": Reference(
        np.exp2, everywhere(lambda x: mp.mpf(2) ** x), (0.79, 0.7), -20, 20, subnormal_results(-1075, 1024)
    ),
    "expm1": Reference(np.expm1, everywhere(mp.expm1), (0.84, 0.6), -3, 3, GROWING),
    "logistic": Reference(lambda x: 1 / (1 + np.exp(-x)), everywhere(_logistic), (0.9, 0.8), -40, 40, GROWING),
    "log": Reference(np.log, _log(mp.e), (0.9, 0.76), 0, 9, near(1)),
    "log2": Reference(np.log2, _log(2), (0.78, 0.51), 0, 9, near(1)),
    "log10": Reference(np.log10, _log(10), (0.72, 0.51), 0, 9, near(1)),
    "log1p": Reference(
        np.log1p,
        inside(lambda x: mp.inf if mp.isinf(x) else mp.log1p(x), lambda x: x > -1, {-1.0: -mp.inf}),
        (0.9, 0.51),
        -1,
        2,
        near(-1),
    ),
    "sin": Reference(np.sin, _finite(mp.sin), (0.8, 0.75), -10, 10, near_quarter_turns),
    "cos": Reference(np.cos, _finite(mp.cos), (0.8, 0.75), -10, 10, near_quarter_turns),
    "tan": Reference(np.tan, _finite(mp.tan), (0.55, 0.9), -10, 10, near_quarter_turns),
    "asin": Reference(np.arcsin, inside(mp.asin, _unit), (0.51, 0.6), -1, 1, squares_beside),
    "acos": Reference(np.arccos, inside(mp.acos, _unit), (0.51, 0.6), -1, 1, squares_beside),
    "atan": Reference(np.arctan, everywhere(mp.atan), (0.51, 0.65), -5, 5),
    "sinh": Reference(np.sinh, everywhere(mp.sinh), (0.51, 0.7), -3, 3, subnormal_results(-710.4, 710.4)),
    "cosh": Reference(np.cosh, everywhere(mp.cosh), (0.51, 0.7), -3, 3, subnormal_results(-710.4, 710.4)),
    "tanh": Reference(np.tanh, everywhere(mp.tanh), (1.0, 0.6), -3, 3, near(0.88)),
    "asinh": Reference(np.arcsinh, everywhere(mp.asinh), (0.51, 0.51), -5, 5),
    "acosh": Reference(np.arccosh, inside(mp.acosh, lambda x: x >= 1), (0.51, 0.51), 1, 9, near(1)),
    "atanh": Reference(np.arctanh, inside(mp.atanh, _unit, INFINITE), (0.51, 0.51), -1, 1, squares_beside),
    "erf": Reference(sp.erf, everywhere(mp.erf), (0.86, 0.8), -6, 6, near(0.9)),
    "erfc": Reference(sp.erfc, everywhere(_erfc), (0.53, 0.7), -6, 28, near(0.5)),
    "erfinv": Reference(sp.erfinv, inside(mp.erfinv, _unit, INFINITE), (2.5, 2.2), -1, 1, squares_beside),
    "cbrt": Reference(np.cbrt, everywhere(_cbrt), (0.51, 0.51), -9, 9),
    "rsqrt": Reference(lambda x: 1 / np.sqrt(x), inside(_rsqrt, _positive, {0.0: mp.inf}), (0.51, 0.51), 0, 9),
    "lgamma": Reference(sp.gammaln, inside(mp.loggamma, _positive, {0.0: mp.inf}), (0.51, 3.0), 0, 12, near(2)),
    "digamma": Reference(sp.digamma, inside(mp.digamma, _positive, {0.0: -mp.inf}), (0.51, 3.5), 0, 12, near(1.4616)),
}


def arguments(reference: Reference, count: int = 1500) -> Any:
    """f64 arguments: special ones, of all magnitudes, in the range of interest, and the hard ones."""
    rng = np.random.default_rng(0)
    magnitudes = np.ldexp(rng.uniform(1, 2, count), rng.integers(-1074, 1024, count)) * rng.choice([-1, 1], count)
    usual = rng.uniform(reference.low, reference.high, count)
    return np.concatenate([SPECIALS, magnitudes, usual, *reference.hard(rng)])


def errors_in_single(actual: Any, wide: Any) -> Any:
    """ulp of f32 results against f64 ones; NaN, infinities and overflow are right or wrong."""
    with np.errstate(all="ignore"):
        rounded, size = wide.astype(np.float32), np.abs(wide)
        exponent = np.frexp(np.where(np.isfinite(size) & (size > 0), size, 1))[1] - 1
        off = np.abs(actual.astype(np.float64) - wide) / np.ldexp(1.0, np.maximum(exponent, -126) - 23)
        same = (actual == rounded) | (np.isnan(actual) & np.isnan(rounded))
        return np.where(np.isfinite(off), off, np.where(same, 0, np.inf))


def error_in_double(actual: float, exact: Any) -> float:
    """ulp of one f64 result; the largest finite number and infinity are neighbours."""
    if mp.isnan(exact) or math.isnan(actual):
        return 0.0 if mp.isnan(exact) and math.isnan(actual) else math.inf
    if math.isinf(actual) or mp.isinf(exact):
        beyond = abs(exact) >= mp.mpf(2) ** 1024 - mp.mpf(2) ** 970
        return 0.0 if math.isinf(actual) and beyond and (actual > 0) == (exact > 0) else math.inf
    exponent = max(mp.frexp(exact)[1] - 1, -1022) if exact else -1022
    return float(abs(mp.mpf(actual) - exact) / mp.mpf(2) ** (exponent - 52))
