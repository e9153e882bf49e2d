"""Fused kernels that fold leading axes: vectors run along the last axis that is kept.

A unit is a block of columns. Accumulators [16 lanes][columns] stay in the first cache; row k is added to
lane k mod 16, so that each column is folded in ORDER(16, 256) while memory is read in one stream. Values that
are constant along the folded axes are computed once a block and kept on the stack.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from tianyuan.types import ArrayType, DType, bool_
from tianyuan_jit.emission.buffers import address, load, store
from tianyuan_jit.emission.folding import (
    CHUNK,
    LANES,
    combine,
    empty,
    identity,
    load_some,
    store_some,
    sum_dtype,
)
from tianyuan_jit.emission.frames import Frame, dot, unravel
from tianyuan_jit.emission.nodes import apply, arguments, constant, folded, index, levels, splat, varies
from tianyuan_jit.emission.rows import choose, either
from tianyuan_jit.kernels import Apply, Const, Fold, Fused, Index, Read, View
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

COLUMNS = 64  # of a block: sixteen accumulators of 64 f32 are 4 KB
Values = dict[int, Value]


def by_columns(kernel: Fused) -> bool:
    """Whether vectors along the last kept axis find more in a row than vectors along the last folded one."""
    if not kernel.folded or kernel.folded == len(kernel.extents):
        return False
    kept, folded = len(kernel.extents) - kernel.folded - 1, len(kernel.extents) - 1
    reads = [n.view.strides for n in kernel.nodes if isinstance(n, Read)]
    return kernel.folded > 1 or sum(s[kept] == 1 for s in reads) > sum(s[folded] == 1 for s in reads)


class Columns:
    """The body of one kernel, over the blocks of columns of a task."""

    def __init__(self, frame: Frame, kernel: Fused, types: Sequence[ArrayType], k: Lanes) -> None:
        self.frame, self.kernel, self.types, self.k = frame, kernel, types, k
        self.f, self.one = frame.f, Lanes(frame.f, 1, k.target, k.has_fma)
        self.rank = len(kernel.extents) - kernel.folded
        extents = [frame.number(e) for e in kernel.extents]
        self.before, self.width, self.folded = extents[: self.rank - 1], extents[self.rank - 1], extents[self.rank :]
        self.n: Extent = 1
        for e in self.folded:
            self.n = self.f.imul(self.n, e)
        self.level = levels(kernel.nodes)
        folds = [varies(kernel, a) for a in range(self.rank, len(kernel.extents))]
        self.along = [any(v[i] for v in folds) for i in range(len(kernel.nodes))]
        self.folds = [i for i, n in enumerate(kernel.nodes) if isinstance(n, Fold)]
        top = [self.level[folded(kernel.nodes[i])] for i in self.folds]
        top += [self.level[w.node] for w in kernel.writes if self._full(w.view)]
        self.phases = max(top, default=-1) + 1

    def _full(self, view: View) -> bool:
        return any(s != 0 for s in view.strides[self.rank :])

    # ---- blocks

    def emit(self) -> None:
        """The blocks of this task."""
        f = self.f
        low, high = self.frame.range()
        blocks = f.idiv(f.iadd(self.width, COLUMNS - 1), COLUMNS)
        self.lay_out()
        with f.loop(low, high) as unit:
            self.outer = unravel(f, f.idiv(unit, blocks), self.before)
            self.first = f.imul(f.irem(unit, blocks), COLUMNS)
            self.count = f.imin(f.isub(self.width, self.first), COLUMNS)
            self.block()

    def lay_out(self) -> None:
        """Stack space for values that are constant along the folded axes; scratch for chunks' results."""
        f = self.f
        still = [i for i, a in enumerate(self.along) if not a and not isinstance(self.kernel.nodes[i], Const)]
        self.slots = {i: f.alloca(f"[{COLUMNS * self.dtype(i).itemsize} x i8]") for i in still}
        self.sums = {i: f.alloca(f"[{LANES * COLUMNS * self.fold_dtype(i).itemsize} x i8]") for i in self.folds}
        self.chunks = f.idiv(f.iadd(self.n, CHUNK - 1), CHUNK)
        offsets: list[Extent] = []
        total: Extent = 0
        for i in self.folds:
            offsets.append(total)
            total = f.iadd(total, f.imul(f.imax(self.chunks, 1), COLUMNS * self.fold_dtype(i).itemsize))
        f.module.declare("ptr @ty_scratch(i64, i64)")
        base = f.op(f"call ptr @ty_scratch(i64 %worker, i64 {total})") if self.folds else ""
        self.partials = {i: f.gep(base, o) for i, o in zip(self.folds, offsets, strict=True)}

    def dtype(self, i: int) -> DType:
        """The dtype of a node."""
        return self.kernel.nodes[i].dtype

    def fold_dtype(self, i: int) -> DType:
        """The dtype a Fold runs in."""
        node = self.kernel.nodes[i]
        assert isinstance(node, Fold)
        return sum_dtype(node.op, node.dtype)

    def block(self) -> None:
        """One block: still values, then phase after phase."""
        self.still(0)
        for p in range(self.phases):
            self.phase(p)
            self.still(p + 1)
        with self.vectors() as (c, count):
            for w in self.kernel.writes:
                if not self._full(w.view):
                    self.write(w.view, self.slot(w.node, c), c, [0] * len(self.folded), count)

    @contextmanager
    def vectors(self) -> Generator[tuple[Extent, Extent]]:
        """Loop over the block in vectors: the first column within the block, and how many there are from it."""
        with self.f.loop(0, self.count, LANES) as c:
            yield c, self.f.isub(self.count, c)

    def still(self, level: int) -> None:
        """Values of one level that are constant along the folded axes, for the columns of the block."""
        nodes = [i for i in self.slots if self.level[i] == level and not isinstance(self.kernel.nodes[i], Fold)]
        if not nodes:
            return
        with self.vectors() as (c, count):
            values: Values = {}
            for i in nodes:
                values[i] = self.node(i, c, [0] * len(self.folded), count, values)
                store(self.k, values[i], address(self.f, self.slots[i], self.dtype(i), c))

    def slot(self, i: int, c: Extent) -> Value:
        """A still value of the columns from ``c`` on."""
        node = self.kernel.nodes[i]
        if isinstance(node, Const):
            return constant(self.k, node)
        return load(self.k, address(self.f, self.slots[i], self.dtype(i), c), self.dtype(i))

    # ---- phases

    def phase(self, p: int) -> None:
        """Walk all rows; fold what belongs to this phase."""
        folds = [i for i in self.folds if self.level[folded(self.kernel.nodes[i])] == p]  # pyright: ignore
        with self.f.loop(0, self.chunks) as chunk:
            self.clear(folds)
            start = self.f.imul(chunk, CHUNK)
            with self.f.loop(start, self.f.imin(self.f.iadd(start, CHUNK), self.n)) as row:
                self.row(p, folds, row)
            for i in folds:
                self.fold_lanes(i, chunk)
        for i in folds:
            self.over_chunks(i)

    def clear(self, folds: Sequence[int]) -> None:
        """Accumulators to the identity."""
        for i in folds:
            dtype = self.fold_dtype(i)
            node = self.kernel.nodes[i]
            assert isinstance(node, Fold)
            start = identity(self.k, node.op, dtype)
            with self.f.loop(0, LANES * COLUMNS, LANES) as at:
                store(self.k, start, address(self.f, self.sums[i], dtype, at))

    def row(self, p: int, folds: Sequence[int], row: Extent) -> None:
        """One row of the block."""
        f = self.f
        at = unravel(f, row, self.folded)
        lane = f.imul(f.irem(row, LANES), COLUMNS)
        wanted = self._wanted(p, folds)
        with self.vectors() as (c, count):
            values: Values = {}
            for i in wanted:
                values[i] = self.node(i, c, at, count, values) if self.along[i] else self.slot(i, c)
            for w in self.kernel.writes:
                if self._full(w.view) and self.level[w.node] == p:
                    self.write(w.view, values[w.node], c, at, count)
            for i in folds:
                self.accumulate(i, values, f.iadd(lane, c))

    def _wanted(self, p: int, folds: Sequence[int]) -> list[int]:
        nodes = self.kernel.nodes
        found: set[int] = set()
        stack = [folded(nodes[i]) for i in folds]  # pyright: ignore
        stack += [w.node for w in self.kernel.writes if self._full(w.view) and self.level[w.node] == p]
        while stack:
            i = stack.pop()
            if i not in found:
                found.add(i)
                stack.extend(arguments(nodes[i]) if self.along[i] else ())
        return sorted(found)

    def accumulate(self, i: int, values: Values, at: Extent) -> None:
        """Add a row's elements to their lane."""
        node, dtype = self.kernel.nodes[i], self.fold_dtype(i)
        assert isinstance(node, Fold)
        place = address(self.f, self.sums[i], dtype, at)
        added = combine(self.k, node.op, load(self.k, place, dtype), self.k.convert(values[node.arg], dtype))
        store(self.k, added, place)

    def fold_lanes(self, i: int, chunk: Extent) -> None:
        """The lanes by halves, into the chunk's result."""
        node, dtype = self.kernel.nodes[i], self.fold_dtype(i)
        assert isinstance(node, Fold)
        with self.vectors() as (c, _):
            lanes = [
                load(self.k, address(self.f, self.sums[i], dtype, self.f.iadd(lane * COLUMNS, c)), dtype)
                for lane in range(LANES)
            ]
            target = address(self.f, self.partials[i], dtype, self.f.iadd(self.f.imul(chunk, COLUMNS), c))
            store(self.k, by_halves(self.k, node.op, lanes), target)

    def over_chunks(self, i: int) -> None:
        """The chunks' results folded by the same rule, into the Fold's slot."""
        f, k = self.f, self.k
        node, dtype = self.kernel.nodes[i], self.fold_dtype(i)
        assert isinstance(node, Fold)
        if not (isinstance(self.n, int) and self.n <= CHUNK):
            symbol = f"ty_fold_columns_{node.op}_{dtype.short}"
            if not f.module.has(symbol):
                _define_fold(k, node.op, dtype, symbol)
            f.do(f"call void @{symbol}(ptr {self.partials[i]}, i64 {self.chunks})")
        with self.vectors() as (c, _):
            value = load(k, address(f, self.partials[i], dtype, c), dtype)
            if self.n == 0:
                value = empty(k, node.op, dtype)
            elif not isinstance(self.n, int):
                none = splat(k, Value(f.op(f"icmp eq i64 {self.n}, 0"), bool_))
                value = k.select(none, empty(k, node.op, dtype), value)
            store(k, k.convert(value, node.dtype), address(f, self.slots[i], node.dtype, c))

    # ---- nodes and writes

    def node(self, i: int, c: Extent, at: Sequence[Extent], count: Extent, values: Values) -> Value:
        """One node at the columns from ``c`` on, at the index ``at`` along the folded axes."""
        node, k = self.kernel.nodes[i], self.k
        if isinstance(node, Const):
            return constant(k, node)
        if isinstance(node, Apply):
            return apply(k, node, [values[a] if a in values else self.slot(a, c) for a in node.args])
        if isinstance(node, Index):
            strides = [self.frame.number(s) for s in node.strides]
            first = dot(self.f, self.frame.number(node.offset), self.at(c, at), strides)
            return index(k, node, first, strides[self.rank - 1])
        assert isinstance(node, Read)
        return self.read(node, c, at, count)

    def at(self, c: Extent, at: Sequence[Extent]) -> list[Extent]:
        """The whole index of the column ``c`` of the block."""
        return [*self.outer, self.f.iadd(self.first, c), *at]

    def place(self, view: View, c: Extent, at: Sequence[Extent]) -> str:
        """The address of an element."""
        number = self.frame.number
        offset = dot(self.f, number(view.offset), self.at(c, at), [number(s) for s in view.strides])
        return address(self.f, self.frame.pointers[view.buffer], self.types[view.buffer].dtype, offset)

    def read(self, node: Read, c: Extent, at: Sequence[Extent], count: Extent) -> Value:
        """Elements of a view."""
        stride = node.view.strides[self.rank - 1]
        place = self.place(node.view, c, at)
        if stride == 0:
            return splat(self.k, load(self.one, place, node.dtype))
        if stride != 1:
            return self.gathered(place, node.dtype, self.frame.number(stride), count)
        if isinstance(self.width, int) and self.width % LANES == 0:
            return load(self.k, place, node.dtype)
        return either(
            self.k,
            self.f.op(f"icmp sge i64 {count}, {LANES}"),
            lambda: [load(self.k, place, node.dtype)],
            lambda: [load_some(self.k, place, node.dtype, count)],
        )[0]

    def gathered(self, place: str, dtype: DType, stride: Extent, count: Extent) -> Value:
        """Elements that lie apart."""
        f = self.f
        block = f.alloca(f"[{LANES * dtype.itemsize} x i8]")
        f.do(f"store [{LANES * dtype.itemsize} x i8] zeroinitializer, ptr {block}, align 64")
        with f.loop(0, f.imin(LANES, count)) as i:
            source = address(f, place, dtype, f.imul(i, stride))
            store(self.one, load(self.one, source, dtype), address(f, block, dtype, i))
        return load(self.k, block, dtype)

    def write(self, view: View, value: Value, c: Extent, at: Sequence[Extent], count: Extent) -> None:
        """Store the columns from ``c`` on."""
        f, place, stride = self.f, self.place(view, c, at), view.strides[self.rank - 1]
        if stride != 1:
            block = f.alloca(f"[{LANES * value.dtype.itemsize} x i8]")
            store(self.k, value, block)
            with f.loop(0, f.imin(LANES, count)) as i:
                element = load(self.one, address(f, block, value.dtype, i), value.dtype)
                store(self.one, element, address(f, place, value.dtype, f.imul(i, self.frame.number(stride))))
        elif isinstance(self.width, int) and self.width % LANES == 0:
            store(self.k, value, place)
        else:
            full = f.op(f"icmp sge i64 {count}, {LANES}")
            choose(f, full, lambda: store(self.k, value, place), lambda: store_some(self.k, value, place, count))


