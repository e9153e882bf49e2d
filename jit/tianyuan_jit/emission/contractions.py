"""Contractions and convolutions: descriptors for the libraries of compiled kernels, and what follows them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from tianyuan import lowering
from tianyuan.errors import MachineError
from tianyuan.types import ArrayType, DType
from tianyuan_jit import contraction, convolution, engine
from tianyuan_jit.contraction import GEMM
from tianyuan_jit.convolution import CONVOLUTION
from tianyuan_jit.emission.buffers import address
from tianyuan_jit.emission.fused import emit_fused
from tianyuan_jit.fusion.clusters import collapsed
from tianyuan_jit.fusion.leaves import row_major
from tianyuan_jit.kernels import Contraction, Fused, Operand, Read, Tile, View, Write
from tianyuan_jit.record import Record
from tianyuan_jit.text import Extent, Function

_ELEMENT = {"u8": "i8", "u16": "i16", "u32": "i32", "u64": "i64"}

for _dtype in contraction.DTYPES:
    engine.library(
        f"contractions of {_dtype}",
        functools.partial(contraction.library, _dtype),
        exports=(f"ty_gemm_{_dtype}_run", f"ty_gemm_{_dtype}_serial"),
    )
    engine.library(
        f"convolutions of {_dtype}",
        functools.partial(convolution.library, _dtype),
        exports=tuple(f"ty_conv_{which}_{_dtype}_run" for which in convolution.WHICH),
    )


def emit_contraction(
    f: Function,
    kernel: Contraction,
    types: Sequence[ArrayType],
    pointers: Sequence[str],
    numbers: Sequence[str],
    isa: str,
) -> None:
    """Append what runs a contraction to a program's body; pointers are by buffer, numbers by Arg."""
    site = _Site(f, tuple(types), tuple(pointers), tuple(numbers), isa)
    if isinstance(kernel.lowering, lowering.Convolve):
        site.convolve(kernel, kernel.lowering)
    else:
        site.contract(kernel, kernel.lowering)
    if kernel.writes:
        emit_fused(f, following(kernel), types, pointers, numbers, isa)


def following(kernel: Contraction) -> Fused:
    """The epilogue as a kernel of its own that reads the stored result."""
    shape = kernel.out.type.shape
    own = View(kernel.out.buffer, kernel.out.offset, row_major(shape))
    nodes = tuple(Read(own, n.dtype) if isinstance(n, Tile) else n for n in kernel.nodes)
    done = Write(0, own)  # the tile as it is stands in its place already
    return collapsed(Fused(shape, 0, nodes, tuple(w for w in kernel.writes if w != done)))


@frozen
class _Axis:
    """Some axes walked as one: its extent, and its stride in a, in b and in the result."""

    extent: int
    a: int
    b: int
    c: int


