"""Running sums, products and extrema, and recurrences, with the oracle as the machine."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests import oracle_machine
from tests.laws.bits import same_bits
from tests.tianyuan.prims.checks import check_batch, check_derivatives, check_linear, check_types_and_oracle
from tianyuan.eager import from_numpy
from tianyuan.prims.cumulation import Cummax, Cummin, Cumprod, Cumsum, Recurrence, cummax, cumprod, cumsum
from tianyuan.prims.linear import reduce_sum
from tianyuan.transforms.derivatives import grad, jvp
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, bfloat16, float32, float64, int32

RUNNING = [Cumsum, Cumprod, Cummax, Cummin]


@pytest.fixture
def machine() -> Iterator[None]:
    """Programs and transformations run on the oracle."""
    oracle_machine.install()
    yield
    oracle_machine.uninstall()


@pytest.mark.parametrize("prim", [*RUNNING, Recurrence])
def test_oracle(prim: Any) -> None:
    """Every dtype and case has the type of its rule."""
    check_types_and_oracle(prim)


@pytest.mark.parametrize("prim", [*RUNNING, Recurrence])
@pytest.mark.parametrize("dtype", [int32, float64], ids=str)
def test_batching_is_a_loop(prim: Any, dtype: Any) -> None:
    """At every axis of every argument."""
    if dtype in prim.cases.dtypes:
        check_batch(prim, dtype)


def test_running_sums_are_linear() -> None:
    """The adjoint is the sum from the other end."""
    check_linear(Cumsum, float64)


@pytest.mark.parametrize("prim", [*RUNNING, Recurrence])
def test_derivatives(machine: None, prim: Any) -> None:
    """Differences, the adjoint identity, linearize."""
    check_derivatives(prim)


def test_running_products_of_zeros(machine: None) -> None:
    """No division in either direction of the derivative."""
    x = from_numpy(np.array([2.0, 0.0, 3.0, 0.0, 5.0]))

    gradient = grad(lambda x: reduce_sum(cumprod(x, 0), (0,)))(x)

    same_bits(gradient, np.array([1.0, 8.0, 0.0, 0.0, 0.0]))


def test_second_derivatives_of_running_products(machine: None) -> None:
    """Against differences of the gradient."""
    rng = np.random.default_rng(0)
    x, v = rng.uniform(0.5, 1.5, (2, 6))

    def gradient(x: Any) -> Any:
        return grad(lambda x: reduce_sum(cumprod(x, 0, True), (0,)))(x)

    _, second = jvp(gradient, (from_numpy(x),), (from_numpy(v),))
    up, down = (np.asarray(gradient(from_numpy(x + s * 1e-6 * v))) for s in (1, -1))

    np.testing.assert_allclose(second, (up - down) / 2e-6, rtol=1e-7)


def test_the_first_of_equals_gets_the_cotangent(machine: None) -> None:
    """A running maximum that is met again keeps its place."""
    x = from_numpy(np.array([1.0, 3.0, 3.0, 2.0, 4.0]))

    forwards = grad(lambda x: reduce_sum(cummax(x, 0), (0,)))(x)
    backwards = grad(lambda x: reduce_sum(cummax(x, 0, True), (0,)))(x)

    same_bits(forwards, np.array([1.0, 3.0, 0.0, 0.0, 1.0]))
    same_bits(backwards, np.array([0.0, 0.0, 0.0, 0.0, 5.0]))


def test_short_floats_have_derivatives_in_f32(machine: None) -> None:
    """The recurrence of a bfloat16 product runs in f32 and is rounded once."""
    program = trace(lambda x, v: [jvp(lambda x: cumprod(x, 0), (x,), (v,))[1]], [ArrayType(bfloat16, (4,))] * 2).program

    (loop,) = [e for e in program.eqns if e.prim.name == "recurrence"]
    assert {v.type.dtype for v in loop.outs} == {float32}
    assert program.out_types == (ArrayType(bfloat16, (4,)),)


def test_special_values(machine: None) -> None:
    """NaN stays from the first one on; -0 < +0."""
    x = from_numpy(np.array([-0.0, 0.0, -1.0, np.nan, 5.0], np.float32))

    same_bits(cummax(x, 0), np.array([-0.0, 0.0, 0.0, np.nan, np.nan], np.float32))
    same_bits(cumsum(x, 0, True), np.array([np.nan, np.nan, np.nan, np.nan, 5.0], np.float32))
