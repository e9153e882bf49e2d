"""Fused kernels in a program: one function for each structure, called directly or by all threads.

Kernels over one long axis take its extent as a number, so that those that differ in size alone share code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from tianyuan.types import ArrayType
from tianyuan_jit.emission.buffers import lanes
from tianyuan_jit.emission.columns import COLUMNS, Columns, by_columns
from tianyuan_jit.emission.folding import CHUNK, LANES
from tianyuan_jit.emission.frames import PARAMETERS, Frame, buffers_of
from tianyuan_jit.emission.nodes import weight
from tianyuan_jit.emission.pieces import Finish, Pieces, in_pieces
from tianyuan_jit.emission.rows import PIECE, Rows
from tianyuan_jit.kernels import Arg, Fused, Index, Read, View
from tianyuan_jit.kernels import Extent as Number
from tianyuan_jit.text import Extent, Function

WORTH = 400_000  # simple operations on elements worth waking other threads for: about 20 us on one
GRAIN = 100_000  # of them a task


def emit_fused(
    f: Function, kernel: Fused, types: Sequence[ArrayType], pointers: Sequence[str], numbers: Sequence[str], isa: str
) -> None:
    """Append what runs ``kernel`` to a program's body. Types and pointers are by buffer, numbers by Arg."""
    used = buffers_of(kernel)
    kernel, extra = _generic(_with_column(_renumbered(kernel, used)), len(numbers))
    own_types = [types[b] for b in used]
    numbers = [*numbers, *map(str, extra)]
    launch = _Launch(f, kernel, own_types, [pointers[b] for b in used], numbers, isa)
    launch.emit()


def _renumbered(kernel: Fused, used: Sequence[int]) -> Fused:
    """The kernel over buffers 0, 1, 2, ... in order of first use."""
    places = {b: i for i, b in enumerate(used)}

    def view(v: Any) -> Any:
        return evolve(v, buffer=places[v.buffer])

    nodes = tuple(evolve(n, view=view(n.view)) if isinstance(n, Read) else n for n in kernel.nodes)
    return evolve(kernel, nodes=nodes, writes=tuple(evolve(w, view=view(w.view)) for w in kernel.writes))


def _with_column(kernel: Fused) -> Fused:
    """Several axes folded into one element get a kept axis of extent 1: a single column."""
    if kernel.folded < 2 or kernel.folded < len(kernel.extents):
        return kernel

    def view(v: View) -> View:
        return evolve(v, strides=(0, *v.strides))

    nodes = tuple(
        evolve(n, view=view(n.view))
        if isinstance(n, Read)
        else evolve(n, strides=(0, *n.strides))
        if isinstance(n, Index)
        else n
        for n in kernel.nodes
    )
    writes = tuple(evolve(w, view=view(w.view)) for w in kernel.writes)
    return evolve(kernel, extents=(1, *kernel.extents), nodes=nodes, writes=writes)


def _generic(kernel: Fused, numbers: int) -> tuple[Fused, list[int]]:
    """A kernel over one long axis takes its extent as a further number."""
    if len(kernel.extents) == 1 and isinstance(kernel.extents[0], int) and kernel.extents[0] > CHUNK:
        return evolve(kernel, extents=(Arg(numbers),)), [kernel.extents[0]]
    return kernel, []


