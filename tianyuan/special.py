"""``ty.special``: special functions and the normalised exponentials."""

from __future__ import annotations

from typing import Any

from tianyuan.array import Array
from tianyuan.custom_rules import custom_jvp
from tianyuan.eager import scalar
from tianyuan.functions.elementwise import digamma as digamma
from tianyuan.functions.elementwise import erf as erf
from tianyuan.functions.elementwise import erfc as erfc
from tianyuan.functions.elementwise import erfinv as erfinv
from tianyuan.functions.elementwise import isfinite
from tianyuan.functions.elementwise import lgamma as lgamma
from tianyuan.functions.operands import (
    Axis,
    broadcast_shapes,
    check_kind,
    floating,
    floating_unary,
    floats,
    in_f32,
    like,
    many_axes,
    rounded,
)
from tianyuan.prims.conversion import strong
from tianyuan.prims.creation import full
from tianyuan.prims.linear import broadcast, broadcast_to, expand_dims, reduce_sum
from tianyuan.prims.pointwise import elementary
from tianyuan.prims.pointwise.arithmetic import add, mul, neg
from tianyuan.prims.pointwise.base import scale
from tianyuan.prims.pointwise.comparison import eq, lt, select
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.reduction import reduce_max

gammaln = lgamma
expit = floating_unary("expit", elementary.logistic, "1 / (1 + exp -x).", kinds="f")


def logit(x: Any, /) -> Array:
    """log(x / (1 - x)), as log x - log1p(-x); 16-bit floats in f32."""
    x = floating("logit", x)
    wide = in_f32(x)
    return rounded(sub(elementary.log(wide), elementary.log1p(neg(wide))), x)


def xlogy(x: Any, y: Any, /) -> Array:
    """x · log y, 0 where x = 0; 16-bit floats in f32."""
    return _times_log("xlogy", elementary.log, x, y, 1)


def xlog1py(x: Any, y: Any, /) -> Array:
    """x · log(1 + y), 0 where x = 0; 16-bit floats in f32."""
    return _times_log("xlog1py", elementary.log1p, x, y, 0)


def _times_log(who: str, log: Any, x: Any, y: Any, harmless: int) -> Array:
    xs = floats(who, x, y)
    a, b = map(in_f32, xs)
    none = eq(a, like(0, a))
    shape = broadcast_shapes(who, a.shape, b.shape)
    if shape:
        none, a, b = (broadcast_to(v, shape) for v in (none, a, b))
    product = mul(a, log(select(none, like(harmless, b), b)))
    return rounded(select(none, like(0, a), product), xs[0])


def entr(x: Any, /) -> Array:
    """-x log x, 0 at 0, -inf below; 16-bit floats in f32."""
    x = floating("entr", x)
    wide = in_f32(x)
    below = lt(wide, like(0, wide))
    return rounded(select(below, like(float("-inf"), wide), neg(xlogy(wide, wide))), x)


# ---- exponentials over axes: m is the maximum, where it is finite (docs/numerics.md, Sums)


def _parts(x: Array, axes: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """x - m, exp(x - m) and the sum of that, spread over x's shape."""
    top = reduce_max(x, axes)
    top = select(isfinite(top), top, scalar(0, x.dtype))
    shifted = sub(x, _over(top, x, axes))
    powers = elementary.exp(shifted)
    return shifted, powers, _over(reduce_sum(powers, axes), x, axes)


def _over(y: Array, x: Array, axes: tuple[int, ...]) -> Array:
    return broadcast(y, x.shape, tuple(a for a in range(x.ndim) if a not in axes))


def softmax(x: Any, axis: Axis = -1) -> Array:
    """exp(x - m) / sum(exp(x - m)) over ``axis``. dy = y · (dx - sum(y · dx))."""
    return _along("softmax", _softmax, x, axis)


def log_softmax(x: Any, axis: Axis = -1) -> Array:
    """(x - m) - log(sum(exp(x - m))) over ``axis``. dy = dx - sum(softmax(x) · dx)."""
    return _along("log_softmax", _log_softmax, x, axis)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """m + log(sum(exp(x - m))) over ``axis`` (all by default). dy = sum(softmax(x) · dx)."""
    x = strong(floating("logsumexp", x))
    axes = many_axes("logsumexp", axis, x)
    if any(x.shape[a] == 0 for a in axes):
        y = full(float("-inf"), x.dtype, x.type.drop(axes).shape)
    else:
        y = _along("logsumexp", _logsumexp, x, axes)
    return expand_dims(y, axes) if keepdims and axes else y


def _along(who: str, function: Any, x: Any, axis: Axis) -> Array:
    """Half precision in f32, rounded once."""
    x = strong(floating(who, x))
    check_kind(who, x, "f")
    axes = many_axes(who, axis, x)
    return rounded(function(axes, in_f32(x)), x) if x.size else x


def _softmax_at(axes: tuple[int, ...], x: Array) -> Array:
    _, powers, total = _parts(x, axes)
    return div(powers, total)


_softmax = custom_jvp(_softmax_at, nondiff_argnums=(0,))
_softmax.__name__ = "softmax"


@_softmax.defjvp
def _softmax_rule(axes: tuple[int, ...], primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    y = _softmax(axes, x)
    return y, scale(sub(dx, _over(reduce_sum(scale(dx, y), axes), x, axes)), y)


def _log_softmax_at(axes: tuple[int, ...], x: Array) -> Array:
    shifted, _, total = _parts(x, axes)
    return sub(shifted, elementary.log(total))


_log_softmax = custom_jvp(_log_softmax_at, nondiff_argnums=(0,))
_log_softmax.__name__ = "log_softmax"


@_log_softmax.defjvp
def _log_softmax_rule(axes: tuple[int, ...], primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    weighted = reduce_sum(scale(dx, _softmax(axes, x)), axes)
    return _log_softmax(axes, x), sub(dx, _over(weighted, x, axes))


def _logsumexp_at(axes: tuple[int, ...], x: Array) -> Array:
    top = reduce_max(x, axes)
    top = select(isfinite(top), top, scalar(0, x.dtype))
    powers = elementary.exp(sub(x, _over(top, x, axes)))
    return add(top, elementary.log(reduce_sum(powers, axes)))


_logsumexp = custom_jvp(_logsumexp_at, nondiff_argnums=(0,))
_logsumexp.__name__ = "logsumexp"


@_logsumexp.defjvp
def _logsumexp_rule(axes: tuple[int, ...], primals: Any, tangents: Any) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    return _logsumexp(axes, x), reduce_sum(scale(dx, _softmax(axes, x)), axes)
