"""scan(memory=...): no schedule changes a bit, and every schedule keeps within its budget if any can."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tianyuan as ty
from tests.laws.bits import same_bits
from tianyuan.control.budgeting import schedule

X = np.array([0.3, 0.7, 1.1])


def step(carry: Any, x: Any) -> Any:
    """Two carries and a result per step."""
    a, b = carry
    return (ty.sin(a) * 1.3, b + a * x), b * x


def total(memory: int | None, reverse: bool) -> Any:
    """A number that depends on everything the scan gives."""

    def run(x: Any, xs: Any) -> Any:
        (a, b), ys = ty.scan(step, (x, x), xs, reverse=reverse, memory=memory)
        return ty.sum(a + b) + ty.sum(ys)

    return run


@pytest.mark.parametrize("memory", [0, 100, 300, 600, 10**6])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 5, 12])
def test_bits(length: int, reverse: bool, memory: int) -> None:
    """Value, gradient and Hessian-vector product are those of the plain scan."""
    x, xs = ty.asarray(X), ty.asarray(np.random.default_rng(0).normal(size=(length, 3)))
    plain, planned = total(None, reverse), total(memory, reverse)

    same_bits(planned(x, xs), plain(x, xs))
    for a, e in zip(ty.grad(planned, (0, 1))(x, xs), ty.grad(plain, (0, 1))(x, xs), strict=True):
        same_bits(a, e)
    same_bits(ty.jvp(ty.grad(planned), (x, xs), (x, xs))[1], ty.jvp(ty.grad(plain), (x, xs), (x, xs))[1])


def test_empty() -> None:
    """A scan of no steps gives its carry."""
    x, xs = ty.asarray(X), ty.zeros((0, 3), dtype=ty.float64)

    same_bits(ty.scan(step, (x, x), xs, memory=10)[0][0], x)


@given(st.integers(1, 10**6), st.integers(0, 10**4), st.integers(0, 10**5), st.integers(0, 10**8))
def test_schedule(length: int, carry: int, residuals: int, memory: int) -> None:
    """Levels cover the length, and are within memory, or halve it on every level, which no other does with less."""
    plan = schedule(length, carry, residuals, memory)

    assert math.prod(plan) >= length
    if len(plan) > 1 and plan[0] > 2:
        assert sum(plan[:-1]) * carry + plan[-1] * residuals <= memory
    if len(plan) == 1:
        assert length * residuals <= memory


@pytest.mark.parametrize("memory", [-1, 1.5, "much"])
def test_nonsense(memory: Any) -> None:
    """A budget is a number of bytes."""
    with pytest.raises(ty.ArrayTypeError, match="scan: memory is a number of bytes"):
        ty.scan(step, (ty.asarray(X), ty.asarray(X)), None, length=2, memory=memory)
