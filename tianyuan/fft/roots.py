"""Roots of unity, correctly rounded: the tables of a Fourier transform.

cos and sin of 2πk/n are computed in whole numbers (fixed point, 160 bits), so they depend on no mathematical
library: the angle is folded into [0, π/4], where exact cases stay exact by symmetry; there e^(iφ) is the product of
two entries of short tables, each a Taylor sum. The error, below 2^-145, meets the rounding to 53 or 24 bits only by
a chance of 2^-90.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

BITS = 160
ONE = 1 << BITS


def roots_of_unity(n: int, dtype: Any) -> tuple[Any, Any]:
    """cos(2πk/n) and sin(2πk/n) for k = 0..n-1, in f32 or f64, rounded once."""
    return _roots(n, np.dtype(dtype))


@functools.lru_cache(16)
def _roots(n: int, dtype: np.dtype[Any]) -> tuple[Any, Any]:
    fourfold: Any = 4 * np.arange(n, dtype=np.int64)
    quadrant, rest = fourfold // n, fourfold % n  # the angle is (quadrant + rest/n)·π/2
    mirrored = 2 * rest > n
    rest = np.where(mirrored, n - rest, rest)  # pyright: ignore[reportUnknownVariableType]
    distinct, place = np.unique(rest, return_inverse=True)  # pyright: ignore[reportUnknownVariableType]
    low, high = (part[place] for part in _eighth(distinct, n, dtype))
    x: Any = np.where(mirrored, high, low)  # pyright: ignore[reportUnknownVariableType]
    y: Any = np.where(mirrored, low, high)  # pyright: ignore[reportUnknownVariableType]
    cos: Any = np.choose(quadrant, (x, -y, -x, y))
    sin: Any = np.choose(quadrant, (y, x, -y, -x))
    return cos + 0.0, sin + 0.0  # no negative zeros


def _eighth(rest: Any, n: int, dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """cos and sin of rest/n · π/2 for whole numbers 0 <= rest <= n/2."""
    step = max(1, int(n**0.5))
    fine, coarse = _table(range(step), n), _table(range(0, n // 2 + 1, step), n)
    (a, b), (c, d) = ([part[at] for part in table] for table, at in ((coarse, rest // step), (fine, rest % step)))
    return _rounded((a * c - b * d) >> BITS, dtype), _rounded((a * d + b * c) >> BITS, dtype)


def _table(numerators: range, n: int) -> tuple[Any, Any]:
    pairs = [_exponential(half_pi() * k // n) for k in numerators]
    return tuple(np.array([p[i] for p in pairs], object) for i in (0, 1))  # pyright: ignore


def _exponential(angle: int) -> tuple[int, int]:
    """cos and sin of a small angle by their Taylor sums, in fixed point."""
    parts, term, k = [ONE, 0], ONE, 0
    while term:
        k += 1
        term = (term * angle >> BITS) // k
        parts[k & 1] += -term if k & 2 else term
    return parts[0], parts[1]


@functools.cache
def half_pi() -> int:
    """π/2 in fixed point: π/4 = 4·atan(1/5) - atan(1/239) [Machin1706]."""
    guard = 32
    return 2 * (4 * _inverse_tangent(5, BITS + guard) - _inverse_tangent(239, BITS + guard)) >> guard


def _inverse_tangent(m: int, bits: int) -> int:
    """atan(1/m) = 1/m - 1/(3m³) + 1/(5m⁵) - …"""
    power, total, k = (1 << bits) // m, 0, 1
    while power:
        total += power // k if k & 2 == 0 else -(power // k)
        power, k = power // (m * m), k + 2
    return total


def _rounded(values: Any, dtype: np.dtype[Any]) -> Any:
    """Fixed-point numbers rounded once; Python divides whole numbers correctly rounded to f64."""
    wide = (values / ONE).astype(np.float64)
    if dtype == np.float64:
        return wide
    tied = (wide.view(np.uint64) & np.uint64(0x1FFFFFFF)) == np.uint64(0x10000000)  # half way between two of f32
    for i in np.flatnonzero(tied):  # which the exact number is not, or it is a tie in truth
        numerator, denominator = float(wide[i]).as_integer_ratio()
        above = values[i] - (numerator * ONE // denominator)
        wide[i] = np.nextafter(wide[i], np.sign(above) * np.inf) if above else wide[i]
    return wide.astype(dtype)
