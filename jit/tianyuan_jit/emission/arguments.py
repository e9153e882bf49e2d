"""ArgReduce: where the largest or smallest element is, the first NaN before all others."""

from __future__ import annotations

from functools import partial

from tianyuan.lowering import ArgReduce
from tianyuan.types import int64
from tianyuan_jit.emission.buffers import Buffer, address, carry, in_blocks, lanes, load, store, three_axes
from tianyuan_jit.emission.nodes import splat
from tianyuan_jit.emission.spreading import Share, spread
from tianyuan_jit.microkernel import either
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

_VECTOR = 16
_LINE = 32  # lanes of one line: as many independent comparisons
_BLOCK = 256  # neighbouring lines of a unit


def emit_argreduce(f: Function, lowering: ArgReduce, x: Buffer, out: Buffer, has_fma: bool) -> None:
    """Append an ArgReduce of x, whose axis is not empty."""
    outer, n, inner = three_axes(f, x.shape, lowering.axis)
    flat = [Buffer(b.pointer, b.dtype, ()) for b in (x, out)]
    blocks = f.idiv(f.iadd(inner, _BLOCK - 1), _BLOCK)
    cost = f.imul(f.imul(n, 4), f.imin(inner, _BLOCK))

    def body(share: Share) -> None:
        _Lines(share, lowering.op, has_fma).emit()

    spread(f, "argreduce", (lowering.op, has_fma), flat, (n, inner), f.imul(outer, blocks), cost, body)


class _Lines:
    """Blocks of neighbouring lines, sixteen at a time; a single contiguous line by lanes of its own."""

    def __init__(self, share: Share, op: str, has_fma: bool) -> None:
        self.share, self.f, self.op, self.has_fma = share, share.f, op, has_fma
        self.x, self.out = share.buffers
        self.n, self.inner = share.numbers

    def emit(self) -> None:
        """Unit after unit."""
        f, inner = self.f, self.inner
        blocks = f.idiv(f.iadd(inner, _BLOCK - 1), _BLOCK)
        with f.loop(self.share.low, self.share.high) as unit:
            i, j = f.idiv(unit, blocks), f.imul(f.irem(unit, blocks), _BLOCK)
            start = f.iadd(f.imul(i, f.imul(self.n, inner)), j)
            target = f.iadd(f.imul(i, inner), j)
            count = f.imin(f.isub(inner, j), _BLOCK)
            single = f.op(f"icmp eq i64 {inner}, 1")
            either(f, single, partial(self.line, start, target), partial(self.block, start, target, count))

    def block(self, start: Extent, target: Extent, count: Extent) -> None:
        """``count`` lines whose elements lie side by side."""
        f = self.f

        def body(k: Lanes, j: Extent) -> None:
            at = self.walk(k, f.iadd(start, j), self.n, self.inner, 1)[1]
            store(k, at, address(f, self.out.pointer, int64, f.iadd(target, j)))

        in_blocks(f, lanes(f, _VECTOR, self.has_fma), count, body)

    def walk(self, k: Lanes, start: Extent, stop: Extent, stride: Extent, step: int) -> tuple[Value, Value]:
        """The best element and its number, in each lane, of those at start, start + stride, ..."""
        f, dtype = self.f, self.x.dtype

        def element(r: Extent) -> Value:
            return load(k, address(f, self.x.pointer, dtype, f.iadd(start, f.imul(r, stride))), dtype)

        def advance(r: str, best: str, at: str) -> list[str]:
            value, old = element(r), Value(best, dtype)
            better = _better(k, self.op, value, old)
            number = splat(k, Value(r, int64))
            return [k.choose(better, value, old).operand, k.choose(better, number, Value(at, int64)).operand]

        state = [(k.type_of(dtype), element(0).operand), (k.type_of(int64), k.const(0, int64).operand)]
        best, at = carry(f, step, stop, state, advance, step)
        return Value(best, dtype), Value(at, int64)

    def line(self, start: Extent, target: Extent) -> None:
        """One contiguous line: lane l has every 32nd element from l on; then the best of the lanes."""
        f, one = self.f, lanes(self.f, 1, self.has_fma)
        slots = f.alloca("i64", 8), f.alloca("i64", 8)

        def short() -> None:
            self.keep(one, slots, *self.walk(one, start, self.n, 1, 1))

        def long() -> None:
            k = lanes(f, _LINE, self.has_fma)
            full = f.imul(f.idiv(self.n, _LINE), _LINE)
            best, at = self.walk(k, start, full, 1, _LINE)
            self.keep(one, slots, *self.best_lane(k, best, at))
            self.rest(one, slots, start, full)

        either(f, f.op(f"icmp slt i64 {self.n}, {2 * _LINE}"), short, long)
        at = load(one, slots[1], int64)
        store(one, at, address(f, self.out.pointer, int64, target))

    def keep(self, one: Lanes, slots: tuple[str, str], best: Value, at: Value) -> None:
        store(one, best, slots[0])
        store(one, at, slots[1])

    def best_lane(self, k: Lanes, best: Value, at: Value) -> tuple[Value, Value]:
        """The best of the lanes, by halves: of equal ones, or of NaNs, the one with the smallest number."""
        numbers = ", ".join(f"i64 {lane}" for lane in range(k.lanes))
        at = k.add(at, Value(f"<{numbers}>", int64))
        half = k.lanes // 2
        while half:
            value, number = (_moved(k, v, half) for v in (best, at))
            tied = k.bitand(_tied(k, value, best), k.lt(number, at))
            take = k.bitor(_better(k, self.op, value, best), tied)
            best, at = k.choose(take, value, best), k.choose(take, number, at)
            half //= 2
        return _first(k, best), _first(k, at)

    def rest(self, one: Lanes, slots: tuple[str, str], start: Extent, first: Extent) -> None:
        """What is left of the line after its last full vector."""
        f, dtype = self.f, self.x.dtype
        with f.loop(first, self.n) as r:
            value = load(one, address(f, self.x.pointer, dtype, f.iadd(start, r)), dtype)
            with f.when(_better(one, self.op, value, load(one, slots[0], dtype)).operand):
                self.keep(one, slots, value, Value(r, int64))


def _moved(k: Lanes, value: Value, by: int) -> Value:
    """Lane l has what lane l + by had."""
    kind, count = k.type_of(value.dtype), k.lanes
    picks = ", ".join(f"i32 {min(lane + by, count - 1)}" for lane in range(count))
    mask = f"<{count} x i32> <{picks}>"
    return k.instruction(f"shufflevector {kind} {value.operand}, {kind} poison, {mask}", value.dtype)


def _first(k: Lanes, value: Value) -> Value:
    return k.instruction(f"extractelement {k.type_of(value.dtype)} {value.operand}, i64 0", value.dtype)


def _better(k: Lanes, op: str, value: Value, best: Value) -> Value:
    """Whether ``value`` takes the place of ``best``: it is beyond it, or the first NaN."""
    beyond = k.lt(best, value) if op == "max" else k.lt(value, best)
    if value.dtype.kind != "f":
        return beyond
    return k.bitor(beyond, k.bitand(k.is_nan(value), k.bitnot(k.is_nan(best))))


def _tied(k: Lanes, x: Value, y: Value) -> Value:
    """Whether two elements are equal, or both NaN."""
    same = k.eq(x, y)
    return k.bitor(same, k.bitand(k.is_nan(x), k.is_nan(y))) if x.dtype.kind == "f" else same
