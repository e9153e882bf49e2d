"""Whether arrays are equal or close."""

from __future__ import annotations

from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.functions.elementwise import abs as size
from tianyuan.functions.elementwise import isfinite
from tianyuan.functions.operands import broadcast_shapes, floats, settled
from tianyuan.functions.statistics import all as every
from tianyuan.prims.conversion import strong
from tianyuan.prims.linear import broadcast_to
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.bitwise import bitwise_and, bitwise_or
from tianyuan.prims.pointwise.comparison import eq, le, ne
from tianyuan.prims.pointwise.products import sub
from tianyuan.types import bool_


def isclose(x1: Any, x2: Any, /, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False) -> Array:
    """Whether |x1 - x2| <= atol + rtol · |x2|; infinities are close to themselves, NaN only with ``equal_nan``."""
    a, b = (strong(x) for x in floats("isclose", x1, x2))
    shape = broadcast_shapes("isclose", a.shape, b.shape)
    a, b = broadcast_to(a, shape), broadcast_to(b, shape)
    gap, scale = size(sub(a, b)), size(b)
    bound = add(scalar(atol, gap.dtype), mul(scalar(rtol, gap.dtype), scale))
    near = bitwise_and(le(gap, bound), bitwise_and(isfinite(a), isfinite(b)))
    close = bitwise_or(near, eq(a, b))
    return bitwise_or(close, bitwise_and(ne(a, a), ne(b, b))) if equal_nan else close


def allclose(x1: Any, x2: Any, /, rtol: float = 1e-05, atol: float = 1e-08, *, equal_nan: bool = False) -> Array:
    """Whether all elements are close, as ``isclose``."""
    return every(isclose(x1, x2, rtol, atol, equal_nan=equal_nan))


def array_equal(x1: Any, x2: Any, /, *, equal_nan: bool = False) -> Array:
    """Whether two arrays have one shape and equal elements; NaN is equal to NaN only with ``equal_nan``."""
    a, b = settled("array_equal", x1), settled("array_equal", x2)
    if a.shape != b.shape:
        return scalar(False, bool_)
    same = a == b
    return every(bitwise_or(same, bitwise_and(ne(a, a), ne(b, b))) if equal_nan else same)
