"""``grad`` and its kin: arguments, auxiliary results, complex and integer inputs, and what they refuse."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty


def f(w: Any, x: Any) -> Any:
    """A scalar of two arguments."""
    return ty.sum(ty.sin(w["a"] * x) + w["b"])


W = {"a": ty.asarray([1.0, 2.0], dtype=ty.float64), "b": ty.asarray(0.5, dtype=ty.float64)}
X = ty.asarray([0.3, -0.7], dtype=ty.float64)


def test_argnums() -> None:
    """One argument, several, negative, and keyword arguments that are not differentiated."""
    dw, dx = ty.grad(f, argnums=(0, 1))(W, X)

    np.testing.assert_allclose(np.asarray(dx), np.asarray(W["a"] * ty.cos(W["a"] * X)), rtol=1e-15)
    assert ty.digest(ty.grad(f)(W, X)) == ty.digest(dw)
    assert ty.digest(ty.grad(f, argnums=-1)(W, X)) == ty.digest(dx)
    assert ty.digest(ty.grad(f)(W, x=X)) == ty.digest(dw)
    assert float(dw["b"]) == 2.0


def test_value_and_auxiliary() -> None:
    """The value beside the gradient; what ``has_aux`` hands through is not differentiated."""
    value, gradient = ty.value_and_grad(f)(W, X)
    (value2, aux), gradient2 = ty.value_and_grad(lambda w: (f(w, X), {"twice": 2 * w["b"], "word": 3}), has_aux=True)(W)

    assert ty.digest((value, gradient)) == ty.digest((value2, gradient2))
    assert float(aux["twice"]) == 1.0
    assert ty.digest(ty.grad(lambda w: (f(w, X), w["b"]), has_aux=True)(W)[0]) == ty.digest(gradient)


def test_complex_convention() -> None:
    """A real function of z = a + bi has the gradient df/da - i df/db; holomorphic ones their derivative."""
    z = ty.asarray(1.5 - 0.5j, dtype=ty.complex128)

    modulus = ty.grad(lambda z: ty.real(z) ** 2 + ty.imag(z) ** 2)(z)
    derivative = ty.grad(ty.exp, holomorphic=True)(z)

    assert complex(modulus) == pytest.approx(2 * (1.5 + 0.5j))
    assert complex(derivative) == pytest.approx(np.exp(1.5 - 0.5j))


def test_integers_have_zero_size_tangents() -> None:
    """Integer and boolean leaves need no fuss beside real ones, and no derivative by themselves."""

    def g(tree: Any) -> Any:
        return ty.sum(tree["x"] * tree["n"])

    tree = {"x": X, "n": ty.asarray([2, 3])}
    by_all = ty.grad(g, allow_int=True)(tree)

    assert np.asarray(by_all["x"]).tolist() == [2.0, 3.0]
    assert by_all["n"].shape == (2,)
    with pytest.raises(ty.TianyuanError, match="allow_int"):
        ty.grad(g)(tree)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ty.grad(lambda x: x)(X), "one number.*sum"),
        (lambda: ty.grad(lambda x: (ty.sum(x), x))(X), "has_aux"),
        (lambda: ty.grad(lambda x: ty.sum(x) * 1j)(X), "holomorphic"),
        (lambda: ty.grad(f, argnums=2)(W, X), "argnums"),
        (lambda: ty.grad(lambda n: ty.sum(n))(ty.arange(3)), "int"),
        (lambda: ty.vjp(ty.sin, X)[1](ty.ones(3)), r"\[3\]"),
        (lambda: ty.jvp(ty.sin, (X,), (ty.ones(3),)), r"\[3\]"),
        (lambda: ty.jvp(ty.sin, (X,), (X, X)), "tangent"),
    ],
    ids=["vector", "tuple", "complex", "argnums", "integers", "cotangent", "tangent", "too many tangents"],
)
def test_refusals(call: Any, words: str) -> None:
    """One readable error that names what is wrong."""
    with pytest.raises((ty.TianyuanError, TypeError, ValueError), match=words):
        call()


def test_vjp_with_auxiliary_and_several_results() -> None:
    """The pullback takes a cotangent of the results' structure."""
    (s, p), pull, aux = ty.vjp(lambda x: ((ty.sum(x), x * x), x[0]), X, has_aux=True)

    (ct,) = pull((ty.asarray(1.0, dtype=ty.float64), ty.ones_like(p)))

    assert np.asarray(ct).tolist() == np.asarray(1.0 + 2 * X).tolist()
    assert float(aux) == float(X[0]) and float(s) == pytest.approx(-0.4)


