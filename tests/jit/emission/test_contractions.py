"""Contractions as kernels of a program: every arrangement of axes gives CHAIN(256, 16), to the bit."""

import functools
import math

import numpy as np
import pytest
from attrs import evolve

from tests.jit import chain
from tests.jit.emission.harness import same_bits
from tests.jit.emission.programs import run
from tianyuan.lowering import Contract
from tianyuan.prims.pointwise.arithmetic import add, maximum, mul
from tianyuan.settings import config
from tianyuan.types import COMPLEX, FLOATS, INTEGERS, ArrayType, as_dtype, bfloat16, complex64, float32, float64
from tianyuan_jit import engine
from tianyuan_jit.kernels import Apply, Arg, Const, Contraction, Operand, Read, Tile, View, Write

ISAS = engine.host_isas()
# name: (shape of a, shape of b, lowering)
CASES = {
    "matrices": ((5, 7), (7, 9), Contract((), ((1, 0),))),
    "a transposed": ((7, 5), (7, 9), Contract((), ((0, 0),))),
    "b transposed": ((5, 7), (9, 7), Contract((), ((1, 1),))),
    "both transposed": ((7, 5), (9, 7), Contract((), ((0, 1),))),
    "wide": ((3, 40), (40, 70), Contract((), ((1, 0),))),
    "matrix, vector": ((30, 40), (40,), Contract((), ((1, 0),))),
    "vector, matrix": ((40,), (40, 30), Contract((), ((0, 0),))),
    "vector, rows": ((40,), (30, 40), Contract((), ((0, 1),))),
    "vectors": ((300,), (300,), Contract((), ((0, 0),))),
    "one": ((1, 1), (1, 1), Contract((), ((1, 0),))),
    "no k": ((5, 0), (0, 9), Contract((), ((1, 0),))),
    "no rows": ((0, 7), (7, 9), Contract((), ((1, 0),))),
    "no columns": ((5, 7), (7, 0), Contract((), ((1, 0),))),
    "several blocks": ((3, 600), (600, 5), Contract((), ((1, 0),))),
    "batch": ((3, 5, 7), (3, 7, 9), Contract(((0, 0),), ((2, 1),))),
    "batch of vectors": ((6, 70), (6, 70), Contract(((0, 0),), ((1, 1),))),
    "batch inside": ((5, 7, 3), (7, 9, 3), Contract(((2, 2),), ((1, 0),))),
    "two batches": ((2, 3, 5, 7), (2, 3, 7, 9), Contract(((0, 0), (1, 1)), ((3, 2),))),
    "attention": ((2, 5, 3, 8), (2, 6, 3, 8), Contract(((0, 0), (2, 2)), ((3, 3),))),
    "values": ((2, 3, 5, 6), (2, 6, 3, 8), Contract(((0, 0), (1, 2)), ((3, 1),))),
    "three batches": ((2, 5, 3, 2, 7), (2, 2, 9, 3, 7), Contract(((0, 0), (2, 3), (3, 1)), ((4, 4),))),
    "two contracted": ((5, 4, 6), (4, 6, 9), Contract((), ((1, 0), (2, 1)))),
    "contracted in another order": ((5, 4, 6), (4, 6, 9), Contract((), ((2, 1), (1, 0)))),
    "contracted apart": ((4, 5, 6), (6, 9, 4), Contract((), ((0, 2), (2, 0)))),
    "three contracted": ((2, 3, 4, 5), (5, 7, 2, 4), Contract((), ((3, 0), (0, 2), (2, 3)))),
    "rows apart": ((5, 7, 6), (7, 9), Contract((), ((1, 0),))),
    "columns apart": ((5, 7), (9, 7, 4), Contract((), ((1, 1),))),
    "weights": ((4, 6, 5), (4, 6, 9), Contract((), ((0, 0), (1, 1)))),
    "large": ((50, 80), (80, 130), Contract((), ((1, 0),))),
}


