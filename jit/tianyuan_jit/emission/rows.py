"""Fused kernels whose last axis is walked in vectors: maps, and reductions along rows.

    for each row (or, of a single row, each piece):
        values that are constant along the row
        for each phase: walk the row sixteen elements at a time; fold; then the values that depend on the folds

A node that a later phase needs again is computed anew if it is cheap, else kept in scratch memory. The last
vector of a row is partial: it goes through a block on the stack, and what it lacks is missing from the folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianyuan.types import ArrayType, DType, bool_
from tianyuan_jit.emission.buffers import address, carry, load, store
from tianyuan_jit.emission.folding import (
    CHUNK,
    LANES,
    combine,
    empty,
    fold_sequence,
    halves,
    identity,
    load_some,
    present,
    store_some,
    sum_dtype,
    typed,
    untyped,
    width,
)
from tianyuan_jit.emission.frames import Frame, dot, unravel
from tianyuan_jit.emission.nodes import (
    apply,
    arguments,
    constant,
    folded,
    index,
    is_dear,
    levels,
    operation,
    splat,
    varies,
)
from tianyuan_jit.kernels import Apply, Const, Fold, Fused, Index, Read, View
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

GROUP = 4  # blocks of a step of max and min, whose combination takes longer than a sum's
PIECE = 1024  # elements of a unit of a single row
Values = dict[int, Value]


class Rows:
    """The body of one kernel, over the rows (or pieces of the one row) of a task."""

    def __init__(self, frame: Frame, kernel: Fused, types: Sequence[ArrayType], k: Lanes) -> None:
        self.frame, self.kernel, self.types, self.k = frame, kernel, types, k
        self.f, self.one = frame.f, Lanes(frame.f, 1, k.target, k.has_fma)
        self.n: Extent = frame.number(kernel.extents[-1]) if kernel.extents else 1
        self.outer = [frame.number(e) for e in kernel.extents[:-1]]
        axis = len(kernel.extents) - 1
        self.level = levels(kernel.nodes)
        self.along = varies(kernel, axis) if kernel.extents else [False] * len(kernel.nodes)
        self.phases = self._plan()
        self.single = self.one_vector()
        self.kept = {} if self.single else self._keep()
        self.inside = False  # while code is made for full vectors alone
        self.seen: Values = {}  # vectors of a row that is one

    # ---- plan

    def one_vector(self) -> bool:
        """Whether every row is one vector, whose values stay in registers from phase to phase."""
        in_rows = bool(self.outer) or self.kernel.folded > 0
        return in_rows and isinstance(self.n, int) and 1 <= self.n <= LANES

    def _plan(self) -> list[tuple[list[int], list[int]]]:
        """For each phase the Folds it feeds and the writes along the row it makes."""
        nodes, writes = self.kernel.nodes, self.kernel.writes
        folds = [i for i, n in enumerate(nodes) if isinstance(n, Fold)]
        full = [w for w in range(len(writes)) if self._full(w)]
        top = max(
            [self.level[folded(nodes[i])] for i in folds] + [self.level[writes[w].node] for w in full], default=-1
        )
        return [
            (
                [i for i in folds if self.level[folded(nodes[i])] == p],
                [w for w in full if self.level[writes[w].node] == p],
            )
            for p in range(top + 1)
        ]

    def _full(self, write: int) -> bool:
        """Whether a write goes along the row: a map's always does."""
        strides = self.kernel.writes[write].view.strides
        return bool(strides) and (strides[-1] != 0 or self.kernel.folded == 0)

    def _wanted(self, phase: int) -> list[int]:
        """What a phase computes of its own accord: the arguments of its Folds, what it writes."""
        folds, writes = self.phases[phase]
        return [folded(self.kernel.nodes[i]) for i in folds] + [self.kernel.writes[w].node for w in writes]  # pyright: ignore

    def _keep(self) -> dict[int, int]:
        """Nodes to keep from their own phase for later ones: their order number."""
        kept: dict[int, int] = {}

        def visit(node: int, phase: int, seen: set[int]) -> None:
            if node in seen or not self.along[node]:
                return
            seen.add(node)
            if self.level[node] < phase and is_dear(self.kernel.nodes[node]):
                kept.setdefault(node, len(kept))
                return
            for a in arguments(self.kernel.nodes[node]):
                visit(a, phase, seen)

        for p in range(1, len(self.phases)):
            seen: set[int] = set()
            for node in self._wanted(p):
                visit(node, p, seen)
        return kept

    def scratch(self) -> list[DType]:
        """The dtypes of rows to keep."""
        return [self.kernel.nodes[i].dtype for i in self.kept]

    # ---- emission

    def emit(self) -> None:
        """The rows of this task, or its pieces of the only row."""
        low, high = self.frame.range()
        if not self.kernel.extents:
            self.point()
        elif not self.outer and not self.kernel.folded:
            stop = self.f.imin(self.f.imul(high, PIECE), self.n)
            self.row([], self.f.imul(low, PIECE), stop)
        else:
            self.lay_out()
            with self.f.loop(low, high) as i:
                self.row(unravel(self.f, i, self.outer), 0, self.n)

    def point(self) -> None:
        """A domain of one element."""
        values: Values = {}
        for i in range(len(self.kernel.nodes)):
            self.scalar(i, [], values)
        for w in self.kernel.writes:
            store(self.one, values[w.node], self.place(w.view, []))

    def lay_out(self) -> None:
        """Scratch memory: kept rows, then partial results of long folds."""
        f = self.f
        rows = [(d, self.n) for d in self.scratch()]
        short = isinstance(self.n, int) and self.n <= CHUNK
        self.chunks: Extent = f.idiv(f.iadd(self.n, CHUNK - 1), CHUNK)
        folds = [] if short else [i for p in self.phases for i in p[0]]
        rows += [(self.fold_dtype(i), f.imax(self.chunks, 1)) for i in folds]
        offsets: list[Extent] = []
        total: Extent = 0
        for dtype, count in rows:
            offsets.append(total)
            size = f.iadd(f.imul(count, dtype.itemsize), 63)
            total = f.iadd(total, f.imul(f.idiv(size, 64), 64))
        places: list[str] = []
        if rows:
            f.module.declare("ptr @ty_scratch(i64, i64)")
            base = f.op(f"call ptr @ty_scratch(i64 %worker, i64 {total})")
            places = [f.gep(base, o) for o in offsets]
        self.kept_places = dict(zip(self.kept, places, strict=False))
        self.partials = dict(zip(folds, places[len(self.kept) :], strict=True))

    def fold_dtype(self, fold: int) -> DType:
        """The dtype a Fold runs in."""
        node = self.kernel.nodes[fold]
        assert isinstance(node, Fold)
        return sum_dtype(node.op, node.dtype)

    def row(self, outer: Sequence[Extent], start: Extent, stop: Extent) -> None:
        """One row from element ``start`` to ``stop``."""
        values: Values = {}
        self.seen = {}
        self.bases = {
            v: self.place(v, [*outer, 0])
            for v in [
                *(n.view for n in self.kernel.nodes if isinstance(n, Read)),
                *(w.view for w in self.kernel.writes),
            ]
        }
        self.outer_index = outer
        self.constants(0, values)
        for p in range(len(self.phases)):
            self.phase(p, start, stop, values)
            self.constants(p + 1, values)
        for w in range(len(self.kernel.writes)):
            if not self._full(w):
                store(self.one, values[self.kernel.writes[w].node], self.bases[self.kernel.writes[w].view])

    def place(self, view: View, at: Sequence[Extent]) -> str:
        """The address of an element."""
        number = self.frame.number
        offset = dot(self.f, number(view.offset), at, [number(s) for s in view.strides])
        return address(self.f, self.frame.pointers[view.buffer], self.types[view.buffer].dtype, offset)

    def constants(self, level: int, values: Values) -> None:
        """Nodes that are the same along the row, of one level."""
        for i, node in enumerate(self.kernel.nodes):
            if self.level[i] == level and not self.along[i] and not isinstance(node, Fold):
                self.scalar(i, self.outer_index, values)

    def scalar(self, i: int, outer: Sequence[Extent], values: Values) -> None:
        """One node for a single element."""
        node, k = self.kernel.nodes[i], self.one
        if isinstance(node, Read):
            place = self.place(node.view, [*outer, 0] if self.kernel.extents else [])
            values[i] = load(k, place, node.dtype)
        elif isinstance(node, Index):
            strides = [self.frame.number(s) for s in node.strides]
            first = dot(self.f, self.frame.number(node.offset), [*outer, 0][: len(strides)], strides)
            values[i] = index(k, node, first, 0)
        elif isinstance(node, Const):
            values[i] = constant(k, node)
        elif isinstance(node, Apply):
            values[i] = apply(k, node, [values[a] for a in node.args])

    # ---- phases

    def phase(self, p: int, start: Extent, stop: Extent, values: Values) -> None:
        """One walk along the row."""
        folds, _ = self.phases[p]
        if not folds:
            if self.single:
                self.block(p, 0, stop, values)
                return
            with self.f.loop(start, stop, LANES) as j:
                self.block(p, j, stop, values)
            return
        if isinstance(self.n, int) and self.n <= CHUNK:
            results = self.chunk(p, 0, self.n, values)
        else:
            with self.f.loop(0, self.chunks) as c:
                first = self.f.imul(c, CHUNK)
                last = self.f.imin(self.f.iadd(first, CHUNK), self.n)
                for i, result in zip(folds, self.chunk(p, first, last, values), strict=True):
                    store(self.one, result, address(self.f, self.partials[i], result.dtype, c))
            results = [self.over_chunks(i) for i in folds]
        for i, result in zip(folds, results, strict=True):
            values[i] = self.one.convert(result, self.kernel.nodes[i].dtype)

    def over_chunks(self, fold: int) -> Value:
        """The chunks' results folded."""
        node, dtype = self.kernel.nodes[fold], self.fold_dtype(fold)
        assert isinstance(node, Fold)
        result = fold_sequence(self.k, node.op, dtype, self.partials[fold], self.chunks)
        if isinstance(self.n, int):
            return result
        none = Value(self.f.op(f"icmp eq i64 {self.n}, 0"), bool_)
        return self.one.select(none, empty(self.one, node.op, dtype), result)

    def chunk(self, p: int, first: Extent, last: Extent, values: Values) -> list[Value]:
        """The Folds of a phase over at most 256 elements from ``first``: one element each."""
        folds, _ = self.phases[p]
        ops = [(operation(self.kernel.nodes[i]), self.fold_dtype(i)) for i in folds]
        if isinstance(self.n, int) and self.n == 0:
            return [empty(self.one, op, d) for op, d in ops]
        if self.single:
            pairs = zip(ops, self.block(p, 0, last, values), strict=True)
            return [halves(self.k, op, value) for (op, _), value in pairs]
        state = [t for op, d in ops for t in typed(self.k, identity(self.k, op, d))]
        group = GROUP if all(op in ("max", "min") for op, _ in ops) else 1
        size = LANES * group
        full = self.f.iadd(first, self.f.imul(self.f.idiv(self.f.isub(last, first), size), size))
        self.inside = True
        out = carry(self.f, first, full, state, self.stepper(p, ops, group, last, values), size)
        self.inside = False
        if full != last:
            state = [(t, o) for (t, _), o in zip(state, out, strict=True)]
            out = carry(self.f, full, last, state, self.stepper(p, ops, 1, last, values), LANES)
        results: list[Value] = []
        for op, dtype in ops:
            results.append(halves(self.k, op, untyped(out[: width(dtype)], dtype)))
            out = out[width(dtype) :]
        return results

    def stepper(
        self, p: int, ops: Sequence[tuple[str, DType]], group: int, last: Extent, values: Values
    ) -> Callable[..., list[str]]:
        """A step of the Folds: ``group`` blocks, combined among themselves first, where their order is free."""

        def step(j: str, *carried: str) -> list[str]:
            blocks = [self.block(p, self.f.iadd(j, LANES * g), last, values) for g in range(group)]
            result: list[str] = []
            rest = list(carried)
            for (op, dtype), *added in zip(ops, *blocks, strict=True):
                while len(added) > 1:
                    added = [combine(self.k, op, x, y) for x, y in zip(added[::2], added[1::2], strict=True)]
                before = untyped(rest[: width(dtype)], dtype)
                rest = rest[width(dtype) :]
                result += [o for _, o in typed(self.k, combine(self.k, op, before, added[0]))]
            return result

        return step

    def block(self, p: int, j: Extent, stop: Extent, row: Values) -> list[Value]:
        """Sixteen elements from ``j`` (fewer at the end): writes, and what the Folds get."""
        folds, writes = self.phases[p]
        values = self.vectors(p, j, stop, row)
        count = self.f.isub(stop, j)
        self.each_write(writes, values, j, count)
        for i in self.kept:
            if self.level[i] == p and i in values:
                self.write_block(values[i], self.kept_place(i, j), count)
        return [self.for_fold(i, values, count) for i in folds]

    def for_fold(self, fold: int, values: Values, count: Extent) -> Value:
        """A Fold's argument with what is missing at the end of the row replaced."""
        node, dtype = self.kernel.nodes[fold], self.fold_dtype(fold)
        assert isinstance(node, Fold)
        value = self.k.convert(values[node.arg], dtype)
        if self.whole(self.n):
            return value
        return self.k.select(present(self.k, self.f.imin(count, LANES)), value, identity(self.k, node.op, dtype))

    def whole(self, n: Extent) -> bool:
        """Whether there are only full vectors."""
        return self.inside or isinstance(n, int) and n % LANES == 0

    def vectors(self, p: int, j: Extent, stop: Extent, row: Values) -> Values:
        """All nodes that the phase needs at sixteen elements."""
        wanted = self._computed(p)
        values: Values = dict(self.seen)
        direct = [i for i in wanted if self._loaded(i, p) and i not in values]
        for i, value in zip(direct, self.load_blocks(direct, j, stop), strict=True):
            values[i] = value
        for i in wanted:
            if i not in values:
                values[i] = self.vector(i, j, stop, values, row)
        if self.single:
            self.seen = values
        return values

    def _computed(self, p: int) -> list[int]:
        """The nodes of a phase in order; what lies behind a kept one is not needed."""
        nodes = self.kernel.nodes
        found: set[int] = set()
        stack = list(self._wanted(p)) + [i for i in self.kept if self.level[i] == p]
        while stack:
            i = stack.pop()
            if i in found:
                continue
            found.add(i)
            if self.along[i] and not (i in self.kept and self.level[i] < p):
                stack.extend(arguments(nodes[i]))
        return sorted(found)

    def _loaded(self, i: int, p: int) -> bool:
        """Whether a node is sixteen elements one after the other in memory."""
        node = self.kernel.nodes[i]
        if i in self.kept and self.level[i] < p:
            return True
        return isinstance(node, Read) and self.along[i] and node.view.strides[-1] == 1

    def load_blocks(self, nodes: Sequence[int], j: Extent, stop: Extent) -> list[Value]:
        """Consecutive elements of several arrays: full vectors, or what there is."""
        if not nodes:
            return []
        places = [self.block_place(i, j) for i in nodes]
        dtypes = [self.kernel.nodes[i].dtype for i in nodes]

        def full() -> list[Value]:
            return [load(self.k, p, d) for p, d in zip(places, dtypes, strict=True)]

        if self.whole(self.n):
            return full()
        count = self.f.isub(stop, j)

        def partial() -> list[Value]:
            return [load_some(self.k, p, d, count) for p, d in zip(places, dtypes, strict=True)]

        if isinstance(count, int):
            return partial()
        return either(self.k, self.f.op(f"icmp sge i64 {count}, {LANES}"), full, partial)

    def block_place(self, i: int, j: Extent) -> str:
        """Where a loaded node's elements from ``j`` on lie."""
        if i in self.kept:
            return self.kept_place(i, j)
        node = self.kernel.nodes[i]
        assert isinstance(node, Read)
        return address(self.f, self.bases[node.view], node.dtype, j)

    def kept_place(self, i: int, j: Extent) -> str:
        """Where a kept node's elements from ``j`` on lie."""
        return address(self.f, self.kept_places[i], self.kernel.nodes[i].dtype, j)

    def vector(self, i: int, j: Extent, stop: Extent, values: Values, row: Values) -> Value:
        """One node at sixteen elements."""
        node, k = self.kernel.nodes[i], self.k
        if not self.along[i]:
            return splat(k, row[i])
        if isinstance(node, Read):
            return self.strided(node, j, stop)
        if isinstance(node, Index):
            strides = [self.frame.number(s) for s in node.strides]
            first = dot(self.f, self.frame.number(node.offset), [*self.outer_index, j], strides)
            return index(k, node, first, strides[-1])
        assert isinstance(node, Apply)
        return apply(k, node, [values[a] for a in node.args])

    def strided(self, node: Read, j: Extent, stop: Extent) -> Value:
        """Elements that lie apart, gathered in a block on the stack."""
        f, size = self.f, node.dtype.itemsize
        block = f.alloca(f"[{LANES * size} x i8]")
        if not self.whole(self.n):
            f.do(f"store [{LANES * size} x i8] zeroinitializer, ptr {block}, align 64")
        stride = self.frame.number(node.view.strides[-1])
        with f.loop(0, f.imin(LANES, f.isub(stop, j))) as i:
            source = address(f, self.bases[node.view], node.dtype, f.imul(f.iadd(j, i), stride))
            store(self.one, load(self.one, source, node.dtype), address(f, block, node.dtype, i))
        return load(self.k, block, node.dtype)

    # ---- writes

    def each_write(self, writes: Sequence[int], values: Values, j: Extent, count: Extent) -> None:
        """The writes of a phase at one block."""
        for w in writes:
            view, value = self.kernel.writes[w].view, values[self.kernel.writes[w].node]
            if view.strides[-1] == 1:
                self.write_block(value, address(self.f, self.bases[view], value.dtype, j), count)
            else:
                self.write_strided(view, value, j, count)

    def write_block(self, value: Value, place: str, count: Extent) -> None:
        """Store sixteen elements, or what there is."""
        if self.whole(self.n):
            store(self.k, value, place)
            return
        if isinstance(count, int):
            store_some(self.k, value, place, count)
            return
        choose(
            self.f,
            self.f.op(f"icmp sge i64 {count}, {LANES}"),
            lambda: store(self.k, value, place),
            lambda: store_some(self.k, value, place, count),
        )

    def write_strided(self, view: View, value: Value, j: Extent, count: Extent) -> None:
        """Store elements that lie apart."""
        f, dtype = self.f, value.dtype
        block = f.alloca(f"[{LANES * dtype.itemsize} x i8]")
        store(self.k, value, block)
        stride = self.frame.number(view.strides[-1])
        with f.loop(0, f.imin(LANES, count)) as i:
            target = address(f, self.bases[view], dtype, f.imul(f.iadd(j, i), stride))
            store(self.one, load(self.one, address(f, block, dtype, i), dtype), target)


