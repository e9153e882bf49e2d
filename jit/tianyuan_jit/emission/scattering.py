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
    scatter = Scattering(f, lowering, ins, outs[0], scratch, has_fma)
    low, high = rows or (0, scatter.w.entries)
    begin, count = f.imul(low, scatter.w.entry), f.imul(f.isub(high, low), scatter.w.entry)
    scatter.begin(begin, count)
    scatter.update(Site(status, ordinal), (low, high))
    scatter.end(begin, count)


class Scattering:
    """The three steps of a Scatter, each on a part of the work: x to the state, updates, the state to the result.

    The state is the result itself, or an f32 copy in scratch memory.
    """

    def __init__(
        self, f: Function, lowering: Scatter, ins: Sequence[Buffer], out: Buffer, scratch: str, has_fma: bool
    ) -> None:
        self.f, self.lowering, self.ins, self.out, self.has_fma = f, lowering, ins, out, has_fma
        self.w = windows(f, lowering, ins[0], ins[1], ins[2])
        running = _running_dtype(lowering, ins[0].dtype)
        self.state = out if running == ins[0].dtype else Buffer(scratch, running, ins[0].shape)

    def begin(self, first: Extent, count: Extent) -> None:
        """Elements of x to the state."""
        _convert(self.f, self.ins[0], self.state, first, count, self.has_fma)

    def end(self, first: Extent, count: Extent) -> None:
        """Elements of the state to the result."""
        if self.state is not self.out:
            _convert(self.f, self.state, self.out, first, count, self.has_fma)

    def update(self, site: Site, rows: Rows, columns: Rows | None = None) -> None:
        """Apply the updates of a range of batch entries, or of a range of columns of every run."""
        f, w, x, updates = self.f, self.w, self.ins[0], self.ins[2]
        k = lanes(f, _VECTOR, self.has_fma)
        low, high = (f.imul(n, w.positions) for n in rows)
        with positions(f, w, (low, high)) as (entry, position):
            offset, inside = locate(f, w, self.lowering.mode, site, entry, position)
            with nullcontext() if inside == "true" else f.when(inside):
                window = address(f, updates.pointer, x.dtype, f.imul(position, w.size))
                target = address(f, self.state.pointer, self.state.dtype, offset)
                targets, sources = Buffer(target, self.state.dtype, ()), Buffer(window, x.dtype, ())
                _update(k, w, self.lowering.op, targets, sources, columns or (0, w.run))


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


def _update(k: Lanes, w: Windows, op: str, target: Buffer, window: Buffer, columns: Rows) -> None:
    """Apply ``columns`` of a window of updates at a window of x, both given by their starts."""
    f = k.function
    first, count = columns[0], f.isub(columns[1], columns[0])
    with runs(f, w) as (in_x, in_window):
        place = address(f, target.pointer, target.dtype, f.iadd(in_x, first))
        source = address(f, window.pointer, window.dtype, f.iadd(in_window, first))
        if op == "set":
            copy(f, window.dtype, place, source, count)
        else:
            _combine(k, op, Buffer(place, target.dtype, (count,)), Buffer(source, window.dtype, (count,)))


def _combine(k: Lanes, op: str, target: Buffer, updates: Buffer) -> None:
    """target = target op updates over one run, whose elements are distinct: vectors are independent."""
    f = k.function

    def combine(k: Lanes, i: Extent) -> None:
        place = address(f, target.pointer, target.dtype, i)
        update = load(k, address(f, updates.pointer, updates.dtype, i), updates.dtype)
        old = load(k, place, target.dtype)
        store(k, _OPERATIONS[op](k, old, k.convert(update, target.dtype)), place)

    in_blocks(f, k, target.shape[0], combine)
