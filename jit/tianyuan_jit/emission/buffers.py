"""Arrays in memory as LLVM text: addresses, elements, copies, loops over shapes and over values.

A buffer is contiguous and row-major. An extent is a Python int where it is known, so that address
arithmetic folds, else an ``i64`` operand.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager

from attrs import frozen

from tianyuan.types import DType
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

Typed = tuple[str, str]  # an LLVM type and an operand of it


@frozen
class Buffer:
    """The elements of an array: ``pointer`` is an operand, ``shape`` ints or i64 operands."""

    pointer: str
    dtype: DType
    shape: tuple[Extent, ...]


# Shapes
def product(f: Function, extents: Sequence[Extent]) -> Extent:
    """The number of elements of a shape."""
    total: Extent = 1
    for extent in extents:
        total = f.imul(total, extent)
    return total


def strides(f: Function, shape: Sequence[Extent]) -> list[Extent]:
    """Row-major strides, in elements."""
    result: list[Extent] = [1] * len(shape)
    for axis in reversed(range(len(shape) - 1)):
        result[axis] = f.imul(result[axis + 1], shape[axis + 1])
    return result


def three_axes(f: Function, shape: Sequence[Extent], axis: int) -> tuple[Extent, Extent, Extent]:
    """A shape seen as [outer, n, inner] around ``axis``."""
    return product(f, shape[:axis]), shape[axis], product(f, shape[axis + 1 :])


# Elements
def address(f: Function, pointer: str, dtype: DType, index: Extent) -> str:
    """Where element ``index`` from ``pointer`` lies."""
    return f.gep(pointer, f.imul(index, dtype.itemsize))


def load(k: Lanes, pointer: str, dtype: DType) -> Value:
    """``k.lanes`` consecutive elements; the address need only be aligned for one part of one."""
    operand = k.function.op(f"load {k.memory_type(dtype)}, ptr {pointer}, align {_alignment(dtype)}")
    return k.from_memory(operand, dtype)


def store(k: Lanes, value: Value, pointer: str) -> None:
    """Write ``k.lanes`` consecutive elements."""
    operand, kind = k.to_memory(value), k.memory_type(value.dtype)
    k.function.do(f"store {kind} {operand}, ptr {pointer}, align {_alignment(value.dtype)}")


def splat(k: Lanes, value: Value) -> Value:
    """One real element in every lane."""
    if k.lanes == 1:
        return value
    one, many = Lanes(k.function, 1, k.target, k.has_fma).type_of(value.dtype), k.type_of(value.dtype)
    first = k.function.op(f"insertelement {many} poison, {one} {value.operand}, i64 0")
    mask = f"<{k.lanes} x i32> zeroinitializer"
    return k.instruction(f"shufflevector {many} {first}, {many} poison, {mask}", value.dtype)


def _alignment(dtype: DType) -> int:
    return dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize


def moving_type(dtype: DType) -> str:
    """A type to move one element's bytes with, whatever they mean."""
    return f"i{8 * dtype.itemsize}" if dtype.itemsize <= 8 else "<2 x i64>"


def move(f: Function, dtype: DType, target: str, source: str) -> None:
    """Copy one element."""
    kind, align = moving_type(dtype), _alignment(dtype)
    value = f.op(f"load {kind}, ptr {source}, align {align}")
    f.do(f"store {kind} {value}, ptr {target}, align {align}")


def copy(f: Function, dtype: DType, target: str, source: str, count: Extent) -> None:
    """Copy ``count`` consecutive elements between places that do not overlap, or coincide."""
    if count == 1:
        move(f, dtype, target, source)
    elif count != 0:
        f.module.declare("void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        operands = f"ptr {target}, ptr {source}, i64 {f.imul(count, dtype.itemsize)}, i1 false"
        f.do(f"call void @llvm.memcpy.p0.p0.i64({operands})")


# Loops
@contextmanager
def nest(f: Function, shape: Sequence[Extent]) -> Generator[list[Extent]]:
    """Loops over a shape in row-major order; yields the indices (0 without a loop where the extent is 1)."""
    with ExitStack() as stack:
        yield [0 if extent == 1 else stack.enter_context(f.loop(0, extent)) for extent in shape]


def carry(
    f: Function,
    start: Extent,
    stop: Extent,
    state: Sequence[Typed],
    body: Callable[..., Sequence[str]],
    step: Extent = 1,
) -> list[str]:
    """``for i in range(start, stop, step): state = body(i, *state)`` in registers; gives the final state."""
    head, inside, end, before = f.fresh("head"), f.fresh("body"), f.fresh("end"), f.block
    every: list[Typed] = [("i64", str(start)), *state]
    f.jump(head)
    f.label(head)
    slots, names = [f.slot() for _ in every], ["%" + f.fresh("c") for _ in every]
    f.branch(f.op(f"icmp slt i64 {names[0]}, {stop}"), inside, end)
    f.label(inside)
    changed = body(*names)
    following = [f.op(f"add nsw i64 {names[0]}, {step}"), *changed]
    for slot, name, (kind, first), then in zip(slots, names, every, following, strict=True):
        f.fill(slot, f"{name} = phi {kind} [ {first}, %{before} ], [ {then}, %{f.block} ]")
    f.jump(head)
    f.label(end)
    return names[1:]


def in_blocks(f: Function, k: Lanes, count: Extent, body: Callable[[Lanes, Extent], None]) -> None:
    """``body(lanes, i)`` for every i in range(count): ``k.lanes`` at a time, the rest one by one."""
    full = f.imul(f.idiv(count, k.lanes), k.lanes)
    if full != 0:
        with f.loop(0, full, k.lanes) as i:
            body(k, i)
    one = Lanes(f, 1, k.target, k.has_fma)
    if isinstance(count, int) and count - 1 == full:
        body(one, full)
    elif count != full:
        with f.loop(full, count) as i:
            body(one, i)


def lanes(f: Function, count: int, has_fma: bool) -> Lanes:
    """The scalar machine of this CPU on ``count`` elements."""
    return Lanes(f, count, "x86_64", has_fma)
