"""Symmetric eigenvalues and singular values by Jacobi rotations in a fixed cyclic order.

The pairs of a step are disjoint: i meets i + n/2, and after a step all but the first move one place on a circle
[Brent1985], so that n - 1 steps meet every pair once and restore the order. An odd n is bordered by a first row
that meets nothing. Each matrix of a stack stops alone.
"""

from __future__ import annotations

import math

import numpy as np

from tianyuan.array import Array
from tianyuan.control import fori_loop, while_loop
from tianyuan.decompositions.factoring import taken
from tianyuan.decompositions.matrices import (
    below,
    column,
    columns,
    diagonal,
    eye,
    index,
    joined,
    lower,
    row,
    rows,
    turned,
)
from tianyuan.decompositions.orthogonal import qr
from tianyuan.functions.contraction import matmul
from tianyuan.prims.linear import iota, pad, reduce_sum, reshape, reverse, slice_axis
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.comparison import eq, gt, lt, select
from tianyuan.prims.pointwise.extrema import maximum
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.pointwise.roots import sqrt
from tianyuan.prims.pointwise.signs import abs
from tianyuan.prims.pointwise.special import copysign
from tianyuan.prims.reduction import reduce_max
from tianyuan.prims.sorting import sort
from tianyuan.types import int64

SWEEPS = 40
"""More than any finite matrix needs (6 to 12); what has not converged then is NaN."""


