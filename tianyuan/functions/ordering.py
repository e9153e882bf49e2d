"""Sorting and searching: stable, NaN greatest, -0 = +0 (docs/numerics.md)."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import ArrayTypeError, ConcretizationError, DataDependentShapeError, ShapeError
from tianyuan.functions.operands import one_axis, promoted, settled
from tianyuan.indexing import take
from tianyuan.prims import sorting
from tianyuan.prims.conversion import strong
from tianyuan.prims.creation import full, iota
from tianyuan.prims.linear import concatenate, reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.prims.pointwise.bitwise import bitwise_and, bitwise_not, bitwise_or, shift_right
from tianyuan.prims.pointwise.comparison import eq, lt, ne, select
from tianyuan.prims.pointwise.division import floor_divide, remainder
from tianyuan.types import DEFAULT_INT


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The elements along ``axis`` in order."""
    x = settled("sort", x)
    return sorting.sort([x], one_axis("sort", axis, x), 1, descending)[0]


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Array:
    """The indices, i64, that put the elements along ``axis`` in order."""
    x = settled("argsort", x)
    return _with_indices(x, one_axis("argsort", axis, x), descending)[1]


def _with_indices(x: Array, at: int, descending: bool) -> tuple[Array, ...]:
    return sorting.sort([x, iota(DEFAULT_INT, x.shape, at)], at, 1, descending)


def top_k(x: Any, k: int, /, *, axis: int = -1) -> tuple[Array, Array]:
    """The k largest along ``axis``, largest first, and their indices."""
    x = settled("top_k", x)
    at = one_axis("top_k", axis, x)
    if not 0 <= k <= x.shape[at]:
        raise ShapeError(f"top_k: k is between 0 and {x.shape[at]} for axis {at} of {x.type}, got {k}")
    values, indices = _with_indices(x, at, True)
    return slice_axis(values, at, 0, k), slice_axis(indices, at, 0, k)


def searchsorted(x1: Any, x2: Any, /, *, side: str = "left", sorter: Any = None) -> Array:
    """Where each element of x2 goes into the sorted vector x1: before (``left``) or behind equal ones, i64.

    A binary search, in the order of ``sort``. ``sorter``: the indices that sort x1.
    """
    if side not in ("left", "right"):
        raise ArrayTypeError(f"searchsorted: side is 'left' or 'right', got {side!r}")
    a, v = (strong(x) for x in promoted("searchsorted", x1, x2))
    if a.ndim != 1:
        raise ShapeError(f"searchsorted: x1 is a vector, got {a.type}")
    if sorter is not None:
        a = take(a, sorter)
    low, high = full(0, DEFAULT_INT, v.shape), full(a.size, DEFAULT_INT, v.shape)
    for _ in range(a.size.bit_length()):
        low, high = _halved(a, v, low, high, side)
    return low


def _halved(a: Array, v: Array, low: Array, high: Array, side: str) -> tuple[Array, Array]:
    """Half of the places from ``low`` to ``high``; nothing changes where they meet."""
    middle = shift_right(add(low, high), scalar(1, DEFAULT_INT))
    found = take(a, middle, mode="clip")
    before = precedes(found, v) if side == "left" else bitwise_not(precedes(v, found))
    open_ = lt(low, high)
    further, nearer = bitwise_and(open_, before), bitwise_and(open_, bitwise_not(before))
    return select(further, add(middle, scalar(1, DEFAULT_INT)), low), select(nearer, middle, high)


def precedes(a: Array, b: Array) -> Array:
    """Whether a comes before b in the order of ``sort``: NaN is greatest."""
    if a.dtype.kind != "f":
        return lt(a, b)
    return bitwise_or(lt(a, b), bitwise_and(eq(a, a), ne(b, b)))


# ---- what is not 0


def nonzero(x: Any, /, *, size: int | None = None, fill_value: int = 0) -> tuple[Array, ...]:
    """Indices, i64, of the elements that are not 0, an array an axis, in row-major order.

    Their number depends on values; ``size`` fixes it: missing ones are ``fill_value``, more are left out. Without
    it, DataDependentShapeError is raised while tracing.
    """
    x = settled("nonzero", x)
    if not x.ndim:
        raise ShapeError("nonzero takes arrays with at least one axis, got a 0-d one")
    if size is None:
        return tuple(from_numpy(i.astype(np.int64)) for i in np.nonzero(known("nonzero", x)))
    flat = flatnonzero(reshape(x, (x.size,)), size)
    there = lt(flat, scalar(x.size, DEFAULT_INT))
    return tuple(select(there, i, scalar(fill_value, DEFAULT_INT)) for i in _unravelled(flat, x.shape))


def flatnonzero(x: Array, size: int) -> Array:
    """The first ``size`` places of a vector that are not 0, then its extent."""
    n = x.shape[0]
    places = select(ne(x, scalar(0, x.dtype)), iota(DEFAULT_INT, (n,), 0), scalar(n, DEFAULT_INT))
    (found,) = sorting.sort([places], 0, 1, False)
    if size <= n:
        return slice_axis(found, 0, 0, size)
    return concatenate(found, full(n, DEFAULT_INT, (size - n,)), axis=0)


def _unravelled(flat: Array, shape: tuple[int, ...]) -> list[Array]:
    """Row-major indices as one array an axis."""
    found: list[Array] = []
    for extent in reversed(shape):
        found.append(remainder(flat, scalar(max(extent, 1), DEFAULT_INT)))
        flat = floor_divide(flat, scalar(max(extent, 1), DEFAULT_INT))
    return found[::-1]


def known(who: str, x: Array, repair: str = "give size=") -> Any:
    """The values as a NumPy array; DataDependentShapeError while tracing."""
    try:
        return np.asarray(x)
    except ConcretizationError:
        raise DataDependentShapeError(
            f"{who}: the shape of the result depends on values, which are not known while tracing; {repair}, or take "
            "it out of the traced function"
        ) from None
