"""The public functions of linear algebra: stacks of matrices, dtypes, modes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tianyuan.array import Array
from tianyuan.composing import composed
from tianyuan.decompositions import factoring, rules
from tianyuan.decompositions.matrices import matrix, stacked, system
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.contraction import matmul
from tianyuan.functions.creation import asarray
from tianyuan.functions.elementwise import where
from tianyuan.functions.manipulation import matrix_transpose
from tianyuan.functions.statistics import sum as total
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast_to, reshape
from tianyuan.prims.pointwise.base import number
from tianyuan.types import int64


class QRResult(NamedTuple):
    """Q and R."""

    Q: Array
    R: Array


class EighResult(NamedTuple):
    """Eigenvalues, increasing, and eigenvectors, the columns."""

    eigenvalues: Array
    eigenvectors: Array


class SVDResult(NamedTuple):
    """U, the singular values, decreasing, and Vᵀ."""

    U: Array
    S: Array
    Vh: Array


class SlogdetResult(NamedTuple):
    """The sign of the determinant and the logarithm of its size."""

    sign: Array
    logabsdet: Array


def cholesky(x: Any, /, *, upper: bool = False) -> Array:
    """L, lower triangular, with L Lᵀ = x (``upper``: Lᵀ), of symmetric positive definite matrices [..., n, n].

    The lower triangle of x is read (``upper``: the upper one). NaN where x is not positive definite.
    """
    x = matrix("cholesky", x, square=True)
    factor = _cholesky(matrix_transpose(x) if upper else x)
    return matrix_transpose(factor) if upper else factor


_cholesky = composed(lambda x: stacked(rules.cholesky, x))


def qr(x: Any, /, *, mode: str = "reduced") -> QRResult:
    """Q with orthonormal columns and R upper triangular, x = Q R; square Q where ``mode`` is "complete".

    By Householder reflections, signs as LAPACK's. The derivative is of mode "reduced" and full rank.
    """
    if mode not in ("reduced", "complete"):
        raise ArrayTypeError(f"qr: mode must be 'reduced' or 'complete', got {mode!r}")
    return QRResult(*_qr(matrix("qr", x), wide=mode == "complete"))


_qr = composed(lambda x, *, wide: stacked(lambda a: rules.qr(wide, a), x))


def lu(x: Any, /) -> tuple[Array, Array, Array]:
    """P, L, U with x = P L U: a permutation, a unit lower and an upper triangle, by partial pivoting."""
    x = matrix("lu", x)
    left, right, order = _lu(x)
    m = x.shape[-2]
    at = broadcast_to(reshape(order, (*order.shape[:-1], 1, m)), (*x.shape[:-2], m, m))
    places = broadcast_to(reshape(asarray(np.arange(m)), (m, 1)), at.shape)
    return convert(places == at, x.dtype), left, right


_lu = composed(lambda x: stacked(rules.lu, x))


def lu_factor(x: Any, /) -> tuple[Array, Array]:
    """L and U packed in one matrix, and the order of the rows: x[order] = L U."""
    return _packed(matrix("lu_factor", x))


_packed = composed(lambda x: stacked(factoring.lu, x))


def det(x: Any, /) -> Array:
    """The determinants of matrices [..., n, n]. Its derivative holds for singular matrices too."""
    return _det(matrix("det", x, square=True))


_det = composed(lambda x: stacked(rules.det, x))


def slogdet(x: Any, /) -> SlogdetResult:
    """The sign of the determinant, and log of its size: 0 and -inf of a singular matrix."""
    return SlogdetResult(*_slogdet(matrix("slogdet", x, square=True)))


_slogdet = composed(lambda x: stacked(rules.slogdet, x))


def inv(x: Any, /) -> Array:
    """The inverses of matrices [..., n, n], by LU; inf and NaN where x is singular."""
    return _inv(matrix("inv", x, square=True))


_inv = composed(lambda x: stacked(rules.inverse, x))


def solve(x1: Any, x2: Any, /) -> Array:
    """x with x1 x = x2, by LU with partial pivoting; x2 is one vector [n], or matrices [..., n, m].

    inf and NaN where x1 is singular.
    """
    return _as_given(_solve, *system("solve", x1, x2))


_solve = composed(lambda a, b: stacked(rules.solve, a, b))


def _as_given(run: Any, a: Array, b: Array, vector: bool) -> Array:
    x = run(a, b)
    return reshape(x, x.shape[:-1]) if vector else x


def solve_triangular(a: Any, b: Any, /, *, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False) -> Array:
    """x with a x = b from one triangle of a (``trans`` 1 or "T": aᵀ x = b), b a vector or matrices [..., n, m]."""
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ArrayTypeError(f"solve_triangular: trans must be 0, 1, 2, 'N', 'T' or 'C', got {trans!r}")
    left, right, vector = system("solve_triangular", a, b)
    turn = trans not in (0, "N")
    left = matrix_transpose(left) if turn else left
    y = _triangular(left, right, is_lower=bool(lower) != turn, unit=bool(unit_diagonal))
    return reshape(y, y.shape[:-1]) if vector else y


_triangular = composed(
    lambda a, b, *, is_lower, unit: stacked(lambda p, q: rules.triangular_solve(is_lower, unit, p, q), a, b)
)


def cho_factor(a: Any, /, *, lower: bool = False) -> tuple[Array, bool]:
    """A Cholesky factor and whether it is lower, for ``cho_solve``."""
    return cholesky(a, upper=not lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, /) -> Array:
    """x with a x = b, from ``cho_factor(a)``."""
    c, lower = c_and_lower
    y = solve_triangular(c, b, lower=lower, trans=0 if lower else 1)
    return solve_triangular(c, y, lower=lower, trans=1 if lower else 0)


def eigh(x: Any, /) -> EighResult:
    """Eigenvalues, increasing, and eigenvectors of symmetric matrices [..., n, n], whose lower triangle is read.

    By Jacobi's rotations. The sign of an eigenvector is not defined, nor are those of equal eigenvalues. Derivatives
    are finite: what would be divided by a gap of exactly 0 counts as 0. That is right for cotangents that treat equal
    eigenvalues alike (as sums over them do) and do not meet their vectors, and not for others: V g(w) Vᵀ.
    """
    return EighResult(*_eigh(matrix("eigh", x, square=True)))


_eigh = composed(lambda x: stacked(rules.eigh, x))


def eigvalsh(x: Any, /) -> Array:
    """The eigenvalues of symmetric matrices, increasing."""
    return eigh(x).eigenvalues


def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """U, singular values, decreasing, and Vᵀ of matrices [..., m, n]; U and Vᵀ square if ``full_matrices``.

    By one-sided Jacobi rotations. Derivatives are of ``full_matrices=False`` (or square matrices); equal values as in
    ``eigh``: U Vᵀ has the right derivative there, U g(s) Vᵀ has not.
    """
    return SVDResult(*_svd(matrix("svd", x), full=bool(full_matrices)))


_svd = composed(lambda x, *, full: stacked(lambda a: rules.svd(full, a), x))


def svdvals(x: Any, /) -> Array:
    """The singular values of matrices, decreasing."""
    return svd(x, full_matrices=False).S


def _cut(x: Array, rtol: Any) -> Array:
    """The relative size below which a singular value counts as 0: by default max(m, n)·ε."""
    if rtol is None:
        return number(max(x.shape[-2:]) * float(np.finfo(x.dtype.numpy).eps), x)
    return convert(asarray(rtol), x.dtype)


def pinv(x: Any, /, *, rtol: Any = None) -> Array:
    """The pseudo-inverse; singular values up to ``rtol`` times the largest count as 0 (default: max(m, n)·ε)."""
    x = matrix("pinv", x)
    return _pinv(x, broadcast_to(_cut(x, rtol), x.shape[:-2]))


def _pinv_of(x: Array, cut: Array) -> Array:
    if x.ndim == 2:
        return rules.pinv(x, cut)
    spread = broadcast_to(reshape(cut, (*cut.shape, 1, 1)), (*cut.shape, 1, 1))
    return stacked(lambda a, c: rules.pinv(a, reshape(c, ())), x, spread)


_pinv = composed(_pinv_of)


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Array:
    """How many singular values are above ``rtol`` times the largest (default: max(m, n)·ε), i64."""
    x = matrix("matrix_rank", x)
    if not min(x.shape[-2:]):
        return broadcast_to(asarray(0), x.shape[:-2])
    s = svdvals(x)
    cut = _cut(x, rtol)
    cut = reshape(cut, (*cut.shape, 1)) if cut.ndim else cut
    return total(convert(s > s[..., :1] * cut, int64), axis=-1)


def lstsq(a: Any, b: Any, /, *, rtol: Any = None) -> tuple[Array, Array, Array, Array]:
    """The shortest x that makes ‖a x - b‖ least, the sums of squares left, the rank of a, its singular values.

    a is one matrix [m, n], b [m] or [m, k].
    """
    left = matrix("lstsq", a)
    right = convert(asarray(b), left.dtype)
    if left.ndim != 2 or right.ndim not in (1, 2) or right.shape[0] != left.shape[0]:
        raise ShapeError(f"lstsq takes a [m, n] and b [m] or [m, k], got {left.type} and {right.type}")
    x = matmul(pinv(left, rtol=rtol), right)
    rest = matmul(left, x) - right
    return x, total(rest * rest, axis=0), matrix_rank(left, rtol=rtol), svdvals(left)


def cond(x: Any, /) -> Array:
    """The largest singular value over the smallest: inf of a singular matrix."""
    s = svdvals(x)
    if not s.shape[-1]:
        raise ShapeError("cond takes matrices with elements")
    return where(s[..., -1] == 0, number(float("inf"), s), s[..., 0] / where(s[..., -1] == 0, 1, s[..., -1]))
