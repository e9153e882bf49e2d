"""``vmap``: every axis in and out, trees of axes, nesting, and what it refuses; always the bits of a loop."""

import itertools
from typing import Any

import numpy as np
import pytest

import tianyuan as ty


def drawn(*shape: int) -> ty.Array:
    """Normal numbers."""
    return ty.random.normal(ty.random.key(sum(shape)), shape)


def g(x: Any, y: Any) -> Any:
    """Something with a sum, a product and a function."""
    return ty.exp(x) @ y + ty.sum(x)


@pytest.mark.parametrize(("i", "j", "o"), list(itertools.product((0, 1, 2, -1), (0, 1, None), (0, 1, -1))))
def test_axes(i: int, j: int | None, o: int) -> None:
    """In from axes i and j, out to axis o."""
    x = ty.moveaxis(drawn(7, 4, 5), 0, i)
    y = drawn(5, 6) if j is None else ty.moveaxis(drawn(7, 5, 6), 0, j)

    actual = ty.vmap(g, in_axes=(i, j), out_axes=o)(x, y)

    xs = ty.moveaxis(x, i, 0)
    ys = [y] * 7 if j is None else ty.moveaxis(y, j, 0)
    expected = ty.stack([g(xs[n], ys[n]) for n in range(7)], axis=o)
    assert ty.digest(actual) == ty.digest(expected)


def test_trees_of_axes() -> None:
    """A prefix of the arguments' tree; keyword arguments along axis 0."""
    tree = {"a": drawn(3, 4), "b": (drawn(4, 3), ty.asarray(2.0))}

    def h(t: Any, *, k: Any) -> Any:
        return {"s": ty.sum(t["a"] * t["b"][0]) * t["b"][1], "k": k}

    actual = ty.vmap(h, in_axes=({"a": 0, "b": (1, None)},))(tree, k=ty.arange(3))

    for n in range(3):
        one = h({"a": tree["a"][n], "b": (tree["b"][0][:, n], tree["b"][1])}, k=n)
        assert ty.digest(one["s"]) == ty.digest(actual["s"][n])
    assert np.asarray(actual["k"]).tolist() == [0, 1, 2]


def test_nested() -> None:
    """A map of a map of a jitted gradient is two loops."""
    x, y = drawn(2, 3, 4), drawn(5, 4)
    f = ty.jit(ty.grad(lambda a, b: ty.sum(ty.tanh(a * b))))

    actual = ty.vmap(ty.vmap(f, in_axes=(0, None)), in_axes=(None, 0), out_axes=1)(x[0], y)

    expected = ty.stack([ty.stack([f(x[0, i], y[j]) for j in range(5)]) for i in range(3)])
    assert ty.digest(actual) == ty.digest(expected)


def test_results_that_are_not_mapped() -> None:
    """Repeated along the new axis, or handed through with ``out_axes=None``."""
    x = drawn(3, 2)

    repeated, shared = ty.vmap(lambda v: (ty.asarray(1.5), ty.asarray(2.5)), out_axes=(0, None))(x)

    assert np.asarray(repeated).tolist() == [1.5] * 3
    assert float(shared) == 2.5 and shared.shape == ()


def test_size_of_nothing() -> None:
    """No entries, or no mapped argument with ``axis_size``."""
    empty = ty.vmap(lambda v: ty.sum(v) + 1)(ty.zeros((0, 3)))

    assert empty.shape == (0,)
    assert ty.vmap(lambda v: v, in_axes=None, axis_size=4)(ty.asarray(1)).shape == (4,)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ty.vmap(g)(drawn(2, 3, 4), drawn(5, 4, 2)), "2.*5"),
        (lambda: ty.vmap(ty.sin, in_axes=2)(drawn(2, 3)), "axis 2|axes"),
        (lambda: ty.vmap(ty.sin, in_axes=(0, 0))(drawn(2, 3)), "in_axes"),
        (lambda: ty.vmap(ty.sin)(ty.asarray(1.0)), "axis 0|axes|0-d"),
        (lambda: ty.vmap(ty.sin, in_axes=None)(drawn(2)), "axis_size|mapped"),
        (lambda: ty.vmap(ty.sin, out_axes=None)(drawn(2)), "out_axes"),
        (lambda: ty.vmap(ty.sin, out_axes=3)(drawn(2)), "out_axes|axis 3"),
    ],
    ids=["sizes", "no such axis", "too many axes", "scalar", "nothing mapped", "out None", "out axis"],
)
def test_refusals(call: Any, words: str) -> None:
    """One readable error that names the argument."""
    with pytest.raises(ty.TianyuanError, match=words):
        call()


def test_a_branch_runs_for_its_lanes_alone() -> None:
    """A loop that would not end for the lanes that do not take it returns."""

    def half_until_small(v: Any) -> Any:
        return ty.while_loop(lambda c: c > 1, lambda c: c * 0.5, v)

    def safe(v: Any) -> Any:
        return ty.cond(v < ty.inf, half_until_small, lambda u: -u, v)

    x = ty.asarray([8.0, ty.inf, 3.0])
    for f in (ty.vmap(safe), ty.jit(ty.vmap(safe))):
        assert np.asarray(f(x)).tolist() == [1.0, -ty.inf, 0.75]
