"""``ty.linalg``: products, norms and decompositions."""

from __future__ import annotations

import math
from typing import Any

from tianyuan.array import Array
from tianyuan.custom_rules import custom_jvp
from tianyuan.decompositions.functions import block_diag as block_diag
from tianyuan.decompositions.functions import cg as cg
from tianyuan.decompositions.functions import expm as expm
from tianyuan.decompositions.functions import gmres as gmres
from tianyuan.decompositions.functions import polar as polar
from tianyuan.decompositions.functions import sqrtm as sqrtm
from tianyuan.decompositions.functions import toeplitz as toeplitz
from tianyuan.decompositions.solvers import cho_factor as cho_factor
from tianyuan.decompositions.solvers import cho_solve as cho_solve
from tianyuan.decompositions.solvers import cholesky as cholesky
from tianyuan.decompositions.solvers import cond as cond
from tianyuan.decompositions.solvers import det as det
from tianyuan.decompositions.solvers import eigh as eigh
from tianyuan.decompositions.solvers import eigvalsh as eigvalsh
from tianyuan.decompositions.solvers import inv as inv
from tianyuan.decompositions.solvers import lstsq as lstsq
from tianyuan.decompositions.solvers import lu as lu
from tianyuan.decompositions.solvers import lu_factor as lu_factor
from tianyuan.decompositions.solvers import matrix_rank as matrix_rank
from tianyuan.decompositions.solvers import pinv as pinv
from tianyuan.decompositions.solvers import qr as qr
from tianyuan.decompositions.solvers import slogdet as slogdet
from tianyuan.decompositions.solvers import solve as solve
from tianyuan.decompositions.solvers import solve_triangular as solve_triangular
from tianyuan.decompositions.solvers import svd as svd
from tianyuan.decompositions.solvers import svdvals as svdvals
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.contraction import matmul as matmul
from tianyuan.functions.contraction import outer as outer
from tianyuan.functions.contraction import tensordot as tensordot
from tianyuan.functions.contraction import vecdot as vecdot
from tianyuan.functions.creation import eye
from tianyuan.functions.elementwise import abs as modulus
from tianyuan.functions.elementwise import not_equal
from tianyuan.functions.manipulation import broadcast_arrays, concat
from tianyuan.functions.manipulation import matrix_transpose as matrix_transpose
from tianyuan.functions.operands import Axis, floating, in_f32, logical, many_axes, one_axis, promoted, rounded, settled
from tianyuan.functions.statistics import max as largest
from tianyuan.functions.statistics import min as least
from tianyuan.functions.statistics import sum as total
from tianyuan.functions.triangles import diagonals
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.linear import broadcast, expand_dims, moveaxis, reduce_sum, reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.base import scale
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.complexes import imag, real
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.pointwise.roots import sqrt
from tianyuan.types import real_dtype

matrix_exp = expm


def diagonal(x: Any, /, *, offset: int = 0) -> Array:
    """The diagonals of matrices [..., m, n]: [..., length]."""
    return diagonals("diagonal", settled("diagonal", x), offset)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """The sums of the diagonals of matrices [..., m, n]; the dtype is that of ``sum``."""
    return total(diagonal(x, offset=offset), axis=-1, dtype=dtype)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Array:
    """The vector product of vectors of extent 3 along ``axis`` (negative: of the broadcast shape)."""
    a, b = broadcast_arrays(*logical([strong(x) for x in promoted("cross", x1, x2)]))
    at = one_axis("cross", axis, a)
    if a.shape[at] != 3:
        raise ShapeError(f"cross takes vectors of extent 3, got axis {at} of {a.type}")
    (a0, a1, a2), (b0, b1, b2) = ([slice_axis(x, at, i, i + 1) for i in range(3)] for x in (a, b))
    products = ((a1, b2, a2, b1), (a2, b0, a0, b2), (a0, b1, a1, b0))
    return concat([sub(mul(p, q), mul(r, s)) for p, q, r, s in products], axis=at)


def matrix_power(x: Any, n: int, /) -> Array:
    """x times itself, n times, by squaring: x^2, x^4, ... and their products from the lowest bit of n up."""
    x = settled("matrix_power", x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"matrix_power takes square matrices, got {x.type}")
    if n < 0:
        raise ArrayTypeError(f"matrix_power: n must not be negative, got {n}")
    result = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        x = matmul(x, x) if n else x
    one = eye(x.shape[-1], dtype=x.dtype)
    return broadcast(one, x.shape, (x.ndim - 2, x.ndim - 1)) if result is None else result


