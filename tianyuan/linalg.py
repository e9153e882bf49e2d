"""``ty.linalg``: products, and norms. Decompositions follow."""

from __future__ import annotations

from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.functions.contraction import matmul as matmul
from tianyuan.functions.contraction import outer as outer
from tianyuan.functions.contraction import tensordot as tensordot
from tianyuan.functions.contraction import trace as trace
from tianyuan.functions.contraction import vecdot as vecdot
from tianyuan.functions.creation import diagonal as diagonal
from tianyuan.functions.elementwise import abs as size_of
from tianyuan.functions.elementwise import where
from tianyuan.functions.manipulation import matrix_transpose as matrix_transpose
from tianyuan.functions.operands import Axis, floating, in_f32, many_axes
from tianyuan.functions.statistics import max as largest
from tianyuan.functions.statistics import min as least
from tianyuan.functions.statistics import sum as total
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import expand_dims
from tianyuan.prims.pointwise.products import mul
from tianyuan.prims.pointwise.roots import sqrt


def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Array:
    """√(sum(x · x)) over ``axis``; by ``ord`` the sum of sizes (1), the extremes (±inf), or (sum |x|^p)^(1/p).

    The derivative at 0 is 0 (docs/numerics.md, Sums).
    """
    x = floating("vector_norm", x)
    wide = size_of(in_f32(x)) if x.dtype.kind == "c" or ord != 2 else in_f32(x)
    axes = many_axes("vector_norm", axis, x.ndim)
    if ord == 2:
        squares = total(mul(wide, wide), axis=axes)
        some = squares > scalar(0, squares.dtype)
        root = sqrt(where(some, squares, scalar(1, squares.dtype)))
        y = where(some, root, squares)  # 0 stays 0, NaN stays NaN
    elif ord in (float("inf"), float("-inf")):
        y = (largest if ord > 0 else least)(wide, axis=axes)
    else:
        y = total(wide, axis=axes) if ord == 1 else total(wide**ord, axis=axes) ** (1 / ord)
    y = convert(y, size_of(x).dtype)
    return expand_dims(y, axes) if keepdims and axes else y
