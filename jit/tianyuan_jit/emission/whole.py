"""Kernels on whole arrays: which file emits which lowering, and what its independent units are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from tianyuan import lowering
from tianyuan.errors import MachineError
from tianyuan.types import ArrayType, int64
from tianyuan_jit.emission.addressing import Site, windows
from tianyuan_jit.emission.arguments import emit_argreduce
from tianyuan_jit.emission.buffers import Buffer, address, product
from tianyuan_jit.emission.contractions import emit_contraction as emit_contraction
from tianyuan_jit.emission.cumulating import emit_cumulate
from tianyuan_jit.emission.gathering import emit_gather
from tianyuan_jit.emission.scattering import Scattering, emit_scatter, scatter_scratch_bytes
from tianyuan_jit.emission.sorting import emit_sort
from tianyuan_jit.emission.spreading import Share, spread
from tianyuan_jit.emission.threefry import emit_threefry
from tianyuan_jit.kernels import Arg, Operand, Single
from tianyuan_jit.text import Extent, Function

PIECE = 4096  # elements of a unit of copying
COLUMNS = 32  # of a window, in a unit of updating


def emit_single(
    f: Function,
    kernel: Single,
    types: Sequence[ArrayType],
    pointers: Sequence[str],
    numbers: Sequence[str],
    isa: str,
    status: str,
) -> None:
    """Append what runs a kernel to a program's body; pointers are by buffer, numbers by Arg."""

    def resolved(value: Any) -> Extent:
        return numbers[value.index] if isinstance(value, Arg) else value

    def buffer(o: Operand) -> Buffer:
        start = address(f, pointers[o.buffer], o.type.dtype, resolved(o.offset))
        return Buffer(start, o.type.dtype, tuple(resolved(n) for n in o.type.shape))

    ins, outs = tuple(buffer(o) for o in kernel.ins), tuple(buffer(o) for o in kernel.outs)
    _Single(f, kernel.ordinal, ins, outs, status, isa != "sse2").emit(kernel.lowering)