# ---- norms


def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Array:
    """√(sum(x · x)) over ``axis``; by ``ord`` the sum of sizes (1), how many are not 0 (0), the extremes (±inf),
    or (sum |x|^p)^(1/p). 16-bit floats in f32.

    The derivative of √(sum(x · x)) is x / norm, 0 at 0 (docs/numerics.md, Sums).
    """
    x = strong(floating("vector_norm", x))
    axes = many_axes("vector_norm", axis, x)
    y = convert(_norm(in_f32(x), axes, ord), real_dtype(x.dtype))
    return expand_dims(y, axes) if keepdims and axes else y


def _norm(x: Array, axes: tuple[int, ...], ord: float) -> Array:
    if ord == 2:
        return _euclidean(axes, *((x,) if x.dtype.kind == "f" else (real(x), imag(x))))
    if ord == 0:
        return total(not_equal(x, scalar(0, x.dtype)), axis=axes, dtype=real_dtype(x.dtype))
    sizes = modulus(x)
    if math.isinf(ord):
        return (largest if ord > 0 else least)(sizes, axis=axes)
    return total(sizes, axis=axes) if ord == 1 else total(sizes**ord, axis=axes) ** (1 / ord)


def _root_of_squares(axes: tuple[int, ...], *parts: Array) -> Array:
    squares = [mul(p, p) for p in parts]
    return sqrt(reduce_sum(squares[0] if len(squares) == 1 else add(*squares), axes))


_euclidean = custom_jvp(_root_of_squares, nondiff_argnums=(0,))
_euclidean.__name__ = "euclidean_norm"


@_euclidean.defjvp
def _euclidean_rule(axes: tuple[int, ...], primals: Any, tangents: Any) -> tuple[Array, Array]:
    y = _euclidean(axes, *primals)
    zero = scalar(0, y.dtype)
    at_zero = eq(y, zero)
    safe = select(at_zero, broadcast(scalar(1, y.dtype), y.shape, ()), y)
    kept = tuple(a for a in range(primals[0].ndim) if a not in axes)
    units = [div(p, broadcast(safe, p.shape, kept)) for p in primals]  # x is 0 where the norm is
    terms = [scale(dp, u) for dp, u in zip(tangents, units, strict=True)]
    return y, reduce_sum(terms[0] if len(terms) == 1 else add(*terms), axes)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    """Of matrices [..., m, n]: √(sum(x · x)) ("fro"), or the largest or smallest sum of sizes of a column (1, -1)
    or row (inf, -inf), or the largest (2), the smallest (-2) or the sum ("nuc") of the singular values."""
    x = strong(floating("matrix_norm", x))
    if x.ndim < 2:
        raise ShapeError(f"matrix_norm takes matrices, got {x.type}")
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        y = rounded(_of_singular_values(x, ord), modulus(x))
        return reshape(y, (*y.shape, 1, 1)) if keepdims else y
    if ord not in (1, -1, math.inf, -math.inf):
        raise ArrayTypeError(f"matrix_norm: ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}")
    summed, over = (-2, -1) if ord in (1, -1) else (-1, -2)
    sums = total(modulus(in_f32(x)), axis=summed, keepdims=True)
    y = rounded((largest if ord > 0 else least)(sums, axis=over, keepdims=True), modulus(x))
    return y if keepdims else reshape(y, y.shape[:-2])


def _of_singular_values(x: Array, ord: Any) -> Array:
    values = svdvals(x)
    if ord == "nuc":
        return total(values, axis=-1)
    return (largest if ord == 2 else least)(values, axis=-1)


def norm(x: Any, /, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """``vector_norm``, or ``matrix_norm`` where ``ord`` is given for a matrix (two axes), as NumPy's ``norm``."""
    x = strong(floating("norm", x))
    if ord is None:
        return vector_norm(x, axis=axis, keepdims=keepdims)
    axes = many_axes("norm", axis, x)
    if len(axes) == 1:
        return vector_norm(x, axis=axes, keepdims=keepdims, ord=ord)
    if len(axes) != 2:
        raise ShapeError(f"norm: ord={ord!r} is of vectors and matrices, got {len(axes)} axes of {x.type}")
    rows, columns = axes if axis is None else (one_axis("norm", a, x) for a in axis)  # pyright: ignore
    moved = moveaxis(moveaxis(x, rows, x.ndim - 1), columns - (columns > rows), x.ndim - 1)
    y = matrix_norm(moved, ord=ord)
    return expand_dims(y, axes) if keepdims else y
