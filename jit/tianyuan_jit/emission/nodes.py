"""Nodes of fused kernels as LLVM text: the value of each at one point, or at as many points as there are lanes.

Nothing here knows a schedule or a machine: ``Lanes`` may be one element or sixteen, on a CPU or a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.lowering import Map
from tianyuan.types import ArrayType, int64
from tianyuan_jit.kernels import Apply, Const, Fold, Fused, Index, Node, Read
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value, element_type
from tianyuan_jit.text import Extent

_CHEAP = frozenset(
    "add sub mul neg scale abs sign minimum maximum eq ne lt le gt ge select convert bitcast fma real imag conj "
    "complex_ bitwise_and bitwise_or bitwise_xor bitwise_not shift_left shift_right copysign signbit".split()
)


def is_dear(node: Node) -> bool:
    """Whether a value is better kept than computed twice."""
    return isinstance(node, Apply) and node.prim.name not in _CHEAP


def weight(nodes: Sequence[Node]) -> int:
    """About how many simple operations an element costs."""
    return 1 + sum(12 if is_dear(n) else 1 for n in nodes)


def arguments(node: Node) -> tuple[int, ...]:
    """The nodes that a node needs."""
    if isinstance(node, Apply):
        return node.args
    return (node.arg,) if isinstance(node, Fold) else ()


def folded(node: Node) -> int:
    """What a Fold reduces."""
    assert isinstance(node, Fold)
    return node.arg


def operation(node: Node) -> str:
    """What a Fold reduces by."""
    assert isinstance(node, Fold)
    return node.op


def constant(k: Lanes, node: Const) -> Value:
    """A constant in every lane."""
    value: Any = np.frombuffer(node.bits, node.dtype.numpy)[0]
    kind = node.dtype.kind
    if kind == "c":
        return k.const(complex(value), node.dtype)
    return k.const(float(value) if kind == "f" else bool(value) if kind == "b" else int(value), node.dtype)


def apply(k: Lanes, node: Apply, args: Sequence[Value]) -> Value:
    """An element-wise primitive."""
    how = node.prim.lower(*(ArrayType(a.dtype) for a in args))
    return how.scalar(k, *args) if isinstance(how, Map) else k.bitcast(args[0], node.dtype)


def index(k: Lanes, node: Index, first: Extent, step: Extent) -> Value:
    """The integers first, first + step, ... in the node's dtype."""
    start = splat(k, Value(str(first), int64))
    if k.lanes == 1:
        return k.convert(start, node.dtype)
    counts = ", ".join(f"i64 {i}" for i in range(k.lanes))
    steps = k.mul(Value(f"<{counts}>", int64), splat(k, Value(str(step), int64)))
    return k.convert(k.add(start, steps), node.dtype)


def splat(k: Lanes, value: Value) -> Value:
    """One element in every lane; constants stay constants."""
    if k.lanes == 1:
        return value
    if value.constant is not None:
        return k.const(value.constant, value.dtype)
    if value.imaginary:
        return Value(_repeat(k, value.operand, value), value.dtype, _repeat(k, value.imaginary, value))
    return Value(_repeat(k, value.operand, value), value.dtype)


def _repeat(k: Lanes, operand: str, value: Value) -> str:
    one, many, f = element_type(value.dtype), k.type_of(value.dtype), k.function
    first = f.op(f"insertelement {many} poison, {one} {operand}, i64 0")
    return f.op(f"shufflevector {many} {first}, {many} poison, <{k.lanes} x i32> zeroinitializer")


def levels(nodes: Sequence[Node]) -> list[int]:
    """By node: how many phases (walks over the folded axes) have to be over before it can be computed."""
    result: list[int] = []
    for node in nodes:
        own = max((result[a] for a in arguments(node)), default=0)
        result.append(own + isinstance(node, Fold))
    return result


def varies(kernel: Fused, axis: int) -> list[bool]:
    """By node: whether its value depends on the index along ``axis``."""
    outer = len(kernel.extents) - kernel.folded
    result: list[bool] = []
    for node in kernel.nodes:
        if isinstance(node, Read):
            result.append(node.view.strides[axis] != 0)
        elif isinstance(node, Index):
            result.append(node.strides[axis] != 0)
        elif isinstance(node, Fold):
            result.append(axis < outer and result[node.arg])
        else:
            result.append(any(result[a] for a in arguments(node)))
    return result


def needed(nodes: Sequence[Node], wanted: Sequence[int]) -> list[int]:
    """The nodes from which ``wanted`` are computed, these included, in order."""
    found = set(wanted)
    for i in range(len(nodes) - 1, -1, -1):
        if i in found:
            found.update(arguments(nodes[i]))
    return sorted(found)
