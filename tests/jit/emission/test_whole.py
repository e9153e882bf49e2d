"""Gather, Scatter and Threefry in a program: the same bits on any number of threads, the first failure."""

import numpy as np
import pytest
from attrs import evolve

from tests.jit.emission.harness import same_bits
from tests.jit.emission.programs import run, single
from tianyuan.lowering import Gather, Scatter, Threefry
from tianyuan.settings import config
from tianyuan.types import ArrayType, as_dtype, float16, float32, int64, uint32
from tianyuan_jit import engine
from tianyuan_jit.emission.status import NO_FAILURE
from tianyuan_jit.kernels import Arg, Operand, Single


@pytest.mark.parametrize("threads", [1, 2])
def test_gather(threads):
    """Rows at index vectors, enough for several tasks."""
    rng = np.random.default_rng(0)
    x, at = rng.standard_normal((100, 64)).astype(np.float32), rng.integers(0, 100, (9000, 1))
    with config.override(num_threads=threads):
        out = single(Gather(0, (0,), (1, 64), (0,), "error"), [x, at], [ArrayType(float32, (9000, 64))])[0]
    assert same_bits(x[at[:, 0]], out)


@pytest.mark.parametrize("threads", [1, 2])
def test_first_failure_of_a_gather(threads):
    """Of many bad indices on all threads the first position is recorded."""
    at = np.full((90_000, 1), 3)
    at[17:] = 100 + np.arange(90_000 - 17)[:, None]
    types = [ArrayType(float32, (10,)), ArrayType(int64, at.shape), ArrayType(float32, (90_000,))]
    operands = [Operand(i, t) for i, t in enumerate(types)]
    kernel = Single(Gather(0, (0,), (1,), (0,), "error"), tuple(operands[:2]), (operands[2],), 5)
    with config.override(num_threads=threads):
        for _ in range(5):
            _, status = run(kernel, [np.zeros(10, np.float32), at], types, engine.isa())
            assert {"equation": 5, "position": 17, "value": 100, "axis": 0, "size": 10} == status


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [float16, float32], ids=str)
def test_batched_scatter(threads, dtype):
    """Entries of a batch on several threads; within one, in order."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 300)).astype(dtype.numpy)
    at, updates = rng.integers(0, 300, (40, 3000, 1)), rng.standard_normal((40, 3000)).astype(dtype.numpy)
    expected = x.astype(np.float32)
    for b in range(40):
        np.add.at(expected[b], at[b, :, 0], updates[b].astype(np.float32))
    how = Scatter("add", 1, (1,), (1,), (1,), "error")
    with config.override(num_threads=threads):
        out = single(how, [x, at, updates], [ArrayType(dtype, x.shape)])[0]
    assert same_bits(expected.astype(dtype.numpy), out)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [float16, float32], ids=str)
@pytest.mark.parametrize("op", ["add", "set"])
@pytest.mark.parametrize("width", [1, 31, 33, 200])
def test_scatter_by_columns(threads, dtype, op, width):
    """Windows of one array, cut into columns on several threads: each element in order of the positions."""
    rng = np.random.default_rng(width)
    x = rng.standard_normal((500, width)).astype(dtype.numpy)
    at, updates = rng.integers(0, 500, (4000, 1)), rng.standard_normal((4000, width)).astype(dtype.numpy)
    expected = x.astype(np.float32)
    for i, u in zip(at[:, 0], updates.astype(np.float32), strict=True):
        expected[i] = expected[i] + u if op == "add" else u
    how = Scatter(op, 0, (0,), (1, width), (0,), "error")
    with config.override(num_threads=threads):
        out = single(how, [x, at, updates], [ArrayType(dtype, x.shape)])[0]
    assert same_bits(expected.astype(dtype.numpy), out)


@pytest.mark.parametrize("threads", [1, 2])
def test_threefry(threads):
    """The same words on any number of threads; known answers are in test_threefry.py."""
    rng = np.random.default_rng(2)
    words = [rng.integers(0, 1 << 32, n, np.uint32) for n in ((), (), (50_000,), (50_000,))]
    outs = [ArrayType(uint32, (50_000,))] * 2
    with config.override(num_threads=1):
        expected = single(Threefry(), words, outs)
    with config.override(num_threads=threads):
        actual = single(Threefry(), words, outs)
    assert all(map(same_bits, expected, actual))


@pytest.mark.parametrize("n", [1, 40, 2000])
def test_generic_gather(n):
    """Extents that are numbers given at the run."""
    x, at = np.arange(100.0).reshape(10, 10), np.arange(n)[:, None] % 10
    generic = [ArrayType(as_dtype("float64"), (Arg(0), Arg(1))), ArrayType(int64, (Arg(2), 1))]  # pyright: ignore
    result = ArrayType(as_dtype("float64"), (Arg(2), Arg(1)))  # pyright: ignore
    operands = [Operand(i, t) for i, t in enumerate([*generic, result])]
    kernel = Single(Gather(0, (0,), (1, 10), (0,), "error"), tuple(operands[:2]), (operands[2],), 0)
    shapes = [(10, 10), (n, 1), (n, 10)]
    types = [evolve(o.type, shape=shape) for o, shape in zip(operands, shapes, strict=True)]
    results, status = run(kernel, [x, at], types, engine.isa(), [10, 10, n])
    assert status["equation"] == NO_FAILURE
    assert same_bits(x[at[:, 0]], results[2])
