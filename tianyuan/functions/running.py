"""Running reductions and differences along an axis (order: docs/numerics.md, Sums and other reductions)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from tianyuan.array import Array
from tianyuan.control import associative_scan
from tianyuan.eager import scalar
from tianyuan.errors import ShapeError
from tianyuan.functions.elementwise import logaddexp, not_equal, subtract
from tianyuan.functions.manipulation import concat
from tianyuan.functions.operands import check_kind, floating, in_f32, one_axis, rounded, settled
from tianyuan.functions.statistics import summand
from tianyuan.prims import cumulation
from tianyuan.prims.conversion import strong
from tianyuan.prims.linear import broadcast, concatenate, reshape, slice_axis

Prim = Callable[[Array, int], Array]


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running sums along ``axis``, by chunks of 256; with ``include_initial`` a zero comes first."""
    return _from_start("cumulative_sum", cumulation.cumsum, x, axis, dtype, include_initial, 0)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running products along ``axis``; with ``include_initial`` a one comes first."""
    return _from_start("cumulative_prod", cumulation.cumprod, x, axis, dtype, include_initial, 1)


def _from_start(
    name: str, prim: Prim, x: Any, axis: int | None, dtype: Any, include_initial: bool, start: int
) -> Array:
    x = summand(settled(name, x), dtype)
    if axis is None and x.ndim != 1:
        raise ShapeError(f"{name}: {x.type} needs axis=, since it is no vector")
    at = one_axis(name, axis or 0, x)
    y = prim(x, at)
    if not include_initial:
        return y
    shape = tuple(1 if a == at else n for a, n in enumerate(x.shape))
    return concatenate(broadcast(scalar(start, x.dtype), shape, ()), y, axis=at)


def cumsum(x: Any, /, axis: int | None = None, *, dtype: Any = None) -> Array:
    """Running sums along ``axis``; of the flat array without one, as NumPy's."""
    return _flat("cumsum", cumulation.cumsum, summand(settled("cumsum", x), dtype), axis)


def cumprod(x: Any, /, axis: int | None = None, *, dtype: Any = None) -> Array:
    """Running products along ``axis``; of the flat array without one, as NumPy's."""
    return _flat("cumprod", cumulation.cumprod, summand(settled("cumprod", x), dtype), axis)


def _flat(name: str, prim: Prim, x: Array, axis: int | None) -> Array:
    return prim(reshape(x, (x.size,)), 0) if axis is None else prim(x, one_axis(name, axis, x))


def cummax(x: Any, /, axis: int = 0, reverse: bool = False) -> Array:
    """Running maxima along ``axis``, from the end with ``reverse``."""
    x = settled("cummax", x)
    return cumulation.cummax(x, one_axis("cummax", axis, x), reverse)


def cummin(x: Any, /, axis: int = 0, reverse: bool = False) -> Array:
    """Running minima along ``axis``, from the end with ``reverse``."""
    x = settled("cummin", x)
    return cumulation.cummin(x, one_axis("cummin", axis, x), reverse)


def cumlogsumexp(x: Any, /, axis: int = 0, reverse: bool = False) -> Array:
    """Running log(sum(exp x)) along ``axis``: ``associative_scan`` of ``logaddexp``; 16-bit floats in f32."""
    x = strong(floating("cumlogsumexp", x))
    check_kind("cumlogsumexp", x, "f")
    at = one_axis("cumlogsumexp", axis, x)
    return rounded(associative_scan(logaddexp, in_f32(x), reverse=reverse, axis=at), x) if x.size else x


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Array:
    """The n-th differences x[i+1] - x[i] along ``axis`` (of bools: whether they differ), with more before or behind."""
    x = settled("diff", x)
    at = one_axis("diff", axis, x)
    if n < 0:
        raise ShapeError(f"diff: n must not be negative, got {n}")
    parts = [settled("diff", p) for p in (prepend, x, append) if p is not None]
    shape = tuple(1 if a == at else m for a, m in enumerate(x.shape))
    x = concat([p if p.ndim else broadcast(p, shape, ()) for p in parts], axis=at)
    step = not_equal if x.dtype.kind == "b" else subtract
    return functools.reduce(lambda y, _: _difference(step, y, at), range(n), x)


def _difference(step: Callable[[Any, Any], Array], x: Array, at: int) -> Array:
    count = x.shape[at]
    return step(slice_axis(x, at, min(1, count), count), slice_axis(x, at, 0, max(count - 1, 0)))
