"""Fused kernels as kernels of a GPU: one element a thread, or one row of folds for sixteen threads.

Maps walk the domain in a grid-stride loop. Where axes are folded, sixteen neighbouring threads share a row:
thread l is lane l of ORDER(16, 256), and lanes are folded by shuffles, so that no memory is shared. The chunks'
results are a sequence that is folded in passing, by the same lanes, and theirs again: a level of chunks is a
loop around the one below. What an element is, is the same text as on the CPU (``emission.nodes``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianyuan.types import ArrayType, DType, bool_
from tianyuan_gpu.threads import Threads
from tianyuan_jit.emission.buffers import Typed, address, carry, load, store
from tianyuan_jit.emission.folding import CHUNK, LANES, combine, empty, identity, sum_dtype, typed, untyped, width
from tianyuan_jit.emission.frames import dot, unravel
from tianyuan_jit.emission.nodes import apply, constant, index, levels, needed
from tianyuan_jit.kernels import Apply, Arg, Const, Fold, Fused, Index, Read, View
from tianyuan_jit.kernels import Extent as Number
from tianyuan_jit.scalars.library import SelfContained
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function, Module

Values = dict[int, Value]
WARP = 32
LEVELS = 4  # of chunks, where the extent is not known: 256**4 elements
Element = Callable[[Extent], Value]


def emit_kernel(module: Module, name: str, kernel: Fused, types: Sequence[ArrayType], numbers: int = 0) -> None:
    """Define ``void @name(ptr buffer.., i64 number..)`` for any grid of blocks of a multiple of 32 threads.

    ``types`` are by buffer number; every buffer is a parameter.
    """
    f = Function(module)
    _Kernel(f, kernel, types).emit()
    params = [*(f"ptr %b{i}" for i in range(len(types))), *(f"i64 %n{i}" for i in range(numbers))]
    f.finish(f"ptx_kernel void @{name}({', '.join(params)})")


class _Kernel:
    """One kernel's text."""

    def __init__(self, f: Function, kernel: Fused, types: Sequence[ArrayType]) -> None:
        self.f, self.kernel, self.types = f, kernel, types
        self.k = SelfContained(f, 1, "nvptx64")
        self.threads = Threads(self.k)
        extents = [self.number(e) for e in kernel.extents]
        outer = len(extents) - kernel.folded
        self.outer, self.inner = extents[:outer], extents[outer:]
        self.level = levels(kernel.nodes)

    def number(self, value: Number) -> Extent:
        """A kernel's number as an operand."""
        return f"%n{value.index}" if isinstance(value, Arg) else value

    def size(self, extents: Sequence[Extent]) -> Extent:
        """A product."""
        result: Extent = 1
        for e in extents:
            result = self.f.imul(result, e)
        return result

    def emit(self) -> None:
        """All elements, or all rows."""
        f, count = self.f, self.size(self.outer)
        first, step = self.threads.first(), self.threads.count()
        if self.kernel.folded:
            self.rows(f.idiv(first, WARP), f.idiv(step, WARP), count)
            return
        with f.loop(first, count, step) as i:
            at = unravel(f, i, self.outer)
            self.write(range(len(self.kernel.writes)), self.nodes(at, [], {}, self.wanted_by_writes()))

    def rows(self, first: Extent, step: Extent, count: Extent) -> None:
        """Two rows a warp, whose threads all take part in shuffles: a half without a row repeats the last one."""
        f = self.f
        self.lane, half = self.threads.lane(), self.threads.half()
        pairs = f.idiv(f.iadd(count, 1), 2)
        with f.loop(first, pairs, step) as pair:
            i = f.iadd(f.imul(pair, 2), half)
            self.present = f.op(f"icmp slt i64 {i}, {count}")
            self.row(unravel(f, f.imin(i, f.isub(count, 1)), self.outer))

    def wanted_by_writes(self) -> list[int]:
        """The nodes that are written."""
        return [w.node for w in self.kernel.writes]

    # ---- nodes at a point

    def nodes(self, outer: Sequence[Extent], inner: Sequence[Extent], known: Values, wanted: Sequence[int]) -> Values:
        """``wanted`` and what they need, at a point; Folds are known."""
        self.at = [*outer, *inner]
        values = dict(known)
        for i in needed(self.kernel.nodes, [w for w in wanted if w not in known]):
            if i not in values and self.reachable(i, known):
                values[i] = self.node(i, values)
        return values

    def reachable(self, i: int, known: Values) -> bool:
        """Whether a node can be computed from the Folds that are known."""
        folds = [j for j in needed(self.kernel.nodes, [i]) if isinstance(self.kernel.nodes[j], Fold)]
        return all(j in known for j in folds)

    def node(self, i: int, values: Values) -> Value:
        """One node."""
        node, k = self.kernel.nodes[i], self.k
        if isinstance(node, Read):
            return load(k, self.place(node.view), node.dtype)
        if isinstance(node, Index):
            strides = [self.number(s) for s in node.strides]
            return index(k, node, dot(self.f, self.number(node.offset), self.at[: len(strides)], strides), 0)
        if isinstance(node, Const):
            return constant(k, node)
        assert isinstance(node, Apply)
        return apply(k, node, [values[a] for a in node.args])

    def place(self, view: View) -> str:
        """The address of an element."""
        strides = [self.number(s) for s in view.strides]
        offset = dot(self.f, self.number(view.offset), self.at, strides)
        return address(self.f, f"%b{view.buffer}", self.types[view.buffer].dtype, offset)

    def write(self, writes: Sequence[int], values: Values) -> None:
        """Store through the views."""
        for w in writes:
            write = self.kernel.writes[w]
            store(self.k, values[write.node], self.place(write.view))

    # ---- rows

    def row(self, outer: Sequence[Extent]) -> None:
        """The folds of one row, level by level, then its writes."""
        nodes, writes = self.kernel.nodes, self.kernel.writes
        known: Values = {}
        folds = [i for i, n in enumerate(nodes) if isinstance(n, Fold)]
        for i in sorted(folds, key=lambda i: self.level[i]):
            known[i] = self.fold(i, outer, known)
        inside = [w for w in range(len(writes)) if any(s != 0 for s in writes[w].view.strides[len(outer) :])]
        if inside:
            with self.f.when(self.present), self.f.loop(self.lane, self.size(self.inner), LANES) as j:
                self.write(inside, self.nodes(outer, self.along(j), known, [writes[w].node for w in inside]))
        once = [w for w in range(len(writes)) if w not in inside]
        single = self.f.op(f"icmp eq i64 {self.lane}, 0")
        with self.f.when(self.f.op(f"and i1 {single}, {self.present}")):
            zeros: list[Extent] = [0] * len(self.inner)
            self.write(once, self.nodes(outer, zeros, known, [writes[w].node for w in once]))

    def along(self, j: Extent) -> list[Extent]:
        """The folded index of element ``j`` of a row."""
        return unravel(self.f, j, self.inner)

    def fold(self, i: int, outer: Sequence[Extent], known: Values) -> Value:
        """A Fold of one row: the same value in all sixteen threads."""
        node = self.kernel.nodes[i]
        assert isinstance(node, Fold)
        dtype, n = sum_dtype(node.op, node.dtype), self.size(self.inner)

        def element(j: Extent) -> Value:
            return self.k.convert(self.nodes(outer, self.along(j), known, [node.arg])[node.arg], dtype)

        result = _Folding(self, node.op, dtype, element, n).result()
        none = Value(self.f.op(f"icmp eq i64 {n}, 0"), bool_)
        result = self.k.select(none, empty(self.k, node.op, dtype), result)
        return self.k.convert(result, node.dtype)


