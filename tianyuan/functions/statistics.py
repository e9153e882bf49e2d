"""Reductions (orders and formulas: docs/numerics.md, Sums and other reductions)."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ShapeError
from tianyuan.functions.operands import (
    Axis,
    check_kind,
    floating,
    in_f32,
    many_axes,
    one_axis,
    promoted,
    rounded,
    settled,
)
from tianyuan.prims import reduction
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.linear import broadcast, expand_dims, reduce_sum, reshape
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.complexes import imag, real
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.pointwise.roots import sqrt
from tianyuan.types import DEFAULT_INT, as_dtype, bool_, real_dtype, uint64


def _kept(y: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    return expand_dims(y, axes) if keepdims and axes else y


def summand(x: Array, dtype: Any) -> Array:
    """The operand in the dtype its sum has: small integers and bools in i64 or u64."""
    if dtype is not None:
        return convert(x, as_dtype(dtype))
    if x.dtype.kind in "bi":
        return convert(x, DEFAULT_INT)
    return convert(x, uint64) if x.dtype.kind == "u" else x


def sum(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The sum over ``axis`` (all by default), in ORDER(16, 256). Integers and bools are summed in 64 bits."""
    x = summand(settled("sum", x), dtype)
    axes = many_axes("sum", axis, x)
    return _kept(reduce_sum(x, axes), axes, keepdims)


