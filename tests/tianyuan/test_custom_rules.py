"""Derivatives given by the user: in every order of transformations, for trees, with static arguments."""

import functools
from typing import Any

import numpy as np
import pytest

import tianyuan as ty


@ty.custom_jvp
def root(x: Any) -> Any:
    """√x whose tangent is 7 dx, so that the rule can be seen."""
    return ty.sqrt(x)


@root.defjvp
def _root_jvp(primals: Any, tangents: Any) -> Any:
    return root(primals[0]), 7.0 * tangents[0]


@ty.custom_vjp
def clipped(x: Any, limit: Any) -> Any:
    """x itself, its cotangent clipped."""
    return x


def _forward(x: Any, limit: Any) -> Any:
    return x, limit


def _backward(limit: Any, ct: Any) -> Any:
    return ty.clip(ct, -limit, limit), ty.zeros_like(limit)


clipped.defvjp(_forward, _backward)

X = ty.asarray([1.0, 4.0, 9.0])


@pytest.mark.parametrize("jitted", [False, True])
def test_jvp_rule(jitted: bool) -> None:
    """Seen by jvp, grad, jacfwd, jacrev, and under vmap; the value is the function's."""
    wrap = ty.jit if jitted else lambda f: f

    assert np.asarray(wrap(root)(X)).tolist() == [1.0, 2.0, 3.0]
    assert np.asarray(wrap(lambda x: ty.jvp(root, (x,), (x,))[1])(X)).tolist() == [7.0, 28.0, 63.0]
    assert np.asarray(wrap(ty.vmap(ty.grad(root)))(X)).tolist() == [7.0] * 3
    for jacobian in (ty.jacfwd(root), ty.jacrev(root)):
        assert np.asarray(wrap(jacobian)(X)).tolist() == (7 * np.eye(3)).tolist()


@pytest.mark.parametrize("jitted", [False, True])
def test_vjp_rule(jitted: bool) -> None:
    """Seen by grad, alone and mapped over either argument."""
    wrap = ty.jit if jitted else lambda f: f
    f = ty.grad(lambda x, limit: ty.sum(10.0 * clipped(x, limit)))

    assert np.asarray(wrap(f)(X, 2.0)).tolist() == [2.0] * 3
    by_limit = wrap(ty.vmap(f, in_axes=(None, 0)))(X, ty.asarray([1.0, 100.0]))
    assert np.asarray(by_limit).tolist() == [[1.0] * 3, [10.0] * 3]


def test_vjp_rule_has_no_forward_mode() -> None:
    """Said in one message, with the repair."""
    with pytest.raises(ty.TianyuanError, match="custom_jvp|forward"):
        ty.jvp(lambda x: clipped(x, 1.0), (X,), (X,))


def test_both_rules_on_one_function() -> None:
    """Forward mode uses the one, reverse mode the other."""

    @ty.custom_jvp
    @ty.custom_vjp
    def f(x: Any) -> Any:
        return x * x

    f.defjvp(lambda p, t: (f(*p), 3.0 * t[0]))
    f.defvjp(lambda x: (f(x), None), lambda _, ct: (5.0 * ct,))

    for wrap in (lambda g: g, ty.jit):
        assert float(wrap(lambda x: ty.jvp(f, (x,), (ty.ones_like(x),))[1])(ty.asarray(2.0))) == 3.0
        assert float(wrap(ty.grad(f))(ty.asarray(2.0))) == 5.0
        assert np.asarray(wrap(ty.vmap(ty.grad(f)))(X)).tolist() == [5.0] * 3


@pytest.mark.parametrize("jitted", [False, True])
def test_none_and_integers_have_no_cotangent(jitted: bool) -> None:
    """None is zero; what a rule gives for an integer is not looked at; numbers take the argument's dtype."""

    @ty.custom_vjp
    def f(x: Any, n: Any, y: Any) -> Any:
        return ty.sum(x) * n + y

    f.defvjp(lambda x, n, y: (f(x, n, y), None), lambda res, ct: (None, ct, 2.0))
    g = ty.grad(lambda x, y: f(x, 3, y), argnums=(0, 1))

    dx, dy = (ty.jit(g) if jitted else g)(X, ty.asarray(1.0))

    assert np.asarray(dx).tolist() == [0.0] * 3
    assert float(dy) == 2.0


def test_static_arguments() -> None:
    """``nondiff_argnums`` reach the rules as they are."""

    @functools.partial(ty.custom_vjp, nondiff_argnums=(0,))
    def apply(f: Any, x: Any) -> Any:
        return f(x)

    apply.defvjp(lambda f, x: (f(x), x), lambda f, x, ct: (ct * f(x),))

    assert float(ty.grad(lambda x: apply(ty.exp, x))(ty.asarray(0.0))) == 1.0


def test_trees_in_rules() -> None:
    """Arguments, results and residuals may be trees."""

    @ty.custom_vjp
    def f(t: Any) -> Any:
        return {"s": t["a"] + t["b"]}

    f.defvjp(lambda t: (f(t), (t["a"], None)), lambda res, ct: ({"a": ct["s"] * res[0], "b": ct["s"]},))
    t = {"a": ty.asarray(3.0), "b": ty.asarray(4.0)}

    gradient = ty.grad(lambda t: f(t)["s"])(t)

    assert (float(gradient["a"]), float(gradient["b"])) == (3.0, 1.0)


@pytest.mark.parametrize(
    ("backward", "words"),
    [
        (lambda res, ct: ct, "tuple|argument"),
        (lambda res, ct: (ct, ct), "1|argument"),
        (lambda res, ct: (ty.zeros(5),), r"\[5\]|shape"),
    ],
    ids=["no tuple", "too many", "shape"],
)
def test_rule_that_does_not_fit(backward: Any, words: str) -> None:
    """The rule and what it should have given are named."""

    @ty.custom_vjp
    def f(x: Any) -> Any:
        return ty.sum(x)

    f.defvjp(lambda x: (f(x), None), backward)

    with pytest.raises(ty.TianyuanError, match=words):
        ty.grad(f)(X)


def test_missing_rule() -> None:
    """A function without its rule says so."""
    with pytest.raises(ty.TianyuanError, match="defjvp"):
        ty.grad(ty.custom_jvp(lambda x: x * 1.0))(ty.asarray(1.0))
    with pytest.raises(ty.TianyuanError, match="defvjp"):
        ty.grad(ty.custom_vjp(lambda x: x * 1.0))(ty.asarray(1.0))
