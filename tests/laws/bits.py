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


def ulps(actual: Any, expected: Any) -> float:
    """The largest distance in units in the last place of ``actual``'s dtype; ``expected`` may be more precise."""
    a, b = np.asarray(actual), np.asarray(expected)
    if a.dtype.kind != "f" or not a.size:
        return 0.0 if np.array_equal(a, b.astype(a.dtype)) else np.inf
    wide = np.asarray(b, np.longdouble)
    with np.errstate(all="ignore"):
        rounded = wide.astype(a.dtype)
        equal = (a == rounded) | (np.isnan(a) & np.isnan(rounded))
        step = np.spacing(np.maximum(np.abs(rounded), np.finfo(a.dtype).tiny)).astype(np.longdouble)
        off = np.abs(a.astype(np.longdouble) - wide) / step
    return float(np.max(np.where(equal, 0, np.where(np.isfinite(off), off, np.inf))))