def choose(f: Function, condition: str, yes: Callable[[], None], no: Callable[[], None]) -> None:
    """One of two pieces of code."""
    first, second, end = f.fresh("full"), f.fresh("part"), f.fresh("end")
    f.branch(condition, first, second)
    f.label(first)
    yes()
    f.jump(end)
    f.label(second)
    no()
    f.jump(end)
    f.label(end)


def either(k: Lanes, condition: str, yes: Callable[[], list[Value]], no: Callable[[], list[Value]]) -> list[Value]:
    """The values of one of two pieces of code."""
    f = k.function
    first, second, end = f.fresh("full"), f.fresh("part"), f.fresh("end")
    f.branch(condition, first, second)
    f.label(first)
    a, after_a = yes(), f.block
    f.jump(end)
    f.label(second)
    b, after_b = no(), f.block
    f.jump(end)
    f.label(end)
    return [_join(k, x, after_a, y, after_b) for x, y in zip(a, b, strict=True)]


def _join(k: Lanes, x: Value, x_block: str, y: Value, y_block: str) -> Value:
    kind = k.type_of(x.dtype)
    pairs = [(x.operand, y.operand), *([(x.imaginary, y.imaginary)] if x.imaginary else [])]
    joined = [k.function.op(f"phi {kind} [ {p}, %{x_block} ], [ {q}, %{y_block} ]") for p, q in pairs]
    return Value(joined[0], x.dtype, "".join(joined[1:]))
