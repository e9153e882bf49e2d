"""Operands of linear algebra, and functions of one matrix applied to stacks of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.operands import broadcast_shapes, floating, in_f32, promoted
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast, broadcast_to, concatenate, iota, pad, reshape, slice_axis, transpose
from tianyuan.prims.linear.broadcasting import zeros
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.comparison import eq, ge, gt, select
from tianyuan.transforms.mapping import vmap
from tianyuan.types import ArrayType, DType, int64


def matrix(who: str, value: Any, square: bool = False) -> Array:
    """Real matrices [..., m, n] in f32 or f64 (integers, f16 and bf16 in f32); ``square``: with m = n."""
    x = in_f32(floating(who, value))
    x = convert(x, x.dtype)
    if x.dtype.kind == "c":
        raise ArrayTypeError(f"{who} takes real matrices, got {x.type}")
    if x.ndim < 2:
        raise ShapeError(f"{who} takes matrices [..., m, n], got {x.type}; add axes with [:, None]")
    if square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{who} takes square matrices, got {x.type}; use lstsq or pinv for others")
    return x


def system(who: str, a: Any, b: Any) -> tuple[Array, Array, bool]:
    """Square matrices [..., n, n] with right sides [..., n, m] in one dtype and one stack; a vector (the last is
    True) becomes a matrix of one column."""
    left, right = promoted(who, a, b)
    square = matrix(who, left, square=True)
    right = in_f32(floating(who, right))
    right = convert(right, right.dtype)
    if right.ndim == 0 or right.shape[-1 if right.ndim == 1 else -2] != square.shape[-1]:
        raise ShapeError(f"{who}: {right.type} does not fit {square.type}; it needs {square.shape[-1]} rows")
    vector = right.ndim == 1
    right = reshape(right, (*right.shape, 1)) if vector else right
    stack = broadcast_shapes(who, square.shape[:-2], right.shape[:-2])
    return (
        broadcast_to(square, (*stack, *square.shape[-2:])),
        broadcast_to(right, (*stack, *right.shape[-2:])),
        vector,
    )


def stacked(fun: Callable[..., Any], *xs: Array, ranks: int = 2) -> Any:
    """``fun`` of one matrix each, over stacks of one shape: by ``vmap``, so with the bits of a loop."""
    stack = xs[0].shape[: xs[0].ndim - ranks]
    if not stack:
        return fun(*xs)
    flat = [reshape(x, (math.prod(stack), *x.shape[len(stack) :])) for x in xs]
    outs = vmap(fun)(*flat)
    return unflattened(outs, stack)


def unflattened(outs: Any, stack: tuple[int, ...]) -> Any:
    """The leading axis of each result as the axes of the stack."""
    if isinstance(outs, Array):
        return reshape(outs, (*stack, *outs.shape[1:]))
    return tuple(unflattened(y, stack) for y in outs)


# ---- pieces of one matrix


def eye(n: int, m: int, dtype: DType) -> Array:
    """The n x m matrix with ones on the diagonal."""
    like = zeros(ArrayType(dtype, (n, m)))
    return select(eq(rows(n, m), columns(n, m)), _ones(like), like)


def unit(a: Array) -> Array:
    """The matrix of a's shape with ones on the diagonal."""
    return eye(a.shape[0], a.shape[1], a.dtype)


def _ones(like: Array) -> Array:
    return broadcast(number(1, like), like.shape, ())


def rows(n: int, m: int) -> Array:
    """i at [i, j]."""
    return iota(int64, (n, m), 0)


def columns(n: int, m: int) -> Array:
    """j at [i, j]."""
    return iota(int64, (n, m), 1)


def index(value: int) -> Array:
    """A number among indices."""
    return number(value, iota(int64, (1,), 0))


def lower(x: Array) -> Array:
    """x on and below the diagonal, 0 above."""
    return select(ge(rows(*x.shape), columns(*x.shape)), x, number(0, x))


def below(x: Array) -> Array:
    """x below the diagonal, else 0."""
    return select(gt(rows(*x.shape), columns(*x.shape)), x, number(0, x))


def upper(x: Array) -> Array:
    """x on and above the diagonal, 0 below."""
    return select(ge(columns(*x.shape), rows(*x.shape)), x, number(0, x))


def turned(x: Array) -> Array:
    """The transpose of one matrix."""
    return transpose(x, (1, 0))


def diagonal(x: Array) -> Array:
    """The diagonal of one matrix: every (n+1)st element of its rows."""
    m, n = x.shape
    k = min(m, n)
    if k == 0:
        return zeros(ArrayType(x.dtype, (0,)))
    return slice_axis(reshape(x, (m * n,)), 0, 0, (k - 1) * (n + 1) + 1, n + 1)


def enlarged(x: Array, m: int, n: int, unit: bool = False) -> Array:
    """x in the corner of an m x n matrix of zeros; ``unit``: ones on the rest of the diagonal."""
    k, old = min(x.shape), x.shape
    y = pad(x, number(0, x), (0, 0), (m - old[0], n - old[1]))
    if not unit or (m, n) == old:
        return y
    new = eq(rows(m, n), columns(m, n)) & ge(rows(m, n), index(k))
    return select(new, broadcast(number(1, y), y.shape, ()), y)


def corner(x: Array, m: int, n: int) -> Array:
    """The first m rows and n columns."""
    return slice_axis(slice_axis(x, 0, 0, m), 1, 0, n)


def column(x: Array, n: int) -> Array:
    """A vector [m] repeated as n columns."""
    return broadcast(x, (x.shape[0], n), (0,))


def row(x: Array, m: int) -> Array:
    """A vector [n] repeated as m rows."""
    return broadcast(x, (m, x.shape[0]), (1,))


def joined(*xs: Array, axis: int = 0) -> Array:
    """Arrays along an axis, empty ones left out."""
    full = [x for x in xs if x.shape[axis]]
    return full[0] if len(full) == 1 else concatenate(*full, axis=axis)
