"""Convolutions as kernels of a program: the library's and plain loops, every dtype, epilogues, run-time sizes."""

import math

import numpy as np
import pytest

from tests.jit import chain
from tests.jit.emission.harness import same_bits
from tests.jit.emission.programs import run
from tests.jit.emission.test_contractions import epilogue
from tests.jit.test_convolution import MODELS, Convolution
from tianyuan.lowering import Convolve
from tianyuan.types import COMPLEX, FLOATS, INTEGERS, ArrayType, bfloat16, float32
from tianyuan_jit import engine
from tianyuan_jit.kernels import Arg, Contraction, Operand

ISAS = engine.host_isas()
CASES = {
    "no axes": Convolution((), (), (), (), (), (), 3, 1, 4, 2),
    "one axis": Convolution((7,), (3,), (5,), (1,), (0,), (1,), 2, 1, 3, 4),
    "stride": Convolution((7, 8), (3, 2), (4, 4), (2, 2), (1, 0), (1, 1), 2, 1, 3, 4),
    "groups": Convolution((5, 6), (2, 2), (5, 5), (1, 1), (1, 0), (1, 1), 2, 3, 2, 4),
    "dilation": Convolution((6, 5, 4), (2, 1, 2), (6, 5, 2), (1, 1, 1), (1, 0, 0), (2, 1, 2), 1, 1, 2, 3),
    "no positions": Convolution((4,), (2,), (0,), (1,), (0,), (1,), 2, 1, 3, 2),
    "no batch": Convolution((4,), (2,), (3,), (1,), (0,), (1,), 0, 1, 3, 2),
    "many channels": Convolution((3, 3), (3, 3), (3, 3), (1, 1), (1, 1), (1, 1), 1, 1, 40, 20),
    "four axes": Convolution(
        (3, 2, 3, 2), (2, 1, 2, 1), (2, 2, 3, 2), (1, 1, 1, 1), (0, 0, 1, 0), (1, 1, 1, 1), 2, 1, 2, 3
    ),
    "four axes, stride": Convolution(
        (4, 2, 3, 3), (2, 1, 1, 3), (2, 2, 3, 2), (2, 1, 1, 2), (0, 0, 0, 1), (1, 1, 1, 1), 1, 2, 2, 1
    ),
    "four axes, deep": Convolution(
        (1, 1, 1, 5), (1, 1, 1, 5), (1, 1, 1, 1), (1, 1, 1, 1), (0, 0, 0, 0), (1, 1, 1, 1), 1, 1, 900, 1
    ),
}


def model(v, which, dtype, arrays):
    """The definition on two of x, w, y."""
    compute, names, _ = MODELS[which]
    a, b = (arrays[n] for n in names)
    if which == "weight" and not a.size * b.size:
        return np.zeros(v.shapes()[1], a.dtype)
    if dtype.kind == "c":
        parts = [compute(v, x, y) for x in (a.real, a.imag) for y in (b.real, b.imag)]
        made = np.empty(parts[0].shape, a.dtype)
        made.real, made.imag = parts[0] - parts[3], parts[1] + parts[2]
        return made
    if dtype.kind == "u":
        signed = np.dtype(f"i{a.itemsize}")
        return compute(v, a.view(signed), b.view(signed)).view(a.dtype)
    return compute(v, a, b)


def drawn(v, dtype):
    """x, w and y."""
    rng = np.random.default_rng(3)
    made = {}
    for name, shape in zip("xwy", v.shapes(), strict=True):
        if dtype.kind in "iu":
            made[name] = rng.integers(0, 100, shape).astype(dtype.numpy)
            continue
        x = chain.values(rng, (1, *shape), "f64")[0]
        made[name] = (x + 1j * x[::-1] if dtype.kind == "c" else x).astype(dtype.numpy)
    return made


def kernel_of(v, which, dtype, numbers=None):
    """The kernel over buffers a, b, out; with run-time sizes if a list for them is given."""
    _, names, result = MODELS[which]
    shapes = dict(zip("xwy", v.shapes(), strict=True))

    def given(values):
        if numbers is None:
            return tuple(values)
        numbers.extend(values)
        return tuple(Arg(len(numbers) - len(values) + i) for i in range(len(values)))

    operands = [Operand(i, ArrayType(dtype, given(shapes[n]))) for i, n in enumerate([*names, result])]
    how = Convolve(which, given(v.stride), given(v.low), given(v.dilation), given([v.groups])[0])
    return Contraction(how, (operands[0], operands[1]), operands[2])


def check(v, which, dtype, isa=ISAS[-1], generic=False):
    """The kernel's result has the model's bits."""
    _, names, result = MODELS[which]
    arrays, numbers = drawn(v, dtype), [] if generic else None
    kernel = kernel_of(v, which, dtype, numbers)
    types = [ArrayType(dtype, arrays[n].shape) for n in (*names, result)]
    results, _ = run(kernel, [arrays[n] for n in names], types, isa, numbers or ())
    assert same_bits(model(v, which, dtype, arrays), results[2])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("which", MODELS)
@pytest.mark.parametrize("isa", ISAS)
def test_cases(case, which, isa):
    """Every arrangement in f32."""
    check(CASES[case], which, float32, isa)


@pytest.mark.parametrize("case", ["groups", "four axes, stride"])
@pytest.mark.parametrize("which", MODELS)
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, *COMPLEX], ids=str)
def test_dtypes(case, which, dtype):
    """Every dtype of numbers."""
    check(CASES[case], which, dtype)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("which", MODELS)
def test_generic_sizes(case, which):
    """Everything given at the run."""
    check(CASES[case], which, float32, generic=True)


@pytest.mark.parametrize("case", ["groups", "stride", "many channels", "four axes"])
@pytest.mark.parametrize("which", MODELS)
@pytest.mark.parametrize("dtype", [float32, bfloat16], ids=str)
@pytest.mark.parametrize("isa", ISAS)
def test_epilogue(case, which, dtype, isa):
    """Scale, a bias along the last axis, a residual, two results."""
    v = CASES[case]
    _, names, result = MODELS[which]
    arrays, rng = drawn(v, dtype), np.random.default_rng(4)
    product = model(v, which, dtype, arrays)
    shape = product.shape
    full = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
    bias = tuple(int(i == len(shape) - 1) for i in range(len(shape)))
    scale = np.array(1.5, dtype.numpy)
    offsets, residual = (rng.standard_normal(s).astype(dtype.numpy) for s in ((shape[-1] + 1,), shape))
    kernel = epilogue(kernel_of(v, which, dtype), shape, bias=bias, residual=full, extra=full)
    shapes = [*(arrays[n].shape for n in names), shape, (), offsets.shape, shape, shape]
    types = [ArrayType(dtype, s) for s in shapes]
    given = [*(arrays[n] for n in names), np.zeros(shape, dtype.numpy), scale, offsets, residual]
    results, _ = run(kernel, given, types, isa)
    total = (product * scale + offsets[1:]) + residual
    assert same_bits(total, results[6])
    assert same_bits(np.maximum(total, 0).astype(dtype.numpy) + np.zeros((), dtype.numpy), results[2] + 0)
