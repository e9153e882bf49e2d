"""Cholesky, LU with partial pivoting, and triangular solve of one real matrix."""

from __future__ import annotations

import math

from tianyuan.array import Array
from tianyuan.control import fori_loop
from tianyuan.decompositions.matrices import (
    column,
    columns,
    corner,
    diagonal,
    enlarged,
    lower,
    row,
    rows,
    turned,
)
from tianyuan.decompositions.panels import (
    band,
    column_at,
    eliminated,
    entry,
    forward_solve,
    padded_size,
    row_at,
    steps_below,
    strip,
    with_band,
    with_strip,
)
from tianyuan.eager import scalar
from tianyuan.indexing import dynamic_slice
from tianyuan.prims.linear import concatenate, gather, iota, reshape, reverse, slice_axis
from tianyuan.prims.pointwise.arithmetic import neg
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.comparison import eq, ge, gt, select
from tianyuan.prims.pointwise.products import div, fma
from tianyuan.prims.pointwise.roots import sqrt
from tianyuan.prims.pointwise.signs import abs
from tianyuan.prims.reduction import argmax, reduce_and, reduce_xor
from tianyuan.types import DType, int64

WHOLE = 8
"""Fewer panels than this are eliminated on the whole matrix."""


def cholesky(a: Array) -> Array:
    """L, lower triangular, with L Lᵀ = a, whose lower triangle is read; all NaN where a is not positive definite."""
    n = a.shape[0]
    if n == 0:
        return a
    width, size = padded_size(n)
    whole = _cholesky_by_halves(enlarged(a, size, size, unit=True), size // width, width)
    factor = lower(corner(whole, n, n))
    definite = reduce_and(gt(diagonal(factor), number(0, a)), (0,))
    return select(definite, factor, number(math.nan, a))


def _cholesky_by_halves(a: Array, panels: int, width: int) -> Array:
    """Half of the panels, then the rest of the matrix alone: the same chains, and half the work."""
    if panels < WHOLE:
        return _cholesky_panels(a, panels, width)
    a = _cholesky_panels(a, panels // 2, width)
    size, k = a.shape[0], panels // 2 * width
    beneath = slice_axis(a, 0, k, size)
    rest = _cholesky_by_halves(slice_axis(beneath, 1, k, size), panels - panels // 2, width)
    return concatenate(slice_axis(a, 0, 0, k), concatenate(slice_axis(beneath, 1, 0, k), rest, axis=1), axis=0)


def _cholesky_panels(a: Array, panels: int, width: int) -> Array:
    """The first panels of a eliminated; what stands above the diagonal is not meant."""
    size = a.shape[0]

    def step(start: Array, t: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        panel, across = state
        k = start + t
        values, at = column_at(panel, t), iota(int64, (size,), 0)
        pivot = sqrt(entry(values, k))
        done = select(gt(at, k), div(values, pivot), select(eq(at, k), pivot, number(0, values)))
        right = dynamic_slice(done, (start,), (width,))
        rest = fma(neg(column(done, width)), row(right, size), panel)
        panel = select(steps_below(size, width, k, t), rest, panel)
        panel = select(eq(columns(size, width), t), column(done, width), panel)
        return panel, select(eq(rows(width, size), t), row(done, width), across)

    def block(i: Array, a: Array) -> Array:
        start, end = i * width, i * width + width
        first = strip(a, start, width)
        panel, across = fori_loop(0, width, lambda t, s: step(start, t, s), (first, turned(first)))
        inside = ge(rows(size, size), end) & ge(columns(size, size), end)
        return with_strip(eliminated(a, panel, across, inside), panel, start)

    return fori_loop(0, panels, block, a)


def lu(a: Array) -> tuple[Array, Array]:
    """L and U of a[order] = L U packed in one matrix [m, n] (L has ones on its diagonal), and the order [m], i64.

    The pivot is the first largest magnitude of its column; a column of zeros is left as it is.
    """
    m, n = a.shape
    if min(m, n) == 0:
        return a, iota(int64, (m,), 0)
    width, size = padded_size(min(m, n))
    packed, order = _lu_by_halves(enlarged(a, max(m, size), max(n, size)), size // width, width)
    return corner(packed, m, n), slice_axis(order, 0, 0, m)


def _lu_by_halves(a: Array, panels: int, width: int) -> tuple[Array, Array]:
    """Half of the panels, then the rest of the matrix alone: the same chains, and half the work."""
    if panels < WHOLE:
        return _lu_panels(a, panels, width)
    a, order = _lu_panels(a, panels // 2, width)
    m, n, k = *a.shape, panels // 2 * width
    beneath = slice_axis(a, 0, k, m)
    rest, swaps = _lu_by_halves(slice_axis(beneath, 1, k, n), panels - panels // 2, width)
    left = taken(slice_axis(beneath, 1, 0, k), swaps)
    order = concatenate(slice_axis(order, 0, 0, k), taken(slice_axis(order, 0, k, m), swaps), axis=0)
    return concatenate(slice_axis(a, 0, 0, k), concatenate(left, rest, axis=1), axis=0), order


def _lu_panels(a: Array, panels: int, width: int) -> tuple[Array, Array]:
    """The first panels of a eliminated, and the order of its rows."""
    height, length = a.shape
    places = iota(int64, (height,), 0)

    def step(start: Array, t: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        panel, order = state
        k = start + t
        sizes = abs(column_at(panel, t))
        found = argmax(select(ge(places, k), sizes, number(-1, sizes)), 0)
        swap = select(eq(places, k), found, select(eq(places, found), k, places))
        panel, order = taken(panel, swap), taken(order, swap)
        values, right = column_at(panel, t), row_at(panel, k)
        pivot = entry(values, k)
        divided = select(eq(pivot, number(0, pivot)), values, div(values, pivot))
        left = select(gt(places, k), divided, values)
        rest = fma(neg(column(left, width)), row(right, height), panel)
        panel = select(steps_below(height, width, k, t), rest, panel)
        return select(eq(columns(height, width), t), column(left, width), panel), order

    def block(i: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        a, order = state
        start, end = i * width, i * width + width
        panel, swaps = fori_loop(0, width, lambda t, s: step(start, t, s), (strip(a, start, width), places))
        a, order = taken(a, swaps), taken(order, swaps)
        upper_rows = _unit_solved(band(panel, start, width), band(a, start, width), end)
        inside = ge(rows(height, length), end) & ge(columns(height, length), end)
        a = with_band(eliminated(a, panel, upper_rows, inside), upper_rows, start)
        return with_strip(a, panel, start), order

    return fori_loop(0, panels, block, (a, places))


def _unit_solved(triangle: Array, x: Array, end: Array) -> Array:
    """The rows of U: x solved by the unit triangle of the panel, from column ``end`` on."""
    height, n = x.shape

    def step(t: Array, x: Array) -> Array:
        rest = fma(neg(column(column_at(triangle, t), n)), row(row_at(x, t), height), x)
        return select(gt(rows(height, n), t) & ge(columns(height, n), end), rest, x)

    return fori_loop(0, height, step, x)


def taken(x: Array, order: Array) -> Array:
    """The rows of x (or elements of a vector) in an order; indices in bounds."""
    at = reshape(order, (*order.shape, 1))
    return gather(x, at, batch=0, axes=(0,), sizes=(1, *x.shape[1:]), collapsed=(0,), mode="promise")


def triangular_solve(a: Array, b: Array, is_lower: bool, unit: bool) -> Array:
    """x with a x = b, from one triangle of a [n, n]; b [n, m]. Upper triangles are solved from the last row up."""
    n, m = b.shape
    if 0 in b.shape:
        return b
    if not is_lower:
        flipped = triangular_solve(reverse(a, (0, 1)), reverse(b, (0,)), True, unit)
        return reverse(flipped, (0,))
    _, size = padded_size(n)
    return corner(forward_solve(enlarged(a, size, size, unit=True), enlarged(b, size, m), unit), n, m)


def lu_solve(packed: Array, order: Array, b: Array) -> Array:
    """x with a x = b, from the factors of a."""
    return triangular_solve(packed, triangular_solve(packed, taken(b, order), True, True), False, False)


def parity(order: Array, dtype: DType) -> Array:
    """1 for an even permutation, -1 for an odd one: by the number of pairs out of order, exact."""
    n = order.shape[0]
    exchanged = gt(columns(n, n), rows(n, n)) & gt(column(order, n), row(order, n))
    odd = reduce_xor(exchanged, (0, 1))
    return select(odd, scalar(-1, dtype), scalar(1, dtype))
