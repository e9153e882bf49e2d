"""Functions of matrices, and iterations: expm, sqrtm, polar, block_diag, toeplitz, cg, gmres."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tianyuan.array import Array
from tianyuan.composing import composed
from tianyuan.control import fori_loop, while_loop
from tianyuan.custom_rules import stop_gradient
from tianyuan.decompositions import rules
from tianyuan.decompositions.matrices import index, matrix, stacked, unit
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.contraction import matmul, vdot
from tianyuan.functions.creation import asarray
from tianyuan.functions.elementwise import abs as modulus
from tianyuan.functions.elementwise import ceil, log2, maximum, sqrt, where
from tianyuan.functions.manipulation import concat, matrix_transpose
from tianyuan.functions.operands import promoted
from tianyuan.functions.statistics import max as largest
from tianyuan.functions.statistics import sum as total
from tianyuan.indexing import take
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import pad
from tianyuan.prims.pointwise.base import number
from tianyuan.types import float64, int64

PADE = {  # [Higham2005, table 2.3]: half the coefficients' degree, their numerator, and the norm up to which it serves
    float64: ((64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
               10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0,
               1.0), 5.371920351148152),
}  # fmt: skip
PADE_SINGLE = ((17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0), 3.925724783138660)


def expm(x: Any, /) -> Array:
    """The exponential of matrices [..., n, n]: a Padé approximant of degree 13 (f32: 7) of x/2^s, squared s times
    [Higham2005], s the least that brings the 1-norm into its range."""
    return _expm(matrix("expm", x, square=True))


_expm = composed(lambda x: stacked(_exponential, x))


def _exponential(a: Array) -> Array:
    if not a.shape[0]:
        return a
    coefficients, bound = PADE.get(a.dtype, PADE_SINGLE)
    size = stop_gradient(largest(total(modulus(a), axis=0)))
    times = maximum(ceil(log2(size / bound)), number(0, size))
    times = where(size > bound, times, number(0, size))
    a = a * number(0.5, a) ** times
    square, one = matmul(a, a), unit(a)
    even, odd, power = one * coefficients[0], one * coefficients[1], one
    for k in range(2, len(coefficients), 2):
        power = matmul(power, square)
        even = even + power * coefficients[k] if k < len(coefficients) else even
        odd = odd + power * coefficients[k + 1]
    odd = matmul(a, odd)
    return fori_loop(0, convert(times, int64), lambda _, y: matmul(y, y), rules.solve(even - odd, even + odd))


def sqrtm(x: Any, /) -> Array:
    """The principal square root of matrices [..., n, n] without eigenvalues on the closed negative real axis.

    By the product form of the iteration of Denman and Beavers [Higham2008, eq. 6.29]; NaN where it does not settle.
    """
    return _sqrtm(matrix("sqrtm", x, square=True))


_sqrtm = composed(lambda x: stacked(_square_root, x))
ITERATIONS = 60


def _square_root(a: Array) -> Array:
    if not a.shape[0]:
        return a
    one = unit(a)
    limit = number(float(np.finfo(a.dtype.numpy).eps) * 4 * a.shape[0], a)

    def far(state: tuple[Array, Array, Array]) -> Array:
        return (state[0] < ITERATIONS) & (largest(modulus(state[1] - one)) > limit)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        k, m, x = state
        inverse = rules.inverse(m)
        half = number(0.5, a)
        return k + 1, (one + (m + inverse) * half) * half, matmul(x, one + inverse) * half

    _, m, x = while_loop(far, step, (index(0), a, a))
    return where(largest(modulus(m - one)) > limit, number(float("nan"), a), x)


def polar(x: Any, /, *, side: str = "right") -> tuple[Array, Array]:
    """U with orthonormal columns (or rows) and P positive semidefinite, x = U P ("left": x = P U), by the SVD.

    The derivative needs no gaps between singular values, only that two of them do not add to 0.
    """
    if side not in ("right", "left"):
        raise ArrayTypeError(f"polar: side must be 'right' or 'left', got {side!r}")
    x = matrix("polar", x)
    if side == "right":
        return _polar(x)
    unitary, p = _polar(matrix_transpose(x))
    return matrix_transpose(unitary), p


_polar = composed(lambda x: stacked(rules.polar, x))


def block_diag(*xs: Any) -> Array:
    """The matrix with the given ones along its diagonal, zeros elsewhere."""
    blocks = promoted("block_diag", *xs)
    if any(b.ndim != 2 for b in blocks):
        raise ShapeError(f"block_diag takes matrices, got {', '.join(str(b.type) for b in blocks)}")
    width, before, bands = sum(b.shape[1] for b in blocks), 0, list[Array]()
    for b in blocks:
        bands.append(pad(b, number(0, b), (0, before), (0, width - before - b.shape[1])))
        before += b.shape[1]
    return concat(bands, axis=0)


def toeplitz(c: Any, r: Any = None, /) -> Array:
    """The matrix with first column c and constant diagonals; its first row is r (None: c) but for the corner."""
    first, across = promoted("toeplitz", c, c if r is None else r)
    if first.ndim != 1 or across.ndim != 1:
        raise ShapeError(f"toeplitz takes vectors, got {first.type} and {across.type}")
    m, n = first.shape[0], across.shape[0]
    both = concat([first[::-1], across[1:]])
    return take(both, asarray(m - 1 + np.arange(n)[None, :] - np.arange(m)[:, None]))


# ---- iterations

Operator = Callable[[Array], Array]


def _operator(a: Any) -> Operator:
    if callable(a):
        return cast(Operator, a)
    left = asarray(a)
    return lambda x: matmul(left, x)


def cg(A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, maxiter: int | None = None) -> tuple[Array, Array]:
    """x with A x = b for symmetric positive definite A, a matrix or a function of a vector, by conjugate gradients
    [Golub2013, section 11.3], and the number of steps.

    Stops when ‖b - A x‖ ≤ tol·‖b‖ or after ``maxiter`` steps (None: 10·n). Differentiable as the loop it is.
    """
    apply, b = _operator(A), asarray(b)
    x = b * 0 if x0 is None else convert(asarray(x0), b.dtype)
    limit = stop_gradient(vdot(b, b)) * (tol * tol)
    most = 10 * b.size if maxiter is None else maxiter
    r = b - apply(x)

    def unfinished(state: Any) -> Array:
        k, _, _, _, size = state
        return (k < most) & (size > limit)

    def step(state: Any) -> Any:
        k, x, r, p, size = state
        q = apply(p)
        alpha = size / vdot(p, q)
        x, r = x + alpha * p, r - alpha * q
        new = vdot(r, r)
        return k + 1, x, r, r + (new / size) * p, new

    k, x, *_ = while_loop(unfinished, step, (index(0), x, r, r, vdot(r, r)))
    return x, k


def gmres(
    A: Any, b: Any, x0: Any = None, *, tol: float = 1e-5, restart: int = 20, maxiter: int | None = None
) -> tuple[Array, Array]:
    """x with A x = b for any A, a matrix or a function of a vector, by GMRES [Saad1986] restarted every ``restart``
    steps, each cycle a least-squares problem in an orthonormal Krylov basis (two passes of Gram-Schmidt), and the
    number of cycles.

    Stops when ‖b - A x‖ ≤ tol·‖b‖ or after ``maxiter`` cycles (None: 10·n).
    """
    apply, b = _operator(A), asarray(b)
    n = b.size
    width = min(restart, n)
    x = b * 0 if x0 is None else convert(asarray(x0), b.dtype)
    limit = stop_gradient(sqrt(vdot(b, b))) * tol
    most = 10 * n if maxiter is None else maxiter
    tiny = number(float(np.finfo(b.dtype.numpy).tiny), b)

    def cycle(x: Array) -> Array:
        r = b - apply(x)
        first = r / maximum(sqrt(vdot(r, r)), tiny)
        basis = pad(first[None, :], number(0, b), (0, 0), (width, 0))

        def grow(k: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            basis, images = state
            image = apply(take(basis, k, axis=0))
            w = image
            for _ in range(2):
                w = w - matmul(matmul(basis, w), basis)
            size = sqrt(vdot(w, w))
            lost = size <= sqrt(vdot(image, image)) * (4 * n * float(np.finfo(b.dtype.numpy).eps))
            w = where(lost, number(0, w), w / where(lost, number(1, size), size))
            return basis.at[k + 1].set(w), images.at[k].set(image)

        basis, images = fori_loop(0, width, grow, (basis, basis[:width] * 0))
        y = matmul(rules.pinv(images.T, number(n * float(np.finfo(b.dtype.numpy).eps), b)), r)
        return x + matmul(y, basis[:width])

    def unfinished(state: tuple[Array, Array]) -> Array:
        k, x = state
        r = b - apply(x)
        return (k < most) & (sqrt(vdot(r, r)) > limit)

    k, x = while_loop(unfinished, lambda state: (state[0] + 1, cycle(state[1])), (index(0), x))
    return x, k
