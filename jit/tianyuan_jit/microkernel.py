"""The register-blocked kernel of all contractions, and the vectors it is written in.

A kernel holds a tile of ``rows`` x ``columns`` vectors of C in registers and walks k: one vector load
of B a column, one broadcast of A a row, one fma each. The tile's accumulators are independent chains,
far more than the latency of an fma needs, so CHAIN(256, 16) costs nothing: every 256 steps the
registers are added to a tile in memory that stays in L1 (docs/numerics.md).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from tianyuan.types import dtype_of_name
from tianyuan_jit.scalars.library import SelfContained
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function, Module

BLOCK = 256  # steps of one chain; a constant of the definition
SEGMENT = 16 * BLOCK  # steps of one segment; a constant of the definition


@frozen
class Element:
    """A dtype in memory. 16-bit floats are seen as ``i16``: they are only ever converted."""

    short: str
    llvm: str
    size: int  # bytes

    @property
    def floating(self) -> bool:
        """Whether it has a fused multiply-add; integers multiply and add."""
        return self.llvm in ("float", "double")


ELEMENTS = {
    e.short: e
    for e in (
        Element("f16", "i16", 2),
        Element("bf16", "i16", 2),
        Element("f32", "float", 4),
        Element("f64", "double", 8),
        *(Element(f"i{n}", f"i{n}", n // 8) for n in (8, 16, 32, 64)),
    )
}


def accumulator(element: Element) -> Element:
    """The element in which sums are held: f32 for 16-bit floats, i32 for narrower integers, else itself."""
    return ELEMENTS[{"f16": "f32", "bf16": "f32", "i8": "i32", "i16": "i32"}.get(element.short, element.short)]


@frozen
class Isa:
    """An instruction set, as far as tiles care.

    ``tiles`` lists (rows, columns) of the largest tiles, tallest last; the kernels below each of them
    exist. Measured: 6x4 streams best from L2 with 32 registers, 6x2 with 16.
    """

    name: str
    vector_bytes: int
    tiles: tuple[tuple[int, int], ...]
    fma: bool = True
    target: str = "x86_64"

    def shapes(self) -> list[tuple[int, int]]:
        """Every (rows, columns) that has a kernel."""
        every = {(r, c) for rows, columns in self.tiles for r in range(1, rows + 1) for c in range(1, columns + 1)}
        return sorted(every)


ISAS = {
    isa.name: isa
    for isa in (
        Isa("avx512", 64, ((2, 8), (6, 4), (12, 2))),
        Isa("avx2", 32, ((1, 8), (2, 4), (6, 2), (12, 1))),
        Isa("sse2", 16, ((2, 2), (4, 1)), fma=False),
    )
}


@frozen
class Lanes:
    """A vector of ``count`` elements: its loads, stores and arithmetic."""

    element: Element
    count: int

    @property
    def type(self) -> str:
        """The LLVM type; a plain element for one lane."""
        return self.element.llvm if self.count == 1 else f"<{self.count} x {self.element.llvm}>"

    @property
    def suffix(self) -> str:
        """The type's name in intrinsics."""
        kind = {"float": "f32", "double": "f64"}.get(self.element.llvm, self.element.llvm)
        return f"v{self.count}{kind}"

    @property
    def bytes(self) -> int:
        """Bytes of a vector."""
        return self.count * self.element.size

    def load(self, f: Function, pointer: str, mask: str | None = None) -> str:
        """The vector at ``pointer``; lanes outside ``mask`` are zero and are not touched."""
        if mask is None:
            return f.op(f"load {self.type}, ptr {pointer}, align {self.element.size}")
        args = (f"ptr {pointer}", f"i32 {self.element.size}", f"<{self.count} x i1> {mask}")
        return f.intrinsic(self.type, f"llvm.masked.load.{self.suffix}.p0", *args, f"{self.type} zeroinitializer")

    def store(self, f: Function, pointer: str, value: str, mask: str | None = None) -> None:
        """Write ``value`` at ``pointer``, only the lanes of ``mask``."""
        if mask is None:
            f.do(f"store {self.type} {value}, ptr {pointer}, align {self.element.size}")
            return
        name = f"llvm.masked.store.{self.suffix}.p0"
        f.module.declare(f"void @{name}({self.type}, ptr, i32, <{self.count} x i1>)")
        mask = f"<{self.count} x i1> {mask}"
        f.do(f"call void @{name}({self.type} {value}, ptr {pointer}, i32 {self.element.size}, {mask})")

    def splat(self, f: Function, scalar: str) -> str:
        """``scalar`` in every lane."""
        one = f.op(f"insertelement {self.type} poison, {self.element.llvm} {scalar}, i64 0")
        return f.op(f"shufflevector {self.type} {one}, {self.type} poison, <{self.count} x i32> zeroinitializer")

    def broadcast(self, f: Function, pointer: str) -> str:
        """The scalar at ``pointer`` in every lane."""
        kind = self.element.llvm
        return self.splat(f, f.op(f"load {kind}, ptr {pointer}, align {self.element.size}"))

    def mask(self, f: Function, count: Extent) -> str:
        """The mask of the first ``count`` lanes; any i64."""
        small = f.op(f"trunc i64 {f.imin(f.imax(count, 0), self.count)} to i32")
        words = Lanes(ELEMENTS["i32"], self.count)
        limit = words.splat(f, small)
        indices = ", ".join(f"i32 {lane}" for lane in range(self.count))
        return f.op(f"icmp ult {words.type} <{indices}>, {limit}")

    def add(self, f: Function, x: str, y: str) -> str:
        """x + y."""
        return f.op(f"{'fadd' if self.element.floating else 'add'} {self.type} {x}, {y}")

    def multiply_add(self, f: Function, isa: Isa, x: str, y: str, z: str) -> str:
        """x*y + z, with one rounding for floats, modulo 2^w for integers."""
        if not self.element.floating:
            return f.op(f"add {self.type} {f.op(f'mul {self.type} {x}, {y}')}, {z}")
        dtype = dtype_of_name(self.element.short)
        return scalars(f, self.count, isa).fma(*(Value(v, dtype) for v in (x, y, z))).operand


