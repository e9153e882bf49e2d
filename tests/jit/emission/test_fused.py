"""Fused kernels to the bit against ``fused_model``: sizes around every boundary, strides, dtypes, machines, threads."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests import model
from tests.jit.emission import fused_model
from tests.laws.bits import same_bits
from tianyuan.eager import from_numpy
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, as_dtype, float32
from tianyuan_jit.engine import host_isas
from tianyuan_jit.executing import Executable
from tianyuan_jit.fusion import fuse
from tianyuan_jit.generic import generic
from tianyuan_jit.kernels import Apply, Fold, Fused, FusedProgram, Operand, Read, View, Write

Make = Callable[..., Sequence[Any]]
EDGES = (0, 1, 2, 15, 16, 17, 31, 33, 64, 65, 255, 256, 257, 300, 513, 1023, 1025, 4099)
FEW = (1, 17, 257, 1025)


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the smallest kernel is cut in tasks."""
    monkeypatch.setattr("tianyuan_jit.emission.fused.WORTH", 0)
    monkeypatch.setattr("tianyuan_jit.emission.fused.GRAIN", 1)


def drawn(shape: tuple[int, ...], dtype: Any = np.float32, seed: int = 0) -> Any:
    """Values of every kind that NumPy and the definitions agree on."""
    rng, dtype = np.random.default_rng(seed), np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        return rng.integers(0, 100, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def fused(make: Make, *arrays: Any) -> FusedProgram:
    """The program of a function of arrays; it has Fused kernels alone."""
    types = [ArrayType(as_dtype(a.dtype), a.shape) for a in arrays]
    return fuse(trace(lambda *xs: list(make(*xs)), types).program)


def check(program: FusedProgram, arrays: Sequence[Any], isa: str = host_isas()[-1], general: bool = True) -> None:
    """Known sizes and sizes as numbers, on 1 and 2 threads, give the model's bits."""
    held, written = fused_model.run(program, arrays)
    types = [r.type for r in program.results]
    made = [Executable(program, types, isa)]
    if general and (numbered := generic(program)) is not None:
        made.append(Executable(numbered[0], types, isa, numbered[1]))
    given = [from_numpy(a) for a in arrays]
    for executable in made:
        for threads in (1, 2):
            with ty.config.override(num_threads=threads):
                found = executable(given)
            for r, y in zip(program.results, found, strict=True):
                mask = written[r.buffer]
                same_bits(np.asarray(y).reshape(-1)[mask], held[r.buffer][mask])


def softmax_like(x: Any, axis: int) -> list[Any]:
    """Three walks: the largest, a sum of roots that are dear, quotients."""
    e = ty.sqrt(ty.abs(x - ty.max(x, axis=axis, keepdims=True)))
    return [e / (ty.sum(e, axis=axis, keepdims=True) + 1.0)]


def standardized(x: Any, axis: int) -> list[Any]:
    """Two sums, one of what the other is needed for."""
    d = x - ty.sum(x, axis=axis, keepdims=True) * 0.125
    return [d * 2.0, ty.sum(d * d, axis=axis)]


PROGRAMS: dict[str, tuple[Make, Callable[[int], list[tuple[int, ...]]], bool]] = {
    "map": (lambda x, y: [x * y + x, x - y], lambda n: [(n,), (n,)], True),
    "rows of a map": (lambda x, y: [x[:, 1:] * y], lambda n: [(3, n + 1), (3, n)], True),
    "one sum": (lambda x, y: [ty.sum(x * y), ty.sum(x)], lambda n: [(n,), (n,)], True),
    "sums of rows": (lambda x, y: [ty.sum(x * y, axis=1), ty.sum(x, axis=1)], lambda n: [(5, n), (5, n)], True),
    "sums of columns": (lambda x: [ty.sum(x * x, axis=0)], lambda n: [(n, 37)], True),
    "sums of few rows": (lambda x: [ty.sum(x, axis=0)], lambda n: [(19, n)], True),
    "sums over the middle": (lambda x: [ty.sum(x, axis=1)], lambda n: [(2, n, 5)], True),
    "sums over two axes": (lambda x: [ty.sum(x, axis=(0, 2))], lambda n: [(7, 3, n)], True),
    "sum over all of a transposed array": (lambda x: [ty.sum(x.T * 2.0)], lambda n: [(n, 3)], True),
    "largest": (lambda x: [ty.max(x, axis=1), ty.min(x, axis=0)], lambda n: [(4, n)], False),
    "products": (lambda x: [ty.prod(1.0 + x * 0.0625, axis=1)], lambda n: [(4, n)], True),
    "quotients along rows": (lambda x: softmax_like(x, 1), lambda n: [(6, n)], False),
    "quotients along columns": (lambda x: softmax_like(x, 0), lambda n: [(n, 21)], False),
    "deviations along rows": (lambda x: standardized(x, 1), lambda n: [(6, n)], True),
    "deviations along columns": (lambda x: standardized(x, 0), lambda n: [(n, 21)], True),
}


@pytest.mark.parametrize("isa", host_isas())
@pytest.mark.parametrize("name", PROGRAMS)
def test_sizes(name: str, isa: str) -> None:
    """Around lanes, pieces, chunks and blocks of columns; all sizes on the widest vectors, few on the others."""
    make, shapes, empty = PROGRAMS[name]
    for n in EDGES if isa == host_isas()[-1] else FEW:
        if n == 0 and not empty:
            continue
        arrays = [drawn(s, seed=i) for i, s in enumerate(shapes(n))]
        check(fused(make, *arrays), arrays, isa, general=n in FEW)


VIEWS: dict[str, Make] = {
    "reversed": lambda x: [x[::-1, ::-1] + x],
    "every third": lambda x: [x[::2, ::3] * 2.0],
    "transposed": lambda x: [x.T * 3.0, x.T[:, :20] + x[:20, :20].T[0]],
    "repeated": lambda x: [x[0] + x[:, :1], x[3] * x],
    "numbered": lambda x: [x + ty.arange(x.shape[1], dtype=ty.float32), x * ty.arange(0.0, 40.0, 2.0)[:, None]],
    "side by side": lambda x: [ty.concat([x[:, :3], x * 2.0, x[:, ::-1]], axis=1)],
    "padded": lambda x: [ty.pad(x, ((1, 2), (3, 0)))],
    "chosen": lambda x: [ty.where(x > 0, x, x[::-1]), x > 0],
    "sums of reversed rows": lambda x: [ty.sum(x[:, ::-1], axis=1), ty.sum(x[::-1], axis=0)],
    "sums of every third": lambda x: [ty.sum(x[:, ::3] * x[:, ::3], axis=1), ty.sum(x[::3], axis=0)],
    "sums of transposed rows": lambda x: [ty.sum(x.T, axis=1), ty.sum(x.T[3:], axis=0)],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views(name: str) -> None:
    """Any offset and stride, read or written."""
    x = drawn((20, 301))

    check(fused(VIEWS[name], x), [x])


FLOATS = [np.dtype(d) for d in ("float32", "float64", "float16", "bfloat16")]
INTEGERS = [np.dtype(d) for d in ("int8", "int16", "int32", "int64", "uint8", "uint32", "uint64")]


@pytest.mark.parametrize("isa", host_isas())
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS], ids=str)
def test_dtypes(dtype: Any, isa: str) -> None:
    """Maps and sums of every dtype; sums of 16-bit floats run in f32 and are rounded once."""

    def make(x: Any, y: Any) -> list[Any]:
        xs = mul(x, y)
        return [add(xs, x), ty.sum(xs, axis=1, dtype=x.dtype), ty.max(x, axis=0), ty.sum(x, dtype=x.dtype)]

    x, y = drawn((5, 300), dtype), drawn((5, 300), dtype, 1)
    check(fused(make, x, y), [x, y], isa)


