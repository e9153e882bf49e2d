"""The three convolutions: types, batches, derivatives, with the oracle as the machine."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy import signal

from tests import oracle_machine
from tests.laws.bits import same_bits
from tests.tianyuan.prims.checks import check_batch, check_linear, check_types_and_oracle, drawn, instances
from tianyuan.array import Array
from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.parser import parse
from tianyuan.prims.convolution import Conv, ConvInputGrad, ConvWeightGrad, conv
from tianyuan.prims.linear import pad, reduce_sum
from tianyuan.prims.pointwise.arithmetic import mul
from tianyuan.transforms.derivatives import grad, jvp
from tianyuan.transforms.mapping import vmap
from tianyuan.types import float32, float64, int64

ALL_THREE = [Conv, ConvInputGrad, ConvWeightGrad]


@pytest.fixture
def machine() -> Iterator[None]:
    """Programs and transformations run on the oracle."""
    oracle_machine.install()
    yield
    oracle_machine.uninstall()


@pytest.mark.parametrize("prim", ALL_THREE)
def test_oracle(prim: Any) -> None:
    """Every dtype and case has the type of its rule."""
    check_types_and_oracle(prim)


@pytest.mark.parametrize("prim", ALL_THREE)
@pytest.mark.parametrize("dtype", [float32, int64], ids=str)
def test_batching_is_a_loop(prim: Any, dtype: Any) -> None:
    """At every axis of either operand or both, with one group or several."""
    check_batch(prim, dtype)


@pytest.mark.parametrize("prim", ALL_THREE)
def test_derivatives_are_adjoint(prim: Any) -> None:
    """Linear in each operand; the cotangents have the operands' types."""
    check_linear(prim, float64, (0, 1))


def test_the_oracle_is_a_correlation() -> None:
    """SciPy agrees, with padding, stride and dilation."""
    rng = np.random.default_rng(0)
    x, w = rng.integers(-4, 4, (2, 9, 8, 3)).astype(np.float64), rng.integers(-4, 4, (3, 2, 3, 4)).astype(np.float64)
    wide = np.zeros((5, 2, 3, 4))
    wide[::2] = w
    padded = np.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0)))

    made = Conv((4, 8), (2, 1), (1, 0), (2, 1), 1).oracle(x, w)

    for n, o in np.ndindex(2, 4):
        planes = (signal.correlate2d(padded[n, ..., c], wide[..., c, o], "valid") for c in range(3))
        assert np.array_equal(made[n, ..., o], sum(planes)[::2])


def test_input_dilation_is_an_interior_pad(machine: None) -> None:
    """The input gradient of a strided convolution has the values of a dilated one with w turned."""
    rng = np.random.default_rng(0)
    y, w = (from_numpy(rng.integers(-4, 4, s).astype(np.float64)) for s in ((1, 4, 2), (3, 5, 2)))
    zero = from_numpy(np.zeros(()))

    direct = ConvInputGrad((9,), (2,), (0,), (1,), 1)(y, w)
    turned = from_numpy(np.ascontiguousarray(np.asarray(w)[::-1].transpose(0, 2, 1)))
    spread = pad(y, zero, (0, 0, 0), (0, 0, 0), (0, 1, 0))

    same_bits(direct, conv(spread, turned, (1,), (2,), (2,), (1,), 1))


@pytest.mark.parametrize("prim", ALL_THREE)
def test_first_and_second_derivatives_by_differences(machine: None, prim: Any) -> None:
    """Bilinear: differences of first and second order are exact, for stride, dilation, padding and groups."""
    rng = np.random.default_rng(0)
    for p, case in instances(prim, float64):
        (a, b), (da, db), (ea, eb) = ([from_numpy(v.owner) for v in drawn(prim, case, rng)] for _ in range(3))

        def first(a: Array, b: Array) -> Any:
            return jvp(p, (a, b), (da, db))[1]  # noqa: B023

        _, second = jvp(first, (a, b), (ea, eb))

        na, nb, nda, ndb = (np.asarray(v) for v in (a, b, da, db))
        same_bits(first(a, b), (p.oracle(na + nda, nb + ndb) - p.oracle(na - nda, nb - ndb)) / 2)
        same_bits(second, p.oracle(np.asarray(ea), ndb) + p.oracle(nda, np.asarray(eb)))


def test_gradients_of_gradients(machine: None) -> None:
    """A weight gradient differentiated again is an input gradient and a convolution."""
    rng = np.random.default_rng(0)
    x, w = (from_numpy(rng.integers(-2, 3, s) / 2) for s in ((1, 5, 2), (3, 2, 2)))

    def squares(y: Array) -> Array:
        return reduce_sum(mul(y, y), range(y.ndim))

    def first(w: Array) -> Array:
        return squares(grad(lambda w: squares(conv(x, w, (2,), (1,), (1,), (1,), 1)))(w))

    outer = grad(first)(w)
    h = 1e-5
    v = rng.standard_normal(w.shape)

    def f(w: Any) -> float:
        return float(np.asarray(first(from_numpy(w))))

    slope = (f(np.asarray(w) + h * v) - f(np.asarray(w) - h * v)) / (2 * h)
    np.testing.assert_allclose(np.sum(np.asarray(outer) * v), slope, rtol=1e-7)


def test_nothing_is_repeated_when_one_operand_is_mapped(machine: None) -> None:
    """Folding moves axes, it does not broadcast; sizes of 0 give nothing."""
    x, w = from_numpy(np.ones((0, 2, 5, 2))), from_numpy(np.ones((0, 3, 2, 4)))
    one = Conv((3,), (1,), (0,), (1,), 1)

    assert vmap(one)(x, w).shape == (0, 2, 3, 4)
    assert vmap(one, (0, None))(x, from_numpy(np.ones((3, 2, 4)))).shape == (0, 2, 3, 4)


@pytest.mark.parametrize(
    ("x", "w", "fields", "error"),
    [
        ("f32[1,5,2]", "f64[3,2,4]", ((3,), (1,), (0,), (1,), 1), "one dtype"),
        ("f32[1,5,2]", "f32[2,4]", ((3,), (1,), (0,), (1,), 1), "arrays of 3 axes"),
        ("f32[1,5,2]", "f32[3,3,4]", ((3,), (1,), (0,), (1,), 1), "channels or batch"),
        ("f32[1,5,3]", "f32[3,1,4]", ((3,), (1,), (0,), (1,), 3), "channels or batch"),
        ("f32[1,5,2]", "f32[3,2,4]", ((3,), (0,), (0,), (1,), 1), "for each of 1 axes"),
        ("f32[1,5,2]", "f32[3,2,4]", ((3,), (1, 1), (0,), (1,), 1), "for each of 1 axes"),
    ],
)
def test_types_that_do_not_fit(x: str, w: str, fields: Any, error: str) -> None:
    """Each is an error that names the types or the fields."""
    types = parse(f"program (%0: {x}, %1: {w}) -> () {{ return }}").in_types
    with pytest.raises((ArrayTypeError, ShapeError), match=error):
        Conv(*fields).types(*types)
