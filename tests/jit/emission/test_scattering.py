"""Scatter against NumPy loops: order, operations, windows, modes, 16-bit sums."""

import numpy as np
import pytest
from attrs import evolve

from tests.jit.emission.harness import run, same_bits, special
from tests.jit.emission.test_gathering import CASES, FAILURES, result_shape, starts, vectors
from tianyuan.lowering import Scatter
from tianyuan.types import ALL, accumulator, as_dtype, bfloat16, complex64, float16, float32, uint32
from tianyuan_jit.emission.scattering import emit_scatter, scatter_scratch_bytes


def minimum(x, y):
    """IEEE 754-2019 minimum."""
    if np.isnan(x) or np.isnan(y):
        return x + y
    return min(x, y, key=lambda v: (v, not np.signbit(v))) if x.dtype.kind == "f" else min(x, y)


def maximum(x, y):
    """IEEE 754-2019 maximum."""
    if np.isnan(x) or np.isnan(y):
        return x + y
    return max(x, y, key=lambda v: (v, not np.signbit(v))) if x.dtype.kind == "f" else max(x, y)


OPERATIONS = {
    "set": lambda x, y: y,
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "min": minimum,
    "max": maximum,
}


def scatter_of(gather, op, mode):
    """The Scatter with a Gather's windows."""
    return Scatter(op, gather.batch, gather.axes, gather.sizes, gather.collapsed, mode)


def reference(lowering, x, indices, updates):
    """The definition, one element at a time."""
    wide = accumulator(as_dtype(x.dtype)).numpy if lowering.op in ("add", "mul") else x.dtype
    out, operation = x.astype(wide), OPERATIONS[lowering.op]
    with np.errstate(all="ignore"):
        for position in np.ndindex(*indices.shape[:-1]):
            where, inside = starts(lowering, x, indices, position)
            if inside or lowering.mode == "clip":
                window = out[where]
                update = updates[position].astype(wide).reshape(window.shape)
                for i in np.ndindex(*window.shape):
                    window[i] = operation(window[i], update[i])
        return out.astype(x.dtype)


def scatter(lowering, x, indices, updates, static, donate=False, **more):
    """The emitter's result and status; ``donate`` writes into x itself."""

    def emit(f, ins, outs):
        scatter_scratch_bytes(f, lowering, ins)
        target = [ins[0]] if donate else outs
        emit_scatter(f, lowering, ins, target, "%status", 5, scratch="%scratch", **more)
        if donate:
            f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {outs[0].pointer}, ptr {ins[0].pointer}, i64 {x.nbytes}, i1 0)")
            f.module.declare("void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")

    out = as_dtype(x.dtype), x.shape
    return run(emit, [x, indices, updates], [out], static=static, scratch=4 * x.size)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("mode", ["clip", "drop", "error", "promise"])
@pytest.mark.parametrize("case", CASES)
def test_windows(case, mode, static):
    """Every layout of windows, in every mode; overlapping windows add in order."""
    x_shape, positions, gather = CASES[case]
    lowering = scatter_of(gather, "add", mode)
    rng = np.random.default_rng(3)
    x, updates = (special(rng, float32, s) for s in (x_shape, result_shape(lowering, x_shape, positions)))
    indices = vectors(rng, lowering, x_shape, positions, wild=mode in ("clip", "drop"))
    outcome = scatter(lowering, x, indices, updates, static)
    assert same_bits(outcome.results[0], reference(lowering, x, indices, updates))
    assert not outcome.failed


