"""Copies of operands into the order a kernel reads them, converted to the accumulator's dtype.

All strides are in bytes. Packing moves values and rounds nothing (16-bit floats widen exactly), so it
is free to happen or not.
"""

from __future__ import annotations

from collections.abc import Callable

from tianyuan.types import dtype_of_name, float32, uint16
from tianyuan_jit.microkernel import Element, Isa, Lanes, accumulator, either, scalars
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function, Module


def widen(f: Function, isa: Isa, value: str, source: Lanes, target: Lanes) -> str:
    """Lanes of an element as its accumulator, exactly."""
    if source.element == target.element:
        return value
    if not target.element.floating:
        return f.op(f"sext {source.type} {value} to {target.type}")
    bits = Value(value, uint16)
    return scalars(f, source.count, isa).from_half_bits(bits, dtype_of_name(source.element.short)).operand


def narrow(f: Function, isa: Isa, value: str, source: Lanes, target: Lanes) -> str:
    """Lanes of an accumulator as the element: 16-bit floats rounded once, integers wrapped."""
    if source.element == target.element:
        return value
    if not source.element.floating:
        return f.op(f"trunc {source.type} {value} to {target.type}")
    machine = scalars(f, source.count, isa)
    half = machine.to_half(Value(value, float32), dtype_of_name(target.element.short))
    return machine.half_bits(half).operand