def matrices(how, a, b):
    """a[batch, m, k], b[batch, k, n] and the result's shape."""
    gone = [[p[i] for p in (*how.batch, *how.contract)] for i in range(2)]
    free = [[i for i in range(x.ndim) if i not in g] for x, g in zip((a, b), gone, strict=True)]
    pairs = [[p[i] for p in how.batch] for i in range(2)], [[p[i] for p in how.contract] for i in range(2)]
    batch = [a.shape[i] for i in pairs[0][0]]
    m, n = ([x.shape[i] for i in f] for x, f in zip((a, b), free, strict=True))
    k = math.prod(a.shape[i] for i in pairs[1][0])
    left = a.transpose(*pairs[0][0], *free[0], *pairs[1][0]).reshape(math.prod(batch), math.prod(m), k)
    right = b.transpose(*pairs[0][1], *pairs[1][1], *free[1]).reshape(math.prod(batch), k, math.prod(n))
    return left, right, (*batch, *m, *n)


def reference(how, a, b):
    """The definition."""
    left, right, shape = matrices(how, a, b)
    if a.dtype.kind == "c":
        parts = [chain.chain(x, y) for x in (left.real, left.imag) for y in (right.real, right.imag)]
        made = np.empty(parts[0].shape, a.dtype)
        made.real, made.imag = parts[0] - parts[3], parts[1] + parts[2]
        return made.reshape(shape)
    if a.dtype.kind == "u":
        signed = np.dtype(f"i{a.itemsize}")
        return chain.chain(left.view(signed), right.view(signed)).view(a.dtype).reshape(shape)
    return chain.chain(left, right).reshape(shape)


@functools.cache
def problem(case, dtype):
    """Operands and the expected result."""
    a, b, how = CASES[case]
    rng = np.random.default_rng(len(case))
    if dtype.kind == "c":
        x, y = (rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in (a, b))
    elif dtype.kind in "iu":
        x, y = (rng.integers(0, 100, s) for s in (a, b))
    else:
        x, y = (chain.values(rng, s, "f64") for s in (a, b))
    x, y = x.astype(dtype.numpy), y.astype(dtype.numpy)
    return how, x, y, reference(how, x, y)


def kernel_of(how, *shapes, dtype, **more):
    """The kernel over buffers a, b, out."""
    a, b, out = (Operand(i, ArrayType(dtype, s)) for i, s in enumerate(shapes))
    return Contraction(how, (a, b), out, **more)


def contract(how, x, y, shape, isa=ISAS[-1]):
    """The result of a kernel of known sizes."""
    dtype = as_dtype(x.dtype)
    kernel = kernel_of(how, x.shape, y.shape, shape, dtype=dtype)
    types = [ArrayType(dtype, s) for s in (x.shape, y.shape, shape)]
    return run(kernel, [x, y], types, isa)[0][2]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("isa", ISAS)
def test_cases(case, isa):
    """Every arrangement in f32, on every instruction set."""
    how, x, y, expected = problem(case, float32)
    assert same_bits(expected, contract(how, x, y, expected.shape, isa))


@pytest.mark.parametrize("case", ["matrices", "vectors", "attention", "rows apart", "no k", "several blocks"])
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS, *COMPLEX], ids=str)
def test_dtypes(case, dtype):
    """Every dtype of numbers; complex as four real contractions."""
    how, x, y, expected = problem(case, dtype)
    assert same_bits(expected, contract(how, x, y, expected.shape))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", [float32, complex64], ids=str)
def test_generic_sizes(case, dtype):
    """Extents given at the run: the same bits, from one text for every size."""
    how, x, y, expected = problem(case, dtype)
    shapes = [tuple(Arg(i) for i in range(x.ndim)), tuple(Arg(x.ndim + i) for i in range(y.ndim)), ()]
    kernel = kernel_of(how, *shapes, dtype=dtype)
    types = [ArrayType(dtype, s) for s in (x.shape, y.shape, expected.shape)]
    results, _ = run(kernel, [x, y], types, ISAS[-1], [*x.shape, *y.shape])
    assert same_bits(expected, results[2])


