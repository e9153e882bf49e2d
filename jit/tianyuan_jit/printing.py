"""Fused programs as text: which operations share a kernel, and how each kernel walks.

stage "kernels": kernels with their fused equations        stage "loops": the same, with loops and places
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from attrs import fields

from tianyuan.program import number_text, value_text
from tianyuan_jit.arena import Plan, plan
from tianyuan_jit.emission.columns import COLUMNS, by_columns
from tianyuan_jit.emission.folding import CHUNK, LANES
from tianyuan_jit.emission.pieces import in_pieces
from tianyuan_jit.kernels import (
    Apply,
    Arg,
    Const,
    Contraction,
    Fold,
    Fused,
    FusedProgram,
    Index,
    Kernel,
    Loop,
    Node,
    Operand,
    Read,
    Single,
    Tile,
    View,
    Write,
)


def kernels_text(program: FusedProgram) -> str:
    """Kernel by kernel, what it computes."""
    return "\n".join(_Printer(program, None).lines(""))


def loops_text(program: FusedProgram) -> str:
    """Kernel by kernel, how it walks, and where its buffers lie."""
    return "\n".join(_Printer(program, plan(program)).lines(""))


class _Printer:
    """One program; with a plan, loops and places are printed too."""

    def __init__(self, program: FusedProgram, layout: Plan | None) -> None:
        self.program, self.layout = program, layout

    def lines(self, indent: str) -> Iterator[str]:
        """The whole program."""
        params = ", ".join(f"b{i}: {t}" for i, t in enumerate(self.program.buffers[: self.program.params]))
        results = ", ".join(map(self.operand, self.program.results))
        arena = f", arena of {self.layout.size} bytes" if self.layout is not None else ""
        yield f"{indent}kernels ({params}) -> ({results}){arena} {{"
        for i, kernel in enumerate(self.program.kernels):
            yield from self.kernel(i, kernel, indent + "  ")
        yield indent + "}"

    def kernel(self, i: int, kernel: Kernel, indent: str) -> Iterator[str]:
        """One kernel."""
        if isinstance(kernel, Fused):
            yield f"{indent}{i}: {_shape(kernel)}{self.walk(kernel)}"
            yield from self.nodes(kernel.nodes, kernel.writes, indent + "   ")
        elif isinstance(kernel, Contraction):
            a, b = map(self.operand, kernel.ins)
            yield f"{indent}{i}: {self.operand(kernel.out)} = {_lowering(kernel.lowering)} {a}, {b}"
            yield from self.nodes(kernel.nodes, kernel.writes, indent + "   ")
        else:
            outs, ins = (", ".join(map(self.operand, part)) for part in (kernel.outs, kernel.ins))
            yield f"{indent}{i}: {outs} = {_lowering(kernel.lowering)} {ins}".rstrip()
            yield from self.bodies(i, kernel, indent + "   ")

    def bodies(self, i: int, kernel: Single | Loop, indent: str) -> Iterator[str]:
        """Nested programs of a loop."""
        if isinstance(kernel, Loop):
            plans: Sequence[Plan | None] = [None] * len(kernel.bodies)
            if self.layout is not None:
                plans = self.layout.inner[i]
            for body, layout in zip(kernel.bodies, plans, strict=True):
                yield from _Printer(body, layout).lines(indent)

    def walk(self, kernel: Fused) -> str:
        """How the kernel walks its domain."""
        if self.layout is None:
            return ""
        if by_columns(kernel):
            return f", by blocks of {COLUMNS} columns, {LANES} rows side by side, in chunks of {CHUNK}"
        if in_pieces(kernel):
            return f", in pieces of {CHUNK} on all threads, {LANES} lanes"
        chunks = f", in chunks of {CHUNK}" if kernel.folded else ""
        return f", row by row, {LANES} lanes{chunks}"

    def nodes(self, nodes: Sequence[Node], writes: Sequence[Write], indent: str) -> Iterator[str]:
        """The fused equations, then what is stored."""
        for i, node in enumerate(nodes):
            yield f"{indent}%{i} = {self.node(node)}: {node.dtype.short}"
        for w in writes:
            yield f"{indent}{self.view(w.view)} <- %{w.node}"

    def node(self, node: Node) -> str:
        """One node."""
        if isinstance(node, Read):
            return self.view(node.view)
        if isinstance(node, Index):
            return f"index {_number(node.offset)} + {_strides(node.strides)}"
        if isinstance(node, Const):
            return number_text(np.frombuffer(node.bits, node.dtype.numpy)[0], node.dtype)
        if isinstance(node, Tile):
            return "tile"
        if isinstance(node, Fold):
            return f"fold {node.op} %{node.arg}"
        return f"{_prim(node)} {', '.join(f'%{a}' for a in node.args)}"

    def view(self, view: View) -> str:
        """A view: buffer, offset, strides."""
        offset = f" + {_number(view.offset)}" if view.offset != 0 else ""
        return f"{self.buffer(view.buffer)}[{_strides(view.strides)}{offset}]"

    def operand(self, operand: Operand) -> str:
        """A whole array."""
        offset = f" + {_number(operand.offset)}" if operand.offset != 0 else ""
        strides = f" by {_strides(operand.strides)}" if operand.strides is not None else ""
        return f"{self.buffer(operand.buffer)}: {operand.type}{offset}{strides}"

    def buffer(self, number: int) -> str:
        """A buffer's name, and with a plan its place in the arena."""
        if self.layout is None or number not in self.layout.offsets:
            return f"b{number}"
        return f"b{number}@{self.layout.offsets[number]}"


def _shape(kernel: Fused) -> str:
    outer = kernel.extents[: len(kernel.extents) - kernel.folded]
    inner = kernel.extents[len(outer) :]
    listed = ",".join(map(_number, outer))
    return f"map [{listed}]" if not inner else f"fold [{','.join(map(_number, inner))}] of [{listed}]"


def _prim(node: Apply) -> str:
    values = [f"{f.name}={value_text(getattr(node.prim, f.name))}" for f in fields(type(node.prim)) if f.eq]
    return node.prim.name + (f"[{', '.join(values)}]" if values else "")


def _lowering(how: Any) -> str:
    values = [
        f"{f.name}={getattr(how, f.name)}" for f in fields(type(how)) if not hasattr(getattr(how, f.name), "eqns")
    ]
    plain = [v for v in values if "Program(" not in v and "<" not in v]
    return type(how).__name__.lower() + (f"[{', '.join(plain)}]" if plain else "")


def _number(value: Any) -> str:
    return f"n{value.index}" if isinstance(value, Arg) else str(value)


def _strides(strides: Sequence[Any]) -> str:
    return "·".join(map(_number, strides)) or "0-d"