def scalars(f: Function, lanes: int, isa: Isa) -> SelfContained:
    """The scalar machine, for what only it knows: fma and 16-bit floats on CPUs without either."""
    return SelfContained(f, lanes, isa.target, isa.fma)


def either(f: Function, condition: str, yes: Callable[[], None], no: Callable[[], None]) -> None:
    """``if condition: yes() else: no()``."""
    names = f.fresh("yes"), f.fresh("no"), f.fresh("end")
    f.branch(condition, names[0], names[1])
    for name, emit in zip(names, (yes, no), strict=False):
        f.label(name)
        emit()
        f.jump(names[2])
    f.label(names[2])


SIGNATURE = "ptr %a, i64 %am, i64 %ak, ptr %b, i64 %bk, ptr %t, i64 %tm, i64 %steps, i1 %first, i64 %width"
ARGUMENTS = "ptr", "i64", "i64", "ptr", "i64", "ptr", "i64", "i64", "i1", "i64"


def kernel_name(element: Element, rows: int, columns: int) -> str:
    """The kernel of a tile of ``rows`` by ``columns`` vectors."""
    return f"tile_{element.short}_{rows}x{columns}"


def emit_kernel(module: Module, element: Element, isa: Isa, rows: int, columns: int) -> None:
    """Define ``kernel_name``: T (+)= A B over ``steps`` values of k, in blocks of 256.

    A[i, k] is at a + i*am + k*ak, row k of B (contiguous, whole vectors) at b + k*bk, row i of T at
    t + i*tm; strides in bytes. The first block is stored when ``first``, all others are added. Only
    ``width`` columns of T are touched.
    """
    _Kernel(module, element, isa, rows, columns).emit()


_GROUP = 6  # rows that share a pointer: their five offsets and two pointers fit the integer registers


