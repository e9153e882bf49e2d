"""The fused program: kernels over numbered buffers.

A ``FusedProgram`` is what is left of a Program when everything that can be computed in passing is: a list of
kernels, each reading and writing *buffers* (contiguous memory, typed, numbered; the params come first).

    Fused        maps, reductions with their producers, and rows with their consumers
    Contraction  matrix products and convolutions, with an epilogue
    Single       every other lowering, on whole arrays: gather, scatter, sort, cumulate, ...
    Loop         scan, while, branch, call: nested fused programs

Numbers (extents, offsets, strides) are ``Extent = int | Arg``: folded into the code, or given at each run, so
that one emitter serves jitted programs and eager operations of any size.
"""

from __future__ import annotations

from attrs import field, frozen

from tianyuan.core import Prim
from tianyuan.lowering import Contract, Convolve, Lowering
from tianyuan.program import Source
from tianyuan.types import ArrayType, DType


@frozen
class Arg:
    """The number ``index`` of those that a kernel is given when it runs."""

    index: int


Extent = int | Arg


@frozen
class View:
    """The elements ``offset + Σ i[d] · strides[d]`` of a buffer, i over a kernel's domain; in elements."""

    buffer: int
    offset: Extent
    strides: tuple[Extent, ...]


# ---- nodes: what a Fused kernel computes at each point of its domain, in order; arguments are earlier nodes


@frozen
class Read:
    """An element of a view."""

    view: View
    dtype: DType


@frozen
class Index:
    """The integer ``offset + Σ i[d] · strides[d]``, converted to ``dtype``."""

    offset: Extent
    strides: tuple[Extent, ...]
    dtype: DType


@frozen
class Const:
    """A constant by its little-endian bytes."""

    bits: bytes
    dtype: DType


@frozen
class Tile:
    """In an epilogue: the finished element of the contraction."""

    dtype: DType


@frozen
class Apply:
    """An element-wise primitive (whose lowering is Map or Bits) of earlier nodes."""

    prim: Prim
    args: tuple[int, ...]
    dtype: DType


@frozen
class Fold:
    """The reduction by ``op`` of an earlier node over the folded axes, in ORDER; constant along them."""

    op: str
    arg: int
    dtype: DType


Node = Read | Index | Const | Tile | Apply | Fold


@frozen
class Write:
    """Store a node through a view. A node that is constant along the folded axes has stride 0 on them."""

    node: int
    view: View


@frozen
class Fused:
    """``nodes`` at every point of a domain, the last ``folded`` axes of which are reduced by the Folds.

    The order of elements in a Fold is row-major over the folded axes. Axes are as few as possible:
    neighbours that every view walks as one are one axis.
    """

    extents: tuple[Extent, ...]
    folded: int
    nodes: tuple[Node, ...]
    writes: tuple[Write, ...]


# ---- kernels on whole arrays


@frozen
class Operand:
    """A whole array that starts ``offset`` elements into a buffer.

    Row-major and contiguous, or, for the arguments of a Contraction, with ``strides`` in elements.
    """

    buffer: int
    type: ArrayType
    offset: Extent = 0
    strides: tuple[Extent, ...] | None = None


@frozen
class Contraction:
    """A Contract or Convolve into ``out``, then the epilogue at every element of its result.

    ``nodes`` (the first is the Tile, no Folds) and ``writes`` are over the result's own axes; without writes the
    result is stored as it is. A write to ``out`` replaces the element in its place.
    """

    lowering: Contract | Convolve
    ins: tuple[Operand, Operand]
    out: Operand
    nodes: tuple[Node, ...] = ()
    writes: tuple[Write, ...] = ()


@frozen
class Single:
    """Any other lowering. ``ordinal`` numbers what may fail, in program order (``FusedProgram.sources``)."""

    lowering: Lowering
    ins: tuple[Operand, ...]
    outs: tuple[Operand, ...]
    ordinal: int = 0


@frozen
class Loop:
    """A Scan, While, Branch or Call: ``bodies`` stand for the lowering's Programs, in the order of its fields."""

    lowering: Lowering
    bodies: tuple[FusedProgram, ...]
    ins: tuple[Operand, ...]
    outs: tuple[Operand, ...]


Kernel = Fused | Contraction | Single | Loop


@frozen
class FusedProgram:
    """Kernels in order. ``buffers`` are types by number, params first; ``results`` may name params or repeat.

    ``sources``, in the outermost program: the user's line for each ordinal of it and the programs within.
    """

    buffers: tuple[ArrayType, ...]
    params: int
    kernels: tuple[Kernel, ...]
    results: tuple[Operand, ...]
    sources: tuple[Source | None, ...] = field(default=(), eq=False, repr=False)
