"""Reductions and running reductions (orders and formulas: docs/numerics.md, Sums and other reductions)."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ShapeError
from tianyuan.functions.operands import Axis, array, check_kind, floating, in_f32, many_axes, one_axis
from tianyuan.prims import cumulation, reduction
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast, concatenate, expand_dims, reduce_sum, reshape
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.complexes import imag, real
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.pointwise.roots import sqrt
from tianyuan.types import DEFAULT_INT, DType, as_dtype, bool_, uint64


def _kept(y: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    return expand_dims(y, axes) if keepdims and axes else y


def _wide(x: Array, dtype: Any) -> Array:
    """The operand in the dtype its sum has: small integers and bools in i64 or u64."""
    if dtype is not None:
        return convert(x, as_dtype(dtype))
    if x.dtype.kind in "bi":
        return convert(x, DEFAULT_INT)
    return convert(x, uint64) if x.dtype.kind == "u" else x


def sum(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The sum over ``axis`` (all by default), in ORDER(16, 256). Integers and bools are summed in 64 bits."""
    x = _wide(array("sum", x), dtype)
    axes = many_axes("sum", axis, x.ndim)
    return _kept(reduce_sum(x, axes), axes, keepdims)


def prod(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The product over ``axis``, in the order of sums."""
    x = _wide(array("prod", x), dtype)
    axes = many_axes("prod", axis, x.ndim)
    return _kept(reduction.reduce_prod(x, axes), axes, keepdims)


def _extreme(name: str, prim: Callable[..., Array], x: Any, axis: Axis, keepdims: bool) -> Array:
    x = array(name, x)
    check_kind(name, x, "biuf")
    axes = many_axes(name, axis, x.ndim)
    if builtins.any(x.shape[a] == 0 for a in axes):
        raise ShapeError(f"{name} of no elements: {x.type} over axes {axes}; there is no value that would be right")
    return _kept(prim(x, axes), axes, keepdims)


def max(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest over ``axis``; NaN if there is one. ShapeError for no elements."""
    return _extreme("max", reduction.reduce_max, x, axis, keepdims)


def min(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest over ``axis``; NaN if there is one. ShapeError for no elements."""
    return _extreme("min", reduction.reduce_min, x, axis, keepdims)


def any(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether any element over ``axis`` is true (not 0)."""
    x = convert(array("any", x), bool_)
    axes = many_axes("any", axis, x.ndim)
    return _kept(reduction.reduce_or(x, axes), axes, keepdims)


def all(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether all elements over ``axis`` are true (not 0)."""
    x = convert(array("all", x), bool_)
    axes = many_axes("all", axis, x.ndim)
    return _kept(reduction.reduce_and(x, axes), axes, keepdims)


def count_nonzero(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many elements over ``axis`` are not 0, i64."""
    return sum(convert(array("count_nonzero", x), bool_), axis=axis, keepdims=keepdims)


# ---- means


def _count(x: Array, axes: tuple[int, ...]) -> int:
    return math.prod(x.shape[a] for a in axes)


def mean(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """sum / n over ``axis``; integers in the default float, 16-bit floats in f32, rounded once."""
    x = floating("mean", x)
    axes = many_axes("mean", axis, x.ndim)
    wide = in_f32(x)
    y = div(reduce_sum(wide, axes), scalar(_count(x, axes), wide.dtype))
    return _kept(convert(y, x.dtype), axes, keepdims)


average = mean


def var(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """sum(|x - mean|²) / (n - correction) over ``axis``, in two passes."""
    x = floating("var", x)
    axes = many_axes("var", axis, x.ndim)
    return _kept(convert(_variance(x, axes, correction), _real_of(x)), axes, keepdims)


def _real_of(x: Array) -> DType:
    return real(x).dtype if x.dtype.kind == "c" else x.dtype


def _variance(x: Array, axes: tuple[int, ...], correction: float) -> Array:
    wide = in_f32(x)
    n = _count(x, axes)
    center = div(reduce_sum(wide, axes), scalar(n, wide.dtype))
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    d = sub(wide, broadcast(center, wide.shape, kept))
    squares = mul(d, d) if d.dtype.kind == "f" else add(mul(real(d), real(d)), mul(imag(d), imag(d)))
    return div(reduce_sum(squares, axes), scalar(n - correction, squares.dtype))


def std(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The square root of ``var``."""
    x = floating("std", x)
    axes = many_axes("std", axis, x.ndim)
    return _kept(convert(sqrt(_variance(x, axes, correction)), _real_of(x)), axes, keepdims)


def ptp(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """max - min over ``axis``."""
    return sub(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


# ---- arguments of extremes


def _argument(name: str, prim: Callable[..., Array], x: Any, axis: int | None, keepdims: bool) -> Array:
    x = array(name, x)
    check_kind(name, x, "biuf")
    if x.size == 0:
        raise ShapeError(f"{name} of no elements: {x.type}")
    if axis is None:
        flat = prim(reshape(x, (x.size,)), 0)
        return reshape(flat, (1,) * x.ndim) if keepdims else flat
    at = one_axis(name, axis, x.ndim)
    return _kept(prim(x, at), (at,), keepdims)


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the largest is, i64: the first NaN, else the first equal to it. Without axis, in the flat array."""
    return _argument("argmax", reduction.argmax, x, axis, keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the smallest is, i64: the first NaN, else the first equal to it. Without axis, in the flat array."""
    return _argument("argmin", reduction.argmin, x, axis, keepdims)


# ---- running reductions


def _running(
    name: str, prim: Callable[..., Array], x: Any, axis: int | None, dtype: Any, initial: bool, start: int
) -> Array:
    x = _wide(array(name, x), dtype) if name in ("cumulative_sum", "cumulative_prod") else array(name, x)
    if axis is None:
        if x.ndim > 1:
            raise ShapeError(f"{name}: an array with {x.ndim} axes needs axis=")
        x, axis = reshape(x, (x.size,)), 0
    at = one_axis(name, axis, x.ndim)
    y = prim(x, at)
    if not initial:
        return y
    from_start = broadcast(scalar(start, x.dtype), tuple(1 if a == at else n for a, n in enumerate(x.shape)), ())
    return concatenate(from_start, y, axis=at)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running sums along ``axis``, by chunks of 256; with ``include_initial`` a zero comes first."""
    return _running("cumulative_sum", cumulation.cumsum, x, axis, dtype, include_initial, 0)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running products along ``axis``; with ``include_initial`` a one comes first."""
    return _running("cumulative_prod", cumulation.cumprod, x, axis, dtype, include_initial, 1)


def cumsum(x: Any, /, axis: int | None = None, *, dtype: Any = None) -> Array:
    """Running sums along ``axis``; of the flat array without one, as NumPy's."""
    return cumulative_sum(_flat(x, axis), axis=axis or 0, dtype=dtype)


def cumprod(x: Any, /, axis: int | None = None, *, dtype: Any = None) -> Array:
    """Running products along ``axis``; of the flat array without one, as NumPy's."""
    return cumulative_prod(_flat(x, axis), axis=axis or 0, dtype=dtype)


def _flat(x: Any, axis: int | None) -> Array:
    x = array("cumsum", x)
    return reshape(x, (x.size,)) if axis is None else x


def cummax(x: Any, /, axis: int = 0) -> Array:
    """Running maxima along ``axis``."""
    return _running("cummax", cumulation.cummax, x, axis, None, False, 0)


def cummin(x: Any, /, axis: int = 0) -> Array:
    """Running minima along ``axis``."""
    return _running("cummin", cumulation.cummin, x, axis, None, False, 0)


# ---- without NaN


def nansum(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum with NaN counted as 0."""
    x = array("nansum", x)
    return sum(select(eq(x, x), x, scalar(0, x.dtype)), axis=axis, keepdims=keepdims)


def nanmean(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean of what is not NaN."""
    x = floating("nanmean", x)
    count = sum(eq(x, x), axis=axis, keepdims=keepdims, dtype=x.dtype)
    return div(nansum(x, axis=axis, keepdims=keepdims), count)


def nanmax(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest of what is not NaN (-inf if nothing is)."""
    x = floating("nanmax", x)
    return max(select(eq(x, x), x, scalar(-math.inf, x.dtype)), axis=axis, keepdims=keepdims)


def nanmin(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest of what is not NaN (inf if nothing is)."""
    x = floating("nanmin", x)
    return min(select(eq(x, x), x, scalar(math.inf, x.dtype)), axis=axis, keepdims=keepdims)
