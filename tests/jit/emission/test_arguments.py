"""ArgReduce against NumPy: the first NaN, else the first element equal to the result."""

import numpy as np
import pytest

from tests.jit.emission.harness import special
from tests.jit.emission.programs import single
from tianyuan.lowering import ArgReduce
from tianyuan.settings import config
from tianyuan.types import REAL, ArrayType, as_dtype, bool_, int64
from tianyuan_jit import engine

SHAPES = [((1,), 0), ((31,), 0), ((32,), 0), ((1000,), 0), ((5, 40), 1), ((40, 5), 0), ((3, 7, 300), 1), ((0, 4), 1)]


def reference(op, axis, x):
    """NumPy's, which takes the first of equal ones and the first NaN."""
    wide = x.astype(np.float64) if as_dtype(x.dtype).kind == "f" else x
    return (np.argmax if op == "max" else np.argmin)(wide, axis).astype(np.int64)


@pytest.mark.parametrize("dtype", (bool_, *REAL), ids=str)
@pytest.mark.parametrize("op", ["max", "min"])
@pytest.mark.parametrize("isa", engine.host_isas())
def test_argreduce(dtype, op, isa):
    """Ties, NaNs and zeros of both signs, along every kind of axis."""
    for seed, (shape, axis) in enumerate(SHAPES):
        x = special(np.random.default_rng(seed), dtype, shape)
        expected = reference(op, axis, x)
        actual = single(ArgReduce(op, axis), [x], [ArrayType(int64, expected.shape)], isa)[0]
        np.testing.assert_array_equal(expected, actual)


@pytest.mark.parametrize("place", [0, 5, 17, 96, 99])
def test_only_one_nan(place):
    """A NaN wins wherever it stands, in a lane or in the rest."""
    x = np.arange(100.0)
    x[place] = np.nan
    assert [np.array(place)] == single(ArgReduce("max", 0), [x], [ArrayType(int64, ())])
    assert [np.array(place)] == single(ArgReduce("min", 0), [x], [ArrayType(int64, ())])


@pytest.mark.parametrize("threads", [1, 2])
def test_threads(threads):
    """Enough lines for several tasks."""
    x = special(np.random.default_rng(9), as_dtype("float32"), (50, 20, 1000))
    with config.override(num_threads=threads):
        for axis in range(3):
            expected = reference("max", axis, x)
            actual = single(ArgReduce("max", axis), [x], [ArrayType(int64, expected.shape)])[0]
            np.testing.assert_array_equal(expected, actual)
