"""Sort against NumPy's lexsort of ranks: order, stability, several keys, payloads, axes."""

import numpy as np
import pytest

from tests.jit.emission.harness import same_bits, special
from tests.jit.emission.programs import single
from tianyuan.lowering import Sort
from tianyuan.settings import config
from tianyuan.types import ALL, REAL, ArrayType, as_dtype, bool_, complex64, float32, float64, int8, int64

SORTABLE = (bool_, *REAL)


def ranks(x):
    """Equal numbers for equal elements, NaN above all."""
    wide = x.astype(np.float64) if as_dtype(x.dtype).kind == "f" else x
    return np.unique(wide, return_inverse=True)[1].reshape(x.shape).astype(np.int64)


def reference(lowering, args):
    """Every argument in the order of the keys."""
    keys = [-ranks(k) if lowering.descending else ranks(k) for k in reversed(args[: lowering.keys])]
    order = np.lexsort(keys, lowering.axis)
    return [np.take_along_axis(x, order, lowering.axis) for x in args]


def check(lowering, args):
    """All results have the reference's bits."""
    results = single(lowering, args, [ArrayType(as_dtype(x.dtype), x.shape) for x in args])
    for expected, actual in zip(reference(lowering, args), results, strict=True):
        assert same_bits(expected, actual)


@pytest.mark.parametrize("dtype", SORTABLE, ids=str)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("shape, axis", [((1,), 0), ((31,), 0), ((33,), 0), ((1000,), 0), ((3, 50, 4), 1)])
def test_one_array(dtype, descending, shape, axis):
    """One array: no order of equal elements shows but that of zeros' signs."""
    x = special(np.random.default_rng(1), dtype, shape)
    check(Sort(axis, 1, descending), [x])


@pytest.mark.parametrize("dtype", ALL, ids=str)
@pytest.mark.parametrize("descending", [False, True])
def test_payload(dtype, descending):
    """Elements of any dtype go along with a key that has many ties."""
    rng = np.random.default_rng(2)
    keys, payload = special(rng, int8, (4, 200)) % 5, special(rng, dtype, (4, 200))
    check(Sort(1, 1, descending), [keys, payload, np.arange(800).reshape(4, 200)])


@pytest.mark.parametrize("dtype", SORTABLE, ids=str)
def test_stability(dtype):
    """Equal keys keep their order, zeros of both signs and NaNs among them."""
    x = special(np.random.default_rng(3), dtype, (500,))
    for descending in (False, True):
        check(Sort(0, 1, descending), [x, np.arange(500)])


@pytest.mark.parametrize("descending", [False, True])
def test_several_keys(descending):
    """The first key is foremost."""
    rng = np.random.default_rng(4)
    keys = [special(rng, d, (90, 3)) for d in (bool_, float32, int64)]
    keys[1] = np.sign(keys[1])
    keys[2] = keys[2] % 4
    check(Sort(0, 3, descending), [*keys, special(rng, complex64, (90, 3))])


@pytest.mark.parametrize("shape, axis", [((0,), 0), ((0, 3), 0), ((0, 3), 1), ((3, 0), 0), ((3, 0), 1)])
def test_empty(shape, axis):
    """No lines, or lines without elements."""
    check(Sort(axis, 1, False), [np.zeros(shape, np.float32)])
    check(Sort(axis, 1, False), [np.zeros(shape, np.float32), np.zeros(shape, np.int64)])


def test_all_zeros():
    """The signs of zeros stay in their order when there is nothing else."""
    x = np.where(np.arange(100) % 3 == 0, 0.0, -0.0)
    check(Sort(0, 1, False), [x])
    check(Sort(0, 1, True), [x])


@pytest.mark.parametrize("threads", [1, 2])
def test_many_lines(threads):
    """Lines on several threads, and a long one that takes every pass."""
    rng = np.random.default_rng(5)
    with config.override(num_threads=threads):
        check(Sort(1, 1, False), [special(rng, float64, (300, 100))])
        check(Sort(1, 1, False), [special(rng, float32, (300, 100)), special(rng, float32, (300, 100))])
        check(Sort(0, 1, False), [rng.standard_normal(30_000)])