def test_booleans() -> None:
    """Comparisons, conjunctions, all and any."""
    x = drawn((5, 300))
    full = np.ones((3, 300), bool)
    full[1, 299] = False

    check(fused(lambda x: [x > 0, ty.any(x > 2.5, axis=1), (x > 0) & (x < 1)], x), [x])
    check(fused(lambda b: [ty.all(b, axis=1), ty.any(~b, axis=0)], full), [full])


def test_conversions_between_kernels() -> None:
    """Halves are rounded after every operation, inside a kernel too."""
    x, y = drawn((3, 300), "bfloat16"), drawn((3, 300), np.float32, 1)

    check(fused(lambda x, y: [(x * x + x) * x, x.astype(ty.float32) * y, ty.sum(x * x, axis=1)], x, y), [x, y])


def built(seed: int) -> tuple[FusedProgram, list[Any]]:
    """A kernel by hand: up to three axes, any strides, any of them folded, places to write far apart."""
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 4))
    extents = tuple(int(rng.choice([1, 2, 3, 5, 16, 17, 33, 260])) for _ in range(rank))
    folded = int(rng.integers(0, rank + 1))
    reads, buffers, arrays = [], [], []
    for b in range(2):
        strides = tuple(int(rng.integers(-3, 4)) for _ in range(rank))
        low = sum(min(0, (n - 1) * s) for n, s in zip(extents, strides, strict=True))
        size = 1 - low + sum(max(0, (n - 1) * s) for n, s in zip(extents, strides, strict=True))
        reads.append(Read(View(b, -low, strides), float32))
        buffers.append(ArrayType(float32, (size,)))
        arrays.append(drawn((size,), seed=seed + b))
    kept = rank - folded
    order = [int(a) for a in rng.permutation(rank)]
    nodes = [*reads, Apply(mul, (0, 1), float32)]
    writes: list[Write] = []
    if folded:
        nodes += [Fold("add", 2, float32), Apply(add, (3, 0), float32)]
    for node in (3, 4) if folded else (2,):
        axes = [a for a in order if node != 3 or a < kept]
        strides, step = [0] * rank, 1
        for a in axes:
            strides[a] = step
            step = step * extents[a] + int(rng.integers(0, 2))
        writes.append(Write(node, View(len(buffers), 0, tuple(strides))))
        buffers.append(ArrayType(float32, (step,)))
    results = tuple(Operand(w.view.buffer, buffers[w.view.buffer]) for w in writes)
    return FusedProgram(tuple(buffers), 2, (Fused(extents, folded, tuple(nodes), tuple(writes)),), results), arrays


@pytest.mark.parametrize("seed", range(60))
def test_kernels_by_hand(seed: int) -> None:
    """Kernels that no program of today makes."""
    program, arrays = built(seed)

    check(program, arrays)


@pytest.mark.parametrize("n", [0, 1, 16, 255, 257, 5000])
@pytest.mark.parametrize("op", ["add", "mul"])
def test_the_model(op: str, n: int) -> None:
    """The order used here is that of tests/model.py."""
    x = 1 + drawn((n,), np.float64) / 64
    expected = model.order(x, fused_model.OPS[op])

    assert fused_model.order(x, op) == ({"add": 0.0, "mul": 1.0}[op] if expected is None else expected)
