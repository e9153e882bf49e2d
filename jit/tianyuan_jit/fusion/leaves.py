"""Leaves: what a fused expression reads, as an affine function of the index.

The element of a leaf at index i of its shape is ``source[offset + Σ i[d] · strides[d]]``, or, of an iota, that
integer itself. Broadcast, transpose, slice and reverse only change offset and strides; so does a reshape whose
axes can be walked as one.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from tianyuan import lowering
from tianyuan.types import ArrayType
from tianyuan_jit.kernels import Const, Index, Node, Operand, Read, View

Ints = tuple[int, ...]


@frozen
class Leaf:
    """An affine view of a buffer (``buffer`` is its number), of an iota or of a constant."""

    type: ArrayType
    strides: Ints
    offset: int = 0
    buffer: int | None = None
    constant: bytes | None = None

    def node(self) -> Node:
        """The node that gives an element, over a domain of the leaf's shape."""
        if self.constant is not None:
            return Const(self.constant, self.type.dtype)
        if self.buffer is None:
            return Index(self.offset, self.strides, self.type.dtype)
        return Read(View(self.buffer, self.offset, self.strides), self.type.dtype)

    @property
    def contiguous(self) -> bool:
        """Whether the elements lie one after the other, in row-major order."""
        wanted = row_major(self.type.shape)
        pairs = zip(self.strides, wanted, self.type.shape, strict=True)
        return self.buffer is not None and (self.type.size == 0 or all(s == w or n == 1 for s, w, n in pairs))

    def operand(self) -> Operand:
        """The contiguous leaf as a whole array."""
        assert self.buffer is not None
        return Operand(self.buffer, self.type.strong, self.offset)


def whole(buffer: int, type: ArrayType) -> Leaf:
    """All of a buffer."""
    return Leaf(type, row_major(type.shape), 0, buffer)


def row_major(shape: Sequence[int]) -> Ints:
    """Strides of a contiguous array, in elements."""
    strides: list[int] = []
    step = 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def viewed(leaf: Leaf, how: lowering.Lowering, type: ArrayType) -> Leaf | None:
    """The leaf under a Broadcast, Transpose, Slice or Reshape; None if a reshape needs a copy."""
    if isinstance(how, lowering.Broadcast):
        strides = [0] * len(type.shape)
        for stride, d in zip(leaf.strides, how.dims, strict=True):
            strides[d] = stride
        return evolve(leaf, type=type, strides=tuple(strides))
    if isinstance(how, lowering.Transpose):
        return evolve(leaf, type=type, strides=tuple(leaf.strides[p] for p in how.permutation))
    if isinstance(how, lowering.Slice):
        moved = sum(start * stride for start, stride in zip(how.starts, leaf.strides, strict=True))
        strides = tuple(step * stride for step, stride in zip(how.steps, leaf.strides, strict=True))
        return evolve(leaf, type=type, strides=strides, offset=leaf.offset + moved)
    strides = reshaped(leaf.type.shape, leaf.strides, type.shape)
    return None if strides is None else evolve(leaf, type=type, strides=strides)


def reshaped(old: Ints, strides: Ints, new: Ints) -> Ints | None:
    """Strides over ``new`` that walk the same elements in the same order; None if there are none.

    Groups of axes of equal size are matched from the front; within one, the old axes must be walkable as one.
    """
    if 0 in old:
        return (0,) * len(new)
    axes = [(n, s) for n, s in zip(old, strides, strict=True) if n != 1]
    result: list[int] = []
    i = j = 0
    while j < len(new):
        if new[j] == 1:
            result.append(0)
            j += 1
            continue
        first, size, wanted, start = i, axes[i][0], new[j], j
        while size != wanted:
            if size < wanted:
                i += 1
                size *= axes[i][0]
            else:
                j += 1
                wanted *= new[j]
        if any(axes[k][1] != axes[k + 1][1] * axes[k + 1][0] for k in range(first, i)):
            return None
        inner = row_major(new[start : j + 1])
        result += [step * axes[i][1] for step in inner]
        i, j = i + 1, j + 1
    return tuple(result)
