"""Windows of an array at index vectors: what gathers and scatters have in common.

An index vector at a *position* (row-major over the batch and position axes) says where a window of x
starts. In memory a window is a few loops around runs of consecutive elements.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from attrs import frozen

from tianyuan.lowering import Gather, Scatter
from tianyuan_jit.emission.buffers import Buffer, address, nest, product, strides
from tianyuan_jit.emission.status import record
from tianyuan_jit.text import Extent, Function

Rows = tuple[Extent, Extent]


@frozen
class Site:
    """Where failures are recorded, and under which equation's number."""

    status: str
    ordinal: Extent


@frozen
class Windows:
    """The geometry of a Gather or Scatter; extents and strides in elements.

    ``extents`` are the window's over all axes of x (1 on batch axes). ``loops`` are the axes of x walked
    one step at a time, ``run`` the consecutive elements at each step.
    """

    indices: Buffer
    batch: int
    axes: tuple[int, ...]
    shape: tuple[Extent, ...]
    steps: tuple[Extent, ...]
    extents: tuple[Extent, ...]
    loops: tuple[int, ...]
    run: Extent
    size: Extent
    entries: Extent  # batch entries
    positions: Extent  # index vectors in an entry
    entry: Extent  # elements of x in an entry


def windows(f: Function, lowering: Gather | Scatter, x: Buffer, indices: Buffer, values: Buffer) -> Windows:
    """The geometry; ``values`` is the gathered result, or the updates, which end with the window's axes."""
    batch, extents = lowering.batch, _extents(lowering, x, values)
    loops, run = _runs(f, x.shape, extents)
    return Windows(
        indices=indices,
        batch=batch,
        axes=lowering.axes,
        shape=x.shape,
        steps=tuple(strides(f, x.shape)),
        extents=extents,
        loops=loops,
        run=run,
        size=product(f, extents),
        entries=product(f, x.shape[:batch]),
        positions=product(f, indices.shape[batch:-1]),
        entry=product(f, x.shape[batch:]),
    )


def _extents(lowering: Gather | Scatter, x: Buffer, values: Buffer) -> tuple[Extent, ...]:
    """The window's extents from the buffers (the lowering's ``sizes`` may be those of another call)."""
    kept = [a for a in range(lowering.batch, len(x.shape)) if a not in lowering.collapsed]
    trailing = values.shape[len(values.shape) - len(kept) :]
    of_axis = dict(zip(kept, trailing, strict=True))
    return tuple(of_axis.get(a, 1) for a in range(len(x.shape)))


def _runs(f: Function, shape: Sequence[Extent], extents: Sequence[Extent]) -> tuple[tuple[int, ...], Extent]:
    """Axes to loop over, and the length of a run: whole trailing axes, and a part of the one before."""
    run: Extent = 1
    axis = len(shape)
    while axis > 0:
        axis -= 1
        run = f.imul(run, extents[axis])
        if extents[axis] != shape[axis]:
            break
    return tuple(a for a in range(axis) if extents[a] != 1), run


@contextmanager
def positions(f: Function, w: Windows, rows: Rows | None) -> Generator[tuple[Extent, Extent]]:
    """Loops over (batch entry, flat position), all or those in the range ``rows``, in row-major order."""
    low, high = rows or (0, f.imul(w.entries, w.positions))
    if w.entries == 1:
        with f.loop(low, high) as position:
            yield 0, position
        return
    per_entry = f.imax(w.positions, 1)
    first, last = (f.idiv(low, per_entry), f.idiv(f.iadd(high, f.isub(per_entry, 1)), per_entry))
    with f.loop(first, last) as entry:
        start = f.imul(entry, w.positions)
        with f.loop(f.imax(low, start), f.imin(high, f.iadd(start, w.positions))) as position:
            yield entry, position


def locate(f: Function, w: Windows, mode: str, site: Site, entry: Extent, position: Extent) -> tuple[Extent, str]:
    """The offset in x of the window at a position, and an i1: whether the window may be touched.

    clip moves the window inside; error records the first axis that is out of bounds, counted without batch axes.
    """
    offset, inside = f.imul(entry, w.entry), "true"
    vector = address(f, w.indices.pointer, w.indices.dtype, f.imul(position, len(w.axes)))
    for component, axis in enumerate(w.axes):
        index: Extent = f.op(f"load i64, ptr {f.gep(vector, 8 * component)}")
        limit = f.isub(w.shape[axis], w.extents[axis])
        if mode == "clip":
            index = f.imax(0, f.imin(index, limit))
        elif mode != "promise":
            fits = _fits(f, index, limit)
            if mode == "error":
                _record_unless(f, fits, w, site, axis=axis, position=position, index=index)
            inside = fits if inside == "true" else f.op(f"and i1 {inside}, {fits}")
        offset = f.iadd(offset, f.imul(index, w.steps[axis]))
    return offset, inside


def _fits(f: Function, index: Extent, limit: Extent) -> str:
    above, below = f.op(f"icmp sge i64 {index}, 0"), f.op(f"icmp sle i64 {index}, {limit}")
    return f.op(f"and i1 {above}, {below}")


def _record_unless(
    f: Function, fits: str, w: Windows, site: Site, *, axis: int, position: Extent, index: Extent
) -> None:
    with f.when(f.op(f"xor i1 {fits}, true")):
        size = w.shape[axis]
        record(f, site.status, site.ordinal, position=position, value=index, axis=axis - w.batch, size=size)


@contextmanager
def runs(f: Function, w: Windows) -> Generator[tuple[Extent, Extent]]:
    """Loops over a window's runs; yields their offsets from the window's start, in x and in the window."""
    extents = [w.extents[a] for a in w.loops]
    with nest(f, extents) as indices:
        in_x: Extent = 0
        in_window: Extent = 0
        for i, axis in zip(indices, w.loops, strict=True):
            in_x = f.iadd(in_x, f.imul(i, w.steps[axis]))
        for i, step in zip(indices, strides(f, extents), strict=True):
            in_window = f.iadd(in_window, f.imul(f.imul(i, step), w.run))
        yield in_x, in_window
