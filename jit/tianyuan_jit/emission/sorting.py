"""Sort: lines along an axis, by unsigned keys that have the order of the elements.

The key of a float is its bits with the sign turned: all NaNs are one value above infinity, both zeros are one.
Descending sorts turn all bits of the keys, and so stay stable. A line is sorted by its last key first; numbers
go along with the keys and say in the end where each element comes from. A line of one array alone needs no
numbers: its elements are made from the keys again, and the signs of its zeros taken in order from the line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianyuan.lowering import Sort
from tianyuan.types import DType, bool_, dtype_of_name, int32, uint8
from tianyuan_jit.emission.buffers import Buffer, address, carry, in_blocks, lanes, load, move, store, three_axes
from tianyuan_jit.emission.spreading import Share, spread
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.sorting import symbol
from tianyuan_jit.text import Extent, Function

_VECTOR = 16
_COST = 100  # of an element, in simple operations


def emit_sort(f: Function, lowering: Sort, ins: Sequence[Buffer], outs: Sequence[Buffer], has_fma: bool) -> None:
    """Append a Sort; the results overlap no argument. Lines have fewer than 2^32 elements."""
    outer, n, inner = three_axes(f, ins[0].shape, lowering.axis)
    flat = [Buffer(b.pointer, b.dtype, ()) for b in (*ins, *outs)]
    key = (lowering.keys, lowering.descending, has_fma)

    def body(share: Share) -> None:
        _Line(share, lowering, has_fma).emit()

    spread(f, "sort", key, flat, (n, inner), f.imul(outer, inner), f.imul(n, _COST * lowering.keys), body)


def key_dtype(dtype: DType) -> DType:
    """The unsigned dtype of the keys of ``dtype``."""
    return uint8 if dtype == bool_ else dtype_of_name(f"uint{dtype.bits}")


def key_of(k: Lanes, x: Value, descending: bool) -> Value:
    """An element's key."""
    dtype, target = x.dtype, key_dtype(x.dtype)
    if dtype.kind == "f":
        bits = k.bitcast(k.add(x, k.like(x, 0.0)), target)
        result = k.bitxor(bits, k.bitor(_sign(k, bits), _top(k, target)))
    elif dtype.kind == "i":
        result = k.bitxor(k.bitcast(x, target), _top(k, target))
    else:
        result = k.convert(x, target)
    return k.bitxor(result, k.const(-1, target)) if descending else result


def element_of(k: Lanes, key: Value, dtype: DType, descending: bool) -> Value:
    """The element of a key; a zero is +0."""
    key = k.bitxor(key, k.const(-1, key.dtype)) if descending else key
    if dtype.kind == "f":
        turned = k.bitor(k.bitnot(_sign(k, key)), _top(k, key.dtype))
        return k.bitcast(k.bitxor(key, turned), dtype)
    return k.bitcast(k.bitxor(key, _top(k, key.dtype)), dtype) if dtype.kind == "i" else k.convert(key, dtype)


def _top(k: Lanes, dtype: DType) -> Value:
    return k.const(1 << (dtype.bits - 1), dtype)


def _sign(k: Lanes, bits: Value) -> Value:
    """All bits set where the top one is."""
    signed = dtype_of_name(f"int{bits.dtype.bits}")
    mask = k.shift_right(k.bitcast(bits, signed), k.const(bits.dtype.bits - 1, signed))
    return k.bitcast(mask, bits.dtype)