class _Folding:
    """ORDER(16, 256) of ``n`` elements by the sixteen threads of a row."""

    def __init__(self, kernel: _Kernel, op: str, dtype: DType, element: Element, n: Extent) -> None:
        self.k, self.f, self.lane, self.threads = kernel.k, kernel.f, kernel.lane, kernel.threads
        self.op, self.dtype, self.element, self.n = op, dtype, element, n

    def result(self) -> Value:
        """The whole fold; levels that have nothing to do change nothing."""
        return self.level(self.levels(), 0, self.n)

    def levels(self) -> int:
        """How many levels of chunks are above the first."""
        if not isinstance(self.n, int):
            return LEVELS - 1
        count = 0
        while CHUNK ** (count + 1) < self.n:
            count += 1
        return count

    def level(self, level: int, start: Extent, stop: Extent) -> Value:
        """The fold of the elements from ``start`` to ``stop``, at most 256**(level + 1)."""
        if level == 0:
            return self.chunk(start, stop)
        f, size = self.f, CHUNK**level
        count = f.idiv(f.iadd(f.isub(stop, start), size - 1), size)

        def step(c: str, *state: str) -> list[str]:
            first = f.iadd(start, f.imul(c, size))
            part = self.level(level - 1, first, f.imin(f.iadd(first, size), stop))
            mine = f.op(f"icmp eq i64 {f.irem(c, LANES)}, {self.lane}")
            before = untyped(state, self.dtype)
            added = combine(self.k, self.op, before, part)
            return self.parts(self.k.select(Value(mine, bool_), added, before))

        return self.lanes_folded(carry(f, 0, count, self.start(), step))

    def chunk(self, start: Extent, stop: Extent) -> Value:
        """At most 256 elements: every sixteenth in each lane."""
        f = self.f

        def step(j: str, *state: str) -> list[str]:
            return self.parts(combine(self.k, self.op, untyped(state, self.dtype), self.element(j)))

        return self.lanes_folded(carry(f, f.iadd(start, self.lane), stop, self.start(), step, LANES))

    def start(self) -> list[Typed]:
        """What changes nothing, as carried operands."""
        return typed(self.k, identity(self.k, self.op, self.dtype))

    def parts(self, value: Value) -> list[str]:
        """A value as carried operands."""
        return [operand for _, operand in typed(self.k, value)]

    def lanes_folded(self, state: Sequence[str]) -> Value:
        """v[l] op v[l + 8], then + 4, + 2, + 1; the result of lane 0 in every thread."""
        assert len(state) == width(self.dtype)
        value = untyped(state, self.dtype)
        for half in (8, 4, 2, 1):
            value = combine(self.k, self.op, value, self.threads.down(value, half))
        return self.threads.of_first(value)
