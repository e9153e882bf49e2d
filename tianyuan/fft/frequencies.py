"""Frequencies of the entries of a transform, and their order."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError
from tianyuan.fft.planning import checked_length
from tianyuan.functions.operands import Axis, array, check_device, many_axes
from tianyuan.prims.linear import concatenate, slice_axis
from tianyuan.types import DEFAULT_FLOAT, as_dtype


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies k/(d·n), k = 0, 1, .., (n-1)//2, -(n//2), .., -1, of ``fft`` for samples ``d`` apart."""
    check_device("fftfreq", device)
    count = checked_length("fftfreq", n)
    return _frequencies("fftfreq", np.roll(np.arange(count) - count // 2, -(count // 2)), count, d, dtype)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies k/(d·n), k = 0, 1, .., n//2, of ``rfft`` for samples ``d`` apart."""
    check_device("rfftfreq", device)
    count = checked_length("rfftfreq", n)
    return _frequencies("rfftfreq", np.arange(count // 2 + 1), count, d, dtype)


def _frequencies(who: str, k: Any, n: int, d: float, dtype: Any) -> Array:
    kind = DEFAULT_FLOAT if dtype is None else as_dtype(dtype)
    if kind.kind != "f":
        raise ArrayTypeError(f"{who}: dtype must be a real float, got {kind}")
    return from_numpy((k / (n * d)).astype(kind.numpy))


def fftshift(x: Any, /, *, axes: Axis = None) -> Array:
    """x with frequency 0 in the middle of ``axes`` (None: all): rolled by n//2."""
    return _rolled("fftshift", x, axes, 0)


def ifftshift(x: Any, /, *, axes: Axis = None) -> Array:
    """The inverse of ``fftshift``: rolled by -(n//2)."""
    return _rolled("ifftshift", x, axes, 1)


def _rolled(who: str, value: Any, axes: Axis, back: int) -> Array:
    x = array(who, value)
    for a in many_axes(who, axes, x.ndim):
        n = x.shape[a]
        cut = n // 2 if back else n - n // 2
        x = concatenate(slice_axis(x, a, cut, n), slice_axis(x, a, 0, cut), axis=a) if 0 < cut < n else x
    return x
