"""``x[index]``: what is known now becomes slices and reshapes, what is not one gather."""

from __future__ import annotations

from typing import Any

from tianyuan.array import OPERATORS, Array
from tianyuan.indexing.parsing import Places, Plan, Point, Span, plan
from tianyuan.indexing.vectors import vectors, wrapped
from tianyuan.prims.linear import gather, reshape, reverse, slice, transpose


def getitem(x: Array, index: Any) -> Array:
    """``x[index]`` as NumPy's basic and advanced indexing; negative indices wrap once, outside raises."""
    return read(x, plan(index, x.shape), "error", None)


def read(x: Array, p: Plan, mode: str, fill: Array | None) -> Array:
    """What a plan selects; ``mode`` and ``fill`` as of gather."""
    sliced = _sliced(x, p)
    if not any(isinstance(e, Places) for e in p.entries):
        return reshape(sliced, p.result)
    return _placed(_gathered(sliced, p, mode, fill), p)


def _sliced(x: Array, p: Plan) -> Array:
    """Spans and points applied, points as axes of size 1."""
    starts, stops, steps, back = [0] * x.ndim, list(x.shape), [1] * x.ndim, list[int]()
    for a, e in enumerate(p.entries):
        if isinstance(e, Point):
            starts[a], stops[a] = e.index, e.index + 1
        elif isinstance(e, Span):
            first, last = e.start, e.start + (e.length - 1) * e.step
            low, high = min(first, last), max(first, last)
            starts[a], stops[a], steps[a] = (low, high + 1, abs(e.step)) if e.length else (0, 0, 1)
            back += [a] if e.step < 0 and e.length > 1 else []
    return reverse(slice(x, starts, stops, steps), back)


def _gathered(x: Array, p: Plan, mode: str, fill: Array | None) -> Array:
    """The axes of the index arrays' common shape, then those of the spans."""
    axes = [a for a, e in enumerate(p.entries) if isinstance(e, Places)]
    components = [wrapped(e.indices, p.shape[a]) for a, e in enumerate(p.entries) if isinstance(e, Places)]
    collapsed = [a for a, e in enumerate(p.entries) if not isinstance(e, Span)]
    sizes = [1 if a in collapsed else n for a, n in enumerate(x.shape)]
    at = vectors(components, p.broadcast)
    return gather(x, at, fill, batch=0, axes=axes, sizes=sizes, collapsed=collapsed, mode=mode)


def _placed(y: Array, p: Plan) -> Array:
    """The axes of the index arrays at their place, and the new axes."""
    count = len(p.broadcast)
    before = sum(a is not None for a in p.layout[: p.at])
    spans = range(count, y.ndim)
    moved = transpose(y, (*spans[:before], *range(count), *spans[before:]))
    return reshape(moved, p.result)


OPERATORS["getitem"] = getitem
