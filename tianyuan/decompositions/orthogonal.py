"""QR by Householder reflections, in panels of 32 [Golub2013, sections 5.1 and 5.2].

H_k = I - τ v vᵀ with v_k = 1 takes column k to β = -sign(x_k)·√(x_k² + Σ_{i>k} x_i²), τ = (β - x_k)/β,
v_i = x_i/(x_k - β); a column that is zero below k has τ = 0. A panel's reflections are I - V T Vᵀ
[Schreiber1989]; the rest of the matrix, and Q, meet them as contractions.
"""

from __future__ import annotations

from tianyuan.array import Array
from tianyuan.control import fori_loop, scan
from tianyuan.decompositions.matrices import column, columns, corner, enlarged, eye, row, rows, turned, upper
from tianyuan.decompositions.panels import column_at, entry, strip, with_strip
from tianyuan.functions.contraction import matmul
from tianyuan.prims.linear import broadcast, iota, reduce_sum
from tianyuan.prims.linear.broadcasting import zeros
from tianyuan.prims.pointwise.arithmetic import add, mul, neg
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.comparison import eq, ge, gt, lt, select
from tianyuan.prims.pointwise.products import div, fma, sub
from tianyuan.prims.pointwise.roots import sqrt
from tianyuan.prims.pointwise.special import copysign
from tianyuan.types import ArrayType, int64

PANEL = 32


def qr(a: Array, wide: bool = False) -> tuple[Array, Array]:
    """Q [m, k] with orthonormal columns and R [k, n] upper triangular, a = Q R; k = min(m, n), or m if ``wide``."""
    m, n = a.shape
    k, kept = min(m, n), m if wide else min(m, n)
    if k == 0:
        return eye(m, kept, a.dtype), zeros(ArrayType(a.dtype, (kept, n)))
    width = min(PANEL, k)
    size = -(-k // width) * width
    height, length = max(m, size), max(n, size)

    def block(a: Array, i: Array) -> tuple[Array, tuple[Array, Array]]:
        a, v, t = _panel(a, i * width, width)
        rest = sub(a, matmul(v, matmul(turned(t), matmul(turned(v), a))))
        a = select(ge(columns(*a.shape), i * width + width), rest, a)
        return a, (v, t)

    steps = iota(int64, (size // width,), 0)
    reduced, reflections = scan(block, enlarged(a, height, length), steps)

    def apply(q: Array, reflection: tuple[Array, Array]) -> tuple[Array, None]:
        v, t = reflection
        return sub(q, matmul(v, matmul(t, matmul(turned(v), q)))), None

    q, _ = scan(apply, eye(height, kept, a.dtype), reflections, reverse=True)
    return corner(q, m, kept), upper(corner(reduced, kept, n))


def _panel(a: Array, start: Array, width: int) -> tuple[Array, Array, Array]:
    """a with a panel reduced, and its V and T."""
    height = a.shape[0]
    first = strip(a, start, width)
    none = broadcast(number(0, a), (width,), ())

    def step(t: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        return _reflected(start + t, t, *state)

    panel, taus = fori_loop(0, width, step, (first, none))
    at = rows(height, width)
    k = columns(height, width) + start
    v = select(gt(at, k), panel, select(eq(at, k), broadcast(number(1, a), at.shape, ()), number(0, a)))
    return with_strip(a, panel, start), v, _triangle(v, taus)


def _reflected(k: Array, t: Array, panel: Array, taus: Array) -> tuple[Array, Array]:
    """Column t of a panel reduced below row k, and its reflection applied to the columns after it."""
    height, width = panel.shape
    values, at = column_at(panel, t), iota(int64, (height,), 0)
    head, tail = entry(values, k), select(gt(at, k), values, number(0, values))
    rest = reduce_sum(mul(tail, tail), (0,))
    done = eq(rest, number(0, rest))
    beta = neg(copysign(sqrt(add(mul(head, head), rest)), head))
    one, zero = number(1, head), number(0, head)
    tau = select(done, zero, div(sub(beta, head), select(done, one, beta)))
    scaled = div(tail, select(done, one, sub(head, beta)))
    v = select(eq(at, k), one, scaled)
    products = matmul(v, panel)
    moved = fma(neg(column(mul(v, tau), width)), row(products, height), panel)
    panel = select(gt(columns(height, width), t), moved, panel)
    kept = select(lt(at, k), values, select(eq(at, k), select(done, head, beta), scaled))
    panel = select(eq(columns(height, width), t), column(kept, width), panel)
    return panel, select(eq(iota(int64, (width,), 0), t), tau, taus)


def _triangle(v: Array, taus: Array) -> Array:
    """T, upper triangular, with H_1 H_2 .. = I - V T Vᵀ: column k is -τ_k T Vᵀ v_k above the diagonal, then τ_k."""
    width = v.shape[1]
    products = matmul(turned(v), v)
    places = iota(int64, (width,), 0)

    def step(k: Array, t: Array) -> Array:
        tau = entry(taus, k)
        above = select(lt(places, k), column_at(products, k), number(0, v))
        values = select(eq(places, k), tau, neg(mul(matmul(t, above), tau)))
        return select(eq(columns(width, width), k), column(values, width), t)

    return fori_loop(0, width, step, zeros(ArrayType(v.dtype, (width, width))))
