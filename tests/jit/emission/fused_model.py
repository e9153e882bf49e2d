"""Fused kernels interpreted in NumPy: every node over the whole domain, every Fold in ORDER(16, 256)."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.model import CHUNK, LANES, accumulator
from tianyuan_jit.kernels import Apply, Const, Fold, Fused, FusedProgram, Index, Read, View

OPS: dict[str, Any] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "and": np.logical_and,
    "or": np.logical_or,
}


def run(program: FusedProgram, arrays: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """All buffers, flat, after the kernels; and which of their elements were written."""
    held = [np.array(a).reshape(-1) for a in arrays]
    held += [np.zeros(t.size, t.dtype.numpy) for t in program.buffers[program.params :]]
    written = [np.zeros(len(x), bool) for x in held]
    for kernel in program.kernels:
        assert isinstance(kernel, Fused)
        _kernel(kernel, held, written)
    return held, written


def _kernel(kernel: Fused, held: list[Any], written: list[Any]) -> None:
    extents: tuple[int, ...] = kernel.extents  # pyright: ignore[reportAssignmentType]
    grid = list(np.indices(extents)) if extents else []
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for node in kernel.nodes:
            values.append(_node(node, kernel, grid, held, values))
    for w in kernel.writes:
        places = np.broadcast_to(_places(w.view, grid), extents)
        held[w.view.buffer][places] = np.broadcast_to(values[w.node], extents)
        written[w.view.buffer][places] = True


def _places(view: View | Index, grid: Sequence[Any]) -> Any:
    place: Any = np.int64(view.offset)  # pyright: ignore[reportArgumentType]
    for i, stride in zip(grid, view.strides, strict=True):
        place = place + i * stride
    return np.asarray(place)


def _node(node: Any, kernel: Fused, grid: Any, held: Sequence[Any], values: Sequence[Any]) -> Any:
    if isinstance(node, Read):
        return held[node.view.buffer][_places(node.view, grid)]
    if isinstance(node, Index):
        return _places(node, grid).astype(node.dtype.numpy)
    if isinstance(node, Const):
        return np.frombuffer(node.bits, node.dtype.numpy)[0]
    if isinstance(node, Apply):
        made = node.prim.oracle(*np.broadcast_arrays(*[values[a] for a in node.args]))
        assert np.asarray(made).dtype == node.dtype.numpy
        return made
    assert isinstance(node, Fold)
    kept = len(kernel.extents) - kernel.folded
    extents: Any = kernel.extents
    full = np.broadcast_to(values[node.arg], extents)
    acc = accumulator(full.dtype)
    rows = full.reshape(*full.shape[:kept], int(np.prod(full.shape[kept:]))).astype(acc)
    return order(rows, node.op).astype(node.dtype.numpy).reshape(*full.shape[:kept], *[1] * kernel.folded)


def order(rows: Any, op: str) -> Any:
    """ORDER(16, 256) along the last axis; what is missing is the operation's identity, which changes nothing."""
    join, missing = OPS[op], _missing(op, rows.dtype)
    if rows.shape[-1] == 0:
        return np.full(rows.shape[:-1], 0 if op == "add" else missing, rows.dtype)
    while True:
        chunks = -(-rows.shape[-1] // CHUNK)
        padded = np.full((*rows.shape[:-1], chunks * CHUNK), missing, rows.dtype)
        padded[..., : rows.shape[-1]] = rows
        steps = padded.reshape(*rows.shape[:-1], chunks, CHUNK // LANES, LANES)
        lanes = steps[..., 0, :]
        for s in range(1, CHUNK // LANES):
            lanes = join(lanes, steps[..., s, :])
        width = LANES
        while width > 1:
            width //= 2
            lanes = join(lanes[..., :width], lanes[..., width : 2 * width])
        rows = lanes[..., 0]
        if chunks == 1:
            return rows[..., 0]


def _missing(op: str, dtype: Any) -> Any:
    if op in ("add", "mul"):
        return dtype.type(1 if op == "mul" else -0.0 if dtype.kind in "fV" else 0)
    if op in ("and", "or"):
        return op == "and"
    limits: Any = (True, False) if dtype.kind == "b" else (np.inf, -np.inf)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype).max, np.iinfo(dtype).min
    return limits[0] if op == "min" else limits[1]
