"""Scatter: x with updates applied at index vectors, strictly in row-major order of the positions.

Sums and products of 16-bit floats run in f32, in scratch memory, and round once at the end
(docs/numerics.md, Elementary operations).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from tianyuan.lowering import Scatter
from tianyuan.types import DType, accumulator
from tianyuan_jit.emission.addressing import Rows, Site, Windows, locate, positions, runs, windows
from tianyuan_jit.emission.buffers import (
    Buffer,
    address,
    copy,
    in_blocks,
    lanes,
    load,
    product,
    store,
)
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.text import Extent, Function

_OPERATIONS = {"add": Lanes.add, "mul": Lanes.mul, "min": Lanes.minimum, "max": Lanes.maximum}
_VECTOR = 16


def scatter_scratch_bytes(f: Function, lowering: Scatter, ins: Sequence[Buffer]) -> Extent:
    """Scratch memory that ``emit_scatter`` needs: an f32 copy of x for 16-bit sums and products."""
    if _running_dtype(lowering, ins[0].dtype) == ins[0].dtype:
        return 0
    return f.imul(4, product(f, ins[0].shape))


def emit_scatter(
    f: Function,
    lowering: Scatter,
    ins: Sequence[Buffer],
    outs: Sequence[Buffer],
    status: str,
    ordinal: Extent,
    *,
    scratch: str = "null",
    rows: Rows | None = None,
    has_fma: bool = True,
) -> None:
    """Append a Scatter of x, i64 indices and updates. The result may be x itself, and overlaps nothing else.

    ``rows`` is a range of batch entries, all by default; entries are independent. In modes error and drop
    a window out of bounds is skipped, in error also recorded under ``ordinal``.
    """
    x, out = ins[0], outs[0]
    w = windows(f, lowering, x, ins[1], ins[2])
    low, high = rows or (0, w.entries)
    begin, count = f.imul(low, w.entry), f.imul(f.isub(high, low), w.entry)
    running = _running_dtype(lowering, x.dtype)
    state = out if running == x.dtype else Buffer(scratch, running, x.shape)
    _convert(f, x, state, begin, count, has_fma)
    k = lanes(f, _VECTOR, has_fma)
    with positions(f, w, (f.imul(low, w.positions), f.imul(high, w.positions))) as (entry, position):
        offset, inside = locate(f, w, lowering.mode, Site(status, ordinal), entry, position)
        with nullcontext() if inside == "true" else f.when(inside):
            window = address(f, ins[2].pointer, x.dtype, f.imul(position, w.size))
            target = address(f, state.pointer, running, offset)
            _update(k, w, lowering.op, Buffer(target, running, ()), Buffer(window, x.dtype, ()))
    if state is not out:
        _convert(f, state, out, begin, count, has_fma)


def _running_dtype(lowering: Scatter, dtype: DType) -> DType:
    return accumulator(dtype) if lowering.op in ("add", "mul") else dtype


def _convert(f: Function, x: Buffer, y: Buffer, begin: Extent, count: Extent, has_fma: bool) -> None:
    """y = x on ``count`` elements from ``begin``, in y's dtype; nothing if y is x."""
    source, target = (address(f, b.pointer, b.dtype, begin) for b in (x, y))
    if x.dtype == y.dtype:
        with f.when(f.op(f"icmp ne ptr {x.pointer}, {y.pointer}")):
            copy(f, x.dtype, target, source, count)
        return

    def convert(k: Lanes, i: Extent) -> None:
        value = load(k, address(f, source, x.dtype, i), x.dtype)
        store(k, k.convert(value, y.dtype), address(f, target, y.dtype, i))

    in_blocks(f, lanes(f, _VECTOR, has_fma), count, convert)


def _update(k: Lanes, w: Windows, op: str, target: Buffer, window: Buffer) -> None:
    """Apply a window of updates at a window of x, both given by their starts."""
    f = k.function
    with runs(f, w) as (in_x, in_window):
        place = address(f, target.pointer, target.dtype, in_x)
        source = address(f, window.pointer, window.dtype, in_window)
        if op == "set":
            copy(f, window.dtype, place, source, w.run)
        else:
            _combine(k, op, Buffer(place, target.dtype, (w.run,)), Buffer(source, window.dtype, (w.run,)))


def _combine(k: Lanes, op: str, target: Buffer, updates: Buffer) -> None:
    """target = target op updates over one run, whose elements are distinct: vectors are independent."""
    f = k.function

    def combine(k: Lanes, i: Extent) -> None:
        place = address(f, target.pointer, target.dtype, i)
        update = load(k, address(f, updates.pointer, updates.dtype, i), updates.dtype)
        old = load(k, place, target.dtype)
        store(k, _OPERATIONS[op](k, old, k.convert(update, target.dtype)), place)

    in_blocks(f, k, target.shape[0], combine)
