"""Contractions with one row: products of a matrix whose rows lie along k with a vector, and dot products.

What tiles are bad at. Of a matrix, squares are turned in registers, so that a vector holds one k of as many
columns of C; of a single element, the blocks of CHAIN(256, 16), which are independent, are walked together.
"""

from __future__ import annotations

from tianyuan_jit.emission.buffers import Typed, carry
from tianyuan_jit.microkernel import BLOCK, SEGMENT, Element, Isa, Lanes, accumulator, either
from tianyuan_jit.packing import transposed
from tianyuan_jit.rectangle import RECTANGLE, Corner
from tianyuan_jit.text import Extent, Function, Module

_TOGETHER = (SEGMENT // BLOCK, 4, 1)  # blocks of a dot product walked at once


def emit_thin(module: Module, element: Element, isa: Isa) -> None:
    """Define ``void @piece_<dt>`` (``RECTANGLE``): thin where that fits, else ``rectangle_<dt>``."""
    f = Function(module)
    whole, thin = (f"call void @{name}_{element.short}({RECTANGLE})" for name in ("rectangle", "thin"))
    if element != accumulator(element):
        f.do(whole)
    else:
        _emit_dot(module, element, isa)
        _Thin(module, element, isa).emit()
        either(f, _fits(f, element, isa), lambda: f.do(thin), lambda: f.do(whole))
    f.finish(f"internal void @piece_{element.short}({RECTANGLE})")


def _fits(f: Function, element: Element, isa: Isa) -> str:
    """An i1: one row, a k, no functions for operands or result; and one column, or columns that lie along k."""
    corner = Corner(f, element)
    fields, n = corner.fields, isa.vector_bytes // element.size
    result = f.op("icmp eq i64 %rows, 1")
    conditions = [f"icmp sgt i64 {fields['k']}, 0"]
    conditions += [f"icmp eq ptr {fields[name]}, null" for name in ("load_a", "load_b", "store")]
    for condition in conditions:
        result = f.op(f"and i1 {result}, {f.op(condition)}")
    along = f.op(f"icmp eq i64 {fields['b_k']}, 1")
    along = f.op(f"and i1 {along}, {f.op(f'icmp sge i64 %columns, {n}')}")
    one = f.op("icmp eq i64 %columns, 1")
    return f.op(f"and i1 {result}, {f.op(f'or i1 {along}, {one}')}")


def _nothing(lanes: Lanes) -> str:
    """What an addition leaves as it is."""
    if not lanes.element.floating:
        return "zeroinitializer" if lanes.count > 1 else "0"
    return f"splat ({lanes.element.llvm} -0.0)" if lanes.count > 1 else "-0.0"


def _emit_dot(module: Module, element: Element, isa: Isa) -> None:
    """``T @dot_<dt>(ptr a, i64 ak, ptr b, i64 bk, i64 k)``: strides in bytes, k > 0."""
    f, size = Function(module), element.size
    dense = f.op(f"icmp eq i64 %ak, {size}")
    dense = f.op(f"and i1 {dense}, {f.op(f'icmp eq i64 %bk, {size}')}")
    result = f.alloca(element.llvm)
    either(
        f,
        dense,
        lambda: _Dot(f, element, isa, size, size).emit(result),
        lambda: _Dot(f, element, isa, "%ak", "%bk").emit(result),
    )
    value = f.op(f"load {element.llvm}, ptr {result}")
    params = "ptr %a, i64 %ak, ptr %b, i64 %bk, i64 %k"
    f.finish(f"internal {element.llvm} @dot_{element.short}({params})", f"{element.llvm} {value}")


class _Dot:
    """One sum of products; ``ak`` and ``bk`` are strides in bytes."""

    def __init__(self, f: Function, element: Element, isa: Isa, ak: Extent, bk: Extent) -> None:
        self.f, self.isa, self.one, self.ak, self.bk = f, isa, Lanes(element, 1), ak, bk

    def emit(self, result: str) -> None:
        """Segment after segment."""
        f, kind = self.f, self.one.type

        def segment(start: str, total: str) -> list[str]:
            stop = f.imin(f.iadd(start, SEGMENT), "%k")
            return [self.one.add(f, total, self.segment(start, stop))]

        (total,) = carry(f, 0, "%k", [(kind, _nothing(self.one))], segment, SEGMENT)
        f.do(f"store {kind} {total}, ptr {result}")

    def segment(self, start: Extent, stop: Extent) -> str:
        """The blocks of one segment in order, as many together as there are."""
        f, kind = self.f, self.one.type
        value, at = _nothing(self.one), start
        for together in _TOGETHER:
            step = together * BLOCK

            def blocks(first: str, before: str, together: int = together) -> list[str]:
                return [self.added(before, self.chains(first, together, BLOCK))]

            whole = f.imul(f.idiv(f.isub(stop, at), step), step)
            end = f.iadd(at, whole)
            (value,) = carry(f, at, end, [(kind, value)], blocks, step)
            at = end

        def last(first: str, before: str) -> list[str]:
            return [self.added(before, self.chains(first, 1, f.isub(stop, first)))]

        return carry(f, at, stop, [(kind, value)], last, BLOCK)[0]

    def added(self, value: str, chains: list[str]) -> str:
        """A segment and some blocks, in order."""
        for chain in chains:
            value = self.one.add(self.f, value, chain)
        return value

    def chains(self, first: Extent, together: int, count: Extent) -> list[str]:
        """Blocks of ``count`` products that follow one another."""
        f = self.f
        a, b = f.gep("%a", f.imul(first, self.ak)), f.gep("%b", f.imul(first, self.bk))

        def step(t: str, *sums: str) -> list[str]:
            at_a, at_b = f.gep(a, f.imul(t, self.ak)), f.gep(b, f.imul(t, self.bk))
            result: list[str] = []
            for block, before in enumerate(sums):
                x = self.one.load(f, f.gep(at_a, f.imul(block * BLOCK, self.ak)))
                y = self.one.load(f, f.gep(at_b, f.imul(block * BLOCK, self.bk)))
                result.append(self.one.multiply_add(f, self.isa, x, y, before))
            return result

        zero = "0.0" if self.one.element.floating else "0"
        return carry(f, 0, count, [(self.one.type, zero)] * together, step)


class _Thin:
    """``thin_<dt>``: one row of C."""

    def __init__(self, module: Module, element: Element, isa: Isa) -> None:
        self.f, self.isa, self.element = Function(module), isa, element
        self.lanes = Lanes(element, isa.vector_bytes // element.size)

    def emit(self) -> None:
        """Vectors of columns, the columns that are left, the epilogue."""
        f, n = self.f, self.lanes.count
        self.corner = Corner(f, self.element)
        self.k = self.corner.fields["k"]
        along = f.op(f"icmp eq i64 {self.corner.fields['b_k']}, 1")
        whole = f.op(f"select i1 {along}, i64 {f.imul(f.idiv('%columns', n), n)}, i64 0")
        with f.loop(0, whole, n) as j:
            self.vector(j)
        with f.loop(whole, "%columns") as j:
            self.column(j)
        self.finish_tile()
        f.finish(f"internal void @thin_{self.element.short}({RECTANGLE})")

    def column(self, j: Extent) -> None:
        """One element of C."""
        f, corner, kind = self.f, self.corner, self.element.llvm
        b = f.gep(corner.b, f.imul(j, corner.stride["b_n"]))
        strides = corner.stride["a_k"], corner.stride["b_k"]
        args = f"ptr {corner.a}, i64 {strides[0]}, ptr {b}, i64 {strides[1]}, i64 {self.k}"
        value = f.op(f"call {kind} @dot_{self.element.short}({args})")
        f.do(f"store {kind} {value}, ptr {f.gep(corner.c, f.imul(j, self.element.size))}, align {self.element.size}")

    def vector(self, j: Extent) -> None:
        """A vector of C: squares of B, turned, times elements of A."""
        f, lanes = self.f, self.lanes
        step = self.corner.stride["b_n"]
        self.rows = [f.gep(self.corner.b, f.imul(f.iadd(j, lane), step)) for lane in range(lanes.count)]
        nothing: Typed = (lanes.type, _nothing(lanes))

        def segment(start: str, total: str) -> list[str]:
            stop = f.imin(f.iadd(start, SEGMENT), self.k)
            return [lanes.add(f, total, carry(f, start, stop, [nothing], block, BLOCK)[0])]

        def block(start: str, before: str) -> list[str]:
            return [lanes.add(f, before, self.block(start, f.imin(f.isub(self.k, start), BLOCK)))]

        (total,) = carry(f, 0, self.k, [nothing], segment, SEGMENT)
        lanes.store(f, f.gep(self.corner.c, f.imul(j, self.element.size)), total)

    def block(self, start: Extent, count: Extent) -> str:
        """The chains of one block."""
        f, lanes = self.f, self.lanes
        whole = f.imul(f.idiv(count, lanes.count), lanes.count)

        def square(t: str, acc: str) -> list[str]:
            at = f.iadd(start, t)
            rows = [lanes.load(f, f.gep(row, f.imul(at, self.element.size))) for row in self.rows]
            for i, column in enumerate(transposed(f, rows, lanes)):
                acc = self.multiply_add(f.iadd(at, i), column, acc)
            return [acc]

        def single(t: str, acc: str) -> list[str]:
            at = f.iadd(start, t)
            column, kind = "poison", self.element.llvm
            for lane, row in enumerate(self.rows):
                x = f.op(f"load {kind}, ptr {f.gep(row, f.imul(at, self.element.size))}, align {self.element.size}")
                column = f.op(f"insertelement {lanes.type} {column}, {kind} {x}, i64 {lane}")
            return [self.multiply_add(at, column, acc)]

        (acc,) = carry(f, 0, whole, [(lanes.type, "zeroinitializer")], square, lanes.count)
        return carry(f, whole, count, [(lanes.type, acc)], single)[0]

    def multiply_add(self, k: Extent, column: str, acc: str) -> str:
        """acc + A[k] B[k, columns]."""
        f = self.f
        a = self.lanes.broadcast(f, f.gep(self.corner.a, f.imul(k, self.corner.stride["a_k"])))
        return self.lanes.multiply_add(f, self.isa, a, column, acc)

    def finish_tile(self) -> None:
        """The epilogue on the row."""
        f, fields = self.f, self.corner.fields
        function = fields["epilogue"]
        with f.when(f.op(f"icmp ne ptr {function}, null")):
            numbers = ", ".join(f"i64 {x}" for x in ("%batch", "%row", 1, "%column", "%columns"))
            f.do(f"call void {function}(ptr {fields['epilogue_ctx']}, ptr {self.corner.c}, {numbers})")