def by_halves(k: Lanes, op: str, lanes: list[Value]) -> Value:
    """v[l] op v[l + 8], then + 4, + 2, + 1."""
    for half in (8, 4, 2, 1):
        lanes = [combine(k, op, lanes[i], lanes[i + half]) for i in range(half)]
    return lanes[0]


def _define_fold(caller: Lanes, op: str, dtype: DType, symbol: str) -> None:
    """``void (ptr data, i64 n)``: rows of COLUMNS elements folded over n in ORDER, in place, into row 0."""
    f = Function(caller.function.module)
    k = Lanes(f, LANES, caller.target, caller.has_fma)
    head, body, end, before = f.fresh("head"), f.fresh("body"), f.fresh("end"), f.block
    sums = f.alloca(f"[{LANES * LANES * dtype.itemsize} x i8]")
    f.jump(head)
    f.label(head)
    slot, n = f.slot(), "%" + f.fresh("n")
    f.branch(f.op(f"icmp ugt i64 {n}, 1"), body, end)
    f.label(body)
    chunks = f.idiv(f.iadd(n, CHUNK - 1), CHUNK)
    with f.loop(0, chunks) as chunk, f.loop(0, COLUMNS, LANES) as c:
        start = f.imul(chunk, CHUNK)
        for lane in range(LANES):
            store(k, identity(k, op, dtype), address(f, sums, dtype, lane * LANES))
        with f.loop(start, f.imin(f.iadd(start, CHUNK), n)) as row:
            place = address(f, sums, dtype, f.imul(f.irem(row, LANES), LANES))
            value = load(k, address(f, "%data", dtype, f.iadd(f.imul(row, COLUMNS), c)), dtype)
            store(k, combine(k, op, load(k, place, dtype), value), place)
        lanes = [load(k, address(f, sums, dtype, lane * LANES), dtype) for lane in range(LANES)]
        store(k, by_halves(k, op, lanes), address(f, "%data", dtype, f.iadd(f.imul(chunk, COLUMNS), c)))
    f.fill(slot, f"{n} = phi i64 [ %count, %{before} ], [ {chunks}, %{f.block} ]")
    f.jump(head)
    f.label(end)
    f.finish(f"internal void @{symbol}(ptr %data, i64 %count)")