@pytest.mark.parametrize("op", OPERATIONS)
@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_operations(dtype, op):
    """Every operation on every dtype that has it, by elements and by rows of 19."""
    if (dtype.kind == "b" and op != "set") or (dtype.kind == "c" and op in ("min", "max")):
        return
    rng = np.random.default_rng(4)

    def values(shape):
        if dtype.kind != "c":
            return special(rng, dtype, shape)
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype.numpy)

    for sizes, collapsed in (((1, 19), (0,)), ((1, 1), (0, 1))):
        lowering = Scatter(op, 0, (0, 1), sizes, collapsed, "drop")
        x, indices = values((3, 19)), vectors(rng, lowering, (3, 19), (30,), wild=True)
        updates = values(result_shape(lowering, x.shape, (30,)))
        got = scatter(lowering, x, indices, updates, False).results[0]
        assert same_bits(got, reference(lowering, x, indices, updates))


@pytest.mark.parametrize("has_fma", [True, False])
@pytest.mark.parametrize("dtype", [float16, bfloat16], ids=str)
def test_small_floats_round_once(dtype, has_fma):
    """A thousand updates of 0.001 to one element: lost one by one in 16 bits, kept in f32."""
    lowering = Scatter("add", 0, (0,), (1,), (0,), "promise")
    x, updates = np.ones(3, dtype.numpy), np.full(1000, 0.001, dtype.numpy)
    got = scatter(lowering, x, np.ones((1000, 1), np.int64), updates, True, has_fma=has_fma).results[0]
    assert same_bits(got, reference(lowering, x, np.ones((1000, 1), np.int64), updates))
    assert got[1] > 1.9


def test_order_of_positions():
    """(1 + 1e30) - 1e30 is 0, 1 + (1e30 - 1e30) would be 1; the last set wins."""
    indices = np.array([[2], [2], [0], [2]])
    updates = np.array([1e30, -1e30, 5, 3], np.float32)
    x = np.ones(4, np.float32)
    add, put = (Scatter(op, 0, (0,), (1,), (0,), "error") for op in ("add", "set"))
    assert scatter(add, x, indices, updates, True).results[0].tolist() == [6, 1, 3, 1]
    assert scatter(put, x, indices, updates, True).results[0].tolist() == [5, 1, 3, 1]


@pytest.mark.parametrize("dtype", [float32, float16, uint32, complex64], ids=str)
def test_donation(dtype):
    """The result may be x's own memory."""
    rng = np.random.default_rng(8)
    lowering = Scatter("add", 0, (0,), (1,), (0,), "error")
    x, updates = rng.integers(0, 9, 40).astype(dtype.numpy), rng.integers(0, 9, 25).astype(dtype.numpy)
    indices = rng.integers(0, 40, (25, 1))
    got = scatter(lowering, x, indices, updates, True, donate=True).results[0]
    assert same_bits(got, reference(lowering, x, indices, updates))


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(("bad", "status"), FAILURES)
def test_first_failure(bad, status, static):
    """As Gather's; windows out of bounds are skipped."""
    rng = np.random.default_rng(5)
    lowering = Scatter("set", 1, (1, 2), (1, 1), (1, 2), "error")
    x, updates = special(rng, float32, (3, 7, 5)), special(rng, float32, (3, 4))
    indices = vectors(rng, lowering, x.shape, (3, 4), wild=False)
    for position, vector in bad.items():
        indices[position] = vector
    outcome = scatter(lowering, x, indices, updates, static)
    assert outcome.status == {"equation": 5, **status}
    assert same_bits(outcome.results[0], reference(evolve(lowering, mode="drop"), x, indices, updates))


@pytest.mark.parametrize("dtype", [float32, bfloat16], ids=str)
def test_a_range_of_entries(dtype):
    """Batch entries [1, 3) of four."""
    rng = np.random.default_rng(6)
    lowering = Scatter("add", 1, (1,), (1, 5), (1,), "error")
    x, updates = special(rng, dtype, (4, 7, 5)), special(rng, dtype, (4, 2, 5))
    indices = rng.integers(0, 7, (4, 2, 1))
    got = scatter(lowering, x, indices, updates, False, rows=(1, 3)).results[0]
    assert same_bits(got[1:3], reference(lowering, x, indices, updates)[1:3])
    assert set(got[::3].tobytes()) == {0xA5}
