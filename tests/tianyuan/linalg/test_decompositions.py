"""Decompositions: values, orders to the bit, bits in all forms, derivatives, degenerate and bad input."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg  # pyright: ignore[reportMissingTypeStubs]

import tianyuan as ty

SCIPY: Any = scipy.linalg
L: Any = ty.linalg


def normal(*shape: int, dtype: str = "float64") -> Any:
    """Normal numbers, the same in every run."""
    return np.random.default_rng(sum(shape) + 11).normal(size=shape).astype(dtype)


def definite(*shape: int, dtype: str = "float64") -> Any:
    """Symmetric positive definite matrices."""
    a = normal(*shape, dtype=dtype)
    return (a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])).astype(dtype)


def bits(tree: Any) -> list[bytes]:
    """The bytes of every array of a result."""
    return [np.asarray(x).tobytes() for x in ty.tree.leaves(tree)]


def gap(expected: Any, actual: Any) -> float:
    """The largest difference, relative to the largest value, in units of rounding."""
    actual = np.asarray(actual)
    assert np.shape(expected) == actual.shape
    scale = float(np.max(np.abs(expected), initial=1e-30))
    return float(np.max(np.abs(expected - actual), initial=0)) / (scale * float(np.finfo(actual.dtype).eps))


SIZES = [1, 2, 7, 33]
SHAPES = [(7, 3), (1, 5), (5, 1), (40, 33), (33, 40)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", SIZES)
def test_factors_of_square_matrices(n: int, dtype: str) -> None:
    """Cholesky, LU, QR, eigh and svd give the matrix back, with factors of their shape, as precisely as LAPACK."""
    a, s = normal(n, n, dtype=dtype), definite(n, n, dtype=dtype)
    c = np.asarray(L.cholesky(s))
    p, low, up = (np.asarray(x) for x in L.lu(a))
    q, r = (np.asarray(x) for x in L.qr(a))
    w, v = (np.asarray(x) for x in L.eigh(s))
    u, d, vt = (np.asarray(x) for x in L.svd(a))
    one = np.eye(n)
    gaps = {
        "cholesky": gap(np.linalg.cholesky(s), c),
        "lu": gap(a, p @ low @ up),
        "qr": gap(a, q @ r) + gap(one, q.T @ q),
        "eigh": gap(s, (v * w) @ v.T) + gap(one, v.T @ v),
        "svd": gap(a, (u * d) @ vt) + gap(one, u.T @ u) + gap(one, vt @ vt.T),
        "values": gap(np.linalg.svd(a)[1], d) + gap(np.linalg.eigvalsh(s), w),
    }

    assert {k: g for k, g in gaps.items() if g > 20 + 6 * n} == {}
    assert bool((np.triu(c, 1) == 0).all() and (np.tril(r, -1) == 0).all() and (np.diff(w) >= 0).all())
    assert bool((np.diff(d) <= 0).all() and (np.abs(low) <= 1).all())


@pytest.mark.parametrize("shape", SHAPES)
def test_factors_of_rectangles(shape: tuple[int, int]) -> None:
    """QR, LU, svd and pinv of tall and wide matrices have the shapes and products of NumPy's."""
    a, (m, n) = normal(*shape), shape
    for mode in ("reduced", "complete"):
        expected = np.linalg.qr(a, mode=mode)
        q, r = L.qr(a, mode=mode)
        assert [x.shape for x in expected] == [q.shape, r.shape]
        assert gap(a, q @ r) < 100 + 6 * n
        assert gap(np.abs(expected[1]), np.abs(np.asarray(r))) < 500 + 50 * n
    for full in (False, True):
        u, d, vt = L.svd(a, full_matrices=full)
        k = d.shape[0]
        assert [x.shape for x in np.linalg.svd(a, full_matrices=full)] == [u.shape, d.shape, vt.shape]
        assert gap(a, (u[:, :k] * d) @ vt[:k]) < 100 + 6 * n
        assert gap(np.eye(u.shape[1]), np.asarray(u.T @ u)) < 100
    p, low, up = (np.asarray(x) for x in L.lu(a))

    assert gap(a, p @ low @ up) < 20 + m + n
    assert gap(np.linalg.pinv(a), L.pinv(a)) < 5000


def chain_lu(a: Any) -> Any:
    """LU as docs/numerics.md defines it, element by element, in longdouble products rounded once."""
    a = a.copy()
    n = len(a)
    order = np.arange(n)
    for k in range(n):
        p = k + int(np.argmax(np.abs(a[k:, k])))
        a[[k, p]], order[[k, p]] = a[[p, k]], order[[p, k]]
        a[k + 1 :, k] /= a[k, k]
        for i in range(k + 1, n):  # f32: the product is exact in f64, and the sum of longdoubles rounds once
            exact = a[i, k + 1 :].astype(np.longdouble) - np.longdouble(a[i, k]) * a[k, k + 1 :].astype(np.longdouble)
            a[i, k + 1 :] = exact.astype(np.float32)
    return a, order


