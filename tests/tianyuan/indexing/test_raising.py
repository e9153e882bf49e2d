"""An index out of bounds raises the same error in every form of a program: eager, jitted, in loops, branches, maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.tianyuan.indexing.expressions import array, same
from tianyuan.array import Array
from tianyuan.compiling import jit
from tianyuan.control import checkpoint, cond, fori_loop, scan, while_loop
from tianyuan.eager import scalar
from tianyuan.errors import OutOfBoundsError
from tianyuan.prims.linear import reduce_sum
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.comparison import lt
from tianyuan.transforms.derivatives import grad, jvp
from tianyuan.transforms.mapping import vmap
from tianyuan.types import float64, int64

X = np.arange(5.0)
MESSAGE = r"index 7 is out of bounds for axis 0 of size 5 \(at .*test_raising.py:\d+ \([\w<>]+\)\)"


def read(i: Array) -> Array:
    """One element."""
    return array(X)[i]


def write(i: Array) -> Array:
    """One element changed."""
    return array(X).at[i].add(1.0)


def in_a_scan(i: Array) -> Any:
    """In the third iteration."""
    return scan(lambda c, t: (c, array(X)[mul(t, i)]), scalar(0, int64), array([0, 0, 1, 1]))[1]


def in_a_loop(i: Array) -> Any:
    """In the last iteration."""
    start = scalar(0, float64)
    return fori_loop(0, 2, lambda t, y: add(y, array(X)[mul(t, i)]), start)


def in_a_while(i: Array) -> Any:
    """In the condition."""
    return while_loop(lambda k: lt(array(X)[k], scalar(9, float64)), lambda k: add(k, i), scalar(0, int64))


def in_a_branch(i: Array) -> Any:
    """Taken."""
    return cond(lt(scalar(0, int64), i), lambda: array(X)[i], lambda: scalar(0, float64))


def mapped(i: Array) -> Any:
    """In the second entry of the batch; a later entry is outside too."""
    return vmap(lambda k: array(X)[mul(k, i)])(array([0, 1, 2]))


def unused(i: Array) -> Any:
    """The element is read and dropped."""
    _ = array(X)[i]
    return i


def checkpointed(i: Array) -> Any:
    """In a region, differentiated."""
    return grad(checkpoint(lambda x: reduce_sum(mul(x, x)[i], ())))(array(X))


def differentiated(i: Array) -> Any:
    """Forward."""
    return jvp(lambda x: x[i], (array(X),), (array(X),))


FORMS: list[Callable[[Array], Any]] = [
    read,
    write,
    in_a_scan,
    in_a_loop,
    in_a_while,
    in_a_branch,
    mapped,
    unused,
    checkpointed,
    differentiated,
]


@pytest.mark.parametrize("how", [lambda f: f, jit, lambda f: jit(jit(f))], ids=["eager", "jit", "jit of jit"])
@pytest.mark.parametrize("form", FORMS)
def test_raises(form: Callable[[Array], Any], how: Any) -> None:
    """The same message, with the user's line; in bounds nothing is raised."""
    with pytest.raises(OutOfBoundsError, match=MESSAGE):
        how(form)(array(7))

    if form is not in_a_while:
        how(form)(array(1))


@pytest.mark.parametrize("how", [lambda f: f, jit], ids=["eager", "jit"])
def test_the_first_in_program_order(how: Any) -> None:
    """Of two equations that fail the first is named; of indices the first in row-major order."""

    def both(i: Array) -> Any:
        return array(X)[i], array(X[:3])[i]

    with pytest.raises(OutOfBoundsError, match="index -6 is out of bounds for axis 0 of size 5"):
        how(both)(array([[0, -6], [9, 1]]))


@pytest.mark.parametrize("how", [lambda f: f, jit], ids=["eager", "jit"])
def test_what_is_not_taken_does_not_raise(how: Any) -> None:
    """Branches, entries of a batch that take another branch, iterations that do not happen."""

    def branch(i: Array) -> Array:
        return cond(lt(i, scalar(5, int64)), lambda k: array(X)[k], lambda k: scalar(-1, float64), i)

    def loop(n: Array) -> Array:
        return fori_loop(0, n, lambda t, y: add(y, array(X)[t]), scalar(0, float64))

    same(how(branch)(array(9)), -1.0)
    same(how(vmap(branch))(array([1, 9, 4])), [1.0, -1.0, 4.0])
    same(how(vmap(loop))(array([5, 0, 2])), [10.0, 0.0, 1.0])
    with pytest.raises(OutOfBoundsError, match="index 5 is out of bounds"):
        how(vmap(loop))(array([5, 6, 2]))


@pytest.mark.parametrize("how", [lambda f: f, jit], ids=["eager", "jit"])
def test_other_modes_do_not_raise(how: Any) -> None:
    """Jitted too, and in their derivatives."""
    for mode, expected in [("fill", [0.0, 1.0]), ("clip", [16.0, 5.0])]:

        def f(x: Array, mode: str = mode) -> Array:
            y = x.at[array([9, 1])].get(mode=mode, fill_value=0.0)
            return reduce_sum(mul(y, y), (0,))

        value = how(f)(array(X))
        slope = how(grad(f))(array(X))
        written = how(lambda x, m=mode: x.at[array([9, 1])].set(0.0, mode=m))(array(X))

        same(value, expected[0] + 1)
        same(slope, [0.0, 2.0, 0.0, 0.0, 8.0 if mode == "clip" else 0.0])
        same(written, [0.0, 0.0, 2.0, 3.0, 0.0 if mode == "clip" else 4.0])
