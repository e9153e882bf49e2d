"""Stable sorts of unsigned keys: a library of the engine. By insertion where they are few, else by radix.

``i64 @ty_sort_<bits>(ptr keys, ptr spare, i64 n)`` for 8, 16, 32 and 64 bits;
``i64 @ty_sort_<bits>_numbered(ptr keys, ptr spare, i64 n, ptr numbers, ptr spare_numbers)`` moves an i32 along
with each key. The result is ascending; it lies in ``keys`` if 0 is returned, in ``spare`` if 1 is. n < 2^32.

The radix sort takes a byte at a time, the lowest first: one walk counts all bytes, and a byte that all keys
share is passed over. [Knuth, TAOCP 3, 5.2.5]
"""

from __future__ import annotations

from tianyuan_jit import engine
from tianyuan_jit.text import Extent, Function, Module

WIDTHS = (8, 16, 32, 64)
FEW = 32  # keys sorted by insertion


def symbol(bits: int, numbered: bool) -> str:
    """The name of a sort."""
    return f"ty_sort_{bits}" + ("_numbered" if numbered else "")


def library(isa: str) -> str:
    """The module of all sorts; the same for every instruction set."""
    module = Module()
    for bits in WIDTHS:
        for numbered in (False, True):
            _Sort(module, bits, numbered).emit()
    return module.text()


