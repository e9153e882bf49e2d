"""Contractions of arrays as contractions of matrices: axes walked as one, a descriptor for the library.

The axes are in four groups: batch, rows (free axes of a), columns (free axes of b), and k. Each group is one
axis for the library where the strides allow it, the batch two. An operand of which they do not is copied into
scratch memory in an order that does. Where the result has no columns the operands are exchanged, so that
vectors run along its rows (the same products, the same sums). Complex numbers are four real contractions,
re = rr - ii and im = ri + ir.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from tianyuan.lowering import Contract, Convolve
from tianyuan.types import ArrayType, DType, real_dtype
from tianyuan_jit import contraction, engine
from tianyuan_jit.contraction import GEMM
from tianyuan_jit.emission.buffers import address
from tianyuan_jit.emission.convolutions import emit_convolution
from tianyuan_jit.emission.epilogues import Tiling, emit_following, epilogue
from tianyuan_jit.emission.fused import emit_fused
from tianyuan_jit.emission.matrices import UNIT, Geometry, Groups
from tianyuan_jit.emission.monomials import ONE, Monomial, monomial, product, row_major
from tianyuan_jit.emission.parts import combine
from tianyuan_jit.fusion.clusters import collapsed
from tianyuan_jit.kernels import Arg, Contraction, Fused, Operand, Read, View, Write
from tianyuan_jit.text import Extent, Function

_UNSIGNED = {"u8": "i8", "u16": "i16", "u32": "i32", "u64": "i64"}

for _dtype in contraction.DTYPES:
    engine.library(
        f"contractions of {_dtype}",
        functools.partial(contraction.library, _dtype),
        exports=(f"ty_gemm_{_dtype}_run", f"ty_gemm_{_dtype}_serial"),
    )


def emit_contraction(
    f: Function,
    kernel: Contraction,
    types: Sequence[ArrayType],
    pointers: Sequence[str],
    numbers: Sequence[str],
    isa: str,
) -> None:
    """Append what runs a contraction to a program's body; pointers are by buffer, numbers by Arg.

    Strides that are Args cannot be compared: such operands are copied unless they have one axis a group. For
    row-major operands leave ``strides`` None.
    """
    if isinstance(kernel.lowering, Convolve):
        emit_convolution(f, kernel, types, pointers, numbers, isa)
    else:
        _Site(f, kernel, kernel.lowering, types, pointers, numbers, isa).emit()


@frozen
class _Placed:
    """An operand as the library sees it: where it starts, and strides by its own axes."""

    pointer: str
    strides: Sequence[Monomial]


class _Site:
    """One contraction in a program's body."""

    def __init__(
        self,
        f: Function,
        kernel: Contraction,
        how: Contract,
        types: Sequence[ArrayType],
        pointers: Sequence[str],
        numbers: Sequence[str],
        isa: str,
    ) -> None:
        self.f, self.kernel, self.types, self.pointers, self.numbers = f, kernel, types, pointers, numbers
        self.isa, self.geometry = isa, Geometry(how, *kernel.ins)
        self.dtype = kernel.out.type.dtype

    def value(self, m: Monomial) -> Extent:
        """A product as an operand."""
        return m.operand(self.f, self.numbers)

    def at(self, operand: Operand) -> str:
        """Where an operand starts."""
        start = self.value(monomial(operand.offset))
        return address(self.f, self.pointers[operand.buffer], operand.type.dtype, start)

    def emit(self) -> None:
        """Copies where they are needed, the contraction, what follows it."""
        a, b = self.placed()
        groups = self.geometry.groups(a.strides, b.strides)
        c = self.at(self.kernel.out)
        if self.dtype.kind == "c":
            self.complex(a.pointer, b.pointer, c, groups)
            emit_following(self.f, self.kernel, self.types, self.pointers, self.numbers, self.isa)
            return
        in_tiles = self.in_tiles(groups)
        self.gemm(self.dtype, (a.pointer, b.pointer, c), groups, epilogue=in_tiles)
        if in_tiles is None:
            emit_following(self.f, self.kernel, self.types, self.pointers, self.numbers, self.isa)

    # ---- operands

    def strides(self, which: int) -> list[Monomial]:
        """An operand's strides by its own axes."""
        given = self.kernel.ins[which].strides
        if given is None:
            return row_major((self.geometry.a, self.geometry.b)[which])
        return [monomial(s) for s in given]

    def placed(self) -> tuple[_Placed, _Placed]:
        """Both operands, copied where their axes lie in a wrong order."""
        strides = [self.strides(which) for which in range(2)]
        orders = [self.geometry.copied_order(which, strides[which]) for which in range(2)]
        places = self.scratch([i for i in range(2) if orders[i] is not None])
        result: list[_Placed] = []
        for which, order in enumerate(orders):
            if order is None:
                result.append(_Placed(self.at(self.kernel.ins[which]), strides[which]))
            else:
                result.append(self.copied(which, order, strides[which], places[which]))
        return result[0], result[1]

    def scratch(self, copied: Sequence[int]) -> dict[int, str]:
        """Scratch memory for copies of operands, and for the parts of a complex result."""
        f = self.f
        sizes: list[Extent] = []
        for which in copied:
            count = self.value(product((self.geometry.a, self.geometry.b)[which]))
            sizes.append(f.imul(count, self.kernel.ins[which].type.dtype.itemsize))
        self.count = self.value(product(self.geometry.c))
        if self.dtype.kind == "c":
            sizes += [f.imul(self.count, real_dtype(self.dtype).itemsize)] * 4
        if not sizes:
            return {}
        f.module.declare("ptr @ty_scratch_shared(i64)")
        offsets: list[Extent] = [0]
        for size in sizes:
            padded = f.iadd(size, 63)
            padded = f.imul(f.idiv(padded, 64), 64)
            offsets.append(f.iadd(offsets[-1], padded))
        base = f.op(f"call ptr @ty_scratch_shared(i64 {offsets[-1]})")
        places = [f.gep(base, o) for o in offsets[:-1]]
        self.parts = places[len(copied) :]
        return dict(zip(copied, places, strict=False))

    def copied(self, which: int, order: Sequence[int], strides: Sequence[Monomial], place: str) -> _Placed:
        """The operand's elements at ``place``, its axes stored in ``order``."""
        operand = self.kernel.ins[which]
        extents = (self.geometry.a, self.geometry.b)[which]
        stored = row_major([extents[i] for i in order])
        made = [stored[list(order).index(i)] for i in range(len(order))]
        numbers = list(self.numbers)

        def number(m: Monomial) -> Any:
            if m.known is not None:
                return m.known
            numbers.append(str(self.value(m)))
            return Arg(len(numbers) - 1)

        read = Read(View(operand.buffer, operand.offset, tuple(number(strides[i]) for i in order)), operand.type.dtype)
        write = Write(0, View(len(self.types), 0, tuple(number(s) for s in stored)))
        copy = Fused(tuple(number(extents[i]) for i in order), 0, (read,), (write,))
        if len(numbers) == len(self.numbers):
            copy = collapsed(copy)
        emit_fused(self.f, copy, [*self.types, operand.type], [*self.pointers, place], numbers, self.isa)
        return _Placed(place, made)

    # ---- the library

    def gemm(
        self,
        dtype: DType,
        places: Sequence[str],
        groups: Groups,
        scale: int = 1,
        epilogue: tuple[str, str] | None = None,
    ) -> None:
        """One call; strides of operands are multiplied by ``scale``."""
        f = self.f
        m, n = (g[0] if g else UNIT for g in (groups.m, groups.n))
        k = groups.k[0] if groups.k else UNIT
        inner = groups.batch[-1] if groups.batch else UNIT
        outer = groups.batch[0] if len(groups.batch) > 1 else None

        def times(x: Monomial) -> Extent:
            return f.imul(self.value(x), scale)

        columns = self.value(n.extent)
        fields: dict[str, Extent] = {"a": places[0], "b": places[1], "c": places[2]}
        fields |= {"batch": self.value(product([x.extent for x in groups.batch])), "k": self.value(k.extent)}
        fields |= {"m": self.value(m.extent), "n": columns}
        fields |= {"a_batch": times(inner.a), "a_m": times(m.a), "a_k": times(k.a)}
        fields |= {"b_batch": times(inner.b), "b_k": times(k.b), "b_n": times(n.b)}
        fields |= {"c_batch": f.imul(self.value(m.extent), columns), "c_m": columns}
        if outer is not None:
            fields |= {"inner": self.value(inner.extent), "a_outer": times(outer.a), "b_outer": times(outer.b)}
        fields = self.exchanged(fields)
        if epilogue is not None:
            fields |= dict(zip(("epilogue", "epilogue_ctx"), epilogue, strict=True))
        descriptor = GEMM.allocate(f)
        GEMM.store(f, descriptor, **fields)
        symbol = f"ty_gemm_{_UNSIGNED.get(dtype.short, dtype.short)}_run"
        f.module.declare(f"void @{symbol}(ptr)")
        f.do(f"call void @{symbol}(ptr {descriptor})")

    def exchanged(self, fields: dict[str, Extent]) -> dict[str, Extent]:
        """With a and b exchanged if there is one column: a column of the result is stored like a row."""
        other = fields | {"a": fields["b"], "b": fields["a"], "m": fields["n"], "n": fields["m"]}
        pairs = [("a_batch", "b_batch"), ("a_m", "b_n"), ("a_k", "b_k"), ("a_outer", "b_outer")]
        for x, y in pairs:
            if x in fields:
                other |= {x: fields[y], y: fields[x]}
        other["c_m"] = fields["m"]
        columns = fields["n"]
        if isinstance(columns, int):
            return other if columns == 1 else fields
        f = self.f
        one = f.op(f"icmp eq i64 {columns}, 1")

        def pick(name: str) -> str:
            kind = GEMM.kind(name)
            return f.op(f"select i1 {one}, {kind} {other[name]}, {kind} {fields[name]}")

        return {name: value if value == other[name] else pick(name) for name, value in fields.items()}

    def complex(self, a: str, b: str, c: str, groups: Groups) -> None:
        """Four real contractions of the parts, then the complex result."""
        f, part = self.f, real_dtype(self.dtype)
        a_parts, b_parts = ((p, f.gep(p, part.itemsize)) for p in (a, b))
        pairs = [(x, y) for x in a_parts for y in b_parts]  # rr, ri, ir, ii
        for (x, y), place in zip(pairs, self.parts, strict=True):
            self.gemm(part, (x, y, place), groups, scale=2)
        combine(f, self.parts, c, self.dtype, self.count, self.isa)

    # ---- the epilogue

    def in_tiles(self, groups: Groups) -> tuple[str, str] | None:
        """The epilogue as a function of tiles, and its context; None where it has to follow, or there is none."""
        g = self.geometry
        if not self.kernel.writes or any(n.known is None for n in g.c):
            return None
        batch, m = len(g.batch), len(g.batch) + len(g.m)
        axes = tuple(range(batch)), tuple(range(batch, m)), tuple(range(m, len(g.c)))
        if product(g.n) == ONE:
            axes = axes[0], (), (*axes[1], *axes[2])
        tiling = Tiling(*axes, columns_of_batch=0)
        return epilogue(self.f, self.kernel, tiling, self.types, self.pointers, self.numbers, self.isa)
