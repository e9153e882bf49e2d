"""Gather against NumPy loops: windows, batches, modes, failures."""

import numpy as np
import pytest
from attrs import evolve

from tests.jit.emission.harness import run, same_bits, special
from tianyuan.lowering import Gather
from tianyuan.types import ALL, as_dtype, float32, int64
from tianyuan_jit.emission.gathering import emit_gather

# name: (x, index positions with batch axes, lowering)
CASES = {
    "element": ((7,), (5,), Gather(0, (0,), (1,), (0,), "clip")),
    "scalar position": ((7,), (), Gather(0, (0,), (1,), (0,), "clip")),
    "rows": ((7, 19), (4, 3), Gather(0, (0,), (1, 19), (0,), "clip")),
    "kept row": ((7, 19), (4,), Gather(0, (0,), (1, 19), (), "clip")),
    "columns": ((7, 19), (4,), Gather(0, (1,), (7, 1), (1,), "clip")),
    "part of a row": ((7, 19), (4,), Gather(0, (0, 1), (1, 5), (0,), "clip")),
    "unindexed prefix": ((7, 19), (4,), Gather(0, (0,), (2, 5), (), "clip")),
    "block": ((5, 6, 7), (3, 2), Gather(0, (2, 0), (2, 6, 3), (), "clip")),
    "points": ((5, 6, 7), (9,), Gather(0, (0, 1, 2), (1, 1, 1), (0, 1, 2), "clip")),
    "batched rows": ((3, 7, 5), (3, 4), Gather(1, (1,), (1, 5), (1,), "clip")),
    "two batch axes": ((2, 3, 7), (2, 3, 4), Gather(2, (2,), (2,), (), "clip")),
    "batch, no positions": ((3, 7), (3,), Gather(1, (1,), (1,), (1,), "clip")),
    "no indexed axes": ((4, 3), (2,), Gather(0, (), (2, 3), (), "clip")),
    "no positions": ((7, 2), (0,), Gather(0, (0,), (1, 2), (0,), "clip")),
    "empty windows": ((7, 0), (3,), Gather(0, (0,), (1, 0), (0,), "clip")),
    "empty batch": ((0, 7), (0, 2), Gather(1, (1,), (1,), (1,), "clip")),
}


def result_shape(lowering, x_shape, positions):
    """Batch, positions, window."""
    window = [s for a, s in enumerate(lowering.sizes, lowering.batch) if a not in lowering.collapsed]
    return (*positions, *window)


def starts(lowering, x, indices, position):
    """The window's slices of x at a position, and whether it lies inside."""
    batch = lowering.batch
    where = [slice(i, i + 1) for i in position[:batch]]
    where += [slice(0, s) for s in lowering.sizes]
    inside = True
    for axis, start in zip(lowering.axes, indices[position].tolist(), strict=True):
        size = lowering.sizes[axis - batch]
        inside &= 0 <= start <= x.shape[axis] - size
        start = min(max(start, 0), x.shape[axis] - size) if lowering.mode == "clip" else start
        where[axis] = slice(start, start + size)
    return tuple(where), inside


def reference(lowering, x, indices, fill):
    """The definition, one window at a time."""
    positions = indices.shape[:-1]
    out = np.empty(result_shape(lowering, x.shape, positions), x.dtype)
    for position in np.ndindex(*positions):
        where, inside = starts(lowering, x, indices, position)
        inside = inside or lowering.mode == "clip"
        out[position] = x[where].reshape(out[position].shape) if inside else fill
    return out


def gather(lowering, x, indices, static, fill=0, **more):
    """The emitter's result and status."""

    def emit(f, ins, outs):
        emit_gather(f, lowering, ins, outs, "%status", 5, **more)

    ins = [x, indices, *([np.array(fill, x.dtype)] if lowering.mode == "fill" else [])]
    out = as_dtype(x.dtype), result_shape(lowering, x.shape, indices.shape[:-1])
    return run(emit, ins, [out], static=static)


def vectors(rng, lowering, x_shape, positions, wild):
    """Index vectors, within bounds or up to three outside."""
    limits = [x_shape[a] - lowering.sizes[a - lowering.batch] for a in lowering.axes]
    low, high = (-3, 4) if wild else (0, 1)
    columns = [rng.integers(low, limit + high, positions) for limit in limits]
    return np.stack(columns, -1).astype(np.int64) if columns else np.zeros((*positions, 0), np.int64)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("mode", ["clip", "fill", "error", "promise"])
@pytest.mark.parametrize("case", CASES)
def test_windows(case, mode, static):
    """Every layout of windows, in every mode."""
    x_shape, positions, lowering = CASES[case]
    lowering = evolve(lowering, mode=mode)
    rng = np.random.default_rng(3)
    x = special(rng, float32, x_shape)
    indices = vectors(rng, lowering, x_shape, positions, wild=mode in ("clip", "fill"))
    outcome = gather(lowering, x, indices, static, fill=7.5)
    assert same_bits(outcome.results[0], reference(lowering, x, indices, np.float32(7.5)))
    assert not outcome.failed


