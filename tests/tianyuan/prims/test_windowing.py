"""Sums and maxima over windows, on the oracle machine."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests import oracle_machine
from tests.laws.bits import same_bits
from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear import reduce_sum
from tianyuan.prims.pointwise.arithmetic import mul
from tianyuan.prims.windowing import reduce_window_max, reduce_window_sum
from tianyuan.transforms.derivatives import grad
from tianyuan.transforms.mapping import vmap

WINDOWS: list[tuple[Any, ...]] = [
    ((2, 3), (1, 1), (0, 0), (0, 0), (1, 1)),
    ((2, 2), (2, 2), (0, 0), (0, 0), (1, 1)),
    ((3, 1), (2, 1), (1, 0), (1, 0), (1, 1)),
    ((2, 2), (1, 3), (1, 1), (0, 1), (2, 2)),
    ((6, 7), (1, 1), (0, 0), (0, 0), (1, 1)),
    ((9, 9), (1, 1), (0, 0), (0, 0), (1, 1)),
]


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    """Programs and transformations run on the oracle."""
    oracle_machine.install()
    yield
    oracle_machine.uninstall()


def looped(x: Any, window: Any, combine: Any, fill: float) -> np.ndarray[Any, Any]:
    """Window by window."""
    sizes, strides, low, high, dilation = window
    padded = np.pad(x, list(zip(low, high, strict=True)), constant_values=fill)
    spans = [(k - 1) * d + 1 for k, d in zip(sizes, dilation, strict=True)]
    counts = [max(0, (n - s) // t + 1) for n, s, t in zip(padded.shape, spans, strides, strict=True)]
    y = np.empty(counts, x.dtype)
    for p in np.ndindex(*counts):
        cut = [np.s_[i * t : i * t + s : d] for i, t, s, d in zip(p, strides, spans, dilation, strict=True)]
        y[p] = combine(padded[tuple(cut)].ravel())
    return y


def ordered(values: Any) -> Any:
    """ORDER(16, 256) of at most 256 values, from the text."""
    lanes: list[Any] = [None] * 16
    plus = lambda a, b: b if a is None else a if b is None else a + b  # noqa: E731
    for k, v in enumerate(values):
        lanes[k % 16] = plus(lanes[k % 16], v)
    for width in (8, 4, 2, 1):
        for i in range(width):
            lanes[i] = plus(lanes[i], lanes[i + width])
    return lanes[0]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_values(window: Any) -> None:
    """A loop over windows gives the same bits; padding is missing."""
    x = np.random.default_rng(0).standard_normal((6, 7)).astype(np.float32)

    same_bits(reduce_window_sum(from_numpy(x), *window), looped(x, window, ordered, -0.0))
    same_bits(reduce_window_max(from_numpy(x), *window), looped(x, window, np.max, -np.inf))


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("reduce", [reduce_window_sum, reduce_window_max])
def test_gradients(window: Any, reduce: Any) -> None:
    """Against differences."""
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 6, 7))
    shape = reduce(from_numpy(x), *window).shape
    weights = from_numpy(rng.standard_normal(shape))

    def f(x: Any) -> Any:
        return reduce_sum(mul(reduce(x, *window), weights), range(2))

    gradient = np.asarray(grad(f)(from_numpy(x)))

    up, down = (float(np.asarray(f(from_numpy(x + s * 1e-6 * v)))) for s in (1, -1))
    np.testing.assert_allclose(np.sum(gradient * v), (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


def test_cotangents_are_added_in_the_order_of_outputs() -> None:
    """Element i of a window of 3 gets ((ct[i-2] + ct[i-1]) + ct[i])."""
    rng = np.random.default_rng(0)
    x, ct = rng.standard_normal(9).astype(np.float32), rng.standard_normal(7).astype(np.float32)

    gradient = grad(lambda x: reduce_sum(mul(reduce_window_sum(x, (3,)), from_numpy(ct)), (0,)))(from_numpy(x))

    expected = [ct[0], ct[0] + ct[1], *((ct[i - 2] + ct[i - 1]) + ct[i] for i in range(2, 7)), ct[5] + ct[6], ct[6]]
    same_bits(gradient, np.array(expected, np.float32))


def test_the_first_maximum_gets_the_cotangent() -> None:
    """Of equals, the first in row-major order of the window; NaN and signed zeros as maximum has them."""
    x = from_numpy(np.array([[3.0, 3.0], [1.0, 3.0]]))
    special = from_numpy(np.array([[-0.0, 0.0, np.nan, 1.0]], np.float32))

    same_bits(grad(lambda x: reduce_sum(reduce_window_max(x, (2, 2)), (0, 1)))(x), np.array([[1.0, 0.0], [0.0, 0.0]]))
    same_bits(reduce_window_max(special, (1, 2)), np.array([[0.0, np.nan, np.nan]], np.float32))


@pytest.mark.parametrize("reduce", [reduce_window_sum, reduce_window_max])
def test_batching_is_a_loop(reduce: Any) -> None:
    """At every axis."""
    xs = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32)
    for axis in range(3):
        moved = from_numpy(np.ascontiguousarray(np.moveaxis(xs, 0, axis)))

        mapped = vmap(lambda x: reduce(x, (2, 3), (1, 2)), axis)(moved)

        for i in range(3):
            same_bits(np.asarray(mapped)[i], reduce(from_numpy(xs[i]), (2, 3), (1, 2)))


def test_integers_and_short_floats() -> None:
    """Integers wrap; bfloat16 adds in f32."""
    x = from_numpy(np.array([100, 100, -128], np.int8))
    ones = from_numpy(np.full(300, 1.0).astype(np.dtype("bfloat16")))

    same_bits(reduce_window_sum(x, (2,)), np.array([-56, -28], np.int8))
    same_bits(reduce_window_max(x, (2,), None, (1,), (1,)), np.array([100, 100, 100, -128], np.int8))
    assert float(np.asarray(reduce_window_sum(ones, (300,))).astype(np.float32)[0]) == 300.0


def test_what_does_not_fit() -> None:
    """Errors name the type."""
    x = from_numpy(np.zeros((2, 3), np.complex64))
    with pytest.raises(ArrayTypeError, match="real numbers"):
        reduce_window_max(x, (1, 1))
    with pytest.raises(ShapeError, match="for each axis"):
        reduce_window_sum(x, (1,))
    with pytest.raises(ArrayTypeError, match="takes numbers"):
        reduce_window_sum(from_numpy(np.zeros(3, bool)), (1,))
