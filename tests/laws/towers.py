"""Towers of transformations over random programs, as data: up to four layers, each a name and a small number.

``Tower.build(plain=False)`` is the tower as written. ``build(plain=True)`` is what the laws say it equals to the bit:
``jit``, ``checkpoint`` and custom rules left out (a reverse rule not always: ``Tower.rule_counts``), and a ``vmap``
written as a Python loop where no reverse mode is around it (there the cotangent of a shared value is a sum over the
batch, docs/numerics.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import evolve, frozen
from hypothesis import strategies as st

import tianyuan as ty
from tests.laws.programs import STEPS, Recipe, _shape

Fun = Callable[[Any, Any], Any]
REVERSE = ("grad", "vjp")
FORWARD = ("jvp", "linearize")
SAME = ("jit", "checkpoint", "custom_jvp", "custom_vjp")  # layers that change nothing
FACTORS = (1.0, -0.5, 0.25)  # of the entries of a vmap


def loss(f: Fun) -> Fun:
    """One number that all results of f contribute to."""

    def total(x: Any, y: Any) -> Any:
        first, *others = (ty.sum(ty.sin(v)) for v in ty.tree.leaves(f(x, y)))
        for v in others:
            first = first + v
        return first

    return total


def tangents(x: Any, y: Any) -> tuple[Any, Any]:
    """Directions that depend on the point."""
    return 0.5 * x + 1.0, ty.cos(y)


def entries(x: Any, n: int) -> tuple[Any, int]:
    """Three versions of x, stacked along an axis that n chooses."""
    axis = n % (x.ndim + 1)
    return ty.stack([x * c for c in FACTORS], axis=axis), axis


def mapped(f: Fun, n: int) -> Fun:
    """f under vmap: the second argument shared or mapped, the batch first or last in the results."""

    def over(x: Any, y: Any) -> Any:
        xs, a = entries(x, n)
        ys, b = (y, None) if n % 2 else entries(y, n // 2)
        return ty.vmap(f, (a, b), -1 if n % 3 == 0 else 0)(xs, ys)

    return over


def looped(f: Fun, n: int) -> Fun:
    """The same as a Python loop."""

    def over(x: Any, y: Any) -> Any:
        outs = [f(x * c, y if n % 2 else y * c) for c in FACTORS]
        return ty.tree.map(lambda *vs: ty.stack(vs, axis=-1 if n % 3 == 0 else 0), *outs)

    return over


def with_jvp_rule(f: Fun) -> Fun:
    """f as a function whose forward rule is its own derivative."""
    custom = ty.custom_jvp(lambda x, y: f(x, y))
    custom.defjvp(lambda primals, dots: ty.jvp(f, primals, dots))
    return custom


def with_vjp_rule(f: Fun) -> Fun:
    """f as a function whose reverse rule is its own derivative."""
    custom = ty.custom_vjp(lambda x, y: f(x, y))
    custom.defvjp(lambda x, y: (f(x, y), (x, y)), lambda kept, ct: ty.vjp(f, *kept)[1](ct))
    return custom


def pulled(f: Fun) -> Fun:
    """The cotangents of f's results' cosines."""

    def both(x: Any, y: Any) -> Any:
        value, pull = ty.vjp(f, x, y)
        return pull(ty.tree.map(ty.cos, value))

    return both


def pushed(f: Fun) -> Fun:
    """Results and tangents by ``linearize``."""

    def both(x: Any, y: Any) -> Any:
        value, push = ty.linearize(f, x, y)
        return value, push(*tangents(x, y))

    return both


POLICIES = (ty.checkpoint_policies.nothing, ty.checkpoint_policies.dots, ty.checkpoint_policies.everything)
LAYERS: dict[str, Callable[[Fun, int], Fun]] = {
    "grad": lambda f, n: ty.grad(loss(f), (n % 2, 1)[: 1 + n % 2] if n % 3 else (0, 1)),
    "vjp": lambda f, n: pulled(f),
    "jvp": lambda f, n: lambda x, y: ty.jvp(f, (x, y), tangents(x, y))[n % 2 :],
    "linearize": lambda f, n: pushed(f),
    "vmap": mapped,
    "jit": lambda f, n: ty.jit(f),
    "checkpoint": lambda f, n: ty.checkpoint(f, policy=POLICIES[n % 3]),
    "custom_jvp": lambda f, n: with_jvp_rule(f),
    "custom_vjp": lambda f, n: with_vjp_rule(f),
}


@frozen
class Tower:
    """Layers over a recipe, the innermost first."""

    recipe: Recipe
    layers: tuple[tuple[str, int], ...]

    def build(self, plain: bool) -> Fun:
        """The function of (x, y)."""
        made: Fun = self.recipe.__call__
        for i, (name, n) in enumerate(self.layers):
            around = [other for other, _ in self.layers[i + 1 :]]
            if plain and name == "vmap" and not any(o in REVERSE for o in around):
                made = looped(made, n)
            elif not (plain and name in SAME and not (name == "custom_vjp" and self.rule_counts(i))):
                made = LAYERS[name](made, n)
        return made

    def rule_counts(self, i: int) -> bool:
        """Whether a reverse rule at layer i has bits of its own: differentiated again, mapped with a shared argument.

        Of a shared argument the rule gives each entry's whole cotangent, which is then summed over the batch; without
        the rule every use of it is.
        """
        around = self.layers[i + 1 :]
        return twice([name for name, _ in around]) or any(name == "vmap" and n % 2 for name, n in around)

    def inputs(self, dtype: Any) -> list[Any]:
        """Arguments in a dtype."""
        return [ty.astype(x, dtype) for x in self.recipe.inputs()]

    def last_derivative(self) -> int | None:
        """The outermost layer that differentiates."""
        found = [i for i, (name, _) in enumerate(self.layers) if name in (*REVERSE, *FORWARD)]
        return found[-1] if found else None

    def upto(self, count: int) -> Tower:
        """The tower's lower layers."""
        return evolve(self, layers=self.layers[:count])


def twice(around: Sequence[str]) -> bool:
    """Whether derivatives of second order are taken: those of a reverse rule are those of its own program."""
    return sum(o in (*REVERSE, *FORWARD) for o in around) > 1


def possible(layers: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """The layers, a reverse rule that meets forward mode first replaced by a forward rule, which has both.

    A forward rule made of ``jvp`` is forward mode too, where it is differentiated; so is a reverse rule, to second
    order, for the function it calls.
    """
    fixed: list[tuple[str, int]] = []
    for i, (name, n) in enumerate(layers):
        after = [other for other, _ in layers[i + 1 :] if other in (*REVERSE, *FORWARD, "custom_jvp")]
        while after and after[-1] == "custom_jvp":
            after.pop()
        again = any(other == "custom_vjp" for other, _ in layers[i + 1 :])
        forward = again or (bool(after) and after[0] not in REVERSE)
        fixed.append(("custom_jvp" if name == "custom_vjp" and forward else name, n))
    return tuple(fixed)


_step = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
_recipe = st.builds(
    Recipe, st.tuples(_shape, _shape), st.lists(_step, min_size=1, max_size=4).map(tuple), st.integers(0, 99)
)
_layer = st.tuples(st.sampled_from(sorted(LAYERS)), st.integers(0, 11))
towers = st.builds(Tower, _recipe, st.lists(_layer, min_size=1, max_size=4).map(possible))


def finite(tree: Any) -> bool:
    """Whether all is finite and not huge."""
    return all(bool(np.all(np.abs(np.asarray(v, np.float64)) < 1e30)) for v in ty.tree.leaves(tree))