@frozen(eq=False)
class _Site:
    f: Function
    types: tuple[ArrayType, ...]
    pointers: tuple[str, ...]
    numbers: tuple[str, ...]
    isa: str

    def at(self, operand: Operand, offset: Extent = 0) -> str:
        """Where an operand starts, or an element of it ``offset`` further on."""
        start = self.f.iadd(_static(operand.offset), offset)
        base = operand.place if isinstance(operand, _Placed) else self.pointers[operand.buffer]
        return address(self.f, base, operand.type.dtype, start)

    # ---- contractions

    def contract(self, kernel: Contraction, how: lowering.Contract) -> None:
        """A descriptor for each combination of the axes that cannot be walked as one."""
        dtype = kernel.out.type.dtype
        if dtype.kind == "c":
            raise MachineError("contractions of complex numbers are not there yet")
        a, b = kernel.ins
        k = _merged(_k_axes(how, a, b))
        if len(k) > 1:
            a, b = self.straightened(a, b, how)
            k = _merged(_k_axes(how, a, b))
        batch, m, n = (_merged(axes) for axes in _free_axes(how, a, b, kernel.out))
        loops = [*batch[:-1], *m[:-1], *n[:-1]]
        inner = [*(g[-1] if g else _Axis(1, 0, 0, 0) for g in (batch, m, n)), k[0] if k else _Axis(1, 0, 0, 0)]
        self.nest(loops, lambda offsets: self.gemm(dtype, (a, b, kernel.out), inner, offsets))

    def nest(self, loops: Sequence[_Axis], body: Any, at: tuple[Extent, Extent, Extent] = (0, 0, 0)) -> None:
        """Loops around ``body``, which is given the offsets in a, b and the result."""
        if not loops:
            body(at)
            return
        axis, f = loops[0], self.f
        with f.loop(0, axis.extent) as i:
            moved = tuple(f.iadd(x, f.imul(i, s)) for x, s in zip(at, (axis.a, axis.b, axis.c), strict=True))
            self.nest(loops[1:], body, moved)  # pyright: ignore

    def gemm(self, dtype: DType, operands: Sequence[Operand], axes: Sequence[_Axis], at: Sequence[Extent]) -> None:
        """One call of the library."""
        batch, m, n, k = axes
        a, b, c = (self.at(o, x) for o, x in zip(operands, at, strict=True))
        if n.extent == 1 and m.extent > 1 and m.c == 1:  # a column is stored like a row: vectors run along it
            a, b = b, a
            m, n = _Axis(1, 0, 0, 0), _Axis(m.extent, 0, m.a, m.c)
            k = _Axis(k.extent, k.b, k.a, 0)
            batch = _Axis(batch.extent, batch.b, batch.a, batch.c)
        fields = {"a": a, "b": b, "c": c, "batch": batch.extent, "m": m.extent, "n": n.extent, "k": k.extent}
        fields |= {"a_batch": batch.a, "a_m": m.a, "a_k": k.a, "b_batch": batch.b, "b_k": k.b, "b_n": n.b}
        fields |= {"c_batch": batch.c, "c_m": m.c if m.extent > 1 else n.extent}
        self.call(GEMM, fields, f"ty_gemm_{_element(dtype)}_run")

    def call(self, record: Record, fields: dict[str, Any], symbol: str) -> None:
        """Fill a descriptor and call a library function."""
        f = self.f
        descriptor = record.allocate(f)
        record.store(f, descriptor, **fields)
        f.module.declare(f"void @{symbol}(ptr)")
        f.do(f"call void @{symbol}(ptr {descriptor})")

    def straightened(self, a: Operand, b: Operand, how: lowering.Contract) -> tuple[Operand, Operand]:
        """Copies in scratch memory whose contracted axes lie one behind the other, in the order of the sum."""
        orders = _order(a, [p[0] for p in how.contract]), _order(b, [p[1] for p in how.contract])
        f = self.f
        f.module.declare("ptr @ty_scratch_shared(i64)")
        room = [-(-o.type.nbytes // 64) * 64 for o in (a, b)]
        base = f.op(f"call ptr @ty_scratch_shared(i64 {sum(room)})")
        places = (base, f.gep(base, room[0]))
        made = [self.copied(o, order, p) for o, order, p in zip((a, b), orders, places, strict=True)]
        return made[0], made[1]

    def copied(self, operand: Operand, order: Sequence[int], place: str) -> Operand:
        """The operand's elements at ``place`` with its axes stored in ``order``; seen with its own axes."""
        shape = [operand.type.shape[i] for i in order]
        strides = [_strides(operand)[i] for i in order]
        types, pointers = (*self.types, operand.type), (*self.pointers, place)
        buffer = len(self.types)
        read = Read(View(operand.buffer, operand.offset, tuple(strides)), operand.type.dtype)
        write = Write(0, View(buffer, 0, row_major(shape)))
        kernel = collapsed(Fused(tuple(shape), 0, (read,), (write,)))
        emit_fused(self.f, kernel, types, pointers, self.numbers, self.isa)
        stored = row_major(shape)
        seen = tuple(stored[list(order).index(i)] for i in range(len(order)))
        return _Placed(buffer, operand.type, 0, seen, place)

    # ---- convolutions

    def convolve(self, kernel: Contraction, how: lowering.Convolve) -> None:
        """A descriptor with three spatial axes, the first ones of extent 1."""
        names = {"forward": "xwy", "input": "ywx", "weight": "xyw"}[how.which]
        operand = dict(zip(names, (*kernel.ins, kernel.out), strict=True))
        x, w, y = (operand[n].type.shape for n in "xwy")
        rank = len(x) - 2
        if rank > 3:
            raise MachineError(f"convolutions have at most 3 spatial axes here, got {rank}")
        fields: dict[str, Any] = {n: self.at(operand[n]) for n in "xwy"}
        fields |= {"batch": x[0], "groups": how.groups, "channels": w[-2], "outputs": w[-1] // how.groups}
        for stem, values, default in (
            ("size", x[1:-1], 1),
            ("kernel", w[:-2], 1),
            ("out", y[1:-1], 1),
            ("stride", how.strides, 1),
            ("low", how.low, 0),
            ("dilation", how.dilation, 1),
        ):
            padded = [default] * (3 - rank) + list(values)
            fields |= {f"{stem}{i}": v for i, v in enumerate(padded)}
        dtype = kernel.out.type.dtype
        self.call(CONVOLUTION, fields, f"ty_conv_{how.which}_{_element(dtype)}_run")


@frozen
class _Placed(Operand):
    """A copy in scratch memory."""

    place: str = ""


def _element(dtype: DType) -> str:
    return _ELEMENT.get(dtype.short, dtype.short)


def _static(value: Any) -> int:
    if not isinstance(value, int):
        raise MachineError("contractions of unknown extents are compiled for each size")
    return value


def _strides(operand: Operand) -> Sequence[int]:
    given = operand.strides
    return row_major(operand.type.shape) if given is None else [_static(s) for s in given]


def _k_axes(how: lowering.Contract, a: Operand, b: Operand) -> list[_Axis]:
    x, y = _strides(a), _strides(b)
    return [_Axis(a.type.shape[i], x[i], y[j], 0) for i, j in how.contract]


def _free_axes(
    how: lowering.Contract, a: Operand, b: Operand, c: Operand
) -> tuple[list[_Axis], list[_Axis], list[_Axis]]:
    """The axes of the batch, of the rows and of the columns."""
    x, y, z = _strides(a), _strides(b), iter(row_major(c.type.shape))
    batch = [_Axis(a.type.shape[i], x[i], y[j], next(z)) for i, j in how.batch]
    gone = [p[0] for p in (*how.batch, *how.contract)], [p[1] for p in (*how.batch, *how.contract)]
    m = [_Axis(n, x[i], 0, next(z)) for i, n in enumerate(a.type.shape) if i not in gone[0]]
    n = [_Axis(n, 0, y[i], next(z)) for i, n in enumerate(b.type.shape) if i not in gone[1]]
    return batch, m, n


def _merged(axes: Sequence[_Axis]) -> list[_Axis]:
    """Neighbours that can be walked as one are one; axes of extent 1 are none."""
    result: list[_Axis] = []
    for axis in axes:
        if axis.extent == 1:
            continue
        last = result[-1] if result else None
        n = axis.extent
        if last is not None and (last.a, last.b, last.c) == (axis.a * n, axis.b * n, axis.c * n):
            result[-1] = evolve(axis, extent=last.extent * n)
        else:
            result.append(axis)
    return result


def _order(operand: Operand, last: Sequence[int]) -> list[int]:
    return [*(i for i in range(len(operand.type.shape)) if i not in last), *last]
