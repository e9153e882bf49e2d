"""Diagonals and triangles of matrices, and their indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import ShapeError
from tianyuan.functions.creation import eye
from tianyuan.functions.operands import array, checked_shape, one_axis, settled
from tianyuan.functions.statistics import sum as total
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import iota
from tianyuan.prims.linear import broadcast, broadcast_to, concatenate, reshape, slice_axis, transpose
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.prims.pointwise.comparison import ge, select
from tianyuan.types import DEFAULT_FLOAT, DEFAULT_INT, as_dtype, bool_


def tril(x: Any, /, *, k: int = 0) -> Array:
    """The lower triangle of matrices [..., m, n], up to diagonal k; zeros elsewhere."""
    return _triangle("tril", x, k, True)


def triu(x: Any, /, *, k: int = 0) -> Array:
    """The upper triangle of matrices [..., m, n], from diagonal k on; zeros elsewhere."""
    return _triangle("triu", x, k, False)


def _triangle(who: str, x: Any, k: int, lower: bool) -> Array:
    x = array(who, x)
    if x.ndim < 2:
        raise ShapeError(f"{who} takes matrices, got {x.type}")
    keep = _below(x.shape[-2:], k) if lower else _below(x.shape[-2:], k, behind=True)
    return select(broadcast_to(keep, x.shape), x, scalar(0, x.dtype))


def _below(shape: tuple[int, ...], k: int, behind: bool = False) -> Array:
    """Where an entry is on diagonal k or below it (``behind``: or above it)."""
    rows, columns = (iota(DEFAULT_INT, shape, a) for a in (0, 1))
    bound = add(rows, scalar(k, DEFAULT_INT))
    return ge(columns, bound) if behind else ge(bound, columns)


def tri(n: int, m: int | None = None, k: int = 0, *, dtype: Any = None) -> Array:
    """Ones on diagonal k and below, zeros above: [n, m], f32 by default."""
    shape = checked_shape("tri", (n, n if m is None else m))
    return convert(_below(shape, k), as_dtype(dtype or DEFAULT_FLOAT))


# ---- indices, known when the extents are


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Rows and columns, i64, of the lower triangle of [n, m] up to diagonal k, in row-major order."""
    return _indices(np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[Array, Array]:
    """Rows and columns, i64, of the upper triangle of [n, m] from diagonal k on, in row-major order."""
    return _indices(np.triu_indices(n, k, m))


def _indices(found: Any) -> tuple[Array, Array]:
    rows, columns = (from_numpy(i.astype(np.int64)) for i in found)
    return rows, columns


def diag_indices(n: int, ndim: int = 2) -> tuple[Array, ...]:
    """Indices, i64, of the main diagonal of an array with ``ndim`` axes of extent n."""
    return (iota(DEFAULT_INT, checked_shape("diag_indices", n), 0),) * ndim


# ---- diagonals


def diag(x: Any, /, k: int = 0) -> Array:
    """A matrix with the vector x on diagonal k, or the diagonal k of a matrix."""
    x = settled("diag", x)
    if x.ndim != 1:
        if x.ndim != 2:
            raise ShapeError(f"diag takes a vector or a matrix, got {x.type}; of more axes, diagonal")
        return diagonals("diag", x, k)
    n = x.shape[0] + abs(k)
    padded = concatenate(x, broadcast(scalar(0, x.dtype), (abs(k),), ()), axis=0)
    wide = broadcast(padded, (n, n), (0,) if k >= 0 else (1,))
    return select(eye(n, n, k=k, dtype=bool_), wide, scalar(0, x.dtype))


def diagonal(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals of the matrices that ``axis1`` and ``axis2`` span, along a new last axis, as NumPy's."""
    x = array("diagonal", x)
    a, b = one_axis("diagonal", axis1, x), one_axis("diagonal", axis2, x)
    if a == b:
        raise ShapeError(f"diagonal: axis1 and axis2 are one axis, {a}")
    others = [i for i in range(x.ndim) if i not in (a, b)]
    return diagonals("diagonal", transpose(x, (*others, a, b)), offset)


def diagonals(who: str, x: Array, offset: int = 0) -> Array:
    """The diagonals of matrices [..., m, n]: [..., length], one slice of the flat matrix."""
    if x.ndim < 2:
        raise ShapeError(f"{who} takes matrices, got {x.type}")
    m, n = x.shape[-2:]
    start = offset if offset >= 0 else -offset * n
    length = max(0, min(m, n - offset) if offset >= 0 else min(m + offset, n))
    flat = reshape(x, (*x.shape[:-2], m * n))
    stop = start + (length - 1) * (n + 1) + 1
    return slice_axis(flat, flat.ndim - 1, start, stop, n + 1) if length else slice_axis(flat, flat.ndim - 1, 0, 0)


def trace(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1, *, dtype: Any = None) -> Array:
    """The sum of the diagonals that ``axis1`` and ``axis2`` span; its dtype is that of ``sum``."""
    return total(diagonal(x, offset, axis1, axis2), axis=-1, dtype=dtype)