class _Line:
    """The lines of a task."""

    def __init__(self, share: Share, lowering: Sort, has_fma: bool) -> None:
        self.share, self.f, self.lowering, self.has_fma = share, share.f, lowering, has_fma
        half = len(share.buffers) // 2
        self.ins, self.outs = share.buffers[:half], share.buffers[half:]
        self.n, self.inner = share.numbers
        self.alone = half == 1
        self.one = lanes(self.f, 1, has_fma)

    def emit(self) -> None:
        """Line after line."""
        f = self.f
        self.lay_out()
        with f.loop(self.share.low, self.share.high) as line:
            self.start = f.iadd(f.imul(f.idiv(line, self.inner), f.imul(self.n, self.inner)), f.irem(line, self.inner))
            if self.alone:
                self.sort_alone()
            else:
                self.sort_together()

    def lay_out(self) -> None:
        """Scratch memory: keys and numbers, twice each."""
        f = self.f
        wide = max(key_dtype(b.dtype).itemsize for b in self.ins[: self.lowering.keys])
        room = f.op(f"and i64 {f.iadd(f.imul(self.n, wide), 63)}, -64")
        room4 = f.op(f"and i64 {f.iadd(f.imul(self.n, 4), 63)}, -64")
        f.module.declare("ptr @ty_scratch(i64, i64)")
        total = f.imul(2, room if self.alone else f.iadd(room, room4))
        base = f.op(f"call ptr @ty_scratch(i64 %worker, i64 {total})")
        self.keys = (base, f.gep(base, room))
        numbers = f.gep(base, f.imul(2, room))
        self.numbers = (numbers, f.gep(numbers, room4))

    def place(self, b: Buffer, i: Extent) -> str:
        """The address of an element of the line."""
        f = self.f
        return address(f, b.pointer, b.dtype, f.iadd(self.start, f.imul(i, self.inner)))

    def each(self, body: Callable[[Lanes, Extent], None]) -> None:
        """``body`` along the line, in vectors where it is contiguous."""
        f = self.f
        dense, apart, end = f.fresh("dense"), f.fresh("apart"), f.fresh("end")
        f.branch(f.op(f"icmp eq i64 {self.inner}, 1"), dense, apart)
        f.label(dense)
        in_blocks(f, lanes(f, _VECTOR, self.has_fma), self.n, body)
        f.jump(end)
        f.label(apart)
        with f.loop(0, self.n) as i:
            body(self.one, i)
        f.jump(end)
        f.label(end)

    def make_keys(self, b: Buffer) -> None:
        """The keys of one argument in the order of the line."""

        def body(k: Lanes, i: Extent) -> None:
            key = key_of(k, load(k, self.place(b, i), b.dtype), self.lowering.descending)
            store(k, key, address(self.f, self.keys[0], key.dtype, i))

        self.each(body)

    # ---- one array

    def sort_alone(self) -> None:
        """Keys, sorted, and back."""
        f, x, out = self.f, self.ins[0], self.outs[0]
        dtype = key_dtype(x.dtype)
        self.make_keys(x)
        f.module.declare(f"i64 @{symbol(dtype.bits, False)}(ptr, ptr, i64)")
        args = f"ptr {self.keys[0]}, ptr {self.keys[1]}, i64 {self.n}"
        moved = f.op(f"icmp ne i64 {f.op(f'call i64 @{symbol(dtype.bits, False)}({args})')}, 0")
        keys = f.op(f"select i1 {moved}, ptr {self.keys[1]}, ptr {self.keys[0]}")

        def body(k: Lanes, i: Extent) -> None:
            key = load(k, address(f, keys, dtype, i), dtype)
            store(k, element_of(k, key, x.dtype, self.lowering.descending), self.place(out, i))

        self.each(body)
        if x.dtype.kind == "f":
            self.restore_zeros(keys, dtype)

    def restore_zeros(self, keys: str, dtype: DType) -> None:
        """The zeros of the line, in its order, to where zeros are in the result."""
        f, k, x = self.f, self.one, self.ins[0]
        zero = key_of(k, k.const(0.0, x.dtype), self.lowering.descending)
        first = self.lower_bound(keys, dtype, zero)
        inside = f.op(f"icmp slt i64 {first}, {self.n}")
        with f.when(inside):
            found = load(k, address(f, keys, dtype, first), dtype)
            with f.when(k.eq(found, zero).operand):
                self.copy_zeros(first)

    def copy_zeros(self, first: str) -> None:
        f, k, x, out = self.f, self.one, self.ins[0], self.outs[0]
        at = f.alloca("i64", 8)
        f.do(f"store i64 {first}, ptr {at}")
        with f.loop(0, self.n) as i:
            value = load(k, self.place(x, i), x.dtype)
            with f.when(k.eq(value, k.like(value, 0.0)).operand):
                place = f.op(f"load i64, ptr {at}")
                store(k, value, self.place(out, place))
                f.do(f"store i64 {f.iadd(place, 1)}, ptr {at}")

    def lower_bound(self, keys: str, dtype: DType, wanted: Value) -> str:
        """How many keys of the sorted line are below ``wanted``: by bisection, 32 halvings."""
        f, k = self.f, self.one

        def halve(_: str, low: str, high: str) -> list[str]:
            middle = f.op(f"lshr i64 {f.iadd(low, high)}, 1")
            found = load(k, address(f, keys, dtype, f.imin(middle, f.isub(self.n, 1))), dtype)
            open_ = f.op(f"icmp slt i64 {low}, {high}")
            below = f.op(f"and i1 {open_}, {k.lt(found, wanted).operand}")
            above = f.op(f"and i1 {open_}, {f.op(f'xor i1 {below}, true')}")
            low = f.op(f"select i1 {below}, i64 {f.iadd(middle, 1)}, i64 {low}")
            return [low, f.op(f"select i1 {above}, i64 {middle}, i64 {high}")]

        return carry(f, 0, 33, [("i64", "0"), ("i64", str(self.n))], halve)[0]

    # ---- several arrays

    def sort_together(self) -> None:
        """Numbers 0, 1, 2, ... sorted by each key, the last first; then everything moved."""
        f = self.f
        with f.loop(0, self.n) as i:
            f.do(f"store i32 {f.op(f'trunc i64 {i} to i32')}, ptr {address(f, self.numbers[0], int32, i)}, align 4")
        numbers = self.numbers
        for j in reversed(range(self.lowering.keys)):
            numbers = self.sort_by(self.ins[j], numbers, first=j == self.lowering.keys - 1)
        with f.loop(0, self.n) as i:
            source = self.number(numbers[0], i)
            for x, out in zip(self.ins, self.outs, strict=True):
                move(f, x.dtype, self.place(out, i), self.place(x, source))

    def number(self, numbers: str, i: Extent) -> str:
        """Where the element now in place ``i`` comes from."""
        f = self.f
        return f.op(f"zext i32 {f.op(f'load i32, ptr {address(f, numbers, int32, i)}, align 4')} to i64")

    def sort_by(self, b: Buffer, numbers: tuple[str, str], first: bool) -> tuple[str, str]:
        """Sort ``numbers`` by one argument; where they are then, and the other place."""
        f, dtype = self.f, key_dtype(b.dtype)
        if first:
            self.make_keys(b)
        else:
            with f.loop(0, self.n) as i:
                value = load(self.one, self.place(b, self.number(numbers[0], i)), b.dtype)
                key = key_of(self.one, value, self.lowering.descending)
                store(self.one, key, address(f, self.keys[0], dtype, i))
        name = symbol(dtype.bits, True)
        f.module.declare(f"i64 @{name}(ptr, ptr, i64, ptr, ptr)")
        args = f"ptr {self.keys[0]}, ptr {self.keys[1]}, i64 {self.n}, ptr {numbers[0]}, ptr {numbers[1]}"
        moved = f.op(f"icmp ne i64 {f.op(f'call i64 @{name}({args})')}, 0")
        here = f.op(f"select i1 {moved}, ptr {numbers[1]}, ptr {numbers[0]}")
        return here, f.op(f"select i1 {moved}, ptr {numbers[0]}, ptr {numbers[1]}")