class _Sort:
    """One of the sorts."""

    def __init__(self, module: Module, bits: int, numbered: bool) -> None:
        self.f, self.bits, self.bytes, self.numbered = Function(module), bits, bits // 8, numbered
        self.key = f"i{bits}"

    def emit(self) -> None:
        """The whole function."""
        f = self.f
        few, many, end = f.fresh("few"), f.fresh("many"), f.fresh("end")
        f.branch(f.op(f"icmp ule i64 %n, {FEW}"), few, many)
        f.label(few)
        self.insertion()
        few = f.block
        f.jump(end)
        f.label(many)
        self.counts = f.alloca(f"[{256 * self.bytes} x i32]")
        self.count()
        parity = self.passes()
        many = f.block
        f.jump(end)
        f.label(end)
        result = f.op(f"phi i64 [ 0, %{few} ], [ {parity}, %{many} ]")
        more = ", ptr %numbers, ptr %spare_numbers" if self.numbered else ""
        name = symbol(self.bits, self.numbered)
        f.finish(f"i64 @{name}(ptr %keys, ptr %spare, i64 %n{more})", f"i64 {result}")

    # ---- memory

    def load(self, base: str, i: Extent) -> str:
        """A key."""
        place = self.f.gep(base, self.f.imul(i, self.bytes))
        return self.f.op(f"load {self.key}, ptr {place}, align {self.bytes}")

    def store(self, base: str, i: Extent, value: str) -> None:
        """Write a key."""
        place = self.f.gep(base, self.f.imul(i, self.bytes))
        self.f.do(f"store {self.key} {value}, ptr {place}, align {self.bytes}")

    def number(self, base: str, i: Extent) -> str:
        """The number that goes with a key."""
        return self.f.op(f"load i32, ptr {self.f.gep(base, self.f.imul(i, 4))}, align 4")

    def store_number(self, base: str, i: Extent, value: str) -> None:
        """Write the number that goes with a key."""
        self.f.do(f"store i32 {value}, ptr {self.f.gep(base, self.f.imul(i, 4))}, align 4")

    # ---- insertion

    def insertion(self) -> None:
        """Each key goes down past those that are greater."""
        f = self.f
        with f.loop(1, "%n") as i:
            key = self.load("%keys", i)
            moved = self.number("%numbers", i) if self.numbered else ""
            head, look, shift, end, before = *(f.fresh(s) for s in ("head", "look", "shift", "end")), f.block
            j, lower = "%" + f.fresh("j"), "%" + f.fresh("lower")
            f.jump(head)
            f.label(head)
            f.do(f"{j} = phi i64 [ {i}, %{before} ], [ {lower}, %{shift} ]")
            f.branch(f.op(f"icmp eq i64 {j}, 0"), end, look)
            f.label(look)
            f.do(f"{lower} = sub i64 {j}, 1")
            other = self.load("%keys", lower)
            f.branch(f.op(f"icmp ugt {self.key} {other}, {key}"), shift, end)
            f.label(shift)
            self.store("%keys", j, other)
            if self.numbered:
                self.store_number("%numbers", j, self.number("%numbers", lower))
            f.jump(head)
            f.label(end)
            self.store("%keys", j, key)
            if self.numbered:
                self.store_number("%numbers", j, moved)

    # ---- radix

    def digit(self, key: str, d: int) -> str:
        """Byte ``d`` of a key, as an i64."""
        f = self.f
        wide = key if self.bits == 64 else f.op(f"zext {self.key} {key} to i64")
        moved = wide if d == 0 else f.op(f"lshr i64 {wide}, {8 * d}")
        return f.op(f"and i64 {moved}, 255")

    def counter(self, d: int, digit: Extent) -> str:
        """The address of a counter."""
        return self.f.gep(self.counts, self.f.iadd(1024 * d, self.f.imul(digit, 4)))

    def count(self) -> None:
        """How often each byte occurs in each place."""
        f = self.f
        f.module.declare("void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        f.do(f"call void @llvm.memset.p0.i64(ptr {self.counts}, i8 0, i64 {1024 * self.bytes}, i1 false)")
        with f.loop(0, "%n") as i:
            key = self.load("%keys", i)
            for d in range(self.bytes):
                place = self.counter(d, self.digit(key, d))
                old = f.op(f"load i32, ptr {place}, align 4")
                f.do(f"store i32 {f.op(f'add i32 {old}, 1')}, ptr {place}, align 4")

    def passes(self) -> str:
        """Byte after byte, to and fro between keys and spare; whether the result is in spare."""
        f = self.f
        parity = f.alloca("i64", 8)
        f.do(f"store i64 0, ptr {parity}")
        total = f.op("trunc i64 %n to i32")
        first = self.load("%keys", 0)
        for d in range(self.bytes):
            same = f.op(f"load i32, ptr {self.counter(d, self.digit(first, d))}, align 4")
            with f.when(f.op(f"icmp ne i32 {same}, {total}")):
                self.one_pass(d, parity)
        return f.op(f"load i64, ptr {parity}")

    def one_pass(self, d: int, parity: str) -> None:
        """Every key to its place by byte ``d``."""
        f = self.f
        odd = f.op(f"icmp ne i64 {f.op(f'load i64, ptr {parity}')}, 0")
        source, target = self.pick(odd, "%keys", "%spare")
        numbers = self.pick(odd, "%numbers", "%spare_numbers") if self.numbered else ("", "")
        self.add_up(d)
        with f.loop(0, "%n") as i:
            key = self.load(source, i)
            place = self.counter(d, self.digit(key, d))
            at = f.op(f"load i32, ptr {place}, align 4")
            f.do(f"store i32 {f.op(f'add i32 {at}, 1')}, ptr {place}, align 4")
            wide = f.op(f"zext i32 {at} to i64")
            self.store(target, wide, key)
            if self.numbered:
                self.store_number(numbers[1], wide, self.number(numbers[0], i))
        f.do(f"store i64 {f.op(f'select i1 {odd}, i64 0, i64 1')}, ptr {parity}")

    def pick(self, odd: str, first: str, second: str) -> tuple[str, str]:
        """Source and target of a pass."""
        f = self.f
        source = f.op(f"select i1 {odd}, ptr {second}, ptr {first}")
        return source, f.op(f"select i1 {odd}, ptr {first}, ptr {second}")

    def add_up(self, d: int) -> None:
        """Counters become where the first key with each byte goes."""
        f = self.f
        sum_ = f.alloca("i32", 4)
        f.do(f"store i32 0, ptr {sum_}")
        with f.loop(0, 256) as digit:
            place = self.counter(d, digit)
            count, before = f.op(f"load i32, ptr {place}, align 4"), f.op(f"load i32, ptr {sum_}")
            f.do(f"store i32 {before}, ptr {place}, align 4")
            f.do(f"store i32 {f.op(f'add i32 {before}, {count}')}, ptr {sum_}")


engine.library("sorts", library, exports=[symbol(b, n) for b in WIDTHS for n in (False, True)], shared=True)
