"""Products over axes: matmul and its kin, einsum (orders: docs/numerics.md, Contractions)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.elementwise import conj
from tianyuan.functions.operands import broadcast_shapes, logical, one_axis, promoted
from tianyuan.prims.contraction import dot_general as contracted
from tianyuan.prims.conversion import strong
from tianyuan.prims.linear import (
    broadcast,
    expand_dims,
    moveaxis,
    reshape,
    squeeze,
    transpose,
)
from tianyuan.prims.pointwise.products import mul


def _pair(who: str, a: Any, b: Any) -> list[Array]:
    return logical([strong(x) for x in promoted(who, a, b)])


def _same(who: str, a: Array, i: int, b: Array, j: int) -> None:
    if a.shape[i] != b.shape[j]:
        raise ShapeError(
            f"{who}: axis {i} of {a.type} and axis {j} of {b.type} are contracted, but have extents "
            f"{a.shape[i]} and {b.shape[j]}; is one to be transposed (x.mT)?"
        )


def matmul(x1: Any, x2: Any, /) -> Array:
    """The matrix product of the last two axes, the others broadcast; vectors stand for rows or columns.

    [..., m, k] · [..., k, n] -> [..., m, n]. Each element is one CHAIN over k.
    """
    a, b = _pair("matmul", x1, x2)
    if not a.ndim or not b.ndim:
        raise ShapeError(f"matmul takes vectors and matrices, got {a.type} and {b.type}; multiply by * instead")
    row, column = a.ndim == 1, b.ndim == 1
    a = expand_dims(a, (0,)) if row else a
    b = expand_dims(b, (1,)) if column else b
    _same("matmul", a, a.ndim - 1, b, b.ndim - 2)
    if a.ndim == b.ndim == 2 and not (row or column):  # most products, and nothing to arrange
        return contracted(a, b, [], [(1, 0)])
    y = _matrices("matmul", a, b)
    return squeeze(y, (*((y.ndim - 2,) if row else ()), *((y.ndim - 1,) if column else ())))


def _matrices(who: str, a: Array, b: Array) -> Array:
    """Batched product: axes of extent 1 are squeezed, not repeated; free batch axes stay with their operand."""
    shape = broadcast_shapes(who, a.shape[:-2], b.shape[:-2])
    rank = len(shape)
    own = [_batch_axes(x, rank) for x in (a, b)]
    both = [d for d in range(rank) if d in own[0] and d in own[1]]
    parts = [squeeze(x, tuple(i for i, n in enumerate(x.shape[:-2]) if n == 1)) for x in (a, b)]
    places = [[axes.index(d) for d in both] for axes in own]
    y = contracted(
        parts[0],
        parts[1],
        [(places[0][k], places[1][k]) for k in range(len(both))],
        [(parts[0].ndim - 1, parts[1].ndim - 2)],
    )
    left, right = ([d for d in axes if d not in both] for axes in own)
    names = [*both, *left, "m", *right, "n"]
    order = [names.index(d) for d in (*range(rank), "m", "n") if d in names]
    y = transpose(y, tuple(order))
    return reshape(y, (*shape, a.shape[-2], b.shape[-1]))


def _batch_axes(x: Array, rank: int) -> list[int]:
    """The result's batch axes that the operand has, with extents other than 1."""
    ahead = rank - (x.ndim - 2)
    return [ahead + i for i, n in enumerate(x.shape[:-2]) if n != 1]


def dot_general(
    lhs: Any,
    rhs: Any,
    dimension_numbers: tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]],
    precision: Any = None,
) -> Array:
    """The general contraction, as JAX's: ``((contracted of lhs, of rhs), (batch of lhs, of rhs))``.

    Result axes: batch, free axes of lhs, free axes of rhs.
    """
    _exact("dot_general", precision)
    a, b = _pair("dot_general", lhs, rhs)
    contract, batch = (_axis_pairs("dot_general", pairs, a, b) for pairs in dimension_numbers)
    return contracted(a, b, batch, contract)


