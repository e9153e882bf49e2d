"""Decompositions of one matrix with their derivatives, each a formula of products by matrices known beforehand.

A tangent meets only contractions (with inverses of triangles, or eigenvectors), so every rule is transposed by the
transposes of contractions; a second derivative differentiates the inverses by their own rules.
"""

from __future__ import annotations

from typing import Any

from tianyuan.array import Array
from tianyuan.custom_rules import custom_jvp
from tianyuan.decompositions import factoring, jacobi, orthogonal
from tianyuan.decompositions.matrices import (
    below,
    column,
    columns,
    diagonal,
    eye,
    lower,
    row,
    rows,
    turned,
    unit,
    upper,
)
from tianyuan.errors import NoRuleError
from tianyuan.functions.contraction import matmul
from tianyuan.prims.linear import concatenate, reduce_sum, slice_axis
from tianyuan.prims.pointwise.arithmetic import add, mul, neg
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.elementary import log
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.pointwise.signs import abs, sign
from tianyuan.prims.reduction import reduce_prod, reduce_xor

Pair = tuple[Any, Any]


def product(*xs: Array) -> Array:
    """The matrix product, from left to right."""
    total = xs[0]
    for x in xs[1:]:
        total = matmul(total, x)
    return total


# ---- triangles and systems

triangular_solve = custom_jvp(
    lambda is_lower, ones, a, b: factoring.triangular_solve(a, b, is_lower, ones), nondiff_argnums=(0, 1)
)
triangular_solve.__name__ = "triangular_solve"


@triangular_solve.defjvp
def _triangular_solve_rule(is_lower: bool, ones: bool, primals: Pair, tangents: Pair) -> tuple[Array, Array]:
    """dx = a⁻¹ (db - da x), da within the triangle that is read."""
    (a, b), (da, db) = primals, tangents
    x = triangular_solve(is_lower, ones, a, b)
    inverse = triangular_solve(is_lower, ones, a, unit(a))
    read = lower(da) if is_lower else upper(da)
    read = sub(read, mul(read, unit(a))) if ones else read
    return x, product(inverse, sub(db, product(read, x)))


@custom_jvp
def solve(a: Array, b: Array) -> Array:
    """a⁻¹ b by LU; where a is singular, inf and NaN."""
    return factoring.lu_solve(*factoring.lu(a), b)


@solve.defjvp
def _solve_rule(primals: Pair, tangents: Pair) -> tuple[Array, Array]:
    """dx = a⁻¹ (db - da x)."""
    (a, b), (da, db) = primals, tangents
    x = solve(a, b)
    return x, product(inverse(a), sub(db, product(da, x)))


def inverse(a: Array) -> Array:
    """a⁻¹, by LU."""
    return solve(a, unit(a))


# ---- factors


@custom_jvp
def cholesky(a: Array) -> Array:
    """L with L Lᵀ = a."""
    return factoring.cholesky(a)


@cholesky.defjvp
def _cholesky_rule(primals: Any, tangents: Any) -> tuple[Array, Array]:
    """dL = L Φ(L⁻¹ da L⁻ᵀ), Φ the lower triangle with half the diagonal [Murray2016]."""
    (a,), (da,) = primals, tangents
    factor = cholesky(a)
    one = unit(a)
    left = triangular_solve(True, False, factor, one)
    inner = product(left, add(lower(da), turned(below(da))), turned(left))
    phi = mul(lower(inner), sub(_filled(1, inner), mul(one, number(0.5, one))))
    return factor, product(factor, phi)


def _filled(value: float, like: Array) -> Array:
    return select(eq(rows(*like.shape), rows(*like.shape)), number(value, like), number(value, like))


@custom_jvp
def lu(a: Array) -> tuple[Array, Array, Array]:
    """L [m, k], U [k, n] and the order of the rows."""
    packed, order = factoring.lu(a)
    k = min(a.shape)
    left = slice_axis(packed, 1, 0, k)
    return add(below(left), unit(left)), upper(slice_axis(packed, 0, 0, k)), order


@lu.defjvp
def _lu_rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """With F = L⁻¹ (P da) U⁻¹: dL = L·low(F), dU = up(F)·U, low without and up with the diagonal."""
    (a,), (da,) = primals, tangents
    if a.shape[0] != a.shape[1]:
        raise NoRuleError(f"lu has a derivative for square matrices, got {a.type}")
    left, right, order = lu(a)
    one = unit(a)
    inner = product(
        triangular_solve(True, True, left, one),
        factoring.taken(da, order),
        triangular_solve(False, False, right, one),
    )
    return (left, right, order), (
        product(left, below(inner)),
        product(upper(inner), right),
        mul(order, number(0, order)),
    )


