"""Derivatives of scatter mul, min and max: they are written with element-wise primitives, so they stand above them.

mul:       dy = Πu dx + Σ_k x (Π_{j≠k} u_j) du_k          over the updates k of an element
min, max:  dy = (dx [x = y] + Σ_k du_k [u_k = y]) / c     c counts what is equal to y: ties share
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import evolve

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.prims.creation import full
from tianyuan.prims.linear.broadcasting import zeros
from tianyuan.prims.linear.indexing import DERIVATIVES, Scatter
from tianyuan.prims.pointwise.arithmetic import div, mul, scale
from tianyuan.prims.pointwise.comparison import eq, select

Tangents = Sequence[Array | None]


def _mul(prim: Scatter, y: Array, primals: Sequence[Array], tangents: Tangents) -> Array:
    """The product of the other updates is found by division, zeros counted apart."""
    (x, indices, u), (dx, _, du) = primals, tangents
    dy = zeros(x.type) if dx is None else scale(dx, prim(full(1, x.dtype, x.shape), indices, u))
    if du is None:
        return dy
    factor = mul(prim.read(x, indices), _others(prim, indices, u, x))
    return evolve(prim, op="add")(dy, indices, scale(du, factor))


def _others(prim: Scatter, indices: Array, u: Array, x: Array) -> Array:
    """For each update the product of the other updates of its element."""
    one, zero = scalar(1, x.dtype), scalar(0, x.dtype)
    if math.prod(indices.shape[prim.batch_axes : -1]) <= 1:
        return full(1, u.dtype, u.shape)
    is_zero = eq(u, zero)
    product = prim(full(1, x.dtype, x.shape), indices, select(is_zero, one, u))
    count = evolve(prim, op="add")(zeros(x.type), indices, select(is_zero, full(1, u.dtype, u.shape), zero))
    rest, vanished = prim.read(product, indices), prim.read(count, indices)
    alone = select(eq(vanished, one), rest, zero)
    return select(is_zero, alone, select(eq(vanished, zero), div(rest, u), zero))


def _extreme(prim: Scatter, y: Array, primals: Sequence[Array], tangents: Tangents) -> Array:
    (x, indices, u), (dx, _, du) = primals, tangents
    total = evolve(prim, op="add")
    from_x, from_u = _equal(x, y), _equal(u, prim.read(y, indices))
    count = total(from_x, indices, from_u)
    dy = zeros(x.type) if dx is None else scale(dx, div(from_x, count))
    if du is None:
        return dy
    return total(dy, indices, scale(du, div(from_u, prim.read(count, indices))))


def _equal(a: Array, b: Array) -> Array:
    """1 where a = b, else 0, in their dtype."""
    return select(eq(a, b), full(1, a.dtype, a.shape), scalar(0, a.dtype))


DERIVATIVES.update(mul=_mul, min=_extreme, max=_extreme)
