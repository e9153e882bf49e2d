"""Convolutions: the library's descriptor; four real ones for complex numbers; more than three axes as loops."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from tianyuan.lowering import Convolve
from tianyuan.types import ArrayType, DType, real_dtype
from tianyuan_jit import contraction, convolution, engine
from tianyuan_jit.convolution import CONVOLUTION
from tianyuan_jit.emission.buffers import Buffer, address
from tianyuan_jit.emission.epilogues import Tiling, emit_following, epilogue
from tianyuan_jit.emission.nests import emit_nest
from tianyuan_jit.emission.parts import combine, separate
from tianyuan_jit.kernels import Arg, Contraction, Operand
from tianyuan_jit.text import Extent, Function

_UNSIGNED = {"u8": "i8", "u16": "i16", "u32": "i32", "u64": "i64"}
AXES = 3  # spatial axes of the library
_ARGUMENTS = {"forward": "xwy", "input": "ywx", "weight": "xyw"}

for _dtype in contraction.DTYPES:
    engine.library(
        f"convolutions of {_dtype}",
        functools.partial(convolution.library, _dtype),
        exports=tuple(f"ty_conv_{which}_{_dtype}_run" for which in convolution.WHICH),
    )


def emit_convolution(
    f: Function,
    kernel: Contraction,
    types: Sequence[ArrayType],
    pointers: Sequence[str],
    numbers: Sequence[str],
    isa: str,
) -> None:
    """Append what runs a Convolve; its operands are contiguous."""
    assert isinstance(kernel.lowering, Convolve)
    _Site(f, kernel, kernel.lowering, types, pointers, numbers, isa).emit()


class _Site:
    """One convolution in a program's body."""

    def __init__(
        self,
        f: Function,
        kernel: Contraction,
        how: Convolve,
        types: Sequence[ArrayType],
        pointers: Sequence[str],
        numbers: Sequence[str],
        isa: str,
    ) -> None:
        self.f, self.kernel, self.how, self.isa = f, kernel, how, isa
        self.types, self.pointers, self.numbers = types, pointers, numbers
        self.names = _ARGUMENTS[how.which]
        self.operands = dict(zip(self.names, (*kernel.ins, kernel.out), strict=True))
        self.dtype = kernel.out.type.dtype

    def value(self, number: Any) -> Extent:
        """A number as an operand."""
        return self.numbers[number.index] if isinstance(number, Arg) else number

    def at(self, operand: Operand) -> str:
        """Where an operand starts."""
        return address(self.f, self.pointers[operand.buffer], operand.type.dtype, self.value(operand.offset))

    def emit(self) -> None:
        """The convolution, and what follows it."""
        places = {name: self.at(o) for name, o in self.operands.items()}
        in_tiles = None
        if self.dtype.kind == "c":
            self.complex(places)
        else:
            in_tiles = self.in_tiles()
            self.call(self.dtype, places, in_tiles)
        if in_tiles is None:
            emit_following(self.f, self.kernel, self.types, self.pointers, self.numbers, self.isa)

    def geometry(self) -> dict[str, Extent]:
        """The extents of the descriptor: three spatial axes, missing ones first."""
        f = self.f
        x, w, y = ([self.value(n) for n in self.operands[name].type.shape] for name in "xwy")
        rank = len(x) - 2
        groups = self.value(self.how.groups)
        fields: dict[str, Extent] = {"batch": x[0], "groups": groups, "channels": w[-2]}
        fields["outputs"] = f.idiv(w[-1], groups)
        for stem, values, default in (
            ("size", x[1:-1], 1),
            ("kernel", w[:-2], 1),
            ("out", y[1:-1], 1),
            ("stride", self.how.strides, 1),
            ("low", self.how.low, 0),
            ("dilation", self.how.dilation, 1),
        ):
            padded = [default] * (AXES - rank) + [self.value(v) for v in values]
            fields |= {f"{stem}{i}": v for i, v in enumerate(padded)}
        return fields

    def call(self, dtype: DType, places: dict[str, str], in_tiles: tuple[str, str] | None) -> None:
        """One call of the library; loops where it does not know so many axes."""
        f = self.f
        if len(self.how.strides) > AXES:
            self.nest(dtype, places)
            return
        fields = self.geometry() | dict(places)
        if in_tiles is not None:
            fields |= dict(zip(("epilogue", "epilogue_ctx"), in_tiles, strict=True))
        descriptor = CONVOLUTION.allocate(f)
        CONVOLUTION.store(f, descriptor, **fields)
        symbol = f"ty_conv_{self.how.which}_{_UNSIGNED.get(dtype.short, dtype.short)}_run"
        f.module.declare(f"void @{symbol}(ptr)")
        f.do(f"call void @{symbol}(ptr {descriptor})")

    def nest(self, dtype: DType, places: dict[str, str]) -> None:
        """Plain loops."""
        how, value = self.how, self.value
        shapes = {name: tuple(value(n) for n in o.type.shape) for name, o in self.operands.items()}
        operands = {name: Buffer(places[name], dtype, shapes[name]) for name in "xwy"}
        strides, low, dilation = ([value(n) for n in numbers] for numbers in (how.strides, how.low, how.dilation))
        window = strides, low, dilation, value(how.groups)
        emit_nest(self.f, how.which, operands, window, self.isa != "sse2")

    def in_tiles(self) -> tuple[str, str] | None:
        """The epilogue as a function of tiles: rows are all axes but the last, a group is some of its columns."""
        shape = self.kernel.out.type.shape
        numbers: list[Any] = [*shape, self.how.groups]
        known = not any(isinstance(n, Arg) for n in numbers)
        wide = len(self.how.strides) > AXES
        if not self.kernel.writes or not known or wide or self.how.which == "input":
            return None
        last = len(shape) - 1
        tiling = Tiling((), tuple(range(last)), (last,), shape[last] // self.how.groups)
        return epilogue(self.f, self.kernel, tiling, self.types, self.pointers, self.numbers, self.isa)

    def complex(self, places: dict[str, str]) -> None:
        """Four convolutions of the parts, in scratch memory."""
        f, part = self.f, real_dtype(self.dtype)
        counts = {name: self.count(name) for name in self.names}
        sizes = {n: f.imul(f.idiv(f.iadd(f.imul(c, part.itemsize), 63), 64), 64) for n, c in counts.items()}
        wanted = [*(self.names[0] * 2), *(self.names[1] * 2), *(self.names[2] * 4)]
        total: Extent = 0
        offsets: list[Extent] = []
        for name in wanted:
            offsets.append(total)
            total = f.iadd(total, sizes[name])
        f.module.declare("ptr @ty_scratch_shared(i64)")
        base = f.op(f"call ptr @ty_scratch_shared(i64 {total})")
        parts = [f.gep(base, o) for o in offsets]
        for i in range(2):
            name = self.names[i]
            separate(f, places[name], parts[2 * i : 2 * i + 2], self.dtype, counts[name], self.isa)
        pairs = [(a, b) for a in parts[:2] for b in parts[2:4]]  # rr, ri, ir, ii
        for (a, b), result in zip(pairs, parts[4:], strict=True):
            self.call(part, dict(zip(self.names, (a, b, result), strict=True)), None)
        combine(f, parts[4:], places[self.names[2]], self.dtype, counts[self.names[2]], self.isa)

    def count(self, name: str) -> Extent:
        """The elements of an operand."""
        result: Extent = 1
        for n in self.operands[name].type.shape:
            result = self.f.imul(result, self.value(n))
        return result
