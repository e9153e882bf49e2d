"""Cumulate: running sums by chunks of 256, in the order of docs/numerics.md (Sums and other reductions).

Inside a chunk from left to right; the chunks' totals by the same rule; each later element is offset + local,
once. A reversed one counts its chunks from the end. 16-bit sums and products run in f32, rounded once.
"""

from __future__ import annotations

from tianyuan.lowering import Cumulate
from tianyuan.types import DType
from tianyuan_jit.emission.buffers import Buffer, address, carry, in_blocks, lanes, load, splat, store, three_axes
from tianyuan_jit.emission.folding import CHUNK, combine, sum_dtype, typed, untyped
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function


def emit_cumulate(f: Function, lowering: Cumulate, x: Buffer, out: Buffer, has_fma: bool) -> None:
    """Append a Cumulate of x."""
    outer, n, inner = three_axes(f, x.shape, lowering.axis)
    way = "down" if lowering.reverse else "up"
    name = f"ty_cumulate_{lowering.op}_{way}_{x.dtype.short}"
    if not f.module.has(name):
        _define(f, name, lowering, x.dtype, has_fma)
    operands = ", ".join([f"ptr {x.pointer}, ptr {out.pointer}", *(f"i64 {e}" for e in (outer, n, inner))])
    f.do(f"call void @{name}({operands})")


def _define(caller: Function, name: str, lowering: Cumulate, dtype: DType, has_fma: bool) -> None:
    """``void (ptr x, ptr out, i64 outer, i64 n, i64 inner)``: each line through a contiguous row of scratch."""
    f = Function(caller.module)
    one, running = lanes(f, 1, has_fma), sum_dtype(lowering.op, dtype)
    symbol = _row(f, lowering.op, running, has_fma)
    f.module.declare("ptr @ty_scratch_shared(i64)")
    room = f.iadd(f.imul(2, "%n"), 1024)  # the row, then totals of totals
    row = f.op(f"call ptr @ty_scratch_shared(i64 {f.imul(room, running.itemsize)})")
    with f.loop(0, "%outer") as i, f.loop(0, "%inner") as j:
        start = f.iadd(f.imul(i, f.imul("%n", "%inner")), j)

        def place(r: Extent, start: Extent = start) -> Extent:
            at = f.isub(f.isub("%n", 1), r) if lowering.reverse else r
            return f.iadd(start, f.imul(at, "%inner"))

        with f.loop(0, "%n") as r:
            value = one.convert(load(one, address(f, "%x", dtype, place(r)), dtype), running)
            store(one, value, address(f, row, running, r))
        f.do(f"call void @{symbol}(ptr {row}, i64 %n)")
        with f.loop(0, "%n") as r:
            value = one.convert(load(one, address(f, row, running, r), running), dtype)
            store(one, value, address(f, "%out", dtype, place(r)))
    f.finish(f"internal void @{name}(ptr %x, ptr %out, i64 %outer, i64 %n, i64 %inner)")


def _row(caller: Function, op: str, dtype: DType, has_fma: bool) -> str:
    """``void (ptr row, i64 n)``: the running reduction in place; the totals go behind the row."""
    name = f"ty_cumulate_row_{op}_{dtype.short}"
    if caller.module.has(name):
        return name
    f = Function(caller.module)
    one = lanes(f, 1, has_fma)
    chunks = f.idiv(f.iadd("%n", CHUNK - 1), CHUNK)
    totals = address(f, "%row", dtype, "%n")
    with f.loop(0, chunks) as c:
        start = f.imul(c, CHUNK)
        last = _chunk(one, op, dtype, start, f.imin(f.iadd(start, CHUNK), "%n"))
        store(one, last, address(f, totals, dtype, c))
    with f.when(f.op(f"icmp sgt i64 {chunks}, 1")):
        f.do(f"call void @{name}(ptr {totals}, i64 {chunks})")
        with f.loop(1, chunks) as c:
            offset = load(one, address(f, totals, dtype, f.isub(c, 1)), dtype)
            start = f.imul(c, CHUNK)
            _shift(f, has_fma, op, offset, start, f.isub(f.imin(f.iadd(start, CHUNK), "%n"), start))
    f.finish(f"internal void @{name}(ptr %row, i64 %n)")
    return name


def _chunk(k: Lanes, op: str, dtype: DType, start: Extent, stop: Extent) -> Value:
    """One chunk in place, from left to right; its last element."""
    f = k.function
    first = load(k, address(f, "%row", dtype, start), dtype)

    def step(i: str, *state: str) -> list[str]:
        here = address(f, "%row", dtype, i)
        value = combine(k, op, untyped(state, dtype), load(k, here, dtype))
        store(k, value, here)
        return [p for _, p in typed(k, value)]

    return untyped(carry(f, f.iadd(start, 1), stop, typed(k, first), step), dtype)


def _shift(f: Function, has_fma: bool, op: str, offset: Value, start: Extent, count: Extent) -> None:
    """offset op each element of a chunk."""
    dtype = offset.dtype

    def body(k: Lanes, i: Extent) -> None:
        here = address(f, "%row", dtype, f.iadd(start, i))
        every = offset if k.lanes == 1 else _every(k, offset)
        store(k, combine(k, op, every, load(k, here, dtype)), here)

    in_blocks(f, lanes(f, 16, has_fma), count, body)


def _every(k: Lanes, value: Value) -> Value:
    if not value.imaginary:
        return splat(k, value)
    return k.complex(splat(k, k.real(value)), splat(k, k.imag(value)))
