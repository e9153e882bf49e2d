"""Sorting and searching: stable, NaN last, -0 = +0 (docs/numerics.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import from_numpy
from tianyuan.errors import DataDependentShapeError, ShapeError
from tianyuan.functions.operands import array, one_axis, promoted
from tianyuan.prims import sorting
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast, iota, reduce_sum, slice_axis
from tianyuan.prims.pointwise.comparison import le, lt
from tianyuan.types import DEFAULT_INT


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The elements along ``axis`` in order."""
    x = array("sort", x)
    return sorting.sort([x], one_axis("sort", axis, x.ndim), 1, descending)[0]


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The indices, i64, that put the elements along ``axis`` in order."""
    x = array("argsort", x)
    at = one_axis("argsort", axis, x.ndim)
    return sorting.sort([x, iota(DEFAULT_INT, x.shape, at)], at, 1, descending)[1]


def top_k(x: Any, k: int, /, *, axis: int = -1) -> tuple[Array, Array]:
    """The k largest along ``axis``, largest first, and their indices."""
    x = array("top_k", x)
    at = one_axis("top_k", axis, x.ndim)
    if not 0 <= k <= x.shape[at]:
        raise ShapeError(f"top_k: k is between 0 and {x.shape[at]}, got {k}")
    values, indices = sorting.sort([x, iota(DEFAULT_INT, x.shape, at)], at, 1, True)
    return slice_axis(values, at, 0, k), slice_axis(indices, at, 0, k)


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Array:
    """Where each element of x2 goes into the sorted vector x1: before (``left``) or behind equal ones, i64."""
    if side not in ("left", "right"):
        raise ShapeError(f"searchsorted: side is 'left' or 'right', got {side!r}")
    a, v = promoted("searchsorted", x1, x2)
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: x1 is a vector, got {a.type}")
    if sorter is not None:
        a = a[array("searchsorted", sorter)]
    shape = (*v.shape, a.shape[0])
    row, value = broadcast(a, shape, (v.ndim,)), broadcast(v, shape, range(v.ndim))
    before = lt(row, value) if side == "left" else le(row, value)
    return reduce_sum(convert(before, DEFAULT_INT), (v.ndim,))


def nonzero(x: Any, /) -> tuple[Array, ...]:
    """Indices, i64, of the elements that are not 0, an array an axis, in row-major order.

    Their number depends on values, so that it raises DataDependentShapeError while tracing.
    """
    return tuple(from_numpy(i) for i in np.nonzero(_known("nonzero", array("nonzero", x))))


def _known(who: str, x: Array) -> Any:
    try:
        return np.asarray(x)
    except TypeError:
        raise DataDependentShapeError(
            f"{who}: the shape of the result depends on values, which are not known while tracing; take it out of "
            "jit, or use where"
        ) from None
