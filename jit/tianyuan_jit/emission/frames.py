"""What a fused kernel's function is given, and how it walks its outer axes.

void kernel(ptr frame, i64 task, i64 worker)
frame = { pointers of buffers, numbers, units a task, units, shared memory }
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from tianyuan_jit.kernels import Arg, Fused
from tianyuan_jit.kernels import Extent as Number
from tianyuan_jit.text import Extent, Function

PARAMETERS = "ptr %frame, i64 %task, i64 %worker"


@frozen(eq=False)
class Frame:
    """The values of a frame inside the kernel's function."""

    f: Function
    pointers: tuple[str, ...]
    numbers: tuple[str, ...]
    each: str
    units: str
    shared: str

    @classmethod
    def read(cls, f: Function, buffers: int, numbers: int) -> Frame:
        """Load all fields, at the head of the function."""
        fields = [f.op(f"load ptr, ptr {f.gep('%frame', 8 * i)}") for i in range(buffers)]
        words = [f.op(f"load i64, ptr {f.gep('%frame', 8 * (buffers + i))}") for i in range(numbers + 2)]
        shared = f.op(f"load ptr, ptr {f.gep('%frame', 8 * (buffers + numbers + 2))}")
        return cls(f, tuple(fields), tuple(words[:numbers]), words[numbers], words[numbers + 1], shared)

    def number(self, value: Number) -> Extent:
        """A kernel's number as an operand."""
        return self.numbers[value.index] if isinstance(value, Arg) else value

    def range(self) -> tuple[Extent, Extent]:
        """The units of this task."""
        first = self.f.imul("%task", self.each)
        return first, self.f.imin(self.f.iadd(first, self.each), self.units)


def buffers_of(kernel: Fused) -> list[int]:
    """The buffers that a kernel touches, in order of first use."""
    reads = [n.view.buffer for n in kernel.nodes if hasattr(n, "view")]  # pyright: ignore
    return list(dict.fromkeys([*reads, *(w.view.buffer for w in kernel.writes)]))


def unravel(f: Function, flat: Extent, extents: Sequence[Extent]) -> list[Extent]:
    """The index in a shape of a row-major position."""
    result: list[Extent] = []
    for extent in reversed(extents[1:]):
        result.append(f.irem(flat, extent))
        flat = f.idiv(flat, extent)
    return [flat, *reversed(result)] if extents else []


def dot(f: Function, start: Extent, index: Sequence[Extent], strides: Sequence[Extent]) -> Extent:
    """start + Σ index · stride."""
    for i, s in zip(index, strides, strict=True):
        start = f.iadd(start, f.imul(i, s))
    return start
