"""Kernels for arrays of any size: numbers become Args, so that eager operations are compiled once a structure.

generic : FusedProgram -> (FusedProgram with Args, numbers), or None where code depends on the sizes
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from tianyuan import lowering
from tianyuan.types import ArrayType
from tianyuan_jit.emission.columns import by_columns
from tianyuan_jit.fusion.leaves import row_major
from tianyuan_jit.kernels import Arg, Contraction, Fused, FusedProgram, Index, Kernel, Node, Operand, Read, Single, View

SIZELESS = (
    lowering.ArgReduce,
    lowering.Cumulate,
    lowering.Gather,
    lowering.Scatter,
    lowering.Sort,
    lowering.Threefry,
)


def generic(program: FusedProgram) -> tuple[FusedProgram, list[int]] | None:
    """The program over numbers, and what they are; None if it has temporaries or kernels of another kind."""
    if not all(map(_sizeless, program.kernels)) or _temporaries(program):
        return None
    numbers: list[int] = []
    kernels = tuple(_Numbers(numbers).kernel(k) for k in program.kernels)
    buffers = tuple(ArrayType(t.dtype) for t in program.buffers)
    results = tuple(_result(r, numbers) for r in program.results)
    return FusedProgram(buffers, program.params, kernels, results, program.sources), numbers


def _sizeless(kernel: Kernel) -> bool:
    """Whether a kernel's code can be made before its sizes are known."""
    if isinstance(kernel, Contraction):
        contiguous = all(o.strides in (None, row_major(o.type.shape)) for o in kernel.ins)
        return contiguous and not kernel.writes
    return isinstance(kernel, Fused) or isinstance(kernel.lowering, SIZELESS)


def _result(operand: Operand, numbers: list[int]) -> Operand:
    """A result whose offset in a param, if it has one, is a number."""
    offset = 0 if operand.offset == 0 else _Numbers(numbers).arg(operand.offset)
    return Operand(operand.buffer, ArrayType(operand.type.dtype), offset)


def _temporaries(program: FusedProgram) -> bool:
    """Whether anything is stored that is not a whole result."""
    whole = {r.buffer for r in program.results if r.offset == 0 and r.type.nbytes == program.buffers[r.buffer].nbytes}
    distinct = len({r.buffer for r in program.results}) == len(program.results)
    return not distinct or any(b not in whole for b in range(program.params, len(program.buffers)))


class _Numbers:
    """Collects numbers in order; equal ones are not merged, so that structure does not depend on chance."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = numbers

    def arg(self, value: Any) -> Arg:
        """A number as an Arg."""
        self.numbers.append(value)
        return Arg(len(self.numbers) - 1)

    def kernel(self, kernel: Kernel) -> Kernel:
        """A kernel over Args."""
        if isinstance(kernel, Fused):
            return self.fused(kernel)
        return self.contraction(kernel) if isinstance(kernel, Contraction) else self.single(kernel)

    def contraction(self, kernel: Contraction) -> Contraction:
        """A contraction of row-major arrays; what a convolution's windows are is given at the run, too."""
        how = kernel.lowering
        if isinstance(how, lowering.Convolve):
            fields = {name: tuple(map(self.arg, getattr(how, name))) for name in ("strides", "low", "dilation")}
            how = evolve(how, **fields, groups=self.arg(how.groups))
        a, b, out = (self.operand(o) for o in (*kernel.ins, kernel.out))
        return Contraction(how, (a, b), out)

    def single(self, kernel: Any) -> Single:
        """A kernel on whole arrays whose extents are Args; a window's sizes are read off the arrays."""
        how = kernel.lowering
        if isinstance(how, lowering.Gather | lowering.Scatter):
            how = evolve(how, sizes=())
        ins, outs = (tuple(self.operand(o) for o in some) for some in (kernel.ins, kernel.outs))
        return evolve(kernel, lowering=how, ins=ins, outs=outs)

    def operand(self, operand: Operand) -> Operand:
        """A whole array with Args for extents."""
        shape: Any = tuple(self.arg(n) for n in operand.type.shape)
        offset = 0 if operand.offset == 0 else self.arg(operand.offset)
        return Operand(operand.buffer, ArrayType(operand.type.dtype, shape), offset)

    def fused(self, kernel: Fused) -> Fused:
        """A kernel whose extents, offsets and outer strides are Args; 0 and inner strides of 1 stay."""
        inner = self._inner(kernel)
        extents = tuple(self.arg(e) for e in kernel.extents)
        nodes = tuple(self.node(n, inner) for n in kernel.nodes)
        writes = tuple(evolve(w, view=self.view(w.view, inner)) for w in kernel.writes)
        return Fused(extents, kernel.folded, nodes, writes)

    def _inner(self, kernel: Fused) -> int:
        """The axis that vectors run along."""
        last = len(kernel.extents) - 1
        return last - kernel.folded if by_columns(kernel) else last

    def node(self, node: Node, inner: int) -> Node:
        """A node over Args."""
        if isinstance(node, Read):
            return evolve(node, view=self.view(node.view, inner))
        if isinstance(node, Index):
            return evolve(node, offset=self.arg(node.offset), strides=self.strides(node.strides, inner))
        return node

    def view(self, view: View, inner: int) -> View:
        """A view over Args."""
        offset = 0 if view.offset == 0 else self.arg(view.offset)
        return evolve(view, offset=offset, strides=self.strides(view.strides, inner))

    def strides(self, strides: Any, inner: int) -> Any:
        """Strides over Args."""
        return tuple(s if s == 0 or (s == 1 and a == inner) else self.arg(s) for a, s in enumerate(strides))
