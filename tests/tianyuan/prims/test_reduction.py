"""Reductions other than the sum: types, batches, derivatives, with the oracle as the machine."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests import oracle_machine
from tests.laws.bits import same_bits
from tests.tianyuan.prims.checks import check_batch, check_derivatives, check_types_and_oracle
from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.reduction import (
    Argmax,
    Argmin,
    ReduceAnd,
    ReduceMax,
    ReduceMin,
    ReduceOr,
    ReduceProd,
    ReduceXor,
    reduce_max,
    reduce_prod,
)
from tianyuan.transforms.derivatives import grad, jvp
from tianyuan.types import ArrayType, bool_, complex64, float32, int32

ORDERED = [ReduceMax, ReduceMin, Argmax, Argmin]
BITS = [ReduceAnd, ReduceOr, ReduceXor]


@pytest.fixture
def machine() -> Iterator[None]:
    """Programs and transformations run on the oracle."""
    oracle_machine.install()
    yield
    oracle_machine.uninstall()


@pytest.mark.parametrize("prim", [ReduceProd, *ORDERED, *BITS])
def test_oracle(prim: Any) -> None:
    """Every dtype and case has the type of its rule."""
    check_types_and_oracle(prim)


@pytest.mark.parametrize("prim", [ReduceProd, *ORDERED, *BITS])
@pytest.mark.parametrize("dtype", [bool_, int32, float32], ids=str)
def test_batching_is_a_loop(prim: Any, dtype: Any) -> None:
    """At every axis."""
    if dtype in prim.cases.dtypes:
        check_batch(prim, dtype)


@pytest.mark.parametrize("prim", [ReduceProd, ReduceMax, ReduceMin])
def test_derivatives(machine: None, prim: Any) -> None:
    """Differences, the adjoint identity, linearize."""
    check_derivatives(prim)


def test_ties_share(machine: None) -> None:
    """Each of the largest gets ct / count."""
    x = from_numpy(np.array([3.0, 1.0, 3.0, 3.0]))

    gradient = grad(lambda x: reduce_max(x, (0,)))(x)
    _, tangent = jvp(lambda x: reduce_max(x, (0,)), (x,), (from_numpy(np.array([1.0, 5.0, 0.5, 2.0])),))

    same_bits(gradient, np.array([1 / 3, 0.0, 1 / 3, 1 / 3]))
    same_bits(tangent, np.array(3.5) / 3)


def test_a_product_with_zeros_has_its_gradient(machine: None) -> None:
    """No division: with one zero its place has the product of the others; with two, nothing."""
    one, two = (from_numpy(np.array(v)) for v in ([2.0, 0.0, 3.0, 5.0], [0.0, 2.0, 0.0, 3.0]))

    same_bits(grad(lambda x: reduce_prod(x, (0,)))(one), np.array([0.0, 30.0, 0.0, 0.0]))
    same_bits(grad(lambda x: reduce_prod(x, (0,)))(two), np.zeros(4))


def test_the_tangent_of_a_product_is_the_recurrence(machine: None) -> None:
    """t_i = t_{i-1} x_i + y_{i-1} dx_i, to the bit, over the flattened axes."""
    rng = np.random.default_rng(0)
    x, dx = rng.standard_normal((2, 3, 4, 5))
    t, y = np.zeros(4), np.ones(4)
    for i, j in np.ndindex(3, 5):
        t, y = t * x[i, :, j] + y * dx[i, :, j], y * x[i, :, j]

    _, tangent = jvp(lambda x: reduce_prod(x, (0, 2)), (from_numpy(x),), (from_numpy(dx),))

    np.testing.assert_allclose(tangent, t, rtol=1e-14)  # the oracle multiplies in more precision


def test_second_derivatives_of_a_product(machine: None) -> None:
    """d²/dx_i dx_j is the product of the others."""
    x = from_numpy(np.array([2.0, 3.0, 5.0]))

    gradient = lambda x: grad(lambda x: reduce_prod(x, (0,)))(x)  # noqa: E731
    rows = [jvp(gradient, (x,), (from_numpy(e),))[1] for e in np.eye(3)]

    same_bits(np.stack([np.asarray(r) for r in rows]), np.array([[0.0, 5.0, 3.0], [5.0, 0.0, 2.0], [3.0, 2.0, 0.0]]))


def test_nothing_to_reduce(machine: None) -> None:
    """Identities of an empty reduction; an extremum of nothing is an error."""
    empty = from_numpy(np.zeros((0, 2), np.int32))

    same_bits(ReduceProd((0,))(empty), np.ones(2, np.int32))
    same_bits(ReduceAnd((0,))(empty), np.full(2, -1, np.int32))
    same_bits(ReduceOr((0,))(empty), np.zeros(2, np.int32))
    for prim in (ReduceMax((0,)), ReduceMin((0, 1)), Argmax(0)):
        with pytest.raises(ShapeError, match="no element to choose"):
            prim(empty)
    assert ReduceMax((1,))(empty).shape == (0,)


def test_special_values(machine: None) -> None:
    """NaN wins, -0 < +0, argmax takes the first NaN."""
    x = from_numpy(np.array([[-0.0, 0.0, -0.0], [1.0, np.nan, np.nan], [2.0, 3.0, 3.0]], np.float32))

    same_bits(ReduceMax((1,))(x), np.array([0.0, np.nan, 3.0], np.float32))
    same_bits(ReduceMin((1,))(x), np.array([-0.0, np.nan, 2.0], np.float32))
    same_bits(Argmax(1)(x), np.array([0, 1, 1]))
    same_bits(Argmin(1)(x), np.array([0, 1, 0]))


@pytest.mark.parametrize(
    ("prim", "dtype"), [(ReduceMax((0,)), complex64), (ReduceAnd((0,)), float32), (ReduceProd((0,)), bool_)]
)
def test_dtypes_that_do_not_fit(prim: Any, dtype: Any) -> None:
    """An error that names the type."""
    with pytest.raises(ArrayTypeError, match=f"{prim.name} does not take"):
        prim.types(ArrayType(dtype, (3,)))
