"""Kernels on whole arrays: which file emits which lowering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan import lowering
from tianyuan.errors import MachineError
from tianyuan.types import ArrayType
from tianyuan_jit.emission.arguments import emit_argreduce
from tianyuan_jit.emission.buffers import Buffer, address
from tianyuan_jit.emission.contractions import emit_contraction as emit_contraction
from tianyuan_jit.emission.cumulating import emit_cumulate
from tianyuan_jit.emission.gathering import emit_gather
from tianyuan_jit.emission.scattering import emit_scatter, scatter_scratch_bytes
from tianyuan_jit.emission.sorting import emit_sort, sort_scratch_bytes
from tianyuan_jit.emission.threefry import emit_threefry
from tianyuan_jit.kernels import Arg, Operand, Single
from tianyuan_jit.text import Extent, Function


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

    ins, outs = [buffer(o) for o in kernel.ins], [buffer(o) for o in kernel.outs]
    how, has_fma = kernel.lowering, isa != "sse2"
    if isinstance(how, lowering.Gather):
        emit_gather(f, how, ins, outs, status, kernel.ordinal)
    elif isinstance(how, lowering.Scatter):
        scratch = scatter_scratch_bytes(f, how, ins)
        f.module.declare("ptr @ty_scratch_shared(i64)")
        place = "null" if scratch == 0 else f.op(f"call ptr @ty_scratch_shared(i64 {scratch})")
        emit_scatter(f, how, ins, outs, status, kernel.ordinal, scratch=place, has_fma=has_fma)
    elif isinstance(how, lowering.Threefry):
        emit_threefry(f, how, ins, outs, status, kernel.ordinal)
    elif isinstance(how, lowering.ArgReduce):
        emit_argreduce(f, how, ins[0], outs[0], has_fma)
    elif isinstance(how, lowering.Cumulate):
        emit_cumulate(f, how, ins[0], outs[0], has_fma)
    elif isinstance(how, lowering.Sort):
        f.module.declare("ptr @ty_scratch_shared(i64)")
        room = f.op(f"call ptr @ty_scratch_shared(i64 {sort_scratch_bytes(f, how, ins)})")
        emit_sort(f, how, ins, outs, room, has_fma)
    else:
        raise MachineError(f"the CPU machine has no kernel for {type(how).__name__}")
