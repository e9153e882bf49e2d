"""Cumulate: running sums by chunks of 256, in the order of docs/numerics.md (Sums and other reductions).

Inside a chunk from left to right; the chunks' totals by the same rule; each later element is offset + local,
once. A reversed one counts its chunks from the end. 16-bit sums and products run in f32, rounded once.

A unit is one contiguous line, or a block of neighbouring lines, which are walked side by side in vectors. Lines
are copied to scratch memory, in their order and the dtype of the sum, unless they can be summed in the result.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from tianyuan.lowering import Cumulate
from tianyuan.types import DType
from tianyuan_jit.emission.buffers import Buffer, address, carry, copy, in_blocks, lanes, load, store, three_axes
from tianyuan_jit.emission.folding import CHUNK, combine, sum_dtype, typed, untyped, width
from tianyuan_jit.emission.nodes import splat
from tianyuan_jit.emission.spreading import Share, spread
from tianyuan_jit.microkernel import either
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

_SIDE = 16  # lines walked side by side
_TOGETHER = 4  # chunks of one line walked at once: as many independent chains
_COST = 6


def emit_cumulate(f: Function, lowering: Cumulate, x: Buffer, out: Buffer, has_fma: bool) -> None:
    """Append a Cumulate of x; the result may be x itself."""
    outer, n, inner = three_axes(f, x.shape, lowering.axis)
    flat = [Buffer(b.pointer, b.dtype, ()) for b in (x, out)]
    blocks = f.idiv(f.iadd(inner, _SIDE - 1), _SIDE)
    cost = f.imul(f.imul(n, _COST), f.imin(inner, _SIDE))

    def body(share: Share) -> None:
        _Lines(share, lowering, has_fma).emit()

    key = (lowering.op, lowering.reverse, has_fma)
    spread(f, "cumulate", key, flat, (n, inner), f.imul(outer, blocks), cost, body)


class _Lines:
    """The units of a task."""

    def __init__(self, share: Share, lowering: Cumulate, has_fma: bool) -> None:
        self.share, self.f, self.lowering, self.has_fma = share, share.f, lowering, has_fma
        self.x, self.out = share.buffers
        self.dtype, self.running = self.x.dtype, sum_dtype(lowering.op, self.x.dtype)
        self.n, self.inner = share.numbers

    def emit(self) -> None:
        """Unit after unit."""
        f, inner, size = self.f, self.inner, self.running.itemsize
        f.module.declare("ptr @ty_scratch(i64, i64)")
        side = f.imin(inner, _SIDE)
        room = f.iadd(f.imul(2, self.n), 1024)  # the line, then totals, and totals of totals
        self.scratch = f.op(f"call ptr @ty_scratch(i64 %worker, i64 {f.imul(f.imul(room, side), size)})")
        blocks = f.idiv(f.iadd(inner, _SIDE - 1), _SIDE)
        with f.loop(self.share.low, self.share.high) as unit:
            i, j = f.idiv(unit, blocks), f.imul(f.irem(unit, blocks), _SIDE)
            self.start = f.iadd(f.imul(i, f.imul(self.n, inner)), j)
            single = f.op(f"icmp eq i64 {inner}, 1")
            either(f, single, self.line, lambda: self.block(f.isub(inner, j)))

    def line(self) -> None:
        """One contiguous line."""
        if self.dtype != self.running or self.lowering.reverse:
            self.through_scratch(1)
            return
        f = self.f
        source, target = (address(f, b.pointer, self.dtype, self.start) for b in (self.x, self.out))
        with f.when(f.op(f"icmp ne ptr {source}, {target}")):
            copy(f, self.dtype, target, source, self.n)
        self.run(1, target, self.scratch)

    def block(self, count: Extent) -> None:
        """Up to sixteen lines: all of them, or one by one."""
        f = self.f
        full = f.op(f"icmp sge i64 {count}, {_SIDE}")
        start = self.start

        def one_by_one() -> None:
            with f.loop(0, count) as j:
                self.start = f.iadd(start, j)
                self.through_scratch(1)

        either(f, full, lambda: self.through_scratch(_SIDE), one_by_one)

    def through_scratch(self, side: int) -> None:
        """``side`` lines: to scratch memory in their order, summed there, and back."""
        f, k, start = self.f, lanes(self.f, side, self.has_fma), self.start

        def place(b: Buffer, r: Extent) -> str:
            at = f.isub(f.isub(self.n, 1), r) if self.lowering.reverse else r
            return address(f, b.pointer, self.dtype, f.iadd(start, f.imul(at, self.inner)))

        def here(r: Extent) -> str:
            return address(f, self.scratch, self.running, f.imul(r, side))

        with f.loop(0, self.n) as r:
            store(k, k.convert(load(k, place(self.x, r), self.dtype), self.running), here(r))
        self.run(side, self.scratch, here(self.n))
        with f.loop(0, self.n) as r:
            store(k, k.convert(load(k, here(r), self.running), self.dtype), place(self.out, r))

    def run(self, side: int, row: str, totals: str) -> None:
        """Sum ``side`` lines in place."""
        symbol = _Row(side, self.lowering.op, self.running, self.has_fma).define(self.f)
        self.f.do(f"call void @{symbol}(ptr {row}, i64 {self.n}, ptr {totals})")


@frozen
class _Row:
    """``void (ptr row, i64 n, ptr totals)``: the running reduction of ``side`` interleaved lines in place."""

    side: int
    op: str
    dtype: DType
    has_fma: bool

    def define(self, caller: Function) -> str:
        """The function's name."""
        name = f"ty_cumulate_{self.op}_{self.dtype.short}_{self.side}"
        if not caller.module.has(name):
            f = Function(caller.module)
            self.body(f, name)
            f.finish(f"internal void @{name}(ptr %row, i64 %n, ptr %totals)")
        return name

    def place(self, f: Function, base: str, r: Extent) -> str:
        """Where element ``r`` of all lines is."""
        return address(f, base, self.dtype, f.imul(r, self.side))

    def body(self, f: Function, name: str) -> None:
        """Chunks; their totals by this function; the offsets."""
        chunks = f.idiv(f.iadd("%n", CHUNK - 1), CHUNK)
        full = f.idiv("%n", CHUNK * _TOGETHER) if self.side == 1 else 0
        if full != 0:
            with f.loop(0, full) as group:
                self.chunks(f, f.imul(group, _TOGETHER), _TOGETHER, CHUNK)
        with f.loop(f.imul(full, _TOGETHER), chunks) as c:
            self.chunks(f, c, 1, f.imin(f.isub("%n", f.imul(c, CHUNK)), CHUNK))
        with f.when(f.op(f"icmp sgt i64 {chunks}, 1")):
            f.do(f"call void @{name}(ptr %totals, i64 {chunks}, ptr {self.place(f, '%totals', chunks)})")
            with f.loop(1, chunks) as c:
                start = f.imul(c, CHUNK)
                self.shift(f, f.isub(c, 1), start, f.isub(f.imin(f.iadd(start, CHUNK), "%n"), start))

    def chunks(self, f: Function, first: Extent, together: int, count: Extent) -> None:
        """Some chunks of ``count`` elements in place, from left to right; their last elements are the totals."""
        k = lanes(f, self.side, self.has_fma)
        bases = [self.place(f, "%row", f.imul(f.iadd(first, c), CHUNK)) for c in range(together)]
        starts = [load(k, b, self.dtype) for b in bases]
        parts = width(self.dtype)

        def step(i: str, *state: str) -> list[str]:
            result: list[str] = []
            for c, base in enumerate(bases):
                here = self.place(f, base, i)
                before = untyped(state[c * parts : (c + 1) * parts], self.dtype)
                value = combine(k, self.op, before, load(k, here, self.dtype))
                store(k, value, here)
                result += [p for _, p in typed(k, value)]
            return result

        last = carry(f, 1, count, [t for s in starts for t in typed(k, s)], step)
        for c in range(together):
            total = untyped(last[c * parts : (c + 1) * parts], self.dtype)
            store(k, total, self.place(f, "%totals", f.iadd(first, c)))

    def shift(self, f: Function, before: Extent, start: Extent, count: Extent) -> None:
        """offset op each element of a chunk."""
        offset = load(lanes(f, self.side, self.has_fma), self.place(f, "%totals", before), self.dtype)

        def one(k: Lanes, every: Value) -> Callable[[Extent], None]:
            def body(i: Extent) -> None:
                here = self.place(f, "%row", f.iadd(start, i))
                store(k, combine(k, self.op, every, load(k, here, self.dtype)), here)

            return body

        if self.side == 1:
            wide = lanes(f, _SIDE, self.has_fma)
            in_blocks(f, wide, count, lambda k, i: one(k, splat(k, offset))(i))
            return
        k = lanes(f, self.side, self.has_fma)
        with f.loop(0, count) as i:
            one(k, offset)(i)
