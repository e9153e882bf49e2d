"""Samplers of real numbers by inversion: each is a formula of one uniform number, as docs/numerics.md says."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.prims.pointwise.arithmetic import div, mul, neg, sub
from tianyuan.prims.pointwise.complexes import complex_
from tianyuan.prims.pointwise.elementary import log, log1p, tan
from tianyuan.prims.pointwise.extrema import maximum, minimum
from tianyuan.prims.pointwise.signs import abs, sign
from tianyuan.prims.pointwise.special import erf, erfinv, nextafter
from tianyuan.random.drawing import MANTISSA, Shape, between, float_dtype, parameter, unit
from tianyuan.random.keys import checked_shape, one_key, split
from tianyuan.transforms.arguments import as_array
from tianyuan.types import DEFAULT_FLOAT, DType, as_dtype, real_dtype


def normal(key: Array, shape: Shape = (), dtype: Any = DEFAULT_FLOAT) -> Array:
    """Standard normal numbers: √2·erfinv(u), u uniform on (-1, 1).

    Complex ones have independent real and imaginary parts of variance 1/2.
    """
    kind = as_dtype(dtype)
    if kind.kind != "c":
        return _normal("normal", key, shape, kind)
    real = real_dtype(kind)
    keys = split(one_key("normal", key))
    parts = [mul(_normal("normal", keys[i], shape, real), scalar(math.sqrt(0.5), real)) for i in (0, 1)]
    return complex_(*parts)


def _normal(who: str, key: Array, shape: Shape, dtype: DType) -> Array:
    above = -1.0 + 2.0 ** -(MANTISSA[float_dtype(who, dtype)] + 1)  # the next number after -1
    u = between(who, key, shape, dtype, scalar(above, dtype), scalar(1, dtype))
    return mul(scalar(math.sqrt(2), dtype), erfinv(u))


def truncated_normal(
    key: Array, lower: Any, upper: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT
) -> Array:
    """Standard normal numbers given that they lie in (lower, upper): √2·erfinv(u), u between the bounds' erf.

    ``shape`` is by default that of the bounds, broadcast.
    """
    who, kind = "truncated_normal", float_dtype("truncated_normal", dtype)
    sizes = (
        np.broadcast_shapes(as_array(lower).shape, as_array(upper).shape)
        if shape is None
        else checked_shape(who, shape)
    )
    low, high = (parameter(who, b, kind, sizes) for b in (lower, upper))
    root, infinity = scalar(math.sqrt(2), kind), scalar(math.inf, kind)
    u = between(who, key, sizes, kind, erf(div(low, root)), erf(div(high, root)))
    inside = maximum(mul(root, erfinv(u)), nextafter(low, infinity))
    return minimum(inside, nextafter(high, neg(infinity)))


def exponential(key: Array, shape: Shape = (), dtype: Any = DEFAULT_FLOAT) -> Array:
    """Exponential numbers of mean 1: -log1p(-u), u uniform on [0, 1)."""
    return neg(log1p(neg(unit("exponential", key, shape, dtype))))


def gumbel(key: Array, shape: Shape = (), dtype: Any = DEFAULT_FLOAT) -> Array:
    """Standard Gumbel numbers: -log(-log u), u uniform on (0, 1)."""
    return neg(log(neg(log(_open("gumbel", key, shape, dtype)))))


def _open(who: str, key: Array, shape: Shape, dtype: Any) -> Array:
    """Uniform on (0, 1): from the smallest normal number on."""
    kind = float_dtype(who, dtype)
    return between(who, key, shape, kind, scalar(tiny(kind), kind), scalar(1, kind))


def tiny(dtype: DType) -> float:
    """The smallest normal number."""
    return 2.0 ** (2 - 2 ** (dtype.bits - 2 - MANTISSA[dtype]))


def laplace(key: Array, shape: Shape = (), dtype: Any = DEFAULT_FLOAT) -> Array:
    """Standard Laplace numbers: sign(u)·log1p(-|u|), u uniform on (-1, 1)."""
    kind = float_dtype("laplace", dtype)
    above = scalar(-1.0 + 2.0 ** -(MANTISSA[kind] + 1), kind)
    u = between("laplace", key, shape, kind, above, scalar(1, kind))
    return mul(sign(u), log1p(neg(abs(u))))


def logistic(key: Array, shape: Shape = (), dtype: Any = DEFAULT_FLOAT) -> Array:
    """Standard logistic numbers: log u - log1p(-u), u uniform on (0, 1)."""
    u = _open("logistic", key, shape, dtype)
    return sub(log(u), log1p(neg(u)))


def cauchy(key: Array, shape: Shape = (), dtype: Any = DEFAULT_FLOAT) -> Array:
    """Standard Cauchy numbers: tan(π·(u - 1/2)), u uniform on (0, 1)."""
    kind = float_dtype("cauchy", dtype)
    u = between("cauchy", key, shape, kind, scalar(2.0 ** -MANTISSA[kind], kind), scalar(1, kind))
    return tan(mul(scalar(math.pi, kind), sub(u, scalar(0.5, kind))))
