"""What follows a contraction: computed on each finished tile while it is in L1, or by a kernel of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from attrs import evolve, frozen

from tianyuan.types import ArrayType
from tianyuan_jit.emission.buffers import lanes
from tianyuan_jit.emission.folding import LANES
from tianyuan_jit.emission.frames import Frame, buffers_of, unravel
from tianyuan_jit.emission.fused import emit_fused
from tianyuan_jit.emission.rows import Rows
from tianyuan_jit.fusion.clusters import collapsed
from tianyuan_jit.fusion.leaves import row_major
from tianyuan_jit.kernels import Contraction, Fused, Index, Read, Tile, View, Write
from tianyuan_jit.text import Extent, Function

PARAMETERS = "ptr %frame, ptr %tile, i64 %batch, i64 %row, i64 %rows, i64 %column, i64 %columns"


@frozen
class Tiling:
    """Which axes of the result are the batch, the rows and the columns of the library's matrices.

    Where an entry of the batch is some of the columns (groups of channels), there are ``columns_of_batch`` of
    them in each, and no axes of the batch.
    """

    batch: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    columns_of_batch: int = 0


def emit_following(
    f: Function,
    kernel: Contraction,
    types: Sequence[ArrayType],
    pointers: Sequence[str],
    numbers: Sequence[str],
    isa: str,
) -> None:
    """Append the epilogue as a kernel of its own that reads the stored result, if there is one."""
    if kernel.writes:
        emit_fused(f, collapsed(following(kernel)), types, pointers, numbers, isa)


def following(kernel: Contraction) -> Fused:
    """The epilogue over the result's axes, the Tile read from where it is stored."""
    shape = kernel.out.type.shape
    own = View(kernel.out.buffer, kernel.out.offset, row_major(shape))
    nodes = tuple(Read(own, n.dtype) if isinstance(n, Tile) else n for n in kernel.nodes)
    done = Write(0, own)  # the tile as it is stands in its place already
    return Fused(shape, 0, nodes, tuple(w for w in kernel.writes if w != done))


def epilogue(
    f: Function,
    kernel: Contraction,
    tiling: Tiling,
    types: Sequence[ArrayType],
    pointers: Sequence[str],
    numbers: Sequence[str],
    isa: str,
) -> tuple[str, str] | None:
    """The operands of the function of a tile (as GEMM's ``epilogue``) and of its context.

    None if some view does not walk the columns as one: the epilogue then has to follow.
    """
    plan = _plan(following(kernel), tiling)
    if plan is None:
        return None
    used = buffers_of(plan.kernel)
    text = f"{plan!r} {used} {[types[b].dtype.short for b in used]} {isa}"
    symbol = f"epilogue_{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    renumbered = evolve(plan, kernel=_renumbered(plan.kernel, used))
    if not f.module.has(symbol):
        _define(f, symbol, renumbered, [types[b] for b in used], len(numbers), isa)
    context = f.alloca(f"[{len(used) + len(numbers) + 3} x i64]", 8)
    fields = [*(f"ptr {pointers[b]}" for b in used), *(f"i64 {n}" for n in numbers)]
    for i, field in enumerate(fields):
        f.do(f"store {field}, ptr {f.gep(context, 8 * i)}")
    return f"@{symbol}", context


@frozen
class _Plan:
    """A kernel whose last axis is the columns; ``batch`` and ``rows`` count the axes before it."""

    kernel: Fused
    batch: int
    rows: int
    columns_of_batch: int


def _plan(kernel: Fused, tiling: Tiling) -> _Plan | None:
    views = [n.view.strides for n in kernel.nodes if isinstance(n, Read)]
    views += [n.strides for n in kernel.nodes if isinstance(n, Index)]
    views += [w.view.strides for w in kernel.writes]
    batch, rows, columns = (
        _groups(kernel.extents, views, axes) for axes in (tiling.batch, tiling.rows, tiling.columns)
    )
    if len(columns) > 1:
        return None
    groups = [*batch, *rows, *(columns or [[]])]
    extents = tuple(_product([kernel.extents[a] for a in g]) for g in groups)

    def pick(strides: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(strides[g[-1]] if g else 0 for g in groups)

    made = Fused(
        extents,
        0,
        tuple(_over(n, pick) for n in kernel.nodes),
        tuple(evolve(w, view=evolve(w.view, strides=pick(w.view.strides))) for w in kernel.writes),
    )
    return _Plan(made, len(batch), len(rows), tiling.columns_of_batch)


def _groups(extents: Sequence[Any], views: Sequence[Any], axes: Sequence[int]) -> list[list[int]]:
    """Axes of extent other than 1, in groups that every view walks as one."""
    groups: list[list[int]] = []
    for a in axes:
        if extents[a] == 1:
            continue
        if groups and all(v[groups[-1][-1]] == v[a] * extents[a] for v in views):
            groups[-1].append(a)
        else:
            groups.append([a])
    return groups


def _product(values: Sequence[Any]) -> int:
    result = 1
    for v in values:
        result *= v
    return result


def _over(node: Any, pick: Any) -> Any:
    if isinstance(node, Read):
        return evolve(node, view=evolve(node.view, strides=pick(node.view.strides)))
    return evolve(node, strides=pick(node.strides)) if isinstance(node, Index) else node


def _renumbered(kernel: Fused, used: Sequence[int]) -> Fused:
    """The kernel over buffers 0, 1, 2, ... in order of first use."""
    places = {b: i for i, b in enumerate(used)}

    def view(v: View) -> View:
        return evolve(v, buffer=places[v.buffer])

    nodes = tuple(evolve(n, view=view(n.view)) if isinstance(n, Read) else n for n in kernel.nodes)
    return evolve(kernel, nodes=nodes, writes=tuple(evolve(w, view=view(w.view)) for w in kernel.writes))


def _define(caller: Function, symbol: str, plan: _Plan, types: Sequence[ArrayType], numbers: int, isa: str) -> None:
    f = Function(caller.module)
    frame = Frame.read(f, len(types), numbers)
    _Epilogue(frame, plan, types, isa).emit()
    f.finish(f"internal void @{symbol}({PARAMETERS})")


class _Epilogue(Rows):
    """The rows of one tile; nothing is folded."""

    def __init__(self, frame: Frame, plan: _Plan, types: Sequence[ArrayType], isa: str) -> None:
        super().__init__(frame, plan.kernel, types, lanes(frame.f, LANES, isa != "sse2"))
        self.plan = plan
        self.kept_places, self.partials = {}, {}

    def whole(self, n: Extent) -> bool:
        """A tile may end anywhere."""
        return False

    def one_vector(self) -> bool:
        """A tile may begin anywhere."""
        return False

    def emit(self) -> None:
        """Row after row."""
        f, plan = self.f, self.plan
        extents = self.outer
        first = f.iadd("%column", f.imul("%batch", plan.columns_of_batch))
        last = f.iadd(first, "%columns")
        batch = unravel(f, "%batch", extents[: plan.batch])
        with f.loop("%row", f.iadd("%row", "%rows")) as r:
            self.row([*batch, *unravel(f, r, extents[plan.batch :])], first, last)