@pytest.mark.parametrize("n", [37, 150])
def test_lu_is_a_chain(n: int) -> None:
    """Every element of LU is one chain of fma, k increasing, over panels and halves too: bits of a plain loop."""
    a = normal(n, n, dtype="float32")
    packed, order = chain_lu(a)

    assert [packed.tobytes(), order.tobytes()] == bits(L.lu_factor(a))


def test_cholesky_is_a_chain() -> None:
    """So is every element of a Cholesky factor."""
    a = definite(140, 140, dtype="float32")
    x = np.tril(a)
    for k in range(140):
        x[k, k] = np.sqrt(x[k, k])
        x[k + 1 :, k] /= x[k, k]
        for i in range(k + 1, 140):
            exact = x[i, k + 1 :].astype(np.longdouble) - np.longdouble(x[i, k]) * x[k + 1 :, k].astype(np.longdouble)
            x[i, k + 1 :] = exact.astype(np.float32)

    assert [np.tril(x).tobytes()] == bits(L.cholesky(a))


def test_triangular_solve_is_a_chain() -> None:
    """Each unknown is one chain of fma and one division, in the order of elimination."""
    a, b = np.tril(normal(35, 35, dtype="float32")) + 5 * np.eye(35, dtype="float32"), normal(35, 2, dtype="float32")
    x = b.copy()
    for k in range(35):
        x[k] /= a[k, k]
        for i in range(k + 1, 35):
            x[i] = (x[i].astype(np.longdouble) - np.longdouble(a[i, k]) * x[k].astype(np.longdouble)).astype(np.float32)

    assert [x.tobytes()] == bits(L.solve_triangular(a, b, lower=True))
    assert [x[::-1].tobytes()] == bits(L.solve_triangular(a[::-1, ::-1].copy(), b[::-1].copy()))