def test_offsets_and_strides():
    """Operands that are views: transposed, repeated, a part, backwards."""
    rng = np.random.default_rng(7)
    store, y = rng.standard_normal((12, 20)).astype(np.float32), rng.standard_normal((20,)).astype(np.float32)
    views = {
        "a part": (store[2:8, 3:], 43, (20, 1)),
        "transposed": (store.T, 0, (1, 20)),
        "backwards": (store[::-1], 220, (-20, 1)),
        "repeated": (np.broadcast_to(store[0], (5, 20)), 0, (0, 1)),
    }
    for view, offset, strides in views.values():
        m, k = view.shape
        other = np.stack([y[:1].repeat(k)] * 3, 1) if k != 20 else np.broadcast_to(y[:, None], (20, 3))
        kernel = kernel_of(Contract((), ((1, 0),)), (m, k), other.shape, (m, 3), dtype=float32)
        a = evolve(kernel.ins[0], offset=offset, strides=strides)
        kernel = evolve(kernel, ins=(a, kernel.ins[1]))
        types = [ArrayType(float32, s) for s in (store.shape, other.shape, (m, 3))]
        results, _ = run(kernel, [store, np.ascontiguousarray(other)], types, ISAS[-1])
        assert same_bits(chain.chain(view, other), results[2])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(300, 700, 90), (1, 3000, 2500), (2500, 3000, 1)])
def test_threads(threads, shape):
    """Work enough for two threads."""
    m, k, n = shape
    rng = np.random.default_rng(8)
    x, y = chain.values(rng, (m, k), "f32"), chain.values(rng, (k, n), "f32")
    with config.override(num_threads=threads):
        assert same_bits(chain.chain(x, y), contract(Contract((), ((1, 0),)), x, y, (m, n)))


# ---- epilogues


def epilogue(kernel, shape, *, bias, residual, extra):
    """max(tile * scale + bias + residual, 0) in place; the sum before the maximum to a buffer of its own."""
    rank, dtype = len(shape), kernel.out.type.dtype
    full = tuple(math.prod(shape[i + 1 :]) for i in range(rank))
    nodes = [
        Tile(dtype),
        Read(View(3, 0, (0,) * rank), dtype),
        Apply(mul, (0, 1), dtype),
        Read(View(4, 1, bias), dtype),
        Apply(add, (2, 3), dtype),
        Read(View(5, 0, residual), dtype),
        Apply(add, (4, 5), dtype),
        Const(np.zeros((), dtype.numpy).tobytes(), dtype),
        Apply(maximum, (6, 7), dtype),
    ]
    writes = [Write(8, View(2, 0, full)), Write(6, View(6, 0, extra))]
    return evolve(kernel, nodes=tuple(nodes), writes=tuple(writes))


@pytest.mark.parametrize(
    "case", ["large", "matrix, vector", "vector, rows", "vectors", "attention", "two batches", "rows apart", "no k"]
)
@pytest.mark.parametrize("dtype", [float32, float64, bfloat16], ids=str)
@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("odd", [False, True])
def test_epilogue(case, dtype, isa, odd):
    """Scalar, bias along the last axis, residual, two results; with ``odd`` views that walk no axes as one."""
    how, x, y, product = problem(case, dtype)
    shape, rng = product.shape, np.random.default_rng(9)
    rank = len(shape)
    full = tuple(math.prod(shape[i + 1 :]) for i in range(rank))
    reverse = tuple(math.prod(shape[:i]) for i in range(rank))
    bias = tuple(int(i == rank - 1) for i in range(rank))
    scale = np.array(1.5, dtype.numpy)
    offsets = chain.values(rng, (max((1, *shape)) + 1,), "f64").astype(dtype.numpy)
    residual = chain.values(rng, (1, *shape), "f64").astype(dtype.numpy).reshape(shape)
    stored = np.ascontiguousarray(residual.T) if odd else residual
    kernel = kernel_of(how, x.shape, y.shape, shape, dtype=dtype)
    kernel = epilogue(kernel, shape, bias=bias, residual=reverse if odd else full, extra=full)
    shapes = [x.shape, y.shape, shape, (), offsets.shape, stored.shape, shape]
    types = [ArrayType(dtype, s) for s in shapes]
    rubbish = np.zeros(shape, dtype.numpy)
    results, _ = run(kernel, [x, y, rubbish, scale, offsets, stored], types, isa)
    row = offsets[1 : 1 + shape[-1]] if rank else offsets[1]
    total = (product * scale + row) + residual
    assert same_bits(total.astype(dtype.numpy), results[6])
    assert same_bits(np.maximum(total, 0).astype(dtype.numpy) + np.zeros((), dtype.numpy), results[2] + 0)
