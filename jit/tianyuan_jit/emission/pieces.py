"""Fused kernels that fold everything to one element: chunks on all threads, then the rest on one.

A unit is a chunk of 256 elements. Each stores its result in shared memory; ``Finish`` folds those by the same
rule and computes what depends on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.types import DType
from tianyuan_jit.emission.buffers import address, store
from tianyuan_jit.emission.folding import CHUNK, sum_dtype
from tianyuan_jit.emission.nodes import levels
from tianyuan_jit.emission.rows import Rows, Values
from tianyuan_jit.kernels import Fold, Fused, Read, View
from tianyuan_jit.text import Extent


def in_pieces(kernel: Fused) -> bool:
    """Whether all of a single, long axis is folded in one walk."""
    if kernel.folded != 1 or len(kernel.extents) != 1:
        return False
    if isinstance(kernel.extents[0], int) and kernel.extents[0] <= CHUNK:
        return False
    level = levels(kernel.nodes)
    folds = [level[n.arg] for n in kernel.nodes if isinstance(n, Fold)]
    full = [level[w.node] for w in kernel.writes if w.view.strides[0] != 0]
    return max([*folds, *full]) == 0


class Pieces(Rows):
    """The chunks of a task."""

    def emit(self) -> None:
        """Chunk after chunk; the results go to shared memory."""
        f = self.f
        low, high = self.frame.range()
        self.prepare()
        values: Values = {}
        self.constants(0, values)
        with f.loop(low, high) as c:
            first = f.imul(c, CHUNK)
            last = f.imin(f.iadd(first, CHUNK), self.n)
            for i, result in zip(self.phases[0][0], self.chunk(0, first, last, values), strict=True):
                store(self.one, result, address(f, self.partials[i], result.dtype, c))

    def prepare(self) -> None:
        """Addresses of views and of the partial results."""
        f = self.f
        self.outer_index: Sequence[Extent] = []
        self.kept_places: dict[int, str] = {}
        views = [*(n.view for n in self.kernel.nodes if isinstance(n, Read)), *(w.view for w in self.kernel.writes)]
        self.bases: dict[View, str] = {v: self.place(v, [0]) for v in views}
        self.chunks = self.frame.units
        offset: Extent = 0
        self.partials: dict[int, str] = {}
        for i in self.phases[0][0]:
            self.partials[i] = f.gep(self.frame.shared, offset)
            offset = f.iadd(offset, f.imul(self.chunks, _slot(self.fold_dtype(i))))

    @staticmethod
    def bytes_a_chunk(kernel: Fused) -> int:
        """Shared memory that each chunk needs."""
        folds = [n for n in kernel.nodes if isinstance(n, Fold)]
        return sum(_slot(sum_dtype(n.op, n.dtype)) for n in folds)


def _slot(dtype: DType) -> int:
    """Bytes of a partial result, rounded up so that every array of them is aligned."""
    return max(8, dtype.itemsize)


class Finish(Pieces):
    """Everything after the chunks, on one thread."""

    def emit(self) -> None:
        """Fold the partial results; the nodes that depend on them; their writes."""
        self.prepare()
        values: Values = {}
        self.constants(0, values)
        for i in self.phases[0][0]:
            values[i] = self.one.convert(self.over_chunks(i), self.kernel.nodes[i].dtype)
        self.constants(1, values)
        for w in range(len(self.kernel.writes)):
            if not self._full(w):
                store(self.one, values[self.kernel.writes[w].node], self.bases[self.kernel.writes[w].view])