FUNCTIONS: dict[str, tuple[Callable[..., Any], Any]] = {
    "cholesky": (L.cholesky, definite(3, 5, 5)),
    "qr": (L.qr, normal(3, 5, 4)),
    "lu": (L.lu, normal(3, 5, 5)),
    "eigh": (L.eigh, definite(3, 5, 5)),
    "svd": (lambda x: L.svd(x, full_matrices=False), normal(3, 4, 5)),
    "det": (L.det, normal(3, 5, 5)),
    "slogdet": (L.slogdet, normal(3, 5, 5)),
    "inv": (L.inv, normal(3, 5, 5)),
    "pinv": (L.pinv, normal(3, 5, 3)),
    "expm": (L.expm, normal(3, 4, 4)),
    "sqrtm": (L.sqrtm, definite(3, 4, 4)),
    "polar": (L.polar, normal(3, 4, 3)),
    "solve": (lambda a: L.solve(a, a[..., :2]), definite(3, 5, 5)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_bits_in_all_forms(name: str) -> None:
    """Eager, jitted, mapped and looped: the same bits."""
    f, x = FUNCTIONS[name]
    x = ty.asarray(x)
    looped = [f(x[i]) for i in range(len(x))]
    stacked = bits(ty.tree.map(lambda *ys: ty.stack(ys), *looped))

    assert stacked == bits(f(x))
    assert stacked == bits(ty.jit(f)(x))
    assert stacked == bits(ty.vmap(f)(x))


def gauge_free(f: Callable[..., Any]) -> Callable[..., Any]:
    """A scalar of a function's results that no sign of a vector changes."""

    def loss(*xs: Any) -> Any:
        outs = [y for y in ty.tree.leaves(f(*xs)) if y.dtype.kind == "f"]
        return sum(ty.sum(ty.sin(y * y * (1 + 0.3 * i))) for i, y in enumerate(outs))

    return loss


DERIVATIVES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    **{k: (f, (x[0],)) for k, (f, x) in FUNCTIONS.items()},
    "qr wide": (L.qr, (normal(3, 5),)),
    "svd tall": (lambda x: L.svd(x, full_matrices=False), (normal(6, 3),)),
    "solve both": (L.solve, (normal(4, 4), normal(4, 2))),
    "triangular": (lambda a, b: L.solve_triangular(a, b, lower=True), (definite(4, 4), normal(4, 2))),
    "transposed": (lambda a, b: L.solve_triangular(a, b, trans="T", unit_diagonal=True), (normal(4, 4), normal(4))),
    "cho_solve": (lambda a, b: L.cho_solve(L.cho_factor(a), b), (definite(4, 4), normal(4))),
    "lstsq": (lambda a, b: L.lstsq(a, b)[0], (normal(5, 3), normal(5))),
    "cond": (L.cond, (normal(4, 4),)),
    "polar of equal values": (L.polar, (np.eye(3),)),
    "det of a singular matrix": (lambda a: L.det(a) + 1, (np.outer([1.0, 2, 3], [2.0, -1, 1]) + np.diag([0, 0, 1.0]),)),
    "scaled expm": (lambda a: L.expm(a) * 100, (np.tril(normal(3, 3)) * 6 - 12 * np.eye(3),)),
    "cg": (
        lambda a, b: L.cg(a @ ty.matrix_transpose(a) + 4 * ty.eye(4, dtype=ty.float64), b, tol=1e-14)[0],
        (normal(4, 4), normal(4)),
    ),
    "gmres": (lambda a, b: L.gmres(a, b, tol=1e-10)[0], (definite(4, 4), normal(4))),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives(name: str) -> None:
    """jvp agrees with a difference quotient, and grad with jvp."""
    f, xs = DERIVATIVES[name]
    loss = gauge_free(f)
    primals = [ty.asarray(x) for x in xs]
    tangents = [ty.asarray(normal(*x.shape, 1)[..., 0]) for x in xs]
    step = 1e-5
    ends = [loss(*(x + e * d for x, d in zip(primals, tangents, strict=True))) for e in (step, -step)]
    quotient = (float(ends[0]) - float(ends[1])) / (2 * step)
    slope = float(ty.jvp(loss, tuple(primals), tuple(tangents))[1])
    gradients = ty.grad(loss, argnums=tuple(range(len(xs))))(*primals)
    paired = sum(float(ty.sum(g * d)) for g, d in zip(gradients, tangents, strict=True))

    assert abs(slope - quotient) <= 1e-6 * max(1.0, abs(slope))
    assert abs(slope - paired) <= 1e-10 * max(1.0, abs(slope))


def test_second_derivative() -> None:
    """The Hessian of log det is -(a⁻¹ ⊗ a⁻¹)."""
    a = definite(3, 3)
    inverse: Any = np.linalg.inv(a)  # pyright: ignore[reportUnknownVariableType]
    hessian = ty.hessian(lambda x: L.slogdet(x).logabsdet)(ty.asarray(a))

    assert gap(-np.einsum("li,jk->jilk", inverse, inverse).transpose(0, 1, 2, 3), hessian) < 1e4


def test_values_of_the_rest() -> None:
    """det, inv, solve, expm, sqrtm, polar, toeplitz, block_diag, cond, rank, lstsq, cg, gmres: NumPy's and SciPy's."""
    a, s, b = normal(5, 5), definite(5, 5), normal(5)
    tall = normal(6, 3)
    pairs: dict[str, Any] = {
        "det": (np.linalg.det(a), L.det(a)),
        "slogdet": (np.linalg.slogdet(a)[1], L.slogdet(a).logabsdet),
        "sign": (np.linalg.slogdet(a)[0], L.slogdet(a).sign),
        "inv": (np.linalg.inv(a), L.inv(a)),
        "solve": (np.linalg.solve(a, b), L.solve(a, b)),
        "expm": (SCIPY.expm(a), L.expm(a)),
        "matrix_exp": (SCIPY.expm(a), L.matrix_exp(a)),
        "expm f32": (SCIPY.expm(a.astype("f")), L.expm(a.astype("f"))),
        "sqrtm": (SCIPY.sqrtm(s), L.sqrtm(s)),
        "polar": (SCIPY.polar(tall)[0], L.polar(tall)[0]),
        "left": (SCIPY.polar(tall, side="left")[1], L.polar(tall, side="left")[1]),
        "toeplitz": (SCIPY.toeplitz(b, a[0]), L.toeplitz(b, a[0])),
        "block_diag": (SCIPY.block_diag(a, tall), L.block_diag(a, tall)),
        "cond": (np.linalg.cond(a), L.cond(a)),
        "lstsq": (np.linalg.lstsq(tall, normal(6))[0], L.lstsq(tall, normal(6))[0]),
        "cho_solve": (np.linalg.solve(s, b), L.cho_solve(L.cho_factor(s, lower=True), b)),
        "cg": (np.linalg.solve(s, b), L.cg(s, b, tol=1e-14)[0]),
        "gmres": (np.linalg.solve(a, b), L.gmres(a, b, tol=1e-12)[0]),
        "cg of a function": (np.linalg.solve(s, b), L.cg(lambda x: ty.asarray(s) @ x, b, tol=1e-14)[0]),
    }

    assert {k: gap(*p) for k, p in pairs.items() if not gap(*p) < 4000} == {}
    assert 2 == int(L.matrix_rank(np.outer(b, b) + np.outer(a[0], a[1])))


@pytest.mark.parametrize("ord", [2, -2, "nuc"])
def test_norms_of_singular_values(ord: Any) -> None:
    """The spectral and nuclear norms are NumPy's, of stacks too, and keep axes where asked."""
    a = normal(2, 4, 3)

    assert gap(np.linalg.matrix_norm(a, ord=ord), L.matrix_norm(a, ord=ord)) < 20
    assert (2, 1, 1) == L.matrix_norm(a, ord=ord, keepdims=True).shape
    assert gap(np.linalg.norm(a[0], ord), L.norm(a[0], ord)) < 20
    assert "float16" == str(L.matrix_norm(ty.ones((2, 2), dtype=ty.float16), ord=ord).dtype)


def test_degenerate_matrices() -> None:
    """Singular, indefinite, zero and equal: documented values, and finite gradients where they are defined."""
    singular = ty.asarray([[1.0, 2.0], [2.0, 4.0]], dtype=ty.float64)
    flat = ty.zeros((3, 3), dtype=ty.float64)
    same = ty.eye(3, dtype=ty.float64)

    assert not np.isfinite(np.asarray(L.inv(singular))).any()
    assert [0.0, -np.inf] == [float(x) for x in L.slogdet(singular)]
    assert [[4.0, -2.0], [-2.0, 1.0]] == np.round(ty.grad(L.det)(singular), 12).tolist()  # pyright: ignore[reportUnknownMemberType]
    assert np.isnan(np.asarray(L.cholesky(-same))).all()
    assert [0.0] * 3 == L.svdvals(flat).tolist()
    assert np.eye(3).tolist() == np.asarray(ty.abs(L.svd(flat).U.T @ L.svd(flat).U)).tolist()
    assert np.eye(3).tolist() == ty.grad(lambda x: ty.sum(L.eigvalsh(x)))(same).tolist()
    assert np.eye(3).tolist() == ty.grad(lambda x: ty.sum(L.svdvals(x)))(same).tolist()
    assert np.isnan(np.asarray(L.eigh(same * float("nan")).eigenvalues)).all()


def test_empty_matrices() -> None:
    """No rows, no columns, no matrices."""
    nothing = ty.zeros((0, 0))

    assert [(0, 0)] * 2 == [L.inv(nothing).shape, L.cholesky(nothing).shape]
    assert 1.0 == float(L.det(nothing))
    assert [(3, 0), (0,), (0, 0)] == [x.shape for x in L.svd(ty.zeros((3, 0)), full_matrices=False)]
    assert [(3, 3), (3, 0)] == [x.shape for x in L.qr(ty.zeros((3, 0)), mode="complete")]
    assert (0, 2, 2) == L.inv(ty.zeros((0, 2, 2))).shape
    assert (0, 2) == L.eigvalsh(ty.zeros((0, 2, 2))).shape


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: L.inv(ty.ones((2, 3))), "inv takes square matrices, got f32"),
        (lambda: L.qr(ty.ones(3)), "qr takes matrices"),
        (lambda: L.qr(ty.ones((2, 2)), mode="raw"), "qr: mode must be 'reduced' or 'complete', got 'raw'"),
        (lambda: L.solve(ty.ones((2, 2)), ty.ones(3)), "solve: f32.3. does not fit f32.2,2.; it needs 2 rows"),
        (lambda: L.cholesky(ty.ones((2, 2)) * 1j), "cholesky takes real matrices, got c64"),
        (lambda: L.solve_triangular(ty.ones((2, 2)), ty.ones(2), trans=5), "solve_triangular: trans must be"),
        (lambda: L.polar(ty.ones((2, 2)), side="up"), "polar: side must be 'right' or 'left'"),
        (lambda: L.lstsq(ty.ones((3, 2)), ty.ones(2)), "lstsq takes a"),
        (lambda: L.block_diag(ty.ones(2)), "block_diag takes matrices"),
        (lambda: L.toeplitz(ty.ones((2, 2))), "toeplitz takes vectors"),
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    """A wrong shape, dtype or mode is named."""
    with pytest.raises(ty.ArrayTypeError, match=message):
        call()


def test_missing_derivatives_are_named() -> None:
    """Full factors of rectangles have no derivative; the message says which has."""
    for f, message in [  # pyright: ignore[reportUnknownVariableType]
        (lambda x: L.qr(x, mode="complete").Q, 'mode "reduced"'),
        (lambda x: L.svd(x).U, "full_matrices=False"),
        (lambda x: L.lu(x)[1], "square matrices"),
    ]:
        with pytest.raises(ty.NoRuleError, match=message):
            ty.jvp(f, (ty.ones((4, 2)),), (ty.ones((4, 2)),))
