"""Comparing to the bit, and in units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np


def same_bits(actual: Any, expected: Any) -> None:
    """Equal types and equal bits; all NaNs count as one value."""
    a, b = np.asarray(actual), np.asarray(expected)
    assert (a.dtype, a.shape) == (b.dtype, b.shape)
    if a.dtype.kind in "fc" or a.dtype.itemsize == 2:
        nans = np.isnan(a.astype(np.complex128 if a.dtype.kind == "c" else np.float64))
        assert np.array_equal(nans, np.isnan(b.astype(np.complex128 if b.dtype.kind == "c" else np.float64)))
        a, b = np.where(nans, np.zeros_like(a), a), np.where(nans, np.zeros_like(b), b)
    different = np.flatnonzero(_raw(a) != _raw(b))
    assert different.size == 0, f"{different.size} bytes differ, first {a.ravel()[:8]} against {b.ravel()[:8]}"


def _raw(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(np.ascontiguousarray(x).tobytes(), np.uint8)


_FORMATS = {"float16": (11, -14), "bfloat16": (8, -126), "float32": (24, -126), "float64": (53, -1022)}


def ulps(actual: Any, expected: Any) -> float:
    """The largest distance in units in the last place of ``actual``'s dtype; ``expected`` may be more precise.

    Of complex numbers: the larger of the parts' distances, in units of the modulus; not finite is one value.
    """
    a, b = np.asarray(actual), np.asarray(expected)
    if not a.size:
        return 0.0
    if a.dtype.kind in "iub":
        return 0.0 if np.array_equal(a, b.astype(a.dtype)) else np.inf
    with np.errstate(all="ignore"):
        off = _complex_distance(a, b) if a.dtype.kind == "c" else _distance(a, b)
    return float(np.max(off))


def _step(size: Any, dtype: Any) -> Any:
    """The unit in the last place at ``size``."""
    precision, smallest = _FORMATS[dtype.name]
    exponent = np.frexp(np.where(np.isfinite(size), size, 1))[1] - 1
    return np.ldexp(np.longdouble(1), np.maximum(exponent, smallest) - precision + 1)


def _distance(a: Any, b: Any) -> Any:
    wide, rounded = b.astype(np.longdouble), b.astype(a.dtype)
    equal = (a == rounded) | ((a != a) & (rounded != rounded))
    off = np.abs(a.astype(np.longdouble) - wide) / _step(np.abs(wide), a.dtype)
    return np.where(equal, 0, np.where(np.isfinite(off), off, np.inf))


def _complex_distance(a: Any, b: Any) -> Any:
    wide = b.astype(np.clongdouble)
    both = np.maximum(np.abs(a.real - wide.real), np.abs(a.imag - wide.imag))
    off = both / _step(np.abs(wide), a.real.dtype)
    broken = np.isfinite(a) != np.isfinite(b.astype(a.dtype))
    return np.where(broken, np.inf, np.where(np.isfinite(off), off, 0))