class Packing:
    """The packing functions of one element on one instruction set, defined in a module on request."""

    def __init__(self, module: Module, element: Element, isa: Isa) -> None:
        self.module, self.isa = module, isa
        self.element, self.sum = element, accumulator(element)
        self.lanes = Lanes(self.sum, isa.vector_bytes // self.sum.size)
        self.source = Lanes(element, self.lanes.count)

    def _name(self, stem: str) -> str:
        return f"{stem}_{self.element.short}"

    def copy(self) -> str:
        """``void copy(src, src_row, dst, dst_row, rows, width)``: contiguous rows, converted."""
        name = self._name("copy")
        f = Function(self.module)
        with f.loop(0, "%rows") as i:
            source, target = f.gep("%src", f.imul(i, "%src_row")), f.gep("%dst", f.imul(i, "%dst_row"))
            self._copy_row(f, source, target)
        args = "ptr %src, i64 %src_row, ptr %dst, i64 %dst_row, i64 %rows, i64 %width"
        f.finish(f"internal void @{name}({args})")
        return name

    def _copy_row(self, f: Function, source: str, target: str) -> None:
        full = f.op(f"and i64 %width, {-self.lanes.count}")
        with f.loop(0, full, self.lanes.count) as x:
            self._move(f, source, target, x, None)
        with f.when(f.op(f"icmp slt i64 {full}, %width")):
            self._move(f, source, target, full, self.lanes.mask(f, f.isub("%width", full)))

    def _move(self, f: Function, source: str, target: str, x: Extent, mask: str | None) -> None:
        value = self.source.load(f, f.gep(source, f.imul(x, self.element.size)), mask)
        value = widen(f, self.isa, value, self.source, self.lanes)
        self.lanes.store(f, f.gep(target, f.imul(x, self.sum.size)), value, mask)

    def gather(self) -> str:
        """``void gather(src, src_row, src_col, dst, dst_row, rows, width)``: any strides, one by one."""
        name = self._name("gather")
        f = Function(self.module)
        source, target = Lanes(self.element, 1), Lanes(self.sum, 1)
        with f.loop(0, "%rows") as i:
            start, row = f.gep("%src", f.imul(i, "%src_row")), f.gep("%dst", f.imul(i, "%dst_row"))
            with f.loop(0, "%width") as j:
                value = widen(f, self.isa, source.load(f, f.gep(start, f.imul(j, "%src_col"))), source, target)
                target.store(f, f.gep(row, f.imul(j, self.sum.size)), value)
        args = "ptr %src, i64 %src_row, i64 %src_col, ptr %dst, i64 %dst_row, i64 %rows, i64 %width"
        f.finish(f"internal void @{name}({args})")
        return name

    def transpose(self) -> str:
        """``void transpose(src, src_col, dst, dst_row, rows, width)``: dst[k, j] = src[j, k].

        Element (k, j) of the source is at src + k*size + j*src_col. Squares of one vector a side are
        transposed in registers. Columns up to the next whole vector are written with copies of the last.
        """
        name = self._name("transpose")
        f = Function(self.module)
        n = self.lanes.count
        whole = f.op(f"and i64 %rows, {-n}")
        with f.loop(0, "%width", n) as j:
            last = f.isub("%width", 1)
            rows = [f.gep("%src", f.imul(f.imin(f.iadd(j, lane), last), "%src_col")) for lane in range(n)]
            target = f.gep("%dst", f.imul(j, self.sum.size))
            with f.loop(0, whole, n) as k:
                self._square(f, rows, target, k, None)
            with f.when(f.op(f"icmp slt i64 {whole}, %rows")):
                self._square(f, rows, target, whole, f.isub("%rows", whole))
        args = "ptr %src, i64 %src_col, ptr %dst, i64 %dst_row, i64 %rows, i64 %width"
        f.finish(f"internal void @{name}({args})")
        return name

    def _square(self, f: Function, rows: list[str], target: str, k: Extent, count: Extent | None) -> None:
        mask = None if count is None else self.lanes.mask(f, count)
        offset = f.imul(k, self.element.size)
        loaded = [self.source.load(f, f.gep(row, offset), mask) for row in rows]
        turned = transposed(f, [widen(f, self.isa, v, self.source, self.lanes) for v in loaded], self.lanes)
        row = f.gep(target, f.imul(k, "%dst_row"))
        for lane, value in enumerate(turned):
            if count is None or lane == 0:
                self.lanes.store(f, row, value)
            else:
                with f.when(f.op(f"icmp sgt i64 {count}, {lane}")):
                    self.lanes.store(f, row, value)
            row = f.gep(row, "%dst_row")

    def pack(self) -> str:
        """``void pack(src, src_row, src_col, dst, dst_row, rows, width)``: by the cheapest way.

        dst[i, j] = src[i, j]; up to a vector's width of garbage may follow each row of dst.
        """
        name, size = self._name("pack"), self.element.size
        f = Function(self.module)
        shape = "ptr %dst, i64 %dst_row, i64 %rows, i64 %width"

        def call(text: str) -> Callable[[], None]:
            return lambda: f.do(f"call void @{text}")

        def strided() -> None:
            either(
                f,
                f.op(f"icmp eq i64 %src_row, {size}"),
                call(f"{self.transpose()}(ptr %src, i64 %src_col, {shape})"),
                call(f"{self.gather()}(ptr %src, i64 %src_row, i64 %src_col, {shape})"),
            )

        copied = call(f"{self.copy()}(ptr %src, i64 %src_row, {shape})")
        either(f, f.op(f"icmp eq i64 %src_col, {size}"), copied, strided)
        f.finish(f"internal void @{name}(ptr %src, i64 %src_row, i64 %src_col, {shape})")
        return name

    def round(self) -> str:
        """``void round(src, src_row, dst, dst_row, rows, width)``: sums to the element, rounded once."""
        name = self._name("round")
        f = Function(self.module)
        with f.loop(0, "%rows") as i:
            source, target = f.gep("%src", f.imul(i, "%src_row")), f.gep("%dst", f.imul(i, "%dst_row"))
            with f.loop(0, "%width", self.lanes.count) as x:
                mask = self.lanes.mask(f, f.isub("%width", x))
                value = self.lanes.load(f, f.gep(source, f.imul(x, self.sum.size)), mask)
                value = narrow(f, self.isa, value, self.lanes, self.source)
                self.source.store(f, f.gep(target, f.imul(x, self.element.size)), value, mask)
        args = "ptr %src, i64 %src_row, ptr %dst, i64 %dst_row, i64 %rows, i64 %width"
        f.finish(f"internal void @{name}({args})")
        return name

    def accumulate(self) -> str:
        """``void accumulate(src, src_row, dst, dst_row, rows, width)``: dst += src, both sums."""
        name = self._name("accumulate")
        f = Function(self.module)
        with f.loop(0, "%rows") as i:
            source, target = f.gep("%src", f.imul(i, "%src_row")), f.gep("%dst", f.imul(i, "%dst_row"))
            with f.loop(0, "%width", self.lanes.count) as x:
                mask, offset = self.lanes.mask(f, f.isub("%width", x)), f.imul(x, self.sum.size)
                total = self.lanes.load(f, f.gep(target, offset), mask)
                part = self.lanes.load(f, f.gep(source, offset), mask)
                self.lanes.store(f, f.gep(target, offset), self.lanes.add(f, total, part), mask)
        args = "ptr %src, i64 %src_row, ptr %dst, i64 %dst_row, i64 %rows, i64 %width"
        f.finish(f"internal void @{name}({args})")
        return name


def transposed(f: Function, rows: list[str], lanes: Lanes) -> list[str]:
    """The columns of a square of vectors: halves exchanged at distances n/2, n/4, ..., 1."""
    n, rows, distance = lanes.count, list(rows), lanes.count // 2
    while distance:
        low = [x if not x & distance else n + (x ^ distance) for x in range(n)]
        high = [x ^ distance if not x & distance else n + x for x in range(n)]
        # Row i takes from its partner what belongs beside it; the partner takes the rest.
        for i in (i for i in range(n) if not i & distance):
            a, b = rows[i], rows[i + distance]
            rows[i], rows[i + distance] = (_shuffle(f, lanes, a, b, order) for order in (low, high))
        distance //= 2
    return rows


def _shuffle(f: Function, lanes: Lanes, a: str, b: str, order: list[int]) -> str:
    indices = ", ".join(f"i32 {x}" for x in order)
    return f.op(f"shufflevector {lanes.type} {a}, {lanes.type} {b}, <{lanes.count} x i32> <{indices}>")
