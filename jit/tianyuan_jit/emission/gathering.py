"""Gather: windows of x at index vectors, copied run by run."""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.lowering import Gather
from tianyuan_jit.emission.addressing import Rows, Site, Windows, locate, positions, runs, windows
from tianyuan_jit.emission.buffers import Buffer, address, copy, moving_type
from tianyuan_jit.text import Extent, Function


def emit_gather(
    f: Function,
    lowering: Gather,
    ins: Sequence[Buffer],
    outs: Sequence[Buffer],
    status: str,
    ordinal: Extent,
    *,
    rows: Rows | None = None,
) -> None:
    """Append a Gather of x, i64 indices and, in mode fill, a 0-d value; the result overlaps nothing.

    ``rows`` is a range of positions (row-major over batch and position axes), all by default. A window out
    of bounds in mode error is recorded under ``ordinal`` and filled with zeros, so that nothing is read
    outside x.
    """
    x, out = ins[0], outs[0]
    w = windows(f, lowering, x, ins[1], out)
    fill = _fill_value(f, lowering, ins)
    with positions(f, w, rows) as (entry, position):
        offset, inside = locate(f, w, lowering.mode, Site(status, ordinal), entry, position)
        source = (x, offset)
        target = address(f, out.pointer, out.dtype, f.imul(position, w.size))
        if inside == "true":
            _copy_window(f, w, source, target)
        else:
            _copy_or_fill(f, w, inside, source, target, fill)


def _fill_value(f: Function, lowering: Gather, ins: Sequence[Buffer]) -> str:
    if lowering.mode != "fill":
        return "zeroinitializer"
    return f.op(f"load {moving_type(ins[0].dtype)}, ptr {ins[2].pointer}, align 1")


def _copy_window(f: Function, w: Windows, source: tuple[Buffer, Extent], target: str) -> None:
    x, offset = source
    with runs(f, w) as (in_x, in_window):
        start = address(f, x.pointer, x.dtype, f.iadd(offset, in_x))
        copy(f, x.dtype, address(f, target, x.dtype, in_window), start, w.run)


def _copy_or_fill(f: Function, w: Windows, inside: str, source: tuple[Buffer, Extent], target: str, fill: str) -> None:
    yes, no, end = f.fresh("inside"), f.fresh("outside"), f.fresh("end")
    f.branch(inside, yes, no)
    f.label(yes)
    _copy_window(f, w, source, target)
    f.jump(end)
    f.label(no)
    with f.loop(0, w.size) as i:
        dtype = source[0].dtype
        f.do(f"store {moving_type(dtype)} {fill}, ptr {address(f, target, dtype, i)}, align 1")
    f.jump(end)
    f.label(end)