@frozen(eq=False)
class _Single:
    f: Function
    ordinal: int
    ins: tuple[Buffer, ...]
    outs: tuple[Buffer, ...]
    status: str
    has_fma: bool

    def emit(self, how: lowering.Lowering) -> None:
        """Dispatch."""
        if isinstance(how, lowering.Gather):
            self.gather(how)
        elif isinstance(how, lowering.Scatter):
            self.scatter(how)
        elif isinstance(how, lowering.Threefry):
            self.threefry(how)
        elif isinstance(how, lowering.ArgReduce):
            emit_argreduce(self.f, how, self.ins[0], self.outs[0], self.has_fma)
        elif isinstance(how, lowering.Cumulate):
            emit_cumulate(self.f, how, self.ins[0], self.outs[0], self.has_fma)
        elif isinstance(how, lowering.Sort):
            emit_sort(self.f, how, self.ins, self.outs, self.has_fma)
        else:
            raise MachineError(f"the CPU machine has no kernel for {type(how).__name__}")

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """Arguments, results, then the status as a buffer of words."""
        return (*self.ins, *self.outs, Buffer(self.status, int64, ()))

    def split(self, share: Share) -> tuple[tuple[Buffer, ...], tuple[Buffer, ...], str]:
        """Arguments, results and status inside a task; a last buffer may be scratch memory."""
        n, m = len(self.ins), len(self.outs)
        return share.buffers[:n], share.buffers[n : n + m], share.buffers[n + m].pointer

    def gather(self, how: lowering.Gather) -> None:
        """A unit is an index vector."""
        units = product(self.f, self.ins[1].shape[:-1])
        each = self.f.idiv(product(self.f, self.outs[0].shape), self.f.imax(units, 1))
        cost = self.f.iadd(10, each)

        def body(share: Share) -> None:
            ins, outs, status = self.split(share)
            emit_gather(share.f, how, ins, outs, status, self.ordinal, rows=(share.low, share.high))

        spread(self.f, "gather", (how, self.ordinal), self.buffers, (), units, cost, body)

    def scatter(self, how: lowering.Scatter) -> None:
        """Updates of one element strictly in order: units are entries of the batch, else columns of the windows."""
        f = self.f
        nbytes = scatter_scratch_bytes(f, how, self.ins)
        f.module.declare("ptr @ty_scratch_shared(i64)")
        scratch = "null" if nbytes == 0 else f.op(f"call ptr @ty_scratch_shared(i64 {nbytes})")
        buffers = (*self.buffers, Buffer(scratch, int64, ()))
        if how.batch:
            self.scatter_entries(how, buffers)
        else:
            self.scatter_columns(how, buffers)

    def scatter_entries(self, how: lowering.Scatter, buffers: tuple[Buffer, ...]) -> None:
        """All steps of an entry in one task."""
        f, batch = self.f, how.batch
        cost = f.iadd(product(f, self.ins[0].shape[batch:]), product(f, self.ins[2].shape[batch:]))

        def body(share: Share) -> None:
            ins, outs, status = self.split(share)
            scratch, rows = share.buffers[-1].pointer, (share.low, share.high)
            emit_scatter(
                share.f, how, ins, outs, status, self.ordinal, scratch=scratch, rows=rows, has_fma=self.has_fma
            )

        units = product(f, self.ins[0].shape[:batch])
        spread(f, "scatter", (how, self.ordinal, self.has_fma), buffers, (), units, cost, body)

    def scatter_columns(self, how: lowering.Scatter, buffers: tuple[Buffer, ...]) -> None:
        """The three steps one after the other; updates by columns."""
        f, size = self.f, product(self.f, self.ins[0].shape)

        def inside(share: Share) -> tuple[Scattering, str]:
            ins, outs, status = self.split(share)
            return Scattering(share.f, how, ins, outs[0], share.buffers[-1].pointer, self.has_fma), status

        def range_of(share: Share, unit: int, total: Extent) -> tuple[Extent, Extent]:
            g = share.f
            first = g.imul(share.low, unit)
            return first, g.isub(g.imin(g.imul(share.high, unit), total), first)

        def begin(share: Share) -> None:
            scatter, _ = inside(share)
            scatter.begin(*range_of(share, PIECE, product(share.f, scatter.ins[0].shape)))

        def update(share: Share) -> None:
            scatter, status = inside(share)
            first, count = range_of(share, COLUMNS, scatter.w.run)
            columns = first, share.f.iadd(first, count)
            scatter.update(Site(status, self.ordinal), (0, scatter.w.entries), columns)

        def end(share: Share) -> None:
            scatter, _ = inside(share)
            scatter.end(*range_of(share, PIECE, product(share.f, scatter.ins[0].shape)))

        key, pieces = (how, self.ordinal, self.has_fma), f.idiv(f.iadd(size, PIECE - 1), PIECE)
        apart = buffers[-1].pointer != "null"  # the state is not the result
        moved = "true" if apart else f.op(f"icmp ne ptr {self.ins[0].pointer}, {self.outs[0].pointer}")
        with f.when(moved):
            spread(f, "scatter_begin", key, buffers, (), pieces, PIECE, begin)
        run = windows(f, how, *self.ins).run
        units = f.idiv(f.iadd(run, COLUMNS - 1), COLUMNS)
        work = f.iadd(product(f, self.ins[2].shape), f.imul(10, product(f, self.ins[1].shape)))
        spread(f, "scatter", key, buffers, (), units, f.idiv(work, f.imax(units, 1)), update)
        if apart:
            spread(f, "scatter_end", key, buffers, (), pieces, PIECE, end)

    def threefry(self, how: lowering.Threefry) -> None:
        """A unit is an element."""

        def body(share: Share) -> None:
            ins, outs, status = self.split(share)
            emit_threefry(share.f, how, ins, outs, status, self.ordinal, rows=(share.low, share.high))

        spread(self.f, "threefry", how, self.buffers, (), product(self.f, self.outs[0].shape), 20, body)
