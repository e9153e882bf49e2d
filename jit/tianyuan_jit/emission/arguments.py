"""ArgReduce: where the largest or smallest element is, the first NaN before all others."""

from __future__ import annotations

from tianyuan.lowering import ArgReduce
from tianyuan.types import int64
from tianyuan_jit.emission.buffers import Buffer, address, carry, lanes, load, store, three_axes
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function


def emit_argreduce(f: Function, lowering: ArgReduce, x: Buffer, out: Buffer, has_fma: bool) -> None:
    """Append an ArgReduce of x, whose axis is not empty."""
    outer, n, inner = three_axes(f, x.shape, lowering.axis)
    name = f"ty_arg{lowering.op}_{x.dtype.short}"
    if not f.module.has(name):
        _define(f, name, lowering.op, x, has_fma)
    operands = ", ".join([f"ptr {x.pointer}, ptr {out.pointer}", *(f"i64 {e}" for e in (outer, n, inner))])
    f.do(f"call void @{name}({operands})")


def _define(caller: Function, name: str, op: str, x: Buffer, has_fma: bool) -> None:
    """``void (ptr x, ptr out, i64 outer, i64 n, i64 inner)``."""
    f = Function(caller.module)
    k = lanes(f, 1, has_fma)
    with f.loop(0, "%outer") as i, f.loop(0, "%inner") as j:
        start = f.iadd(f.imul(i, f.imul("%n", "%inner")), j)
        first = load(k, address(f, "%x", x.dtype, start), x.dtype)

        def step(r: str, best: str, at: str, start: Extent = start) -> list[str]:
            place = f.iadd(start, f.imul(r, "%inner"))
            value = load(k, address(f, "%x", x.dtype, place), x.dtype)
            better = _better(k, op, value, Value(best, x.dtype))
            chosen = k.choose(better, value, Value(best, x.dtype)).operand
            return [chosen, k.choose(better, Value(r, int64), Value(at, int64)).operand]

        state = [(k.type_of(x.dtype), first.operand), ("i64", "0")]
        _, at = carry(f, 1, "%n", state, step)
        target = address(f, "%out", int64, f.iadd(f.imul(i, "%inner"), j))
        store(k, Value(at, int64), target)
    f.finish(f"internal void @{name}(ptr %x, ptr %out, i64 %outer, i64 %n, i64 %inner)")


def _better(k: Lanes, op: str, value: Value, best: Value) -> Value:
    """Whether ``value`` takes the place of ``best``: it is beyond it, or the first NaN."""
    beyond = k.lt(best, value) if op == "max" else k.lt(value, best)
    if value.dtype.kind != "f":
        return beyond
    fresh = k.bitand(k.is_nan(value), k.bitnot(k.is_nan(best)))
    return k.bitor(beyond, fresh)