def _axis_pairs(who: str, pairs: tuple[Sequence[int], Sequence[int]], a: Array, b: Array) -> list[tuple[int, int]]:
    """Two lists of axes as pairs, counted from the front; ShapeError where the extents differ."""
    left, right = ([one_axis(who, i, x) for i in axes] for x, axes in zip((a, b), pairs, strict=True))
    if len(left) != len(right):
        raise ShapeError(f"{who}: {left} and {right} are no pairs of axes")
    for i, j in zip(left, right, strict=True):
        _same(who, a, i, b, j)
    return list(zip(left, right, strict=True))


def _exact(who: str, precision: Any) -> None:
    if precision is not None:
        raise ArrayTypeError(f"{who}: precision={precision!r} is not available; None is exact and reproducible")


def tensordot(x1: Any, x2: Any, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Array:
    """Contract axes of x1 with axes of x2: the last ``axes`` with the first, or listed pairs, in that order."""
    a, b = _pair("tensordot", x1, x2)
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot: axes={axes} is not possible for {a.type} and {b.type}")
        axes = (range(a.ndim - axes, a.ndim), range(axes))
    pairs = _axis_pairs("tensordot", axes, a, b)
    return contracted(a, b, [], pairs) if pairs else outer_axes(a, b)


def outer_axes(a: Array, b: Array) -> Array:
    """Every element of a times every element of b: shape a.shape + b.shape."""
    shape = (*a.shape, *b.shape)
    return mul(broadcast(a, shape, range(a.ndim)), broadcast(b, shape, range(a.ndim, len(shape))))


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Array:
    """Σ conj(x1) x2 along ``axis`` (negative: counted from the end), the other axes broadcast.

    As in ``matmul``, an operand without a batch axis is not repeated along it.
    """
    a, b = _pair("vecdot", x1, x2)
    a, b = (moveaxis(x, one_axis("vecdot", axis, x), x.ndim - 1) for x in (conj(a), b))
    _same("vecdot", a, a.ndim - 1, b, b.ndim - 1)
    y = _matrices("vecdot", expand_dims(a, (a.ndim - 1,)), expand_dims(b, (b.ndim,)))
    return squeeze(y, (y.ndim - 2, y.ndim - 1))


def vdot(x1: Any, x2: Any, /) -> Array:
    """Σ conj(x1) x2 over all elements."""
    a, b = _pair("vdot", x1, x2)
    if a.size != b.size:
        raise ShapeError(f"vdot takes arrays of one size, got {a.type} and {b.type}")
    return contracted(conj(reshape(a, (a.size,))), reshape(b, (b.size,)), [], [(0, 0)])


def inner(x1: Any, x2: Any, /) -> Array:
    """Contract the last axes; of 0-d arrays, the product."""
    a, b = _pair("inner", x1, x2)
    if not a.ndim or not b.ndim:
        return mul(a, b)
    _same("inner", a, a.ndim - 1, b, b.ndim - 1)
    return contracted(a, b, [], [(a.ndim - 1, b.ndim - 1)])


def outer(x1: Any, x2: Any, /) -> Array:
    """x1[i] x2[j], of flattened arrays."""
    a, b = _pair("outer", x1, x2)
    return outer_axes(reshape(a, (a.size,)), reshape(b, (b.size,)))


def kron(x1: Any, x2: Any, /) -> Array:
    """The Kronecker product."""
    a, b = _pair("kron", x1, x2)
    rank = max(a.ndim, b.ndim)
    a, b = (reshape(x, (1,) * (rank - x.ndim) + x.shape) for x in (a, b))
    shape = tuple(n for pair in zip(a.shape, b.shape, strict=True) for n in pair)
    wide = [broadcast(x, shape, range(first, 2 * rank, 2)) for x, first in ((a, 0), (b, 1))]
    return reshape(mul(*wide), tuple(m * n for m, n in zip(a.shape, b.shape, strict=True)))
