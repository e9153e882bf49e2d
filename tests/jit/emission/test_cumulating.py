"""Cumulate against docs/numerics.md in NumPy: chunks of 256, offsets once, every dtype, axis and direction."""

import numpy as np
import pytest

from tests.jit.emission.harness import same_bits, special
from tests.jit.emission.programs import single
from tianyuan.lowering import Cumulate
from tianyuan.settings import config
from tianyuan.types import COMPLEX, REAL, ArrayType, as_dtype, bfloat16, float16, float32
from tianyuan_jit import engine

OPERATIONS = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


def extreme(op, x, y):
    """IEEE 754-2019 maximum and minimum: NaN propagates, -0 < +0."""
    result = OPERATIONS[op](x, y)
    zeros = (x == 0) & (y == 0)
    signs = np.signbit(x) & np.signbit(y) if op == "max" else np.signbit(x) | np.signbit(y)
    return np.where(zeros, np.where(signs, -0.0, 0.0).astype(result.dtype), result)


def combine(op, x, y):
    """x op y."""
    if op in ("max", "min") and x.dtype.kind == "f":
        return extreme(op, x, y)
    if op == "mul" and x.dtype.kind == "c":
        made = np.empty_like(x * y)
        made.real, made.imag = x.real * y.real - x.imag * y.imag, x.real * y.imag + x.imag * y.real
        return made
    return OPERATIONS[op](x, y)


def running(op, x):
    """The definition along the first axis."""
    y = x.copy()
    starts = range(0, len(x), 256)
    for start in starts:
        for i in range(start + 1, min(start + 256, len(x))):
            y[i] = combine(op, y[i - 1], x[i])
    if len(starts) > 1:
        totals = running(op, np.stack([y[min(s + 256, len(x)) - 1] for s in starts]))
        for c, start in enumerate(starts[1:]):
            y[start : start + 256] = combine(op, totals[c][None], y[start : start + 256])
    return y


def reference(how, x):
    """Along an axis, forwards or backwards, 16-bit floats in f32."""
    wide = as_dtype(x.dtype) in (float16, bfloat16)
    lines = np.moveaxis(x.astype(np.float32) if wide else x, how.axis, 0)
    with np.errstate(all="ignore"):
        made = running(how.op, lines[::-1])[::-1] if how.reverse else running(how.op, lines)
        return np.moveaxis(made, 0, how.axis).astype(x.dtype)


def check(how, x, isa=""):
    """The kernel has the definition's bits."""
    assert same_bits(reference(how, x), single(how, [x], [ArrayType(as_dtype(x.dtype), x.shape)], isa)[0])


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("dtype", REAL, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_dtypes(op, dtype, reverse):
    """Special values in lines of a few chunks, contiguous and not."""
    rng = np.random.default_rng(1)
    check(Cumulate(op, 0, reverse), special(rng, dtype, (600,)))
    check(Cumulate(op, 0, reverse), special(rng, dtype, (300, 19)))


@pytest.mark.parametrize("op", ["add", "mul"])
@pytest.mark.parametrize("dtype", COMPLEX, ids=str)
def test_complex(op, dtype):
    """Complex sums and products."""
    rng = np.random.default_rng(2)
    for shape in ((700,), (300, 18)):
        x = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype.numpy)
        check(Cumulate(op, 0, False), x)


@pytest.mark.parametrize("n", [0, 1, 2, 255, 256, 257, 1023, 1024, 1025, 1300, 66_000])
@pytest.mark.parametrize("reverse", [False, True])
def test_sizes(n, reverse):
    """Around the chunks, and enough of them for totals of totals."""
    x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    check(Cumulate("add", 0, reverse), x)


@pytest.mark.parametrize("isa", engine.host_isas())
@pytest.mark.parametrize("shape, axis", [((3, 400, 5), 1), ((3, 400, 33), 1), ((400, 2, 8), 0), ((2, 3, 400), 2)])
def test_axes(shape, axis, isa):
    """Any axis, on every instruction set."""
    check(Cumulate("add", axis, False), special(np.random.default_rng(4), float32, shape), isa)


@pytest.mark.parametrize("shape, axis", [((0, 4), 0), ((4, 0), 0), ((0, 4), 1), ((4, 0), 1)])
def test_empty(shape, axis):
    """Nothing to do."""
    check(Cumulate("add", axis, False), np.zeros(shape, np.float32))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("axis", [0, 1])
def test_threads(threads, axis):
    """Enough lines for several tasks."""
    x = np.random.default_rng(5).standard_normal((600, 500)).astype(np.float32)
    with config.override(num_threads=threads):
        check(Cumulate("add", axis, True), x)
