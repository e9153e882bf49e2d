"""checkpoint: what is stored follows the policy, and no policy changes a bit."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits
from tianyuan.program import Program

POLICIES = [
    None,
    ty.checkpoint_policies.nothing,
    ty.checkpoint_policies.dots,
    ty.checkpoint_policies.everything,
    ty.checkpoint_policies.names("middle"),
]


def layer(w: Any, x: Any) -> Any:
    """A product, a named value, an elementary function."""
    h = ty.checkpoint_name(x @ w, "middle")
    return ty.tanh(h) * ty.exp(-h * h)


def inputs() -> tuple[ty.Array, ty.Array]:
    """w f64[3, 3], x f64[2, 3]."""
    rng = np.random.default_rng(0)
    return ty.asarray(rng.normal(size=(3, 3))), ty.asarray(rng.normal(size=(2, 3)))


def value(policy: Any, plain: bool = False) -> Any:
    """Two layers, checkpointed or not."""
    one = layer if plain else ty.checkpoint(layer, policy=policy)
    return lambda w, x: ty.sum(one(w, one(w, x)))


@pytest.mark.parametrize("policy", POLICIES, ids=str)
@pytest.mark.parametrize("jitted", [False, True])
def test_bits(policy: Any, jitted: bool) -> None:
    """Value, gradient, forward and second derivatives are those of the plain function."""
    w, x = inputs()
    f, g = value(policy), value(None, plain=True)
    wrap = ty.jit if jitted else lambda h: h

    same_bits(wrap(f)(w, x), g(w, x))
    for a, e in zip(wrap(ty.grad(f, (0, 1)))(w, x), ty.grad(g, (0, 1))(w, x), strict=True):
        same_bits(a, e)
    same_bits(wrap(lambda w: ty.jvp(ty.grad(f), (w, x), (w, x))[1])(w), ty.jvp(ty.grad(g), (w, x), (w, x))[1])
    same_bits(wrap(ty.vmap(ty.grad(f), (None, 0)))(w, x[:, None]), ty.vmap(ty.grad(g), (None, 0))(w, x[:, None]))


def stored(policy: Any) -> list[str]:
    """Types of what the forward region hands to the backward one beside the result."""
    w, x = inputs()
    one = ty.checkpoint(layer, policy=policy)
    program = ty.make_program(ty.grad(lambda w, x: ty.sum(one(w, x))))(w, x)
    forward = next(e for e in program.eqns if e.prim.name == "checkpoint")
    return [str(v.type) for v in forward.outs[1:]]


def test_what_is_stored() -> None:
    """Nothing; the product; the named value; all residuals."""
    assert stored(ty.checkpoint_policies.nothing) == []
    assert stored(ty.checkpoint_policies.dots) == ["f64[2,3]"]
    assert stored(ty.checkpoint_policies.names("middle")) == ["f64[2,3]"]
    assert stored(ty.checkpoint_policies.names("other")) == []
    assert len(stored(ty.checkpoint_policies.everything)) > 2


def count(program: Program, name: str) -> int:
    """How often a primitive occurs, nested programs included."""
    inner = [e.prim.program for e in program.eqns if e.prim.name == "checkpoint"]
    return sum(e.prim.name == name for e in program.eqns) + sum(count(p, name) for p in inner)


def test_stored_products_are_not_computed_again() -> None:
    """Under dots, each product is computed once, under nothing twice."""
    w, x = inputs()

    def products(policy: Any) -> int:
        one = ty.checkpoint(layer, policy=policy)
        return count(ty.make_program(ty.grad(lambda w: ty.sum(one(w, x))))(w), "dot_general")

    assert products(ty.checkpoint_policies.nothing) - products(ty.checkpoint_policies.dots) == 1


def test_policy_of_another_kind() -> None:
    """A policy is one of ours."""
    with pytest.raises(ty.ArrayTypeError, match="policy must be one of checkpoint_policies"):
        ty.checkpoint(layer, policy="dots")