class _Kernel:
    def __init__(self, module: Module, element: Element, isa: Isa, rows: int, columns: int) -> None:
        self.f, self.isa = Function(module), isa
        self.lanes = Lanes(element, isa.vector_bytes // element.size)
        self.rows, self.columns = rows, columns
        self.cells = [(i, j) for i in range(rows) for j in range(columns)]

    def emit(self) -> None:
        f, lanes = self.f, self.lanes
        self.offsets = [f.imul("%am", i) for i in range(min(self.rows, _GROUP))]
        self.full = f.op(f"icmp sge i64 %width, {self.columns * lanes.count}")
        self.mask = lanes.mask(f, f.isub("%width", (self.columns - 1) * lanes.count))
        pointers = ["%a", "%b"]
        if self.rows > _GROUP:
            pointers.append(f.gep("%a", f.imul("%am", _GROUP)))
        self.blocks(pointers)
        f.finish(f"internal void @{kernel_name(lanes.element, self.rows, self.columns)}({SIGNATURE})")

    def blocks(self, pointers: list[str]) -> None:
        """One pass for each 256 steps; at least one, so that no steps at all give zeros."""
        f = self.f
        before, head, end = f.block, f.fresh("block"), f.fresh("end")
        f.jump(head)
        f.label(head)
        slots = [f.slot() for _ in range(2 + len(pointers))]
        left, fresh = "%" + f.fresh("left"), "%" + f.fresh("first")
        currents = ["%" + f.fresh("p") for _ in pointers]
        sums, nexts = self.chain(currents, f.imin(left, BLOCK))
        either(f, fresh, lambda: self.flush(sums, add=False), lambda: self.flush(sums, add=True))
        rest = f.isub(left, BLOCK)
        f.fill(slots[0], f"{left} = phi i64 [ %steps, %{before} ], [ {rest}, %{f.block} ]")
        f.fill(slots[1], f"{fresh} = phi i1 [ %first, %{before} ], [ false, %{f.block} ]")
        for slot, now, old, new in zip(slots[2:], currents, pointers, nexts, strict=True):
            f.fill(slot, f"{now} = phi ptr [ {old}, %{before} ], [ {new}, %{f.block} ]")
        f.branch(f.op(f"icmp sgt i64 {rest}, 0"), head, end)
        f.label(end)

    def chain(self, pointers: list[str], steps: Extent) -> tuple[list[str], list[str]]:
        """The chains of one block, from +0.0: their values, and the pointers after it."""
        f, kind = self.f, self.lanes.type
        before, head, end = f.block, f.fresh("k"), f.fresh("sums")
        f.branch(f.op(f"icmp sgt i64 {steps}, 0"), head, end)
        f.label(head)
        count, following = "%" + f.fresh("n"), "%" + f.fresh("n")
        slots = [f.slot() for _ in range(1 + len(pointers) + len(self.cells))]
        now = ["%" + f.fresh("p") for _ in pointers]
        old = ["%" + f.fresh("acc") for _ in self.cells]
        new = self.step(now, old)
        moved = [f.gep(p, "%bk" if i == 1 else "%ak") for i, p in enumerate(now)]
        f.do(f"{following} = sub nsw i64 {count}, 1")
        starts = [(count, "i64", str(steps), following)]
        starts += [(p, "ptr", a, b) for p, a, b in zip(now, pointers, moved, strict=True)]
        starts += [(p, kind, "zeroinitializer", b) for p, b in zip(old, new, strict=True)]
        for slot, (name, what, a, b) in zip(slots, starts, strict=True):
            f.fill(slot, f"{name} = phi {what} [ {a}, %{before} ], [ {b}, %{head} ]")
        f.branch(f.op(f"icmp sgt i64 {following}, 0"), head, end)
        f.label(end)
        phi = "phi {} [ {}, %" + before + " ], [ {}, %" + head + " ]"
        sums = [f.op(phi.format(kind, "zeroinitializer", value)) for value in new]
        return sums, [f.op(phi.format("ptr", a, b)) for a, b in zip(pointers, moved, strict=True)]

    def step(self, pointers: list[str], sums: list[str]) -> list[str]:
        """One value of k: the sums with A[i, k] B[k, j] added."""
        f, lanes = self.f, self.lanes
        b = [lanes.load(f, f.gep(pointers[1], j * lanes.bytes)) for j in range(self.columns)]
        result: list[str] = []
        for i in range(self.rows):
            base = pointers[0] if i < _GROUP else pointers[2]
            a = lanes.broadcast(f, f.gep(base, self.offsets[i % _GROUP]))
            row = sums[i * self.columns : (i + 1) * self.columns]
            result += [lanes.multiply_add(f, self.isa, a, b[j], row[j]) for j in range(self.columns)]
        return result

    def flush(self, sums: list[str], add: bool) -> None:
        """Store the registers into the tile, or add them to it."""
        either(self.f, self.full, lambda: self.write(sums, add, None), lambda: self.write(sums, add, self.mask))

    def write(self, sums: list[str], add: bool, mask: str | None) -> None:
        f, lanes, row = self.f, self.lanes, "%t"
        for (i, j), value in zip(self.cells, sums, strict=True):
            if i and not j:
                row = f.gep(row, "%tm")
            pointer = f.gep(row, j * lanes.bytes)
            edge = mask if j == self.columns - 1 else None
            if add:
                value = lanes.add(f, lanes.load(f, pointer, edge), value)
            lanes.store(f, pointer, value, edge)