def prod(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The product over ``axis``, in the order of sums."""
    x = summand(settled("prod", x), dtype)
    axes = many_axes("prod", axis, x)
    return _kept(reduction.reduce_prod(x, axes), axes, keepdims)


def _extreme(name: str, prim: Callable[..., Array], x: Any, axis: Axis, keepdims: bool) -> Array:
    x = settled(name, x)
    check_kind(name, x, "biuf")
    axes = many_axes(name, axis, x)
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
    x = convert(settled("any", x), bool_)
    axes = many_axes("any", axis, x)
    return _kept(reduction.reduce_or(x, axes), axes, keepdims)


def all(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether all elements over ``axis`` are true (not 0)."""
    x = convert(settled("all", x), bool_)
    axes = many_axes("all", axis, x)
    return _kept(reduction.reduce_and(x, axes), axes, keepdims)


def count_nonzero(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many elements over ``axis`` are not 0, i64."""
    return sum(convert(settled("count_nonzero", x), bool_), axis=axis, keepdims=keepdims)


# ---- means


def _float(who: str, x: Any) -> Array:
    return strong(floating(who, x))


def _count(x: Array, axes: tuple[int, ...]) -> int:
    return math.prod(x.shape[a] for a in axes)


def _center(wide: Array, axes: tuple[int, ...]) -> Array:
    return div(reduce_sum(wide, axes), scalar(_count(wide, axes), wide.dtype))


def mean(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """sum / n over ``axis``; integers in the default float, 16-bit floats in f32, rounded once."""
    x = _float("mean", x)
    axes = many_axes("mean", axis, x)
    return _kept(rounded(_center(in_f32(x), axes), x), axes, keepdims)


def average(x: Any, /, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Array:
    """The mean, or sum(x · w) / sum(w) with ``weights`` of x's shape (of ``axis``'s extent, for one axis)."""
    if weights is None:
        return mean(x, axis=axis, keepdims=keepdims)
    x, w = (_float("average", v) for v in promoted("average", x, weights))
    axes = many_axes("average", axis, x)
    if w.shape != x.shape:
        if w.shape != tuple(x.shape[a] for a in axes):
            raise ShapeError(f"average: weights {w.type} fit neither {x.type} nor its axes {axes}")
        w = broadcast(w, x.shape, axes)
    wide, scales = in_f32(x), in_f32(w)
    y = div(reduce_sum(mul(wide, scales), axes), reduce_sum(scales, axes))
    return _kept(rounded(y, x), axes, keepdims)


def var(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """sum(|x - mean|²) / (n - correction) over ``axis``, in two passes; 16-bit floats in f32, rounded once."""
    x = _float("var", x)
    axes = many_axes("var", axis, x)
    return _kept(convert(_variance(x, axes, correction), real_dtype(x.dtype)), axes, keepdims)


def std(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The square root of ``var``."""
    x = _float("std", x)
    axes = many_axes("std", axis, x)
    return _kept(convert(sqrt(_variance(x, axes, correction)), real_dtype(x.dtype)), axes, keepdims)


def _variance(x: Array, axes: tuple[int, ...], correction: float) -> Array:
    wide = in_f32(x)
    total = reduce_sum(_squares(sub(wide, _over(_center(wide, axes), wide, axes))), axes)
    return div(total, scalar(_count(x, axes) - correction, total.dtype))


def _over(y: Array, x: Array, axes: tuple[int, ...]) -> Array:
    """A reduction repeated along the axes that it is over."""
    return broadcast(y, x.shape, tuple(a for a in range(x.ndim) if a not in axes))


def _squares(d: Array) -> Array:
    return mul(d, d) if d.dtype.kind == "f" else add(mul(real(d), real(d)), mul(imag(d), imag(d)))


def ptp(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """max - min over ``axis``."""
    return sub(max(x, axis=axis, keepdims=keepdims), min(x, axis=axis, keepdims=keepdims))


# ---- arguments of extremes


def _argument(name: str, prim: Callable[..., Array], x: Any, axis: int | None, keepdims: bool) -> Array:
    x = settled(name, x)
    check_kind(name, x, "biuf")
    at = 0 if axis is None else one_axis(name, axis, x)
    if (x.size if axis is None else x.shape[at]) == 0:
        raise ShapeError(f"{name} of no elements: {x.type}")
    if axis is None:
        flat = prim(reshape(x, (x.size,)), 0)
        return reshape(flat, (1,) * x.ndim) if keepdims else flat
    return _kept(prim(x, at), (at,), keepdims)


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the largest is, i64: the first NaN, else the first equal to it. Without axis, in the flat array."""
    return _argument("argmax", reduction.argmax, x, axis, keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the smallest is, i64: the first NaN, else the first equal to it. Without axis, in the flat array."""
    return _argument("argmin", reduction.argmin, x, axis, keepdims)


# ---- without NaN


def _present(x: Array, instead: float) -> tuple[Array, Array]:
    """Where there is no NaN, and x with another number in the place of NaN."""
    there = eq(x, x)
    return there, select(there, x, scalar(instead, x.dtype))


def nansum(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum with NaN counted as 0."""
    return sum(_present(settled("nansum", x), 0)[1], axis=axis, keepdims=keepdims)


def _nancenter(wide: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Where there is no NaN, how many such places, and their mean."""
    there, filled = _present(wide, 0)
    count = reduce_sum(convert(there, wide.dtype), axes)
    return there, count, div(reduce_sum(filled, axes), count)


def nanmean(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean of what is not NaN (NaN if nothing is); 16-bit floats in f32."""
    x = _float("nanmean", x)
    axes = many_axes("nanmean", axis, x)
    return _kept(rounded(_nancenter(in_f32(x), axes)[2], x), axes, keepdims)


def _nanvariance(x: Array, axes: tuple[int, ...], correction: float) -> Array:
    wide = in_f32(x)
    there, count, center = _nancenter(wide, axes)
    d = select(there, sub(wide, _over(center, wide, axes)), scalar(0, wide.dtype))
    total = reduce_sum(_squares(d), axes)
    return div(total, sub(convert(count, total.dtype), scalar(correction, total.dtype)))


def nanvar(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The variance of what is not NaN, in two passes."""
    x = _float("nanvar", x)
    axes = many_axes("nanvar", axis, x)
    return _kept(convert(_nanvariance(x, axes, correction), real_dtype(x.dtype)), axes, keepdims)


def nanstd(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Array:
    """The square root of ``nanvar``."""
    x = _float("nanstd", x)
    axes = many_axes("nanstd", axis, x)
    return _kept(convert(sqrt(_nanvariance(x, axes, correction)), real_dtype(x.dtype)), axes, keepdims)


def _nanextreme(name: str, extreme: Callable[..., Array], x: Any, instead: float, axis: Axis, keepdims: bool) -> Array:
    x = _float(name, x)
    there, filled = _present(x, instead)
    found = extreme(filled, axis=axis, keepdims=keepdims)
    return select(
        any(there, axis=axis, keepdims=keepdims), found, broadcast(scalar(math.nan, x.dtype), found.shape, ())
    )


def nanmax(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest of what is not NaN (NaN if nothing is)."""
    return _nanextreme("nanmax", max, x, -math.inf, axis, keepdims)


def nanmin(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest of what is not NaN (NaN if nothing is)."""
    return _nanextreme("nanmin", min, x, math.inf, axis, keepdims)