qr = custom_jvp(lambda wide, a: orthogonal.qr(a, wide), nondiff_argnums=(0,))
qr.__name__ = "qr"


@qr.defjvp
def _qr_rule(wide: bool, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """dQ = Q Ω + (I - Q Qᵀ) da R⁻¹, Ω the antisymmetric matrix with the lower triangle of S = Qᵀ da R⁻¹, and
    dR = (S - Ω) R [Walter2012]; the columns after the first m of a wide matrix follow from R = Qᵀ a."""
    (a,), (da,) = primals, tangents
    m, n = a.shape
    if wide and m > n:
        raise NoRuleError('qr has a derivative in mode "reduced", got mode "complete" for a tall matrix')
    q, r = qr(wide, a)
    k = min(m, n)
    first, square = slice_axis(da, 1, 0, k), slice_axis(r, 1, 0, k)
    right = product(first, triangular_solve(False, False, square, eye(k, k, a.dtype)))
    s = product(turned(q), right)
    low = below(s)
    omega = sub(low, turned(low))
    dq = add(product(q, sub(omega, s)), right)
    dr = upper(product(sub(s, omega), square))
    if n > m:
        rest, last = slice_axis(da, 1, m, n), slice_axis(a, 1, m, n)
        dr = concatenate(dr, add(product(turned(q), rest), product(turned(dq), last)), axis=1)
    return (q, r), (dq, dr)


# ---- determinants


@custom_jvp
def det(a: Array) -> Array:
    """The product of the pivots, with the sign of their order."""
    packed, order = factoring.lu(a)
    return mul(reduce_prod(diagonal(packed), (0,)), factoring.parity(order, a.dtype))


@det.defjvp
def _det_rule(primals: Any, tangents: Any) -> tuple[Array, Array]:
    """sum(cofactors · da); they are det(U Vᵀ) U diag(Π_{j≠i} s_j) Vᵀ of the singular values, so also of singular a."""
    (a,), (da,) = primals, tangents
    u, s, vt = svd(False, a)
    n = s.shape[0]
    others = select(eq(rows(n, n), columns(n, n)), number(1, s), row(s, n))
    turn = mul(det(u), det(vt))
    cofactors = mul(product(mul(u, row(reduce_prod(others, (1,)), n)), vt), turn)
    return det(a), reduce_sum(mul(da, cofactors), (0, 1))


@custom_jvp
def slogdet(a: Array) -> tuple[Array, Array]:
    """The sign of the determinant, and the logarithm of its size: 0 and -inf of a singular matrix."""
    packed, order = factoring.lu(a)
    pivots = diagonal(packed)
    negative = reduce_xor(sign(pivots) < 0, (0,))
    size = reduce_sum(log(abs(pivots)), (0,))
    one = factoring.parity(order, a.dtype)
    flat = eq(size, number(-float("inf"), size))
    return select(flat, number(0, one), select(negative, neg(one), one)), size


@slogdet.defjvp
def _slogdet_rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """tr(a⁻¹ da)."""
    (a,), (da,) = primals, tangents
    turn, size = slogdet(a)
    return (turn, size), (mul(turn, number(0, turn)), reduce_sum(mul(turned(inverse(a)), da), (0, 1)))


# ---- eigenvalues and singular values


def _inverse_gaps(values: Array) -> Array:
    """1/(x_j - x_i), 0 where they are equal: what does not depend on the gauge does not meet those."""
    n = values.shape[0]
    gaps = sub(row(values, n), column(values, n))
    same = eq(gaps, number(0, gaps))
    return select(same, number(0, gaps), div(number(1, gaps), select(same, _filled(1, gaps), gaps)))


@custom_jvp
def eigh(a: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a symmetric matrix."""
    return jacobi.eigh(a)


@eigh.defjvp
def _eigh_rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """dw = diag(Vᵀ da V), dV = V (E ∘ Vᵀ da V), E_ij = 1/(w_j - w_i) [Giles2008]."""
    (a,), (da,) = primals, tangents
    w, v = eigh(a)
    inner = product(turned(v), add(lower(da), turned(below(da))), v)
    return (w, v), (diagonal(inner), product(v, mul(inner, _inverse_gaps(w))))


svd = custom_jvp(lambda full, a: jacobi.svd(a, full), nondiff_argnums=(0,))
svd.__name__ = "svd"


@svd.defjvp
def _svd_rule(full: bool, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """With P = Uᵀ da V, its halves A = (P + Pᵀ)/2 and B = (P - Pᵀ)/2: ds = diag P, and Uᵀ dU, Vᵀ dV are
    A ∘ 1/(s_j - s_i) ± B ∘ 1/(s_j + s_i); what leaves the space of U is (I - U Uᵀ) da V / s, likewise for V.
    A gap, or a sum, of 0 counts as infinite."""
    (a,), (da,) = primals, tangents
    m, n = a.shape
    if full and m != n:
        raise NoRuleError("svd has a derivative with full_matrices=False, got True for a matrix that is not square")
    u, s, vt = svd(False, a)
    k = s.shape[0]
    p = product(turned(u), da, turned(vt))
    half = number(0.5, p)
    even, odd = mul(add(p, turned(p)), half), mul(sub(p, turned(p)), half)
    even = mul(even, _inverse_gaps(s))
    odd = mul(odd, _safe_inverse(add(row(s, k), column(s, k))))
    du = product(u, add(even, odd))
    dv = product(turned(vt), sub(even, odd))
    over = _safe_inverse(s)
    if m > k:
        outside = product(da, turned(vt))
        du = add(du, mul(sub(outside, product(u, p)), row(over, m)))
    if n > k:
        outside = product(turned(da), u)
        dv = add(dv, mul(sub(outside, product(turned(vt), turned(p))), row(over, n)))
    return (u, s, vt), (du, diagonal(p), turned(dv))


def _safe_inverse(x: Array) -> Array:
    zero = eq(x, number(0, x))
    one = select(eq(x, x), number(1, x), number(1, x))
    return select(zero, number(0, x), div(number(1, x), select(zero, one, x)))


@custom_jvp
def polar(a: Array) -> tuple[Array, Array]:
    """U and P with a = U P."""
    u, s, vt = jacobi.svd(a)
    return product(u, vt), product(mul(turned(vt), row(s, vt.shape[1])), vt)


@polar.defjvp
def _polar_rule(primals: Any, tangents: Any) -> tuple[Any, Any]:
    """dU = W (B ∘ 2/(s_i + s_j)) Vᵀ and what leaves the spaces of W and V, over s; dP = dUᵀ a + Uᵀ da. No gaps."""
    (a,), (da,) = primals, tangents
    w, s, vt = svd(False, a)
    u, p = polar(a)
    k, over = s.shape[0], _safe_inverse(s)
    inner = product(turned(w), da, turned(vt))
    turn = mul(sub(inner, turned(inner)), _safe_inverse(add(row(s, k), column(s, k))))
    du = product(w, turn, vt)
    if a.shape[0] > k:
        outside = product(da, turned(vt))
        du = add(du, product(mul(sub(outside, product(w, inner)), row(over, a.shape[0])), vt))
    if a.shape[1] > k:
        outside = product(turned(w), da)
        du = add(du, product(w, mul(sub(outside, product(inner, vt)), column(over, a.shape[1]))))
    return (u, p), (du, add(product(turned(du), a), product(turned(u), da)))


# ---- the pseudo-inverse


@custom_jvp
def pinv(a: Array, cut: Array) -> Array:
    """V diag(1/s) Uᵀ over the singular values above ``cut`` times the largest."""
    u, s, vt = jacobi.svd(a)
    if not s.shape[0]:
        return turned(a)
    kept = s > mul(slice_axis(s, 0, 0, 1)[0], cut)
    over = select(kept, _safe_inverse(s), number(0, s))
    return product(mul(turned(vt), row(over, vt.shape[1])), turned(u))


@pinv.defjvp
def _pinv_rule(primals: Pair, tangents: Pair) -> tuple[Array, Array]:
    """dP = -P da P + P Pᵀ daᵀ (I - a P) + (I - P a) daᵀ Pᵀ P, at constant rank [Golub1973]."""
    (a, cut), (da, _) = primals, tangents
    m, n = a.shape
    p = pinv(a, cut)
    one, two = eye(m, m, a.dtype), eye(n, n, a.dtype)
    first = product(p, da, p)
    second = product(product(p, turned(p)), turned(da), sub(one, product(a, p)))
    third = product(sub(two, product(p, a)), turned(da), product(turned(p), p))
    return p, add(sub(second, first), third)