class _Launch:
    """One kernel in one program."""

    def __init__(
        self,
        f: Function,
        kernel: Fused,
        types: Sequence[ArrayType],
        pointers: Sequence[str],
        numbers: Sequence[str],
        isa: str,
    ) -> None:
        self.f, self.kernel, self.types, self.isa = f, kernel, types, isa
        self.pointers, self.numbers = pointers, numbers
        self.extents = [self.number(e) for e in kernel.extents]
        self.kind = "columns" if by_columns(kernel) else "pieces" if in_pieces(kernel) else "rows"
        text = f"{kernel!r} {[t.dtype.short for t in types]} {isa}"
        self.symbol = f"{self.kind}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def number(self, value: Number) -> Extent:
        """An extent as an operand of the body."""
        if not isinstance(value, Arg):
            return value
        text = self.numbers[value.index]
        return int(text) if text.lstrip("-").isdigit() else text

    def emit(self) -> None:
        """Define the function if need be, fill a frame, call."""
        if not self.f.module.has(self.symbol):
            self.define()
        f, units = self.f, self.units()
        shared: str | None = None
        if self.kind == "pieces":
            shared = self.shared_memory()
        frame = self.frame(units, shared)
        self.call(frame, units)
        if self.kind == "pieces":
            f.do(f"call void @{self.symbol}_end(ptr {frame}, i64 0, i64 0)")

    def define(self) -> None:
        """The kernel's function."""
        f = Function(self.f.module)
        frame = Frame.read(f, len(self.types), len(self.numbers))
        k = lanes(f, LANES, self.isa != "sse2")
        if self.kind == "pieces":
            Pieces(frame, self.kernel, self.types, k).emit()
            self.define_end()
        else:
            (Columns if self.kind == "columns" else Rows)(frame, self.kernel, self.types, k).emit()
        f.finish(f"internal void @{self.symbol}({PARAMETERS})")

    def define_end(self) -> None:
        """What is left when all pieces are done."""
        f = Function(self.f.module)
        frame = Frame.read(f, len(self.types), len(self.numbers))
        Finish(frame, self.kernel, self.types, lanes(f, LANES, self.isa != "sse2")).emit()
        f.finish(f"internal void @{self.symbol}_end({PARAMETERS})")

    def units(self) -> Extent:
        """Rows, blocks of columns, or pieces of the only row."""
        f, e = self.f, self.extents
        if not e:
            return 1
        if self.kind == "pieces":
            return f.idiv(f.iadd(e[0], CHUNK - 1), CHUNK)
        if self.kind == "rows" and len(e) == 1 and not self.kernel.folded:
            return f.idiv(f.iadd(e[0], PIECE - 1), PIECE)
        outer = e[:-1] if self.kind == "rows" else e[: len(e) - self.kernel.folded]
        if self.kind == "columns":
            outer = [*outer[:-1], f.idiv(f.iadd(outer[-1], COLUMNS - 1), COLUMNS)]
        units: Extent = 1
        for extent in outer:
            units = f.imul(units, extent)
        return units

    def shared_memory(self) -> str:
        """Room for the partial results of all pieces."""
        sizes = Pieces.bytes_a_chunk(self.kernel)
        self.f.module.declare("ptr @ty_scratch_shared(i64)")
        return self.f.op(f"call ptr @ty_scratch_shared(i64 {self.f.imul(self.units(), sizes)})")

    def frame(self, units: Extent, shared: str | None) -> str:
        """A frame on the stack, but for the units a task."""
        f = self.f
        fields = [f"ptr {p}" for p in self.pointers] + [f"i64 {n}" for n in self.numbers]
        fields += [f"i64 {units}", f"i64 {units}", f"ptr {shared or 'null'}"]
        frame = f.alloca(f"[{len(fields)} x i64]", 8)
        for i, field in enumerate(fields):
            f.do(f"store {field}, ptr {f.gep(frame, 8 * i)}")
        return frame

    def call(self, frame: str, units: Extent) -> None:
        """On this thread, or on all where that pays."""
        f = self.f
        work: Extent = weight(self.kernel.nodes)
        for e in self.extents:
            work = f.imul(work, e)
        if isinstance(work, int) and work < WORTH:
            f.do(f"call void @{self.symbol}(ptr {frame}, i64 0, i64 0)")
            return
        f.module.declare("void @ty_parallel(ptr, ptr, i64)")
        f.module.declare("i64 @ty_workers()")
        workers = f.op("call i64 @ty_workers()")
        share = f.imul(workers, 4)
        wanted = f.imax(1, f.imin(share, f.idiv(work, GRAIN)))
        alone = f.op(f"icmp eq i64 {workers}, 1")
        wanted = f.op(f"select i1 {alone}, i64 1, i64 {wanted}")
        each = f.imax(1, f.idiv(f.iadd(units, f.isub(wanted, 1)), wanted))
        f.do(f"store i64 {each}, ptr {f.gep(frame, 8 * (len(self.pointers) + len(self.numbers)))}")
        tasks = f.idiv(f.iadd(units, f.isub(each, 1)), each)
        f.do(f"call void @ty_parallel(ptr @{self.symbol}, ptr {frame}, i64 {tasks})")
