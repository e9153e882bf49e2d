"""Each check passes what is right and fails, saying where, what is wrong."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tianyuan as ty
from tianyuan import testing

X = ty.asarray([0.3, -0.7, 1.1], dtype=ty.float64)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ({"x": [1.0, 2.0]}, {"x": [1.0, 2.0, 3.0]}, "structure"),
        ({"w": ty.ones(2)}, {"w": ty.ones(3)}, r"\['w'\].*\[2\] against.*\[3\]"),
        ({"w": ty.ones(2)}, {"w": ty.ones(2, dtype=ty.float64)}, "float32.*float64"),
        (np.ones(2, np.float32), np.nextafter(np.ones(2, np.float32), np.float32([1, 2])), r"\[1\].*1.0 ulp"),
        (ty.asarray(0.0), ty.asarray(-0.0), r"0.0\) against"),
        (ty.asarray([1, 2]), ty.asarray([1, 3]), r"\[1\]"),
    ],
    ids=["structure", "shape", "dtype", "one ulp", "sign of zero", "integers"],
)
def test_different_bits(a: Any, b: Any, words: str) -> None:
    """The first difference is named."""
    testing.assert_same_bits(a, a)
    with pytest.raises(AssertionError, match=words):
        testing.assert_same_bits(a, b)


def test_nans_are_one_value() -> None:
    """Whatever their bits."""
    odd = np.array([0x7FC00001], np.uint32).view(np.float32)

    testing.assert_same_bits(odd, np.array([np.nan], np.float32))


def test_ulp_distance() -> None:
    """Counts floats: across zero, across binades, at the ends."""
    one = np.float32(1)

    assert testing.ulp_distance(one, np.nextafter(one, np.float32(2))) == 1
    assert testing.ulp_distance(np.float32(-0.0), np.float32(0)) == 0
    assert testing.ulp_distance(-np.float64(5e-324), np.float64(5e-324)) == 2
    assert testing.ulp_distance(np.float64(np.finfo(float).max), np.float64(math.inf)) == 1
    assert testing.ulp_distance(np.array([1.0, np.nan]), np.array([1.0, np.nan])) == 0
    assert testing.ulp_distance(np.array([np.nan]), np.array([1.0])) == math.inf
    with pytest.raises(ty.ArrayTypeError, match="one type"):
        testing.ulp_distance(one, np.float64(1))


@ty.custom_jvp
def wrong(x: Any) -> Any:
    """The sine, with a derivative that is not its own."""
    return ty.sin(x)


wrong.defjvp(lambda primals, tangents: (wrong(*primals), ty.cos(primals[0]) * tangents[0] * 1.001))


@ty.custom_vjp
def turned(x: Any) -> Any:
    """The sine, whose reverse rule has the wrong sign."""
    return ty.sin(x)


turned.defjvp(lambda primals, tangents: (turned(*primals), ty.cos(primals[0]) * tangents[0]))
turned.defvjp(lambda x: (turned(x), x), lambda x, ct: (-ty.cos(x) * ct,))


def test_check_grads() -> None:
    """Right ones pass to second order; a wrong rule and a wrong transpose are told apart."""
    testing.check_grads(lambda x, d: {"y": ty.sin(x) @ ty.exp(x) * d["s"]}, (X, {"s": 2.0, "n": 3}), order=2)
    testing.check_grads(lambda z: z * z, (ty.asarray([1 + 2j, 0.5j], dtype=ty.complex128),))
    testing.check_grads(ty.tanh, (ty.asarray([0.5]),), order=2)

    with pytest.raises(AssertionError, match="not the finite difference"):
        testing.check_grads(wrong, (X,))
    with pytest.raises(AssertionError, match="not the transpose"):
        testing.check_grads(turned, (X,))


def test_check_vmap_and_laws() -> None:
    """Functions of Tianyuan pass; one that looks at Python's own state does not."""
    count = [0]

    def counting(x: Any) -> Any:
        count[0] += 1
        return x + count[0]

    testing.check_vmap(lambda x, w: ty.exp(x) @ w, (ty.ones((4, 3)), ty.ones((3, 2))), in_axes=(0, None))
    testing.check_laws(lambda x, n: {"y": ty.cumsum(ty.sin(x)) * n}, X, 3)
    with pytest.raises(AssertionError, match="vmap and a loop give different bits"):
        testing.check_vmap(counting, (X,))
    with pytest.raises(AssertionError, match="jit and no jit give different bits"):
        testing.check_laws(counting, X)


def test_check_keys() -> None:
    """A key used twice raises, naming the lines; split keys pass."""
    key = ty.random.key(0)

    def split(k: Any) -> Any:
        first, second = ty.random.split(k)
        return ty.random.normal(first) + ty.random.uniform(second)

    testing.check_keys(split, key)
    with pytest.raises(ty.KeyReuseError, match="test_checks.py"):
        testing.check_keys(lambda k: ty.random.normal(k) + ty.random.uniform(k), key)


@given(testing.strategies.trees(), testing.strategies.broadcastable_shapes(3))
def test_strategies(value: Any, shapes: Any) -> None:
    """Trees of arrays that digest; shapes that broadcast."""
    testing.assert_same_bits(value, ty.tree.map(lambda x: x, value))
    assert ty.broadcast_arrays(*map(ty.zeros, shapes))[0].shape == np.broadcast_shapes(*shapes)