@pytest.mark.parametrize("dtype", ALL, ids=str)
def test_dtypes(dtype):
    """Bytes are moved as they are, by element, by run and as the fill value."""
    rng = np.random.default_rng(4)
    x = special(rng, dtype, (7, 5)) if dtype.kind != "c" else rng.standard_normal((7, 5)).astype(dtype.numpy)
    for sizes, collapsed in (((1, 5), (0,)), ((1, 1), (0, 1))):
        lowering = Gather(0, (0, 1), sizes, collapsed, "fill")
        indices = vectors(rng, lowering, x.shape, (20,), wild=True)
        got = gather(lowering, x, indices, False, fill=x[0, 0]).results[0]
        assert got.tobytes() == reference(lowering, x, indices, x[0, 0]).tobytes()


@pytest.mark.parametrize("width", [1, 2, 15, 16, 17, 64, 255, 1000])
@pytest.mark.parametrize("static", [True, False])
def test_widths(width, static):
    """Rows of any length."""
    rng = np.random.default_rng(width)
    x = special(rng, float32, (11, width))
    lowering = Gather(0, (0,), (1, width), (0,), "error")
    indices = rng.integers(0, 11, (23, 1))
    assert same_bits(gather(lowering, x, indices, static).results[0], x[indices[:, 0]])


FAILURES = [  # bad index vectors by position, and the status they leave
    ({(1, 2): (7, 0)}, dict(position=6, value=7, axis=0, size=7)),
    ({(1, 2): (-1, 0), (1, 3): (9, 9)}, dict(position=6, value=-1, axis=0, size=7)),
    ({(2, 0): (3, 5), (1, 1): (0, 6)}, dict(position=5, value=6, axis=1, size=5)),
    ({(0, 0): (99, -99)}, dict(position=0, value=99, axis=0, size=7)),
    ({(2, 3): (-(2**63), 0)}, dict(position=11, value=-(2**63), axis=0, size=7)),
    ({(2, 3): (0, 2**63 - 1)}, dict(position=11, value=2**63 - 1, axis=1, size=5)),
]


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize(("bad", "status"), FAILURES)
def test_first_failure(bad, status, static):
    """The first bad index in row-major order of the positions is recorded; nothing is read outside."""
    rng = np.random.default_rng(5)
    lowering = Gather(1, (1, 2), (1, 1), (1, 2), "error")
    x = special(rng, float32, (3, 7, 5))
    indices = vectors(rng, lowering, x.shape, (3, 4), wild=False)
    for position, vector in bad.items():
        indices[position] = vector
    outcome = gather(lowering, x, indices, static)
    assert outcome.status == {"equation": 5, **status}
    good = [p for p in np.ndindex(3, 4) if p not in bad]
    expected = reference(evolve(lowering, mode="fill"), x, indices, np.float32(0))
    assert all(same_bits(outcome.results[0][p], expected[p]) for p in good)


def test_the_earlier_equation_wins():
    """Two gathers fail: the smaller ordinal is kept, whichever runs first."""
    lowering = Gather(0, (0,), (1,), (0,), "error")
    for order in ((3, 2), (2, 3)):

        def emit(f, ins, outs, order=order):
            for ordinal in order:
                emit_gather(f, lowering, [ins[0], ins[ordinal - 1]], outs, "%status", ordinal)

        ins = [np.zeros(4, np.float32), np.array([[0], [8]]), np.array([[9], [0]])]
        outcome = run(emit, ins, [(float32, (2,))], static=True)
        assert outcome.status == dict(equation=2, position=1, value=8, axis=0, size=4)


def test_a_range_of_positions():
    """Positions [5, 10) of three batch entries of four: an end, a whole, a beginning."""
    rng = np.random.default_rng(6)
    lowering = Gather(1, (1,), (1, 5), (1,), "clip")
    x, indices = special(rng, float32, (3, 7, 5)), rng.integers(0, 7, (3, 4, 1))
    got = gather(lowering, x, indices, False, rows=(3, 10)).results[0].reshape(12, 5)
    expected = reference(lowering, x, indices, 0).reshape(12, 5)
    assert same_bits(got[3:10], expected[3:10])
    untouched = np.concatenate([got[:3], got[10:]])
    assert np.all(untouched.view(np.uint32) == 0xA5A5A5A5)


def test_an_empty_axis():
    """Nothing is read from an array without elements; the index is at fault."""
    lowering = Gather(0, (0,), (1,), (0,), "error")
    outcome = gather(lowering, np.zeros(0, np.int64), np.array([[0]]), False)
    assert outcome.status == dict(equation=5, position=0, value=0, axis=0, size=0)
    assert int64.bits == 64 and outcome.results[0][0] == 0