def test_linearize_and_linear_transpose() -> None:
    """The tangent map is linear and reusable; its transpose is the pullback."""
    matrix = ty.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=ty.float64)
    value, tangent = ty.linearize(lambda x: matrix @ ty.sin(x), X)

    (back,) = ty.linear_transpose(lambda x: matrix @ x, X)(ty.ones(3, dtype=ty.float64))

    assert ty.digest(value) == ty.digest(matrix @ ty.sin(X))
    np.testing.assert_allclose(np.asarray(tangent(2 * X)), 2 * np.asarray(tangent(X)), rtol=1e-15)
    assert np.asarray(back).tolist() == [9.0, 12.0]


@pytest.mark.parametrize(
    ("fun", "name"),
    [(ty.sin, "sin"), (lambda x: x * x, "mul"), (lambda x: x @ x, "dot_general"), (lambda x: 1 / x, "div")],
)
def test_transpose_of_what_is_not_linear(fun: Any, name: str) -> None:
    """The operation that is not is named."""
    like = fun(X)

    with pytest.raises(ty.NoRuleError, match=f"not linear.*{name}"):
        ty.linear_transpose(fun, X)(like)


def test_transpose_through_loops_and_branches() -> None:
    """Linear in the carry, and beside integers and constants."""

    def fun(x: Any) -> Any:
        y = ty.scan(lambda c, a: (c * a, None), x, ty.asarray([2.0, 3.0], dtype=ty.float64))[0]
        return ty.cond(True, lambda v: v[::-1], lambda v: v, y) + 1.0

    (back,) = ty.linear_transpose(fun, X)(ty.asarray([1.0, 10.0], dtype=ty.float64))

    assert np.asarray(back).tolist() == [60.0, 6.0]


def test_hvp_is_hessian_times_vector() -> None:
    """Forward over reverse."""

    def g(x: Any) -> Any:
        return ty.sum(ty.exp(x) * x[::-1] ** 3)

    v = ty.asarray([1.0, -2.0], dtype=ty.float64)

    np.testing.assert_allclose(np.asarray(ty.hvp(g, (X,), (v,))), np.asarray(ty.hessian(g)(X) @ v), rtol=1e-13)


def test_jacobians_of_trees() -> None:
    """Rows of results, columns of arguments, in the structure of both."""

    def g(t: Any) -> Any:
        return {"y": t["p"] * t["q"], "z": ty.sum(t["p"])}

    t = {"p": X, "q": ty.asarray(3.0, dtype=ty.float64)}
    forward, reverse = ty.jacfwd(g)(t), ty.jacrev(g)(t)

    assert ty.digest(forward) == ty.digest(reverse)
    assert forward["y"]["p"].shape == (2, 2) and forward["z"]["q"].shape == ()
    assert np.asarray(forward["y"]["q"]).tolist() == np.asarray(X).tolist()


def test_result_that_does_not_depend_on_the_argument() -> None:
    """A zero of the argument's type, for every kind of derivative."""
    zero = ty.zeros(2, dtype=ty.float64)

    assert ty.digest(ty.grad(lambda x: ty.asarray(1.0))(X)) == ty.digest(zero)
    assert ty.digest(ty.jvp(lambda x: ty.ones(2, dtype=ty.float64), (X,), (X,))[1]) == ty.digest(zero)
    assert ty.digest(ty.vjp(lambda x: ty.asarray(1.0), X)[1](ty.asarray(2.0))[0]) == ty.digest(zero)


@pytest.mark.parametrize("jitted", [False, True])
def test_long_programs_need_no_deep_stack(jitted: bool) -> None:
    """Four thousand operations one after the other, forward and back, mapped."""

    def long(x: Any) -> Any:
        for _ in range(4000):
            x = x * 0.999 + 0.001
        return ty.sum(x)

    g = ty.vmap(ty.grad(long))
    made = (ty.jit(g) if jitted else g)(ty.ones((2, 2)))

    np.testing.assert_allclose(np.asarray(made), 0.999**4000, rtol=1e-3)


def test_leaked_tracer() -> None:
    """A value that outlives its transformation names where it was made and where it was used."""
    kept: list[Any] = []

    def leaky(x: Any) -> Any:
        kept.append(x * 2)
        return ty.sum(x)

    for transformed in (ty.grad(leaky), ty.jit(leaky), ty.vmap(leaky)):
        kept.clear()
        transformed(ty.ones((2, 2)) if transformed is not ty.grad(leaky) else X)
        with pytest.raises(ty.LeakedTracerError, match="test_reverse.py"):
            kept[0] + 1