def eigh(a: Array) -> tuple[Array, Array]:
    """Eigenvalues, increasing, and eigenvectors, the columns of V, of a symmetric matrix; its lower triangle is read.

    Two-sided rotations [Golub2013, section 8.5] until the elements off the diagonal are, together, at most ε‖a‖.
    """
    n = a.shape[0]
    if n == 0:
        return diagonal(a), a
    a = add(lower(a), turned(below(a)))
    odd = n % 2
    a = pad(a, number(0, a), (odd, odd), (0, 0))
    size = n + odd
    bound = mul(_root_of_squares(a), number(float(np.finfo(a.dtype.numpy).eps), a))

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        sweeps, a, _ = state
        return lt(sweeps, index(SWEEPS)) & gt(_outside(a), bound)

    def sweep(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        sweeps, a, v = state
        a, v = fori_loop(0, size - 1, lambda _, s: _rotated(*s), (a, v))
        return sweeps + 1, a, v

    _, a, v = while_loop(unfinished, sweep, (index(0), a, eye(size, size, a.dtype)))
    failed = gt(_outside(a), bound)
    values = slice_axis(diagonal(a), 0, odd, size)
    values = select(failed, number(math.nan, values), values)
    vectors = slice_axis(slice_axis(v, 0, odd, size), 1, odd, size)
    values, order = sort((values, iota(int64, (n,), 0)), 0)
    return values, turned(taken(vectors, order))


def _root_of_squares(a: Array) -> Array:
    return sqrt(reduce_sum(mul(a, a), (0, 1)))


def _outside(a: Array) -> Array:
    return _root_of_squares(select(eq(rows(*a.shape), columns(*a.shape)), number(0, a), a))


def _rotated(a: Array, v: Array) -> tuple[Array, Array]:
    """One step: n/2 rotations of rows and columns of a, and of the rows of v; then the next pairing."""
    n = a.shape[0]
    h = n // 2
    flat = reshape(a, (n * n,))
    whole = slice_axis(flat, 0, 0, n * n, n + 1)
    first, second = slice_axis(whole, 0, 0, h), slice_axis(whole, 0, h, n)
    between = slice_axis(flat, 0, h, h * n, n + 1)
    c, s = _rotation(first, second, between, eq(between, number(0, between)))
    a, v = _turned_rows(a, c, s), _turned_rows(v, c, s)
    left, right = slice_axis(a, 1, 0, h), slice_axis(a, 1, h, n)
    c, s = row(c, n), row(s, n)
    a = joined(sub(mul(left, c), mul(right, s)), add(mul(left, s), mul(right, c)), axis=1)
    met = eq(rows(n, n), columns(n, n) + h) | eq(columns(n, n), rows(n, n) + h)
    a = select(met, number(0, a), a)
    return _moved(_moved(a, 0), 1), _moved(v, 0)


def _rotation(first: Array, second: Array, between: Array, done: Array) -> tuple[Array, Array]:
    """c and s of the smaller angle that makes ``between`` zero: t = sign(θ)/(|θ| + √(1 + θ²)), θ = (q - p)/2b."""
    one, zero = number(1, first), number(0, first)
    safe = select(done, _filled(one, between), between)
    theta = div(sub(second, first), mul(safe, number(2, safe)))
    t = div(copysign(_filled(one, theta), theta), add(abs(theta), sqrt(add(mul(theta, theta), one))))
    t = select(done, zero, t)
    c = div(one, sqrt(add(mul(t, t), one)))
    return c, mul(t, c)


def _filled(value: Array, like: Array) -> Array:
    return select(eq(like, like), value, value) if like.shape else value


def _turned_rows(x: Array, c: Array, s: Array) -> Array:
    h, m = x.shape[0] // 2, x.shape[1]
    top, bottom = slice_axis(x, 0, 0, h), slice_axis(x, 0, h, 2 * h)
    c, s = column(c, m), column(s, m)
    return joined(sub(mul(top, c), mul(bottom, s)), add(mul(top, s), mul(bottom, c)))


def _moved(x: Array, axis: int) -> Array:
    """All but the first one place on: tops t_0 b_0 t_1 .. t_(h-2), bottoms b_1 .. b_(h-1) t_(h-1)."""
    n = x.shape[axis]
    h = n // 2
    if h == 1:
        return x
    cuts = ((0, 1), (h, h + 1), (1, h - 1), (h + 1, n), (h - 1, h))
    return joined(*(slice_axis(x, axis, low, high) for low, high in cuts), axis=axis)


# ---- singular values


def svd(a: Array, full: bool = False) -> tuple[Array, Array, Array]:
    """U [m, k], singular values [k], decreasing, and Vᵀ [k, n] of a [m, n]; square U and Vᵀ if ``full``.

    One-sided rotations of the columns [Demmel1992] of a, or of the R of a tall matrix, until every pair has a cosine
    of at most ε·(8 + 2√n). U is made orthonormal by a QR decomposition, which also completes it where values are 0.
    """
    m, n = a.shape
    if m < n:
        v, s, ut = svd(turned(a), full)
        return turned(ut), s, turned(v)
    if n == 0:
        return eye(m, m if full else 0, a.dtype), diagonal(a), eye(0, 0, a.dtype)
    q, r = qr(a) if m > n else (None, a)
    u, s, vt = _one_sided(r)
    u = matmul(q, u) if q is not None else u
    return _orthonormal(u, full and m > n), s, vt


def _one_sided(a: Array) -> tuple[Array, Array, Array]:
    """Columns u of unit length, or zero; singular values; Vᵀ; of a square matrix."""
    n = a.shape[0]
    odd = n % 2
    w = pad(turned(a), number(0, a), (odd, 0), (0, 0))  # rows are the columns of a
    v = pad(eye(n, n, a.dtype), number(0, a), (odd, 0), (0, 0))
    limit = number(float(np.finfo(a.dtype.numpy).eps) * (8 + 2 * math.sqrt(n)), a)
    noise = mul(_root_of_squares(a), number(float(np.finfo(a.dtype.numpy).eps), a))

    def unfinished(state: tuple[Array, Array, Array, Array]) -> Array:
        return lt(state[0], index(SWEEPS)) & gt(state[1], limit)

    def sweep(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        sweeps, _, w, v = state
        worst, w, v = fori_loop(
            0, n + odd - 1, lambda _, s: _made_orthogonal(s[0], s[1], s[2], limit, noise), (number(0, a), w, v)
        )
        return sweeps + 1, worst, w, v

    _, worst, w, v = while_loop(unfinished, sweep, (index(0), number(math.inf, a), w, v))
    w, v = (slice_axis(x, 0, odd, n + odd) for x in (w, v))
    lengths = sqrt(reduce_sum(mul(w, w), (1,)))
    lengths = select(gt(worst, limit), number(math.nan, a), lengths)
    lengths, order = (reverse(x, (0,)) for x in sort((lengths, iota(int64, (n,), 0)), 0))
    zero = eq(lengths, number(0, lengths))
    units = div(taken(w, order), column(select(zero, _filled(number(1, a), lengths), lengths), n))
    return turned(units), lengths, taken(v, order)


def _made_orthogonal(worst: Array, w: Array, v: Array, limit: Array, noise: Array) -> tuple[Array, Array, Array]:
    """One step: pairs of rows of w rotated until they are orthogonal; the largest cosine so far.

    A row shorter than ε‖a‖ counts as that long: its direction is rounding."""
    h = w.shape[0] // 2
    top, bottom = slice_axis(w, 0, 0, h), slice_axis(w, 0, h, 2 * h)
    first, second, between = (reduce_sum(mul(x, y), (1,)) for x, y in ((top, top), (bottom, bottom), (top, bottom)))
    scale = mul(maximum(sqrt(first), noise), maximum(sqrt(second), noise))
    none = eq(scale, number(0, scale))
    cosine = select(none, number(0, scale), div(abs(between), select(none, _filled(number(1, scale), scale), scale)))
    c, s = _rotation(first, second, between, ~gt(cosine, limit))
    largest = reduce_max(cosine, (0,))
    worst = select(gt(largest, worst), largest, worst)
    return worst, _moved(_turned_rows(w, c, s), 0), _moved(_turned_rows(v, c, s), 0)


def _orthonormal(u: Array, wide: bool) -> Array:
    """The columns of u, orthonormal up to rounding or zero at the end, by QR; more of them if ``wide``."""
    q, r = qr(u, wide)
    d = diagonal(r)
    signs = select(lt(d, number(0, d)), number(-1, d), number(1, d))
    signs = joined(signs, _filled(number(1, d), iota(d.dtype, (q.shape[1] - d.shape[0],), 0)))
    return mul(q, row(signs, q.shape[0]))
