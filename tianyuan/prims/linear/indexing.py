"""Gather and scatter, adjoint to each other: windows of an array at index vectors, read or written.

An index vector at a *position* says where a window of x starts; ``lowering.Gather`` has the layout. The
updates of a scatter are applied in the row-major order of the positions, batch entry by batch entry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import evolve

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import NO_EFFECTS, Prim, Undef, primitive, type_of
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, NoRuleError, ShapeError, out_of_bounds
from tianyuan.prims.linear.axes import check_increasing, check_length
from tianyuan.prims.linear.broadcasting import broadcast, reduce_sum, with_batch_at, zeros
from tianyuan.prims.linear.counting import iota
from tianyuan.prims.linear.reshaping import moveaxis, reshape
from tianyuan.prims.linear.slicing import concatenate
from tianyuan.types import ALL, NUMERIC, REAL, ArrayType, DType, accumulator, as_dtype, int64

Ints = tuple[int, ...]
CHECK = frozenset({"check"})
WRITTEN = {"error": "error", "fill": "drop", "clip": "clip", "promise": "promise"}  # gather's mode to scatter's
READ = {written: read for read, written in WRITTEN.items()}


class Windows(Prim):
    """What gather and scatter share. ``axes`` and ``collapsed`` are axes of x, counted with its batch axes.

    Index vectors are i64[batch.., positions.., len(axes)]; the first ``batch`` axes of x are theirs too.
    ``sizes`` are the window's extents over the other axes of x; ``collapsed`` ones, of size 1, are dropped.
    """

    batch_axes: int
    axes: Ints
    sizes: Ints
    collapsed: Ints
    mode: str

    def effects(self) -> frozenset[str]:
        """An index out of bounds raises in mode error."""
        return CHECK if self.mode == "error" else NO_EFFECTS

    def geometry(self, x: ArrayType, indices: ArrayType) -> Ints:
        """The shape batch, positions, window; ShapeError or ArrayTypeError where things do not fit."""
        n = self.batch_axes
        check_increasing(self.name, "axes", self.axes, x.ndim)
        check_increasing(self.name, "collapsed axes", self.collapsed, x.ndim)
        check_length(self.name, "sizes", self.sizes, x.ndim - n)
        if indices.dtype != int64 or indices.ndim <= n or indices.shape[-1] != len(self.axes):
            raise ArrayTypeError(f"{self.name} takes index vectors i64[..., {len(self.axes)}], got {indices}")
        if indices.shape[:n] != x.shape[:n] or any(a < n for a in (*self.axes, *self.collapsed)):
            raise ShapeError(f"{self.name} takes {n} batch axes that agree, got {x} and {indices}")
        self._check_sizes(x, indices)
        return indices.shape[:-1] + self.window

    def _check_sizes(self, x: ArrayType, indices: ArrayType) -> None:
        used = math.prod(indices.shape[:-1]) > 0 and self.mode in ("clip", "promise")
        for a, size in enumerate(self.sizes, self.batch_axes):
            smallest = x.shape[a] if used or a not in self.collapsed else max(1, x.shape[a])
            if not 0 <= size <= smallest or (a in self.collapsed and size != 1):
                raise ShapeError(f"{self.name}: a window of {size} does not fit axis {a} of {x}")
            if a not in self.axes and size != x.shape[a] and a not in self.collapsed:
                raise ShapeError(f"{self.name}: axis {a} of {x} is not indexed, so its window is whole, not {size}")

    @property
    def window(self) -> Ints:
        """The window's shape without its collapsed axes."""
        return tuple(n for a, n in enumerate(self.sizes, self.batch_axes) if a not in self.collapsed)

    def batched(self) -> dict[str, Any]:
        """The fields with one more batch axis in front."""
        axes, collapsed = (tuple(a + 1 for a in some) for some in (self.axes, self.collapsed))
        return {"batch_axes": self.batch_axes + 1, "axes": axes, "collapsed": collapsed}

    # ---- the oracle's view

    def inside(self, x: Any, indices: Any) -> Any:
        """Whether the window at each position is in x; OutOfBoundsError for the first that is not, in mode error."""
        limits = np.array([x.shape[a] - self.sizes[a - self.batch_axes] for a in self.axes], np.int64)
        fits = (indices >= 0) & (indices <= limits)
        if self.mode == "error" and not fits.all():
            first = int(np.argmin(fits))  # row-major
            axis = self.axes[first % len(self.axes)]
            raise out_of_bounds(indices.flat[first], axis - self.batch_axes, x.shape[axis])
        return fits.all(-1)

    def places(self, x: Any, indices: Any) -> tuple[Any, ...]:
        """For each axis of x the index of every element of every window, clipped; collapsed axes kept."""
        n, positions = self.batch_axes, indices.shape[:-1]
        rank = len(positions) + len(self.sizes)
        grid = np.indices((*positions, *self.sizes), sparse=True)
        found = list(grid[:n])
        for a, size in enumerate(self.sizes, n):
            index = grid[len(positions) + a - n]
            if a in self.axes:
                start = np.clip(indices[..., self.axes.index(a)], 0, max(0, x.shape[a] - size))
                index = index + start.reshape(positions + (1,) * (rank - len(positions)))
            found.append(index)
        return tuple(np.broadcast_to(i, (*positions, *self.sizes)) for i in found)


def _layouts(ndim: int) -> list[dict[str, Any]]:
    """Fields that suit x of shape (3, 4, 5)[:ndim]: points, rows, columns, blocks, with and without a batch."""
    one = [(0, (0,), (1,), (0,)), (0, (0,), (2,), ()), (1, (), (), ()), (0, (), (3,), ())]
    two = [(0, (0,), (1, 4), (0,)), (0, (1,), (3, 2), ()), (0, (0, 1), (1, 1), (0, 1)), (1, (1,), (1,), (1,))]
    three = [(0, (0, 2), (1, 4, 2), (0,)), (1, (1,), (1, 5), (1,)), (2, (2,), (3,), ())]
    names = ("batch_axes", "axes", "sizes", "collapsed")
    return [dict(zip(names, f, strict=True)) for f in ([], one, two, three)[ndim]]


def _index_type(x: ArrayType, layout: dict[str, Any], positions: Ints) -> ArrayType:
    return ArrayType(int64, (*x.shape[: layout["batch_axes"]], *positions, len(layout["axes"])))


def _cases(dtype: DType, modes: Sequence[str]) -> list[tuple[ArrayType, ArrayType, dict[str, Any]]]:
    shapes = [(3,), (3, 4), (3, 4, 5)]
    made: list[tuple[ArrayType, ArrayType, dict[str, Any]]] = []
    for x in (ArrayType(dtype, s) for s in shapes):
        for i, layout in enumerate(_layouts(x.ndim)):
            for positions in ((), (6,), (2, 2), (0,)):
                mode = modes[(i + len(positions) + x.ndim) % len(modes)]
                made.append((x, _index_type(x, layout, positions), {**layout, "mode": mode}))
    return made


def _draw(rng: Any, type: ArrayType, argument: int, case: Case) -> Any:
    """Index vectors: in bounds where being outside is an error or undefined, else one step beyond as well."""
    if argument != 1:
        return None
    f, x = case.fields, case.args[0]
    beyond = 0 if f["mode"] in ("error", "promise") else 1
    limits: list[int] = [x.shape[a] - f["sizes"][a - f["batch_axes"]] for a in f["axes"]]
    drawn = [rng.integers(-beyond, limit + 1 + beyond, type.shape[:-1]) for limit in limits]
    return np.stack(drawn, -1) if drawn else np.zeros(type.shape, np.int64)


def _gathers(dtype: DType) -> list[Case]:
    made = _cases(dtype, ("error", "fill", "clip", "promise"))
    return [Case((x, i, *([ArrayType(dtype)] if f["mode"] == "fill" else [])), f) for x, i, f in made]


@primitive
class Gather(Windows):
    """y[b, p, w] = x[b, indices[b, p] + w]: windows of x at index vectors. Linear in x and fill; any dtype.

    A window that is not wholly inside x raises in mode ``error``, is ``fill`` (the third argument, 0-d) in
    mode ``fill``, moves inside in mode ``clip``, and never occurs in mode ``promise``. Negative indices are
    outside: callers wrap them.
    """

    batch_axes: int
    axes: Ints
    sizes: Ints
    collapsed: Ints
    mode: str
    cases = Cases(sweep=_gathers, dtypes=ALL, draw=_draw)

    def types(self, x: ArrayType, indices: ArrayType, *fill: ArrayType) -> tuple[ArrayType, ...]:
        """The dtype of x, in the shape batch, positions, window."""
        if self.mode not in WRITTEN:
            raise ArrayTypeError(f"gather's modes are {', '.join(WRITTEN)}, got {self.mode!r}")
        if len(fill) != (self.mode == "fill") or any(f.shape or f.dtype != x.dtype for f in fill):
            raise ArrayTypeError(f"gather takes a 0-d fill of the dtype of x in mode fill alone, got {fill} for {x}")
        return (x.strong.with_shape(self.geometry(x, indices)),)

    def lower(self, *types: ArrayType) -> lowering.Gather:
        """Copies of windows."""
        return lowering.Gather(self.batch_axes, self.axes, self.sizes, self.collapsed, self.mode)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dy = the same windows of dx, with dfill outside."""
        y, (x, indices, *fill) = self(*primals), primals
        if all(t is None for t in tangents):
            return y, None
        dx, _, *dfill = tangents
        filled = [scalar(0, x.dtype) if t is None else t for _, t in zip(fill, dfill, strict=True)]
        return y, self(zeros(x.type) if dx is None else dx, indices, *filled)

    def transpose(self, cts: Any, x: Any, indices: Any, *fill: Any) -> tuple[Any, ...]:
        """ct_x adds ct where it was read; ct_fill is the sum of ct over the windows outside."""
        ct_x = None
        if isinstance(x, Undef):
            made = Scatter("add", self.batch_axes, self.axes, self.sizes, self.collapsed, WRITTEN[self.mode])
            ct_x = made(zeros(x.type), indices, cts)
        return (
            ct_x,
            None,
            *(self._sum_outside(cts, type_of(x), indices) if isinstance(f, Undef) else None for f in fill),
        )

    def _sum_outside(self, ct: Array, x: ArrayType, indices: Array) -> Array:
        kept = choose(self._outside(x, indices), zeros(ct.type), ct)
        return reduce_sum(kept, range(ct.ndim))

    def _outside(self, x: ArrayType, indices: Array) -> Array:
        """i64 of the result's shape: 1 where a window is outside, else 0."""
        return self(zeros(ArrayType(int64, x.shape)), indices, scalar(1, int64))

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """A batch of x is one more batch axis; of indices alone, one more axis of positions.

        So x is not repeated. Where x has batch axes already, those come before the new positions: the same values,
        but of several indices out of bounds another one may be named first.
        """
        x, indices, *fill = args
        if fill and dims[2] is not None:
            return self._with_fills(size, args, dims), 0
        if dims[0] is None:
            assert dims[1] is not None
            return self(x, moveaxis(indices, dims[1], self.batch_axes), *fill), self.batch_axes
        made = evolve(self, **self.batched())
        return made(moveaxis(x, dims[0], 0), with_batch_at(indices, dims[1], size, 0), *fill), 0

    def _with_fills(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> Array:
        """One fill per entry: gather with any fill, then put each entry's own one outside."""
        (x, indices), fill = (with_batch_at(a, d, size, 0) for a, d in zip(args[:2], dims, strict=False)), args[2]
        made = evolve(self, **self.batched())
        y = made(x, indices, scalar(0, x.dtype))
        return choose(made._outside(x.type, indices), y, broadcast(fill, y.shape, (0,)))

    def oracle(self, *args: Any) -> Any:
        """NumPy's advanced indexing."""
        x, indices, *fill = args
        inside = self.inside(x, indices)
        shape = indices.shape[:-1] + self.window
        if not all(shape) or not x.size:
            return np.full(shape, fill[0] if fill else 0, x.dtype)
        y: Any = x[self.places(x, indices)].reshape(shape)
        if fill:
            y[~inside] = fill[0]
        return y


def _scatters(dtype: DType) -> list[Case]:
    made = _cases(dtype, ("error", "drop", "clip", "promise"))
    ops = [op for op, allowed in OPERATIONS.items() if dtype in allowed]
    chosen = [(ops[(i + i // len(ops) + 2 * k) % len(ops)], *c) for i, c in enumerate(made) for k in range(2)]
    return [Case((x, i, ArrayType(dtype, _shape(x, i, f))), {"op": op, **f}) for op, x, i, f in chosen]


def _shape(x: ArrayType, indices: ArrayType, f: dict[str, Any]) -> Ints:
    kept = [n for a, n in enumerate(f["sizes"], f["batch_axes"]) if a not in f["collapsed"]]
    return (*indices.shape[:-1], *kept)


OPERATIONS: dict[str, tuple[DType, ...]] = {"set": ALL, "add": NUMERIC, "mul": NUMERIC, "min": REAL, "max": REAL}
DERIVATIVES: dict[str, Callable[..., Any]] = {}  # of mul, min and max: installed by prims.scattering


@primitive
class Scatter(Windows):
    """y = x, then y[b, indices[b, p] + w] = op(itself, updates[b, p, w]), position by position.

    ``op``: set (the last writer wins; any dtype), add, mul (numbers), min, max (real numbers). Sums and products
    of 16-bit floats run in f32 and round once. A window that is not wholly inside raises in mode ``error``, is
    left out in mode ``drop``, moves inside in mode ``clip``, never occurs in mode ``promise``. Set and add are
    linear in x and updates.
    """

    op: str
    batch_axes: int
    axes: Ints
    sizes: Ints
    collapsed: Ints
    mode: str
    cases = Cases(sweep=_scatters, dtypes=ALL, draw=_draw)

    def types(self, x: ArrayType, indices: ArrayType, updates: ArrayType) -> tuple[ArrayType, ...]:
        """The type of x; the updates have its dtype and the shape batch, positions, window."""
        if self.mode not in READ or self.op not in OPERATIONS:
            known = f"ops are {', '.join(OPERATIONS)}, modes {', '.join(READ)}"
            raise ArrayTypeError(f"scatter's {known}; got {self.op!r} and {self.mode!r}")
        if x.dtype not in OPERATIONS[self.op] and not (self.op == "set" and x.dtype.kind == "k"):
            raise ArrayTypeError(f"scatter {self.op} does not take {x}")
        shape = self.geometry(x, indices)
        if updates.dtype != x.dtype or updates.shape != shape:
            raise ArrayTypeError(f"scatter takes updates {x.with_shape(shape)}, got {updates}")
        return (x.strong,)

    def lower(self, *types: ArrayType) -> lowering.Scatter:
        """Updates in order."""
        return lowering.Scatter(self.op, self.batch_axes, self.axes, self.sizes, self.collapsed, self.mode)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """Set and add: the same scatter of tangents. The others: ``prims.scattering``."""
        y, (x, indices, updates), (dx, _, du) = self(*primals), primals, tangents
        if dx is None and du is None:
            return y, None
        if self.op not in ("set", "add"):
            return y, DERIVATIVES[self.op](self, y, primals, tangents)
        if du is None and self.op == "add":
            return y, dx
        parts = [zeros(p.type) if t is None else t for p, t in ((x, dx), (updates, du))]
        return y, self(parts[0], indices, parts[1])

    def transpose(self, cts: Any, x: Any, indices: Any, updates: Any) -> tuple[Any, ...]:
        """Add: ct to x, and ct read back. Set: ct where nothing was written, and to the last writers."""
        if self.op not in ("set", "add"):
            raise NoRuleError(f"scatter {self.op} is not linear in what is differentiated, so it has no transpose")
        ct_u = self._to_updates(cts, indices, type_of(updates)) if isinstance(updates, Undef) else None
        if not isinstance(x, Undef):
            return None, None, ct_u
        return self(cts, indices, zeros(type_of(updates))) if self.op == "set" else cts, None, ct_u

    def _to_updates(self, ct: Array, indices: Array, updates: ArrayType) -> Array:
        alone = math.prod(indices.shape[self.batch_axes : -1]) <= 1  # one window an entry overwrites no other
        return self._to_writers(ct, indices, updates) if self.op == "set" and not alone else self.read(ct, indices)

    def read(self, x: Array, indices: Array) -> Array:
        """x at the windows written to; 0 where a window was left out."""
        fill = [scalar(0, x.dtype)] if self.mode == "drop" else []
        return Gather(self.batch_axes, self.axes, self.sizes, self.collapsed, READ[self.mode])(x, indices, *fill)

    def _to_writers(self, ct: Array, indices: Array, updates: ArrayType) -> Array:
        """Each element of ct goes to the update that wrote it: scatter the updates' numbers, then scatter ct back."""
        numbers = reshape(iota(int64, (updates.size,), 0), updates.shape)
        writer = self(broadcast(scalar(-1, int64), ct.shape, ()), indices, numbers)
        one = Scatter("set", 0, (0,), (1,), (0,), "drop")
        nothing = zeros(ArrayType(ct.dtype, (updates.size,)))
        return reshape(one(nothing, reshape(writer, (ct.size, 1)), reshape(ct, (ct.size,))), updates.shape)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """One more batch axis."""
        made = evolve(self, **self.batched())
        return made(*(with_batch_at(a, d, size, 0) for a, d in zip(args, dims, strict=True))), 0

    def oracle(self, *args: Any) -> Any:
        """NumPy's assignment and ``ufunc.at``, element by element in order."""
        x, indices, updates = args
        inside = self.inside(x, indices)
        dtype = as_dtype(x.dtype)
        y = x.astype(accumulator(dtype).numpy if self.op in ("add", "mul") else x.dtype)
        if not updates.size or not x.size:
            return y.astype(x.dtype)
        chosen = [p[inside] if self.mode == "drop" else p for p in self.places(x, indices)]
        values = updates.reshape((*indices.shape[:-1], *self.sizes))
        values = (values[inside] if self.mode == "drop" else values).astype(y.dtype)
        _apply(self.op, y, tuple(p.ravel() for p in chosen), values.ravel())
        return y.astype(x.dtype)


def _apply(op: str, y: Any, places: tuple[Any, ...], values: Any) -> None:
    if op == "set":
        for place, value in zip(zip(*places, strict=True), values, strict=True):
            y[place] = value
    else:
        {"add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}[op].at(y, places, values)


def choose(which: Array, zero: Array, one: Array) -> Array:
    """``one`` where ``which`` is 1, ``zero`` where it is 0, element by element: a gather from both."""
    n = which.size
    both = concatenate(*(reshape(v, (1, n)) for v in (zero, one)), axis=0)
    places = concatenate(reshape(which, (n, 1)), reshape(iota(int64, (n,), 0), (n, 1)), axis=1)
    picked = gather(both, places, batch=0, axes=(0, 1), sizes=(1, 1), collapsed=(0, 1), mode="promise")
    return reshape(picked, which.shape)


def gather(
    x: Array,
    indices: Array,
    fill: Array | None = None,
    *,
    batch: int,
    axes: Sequence[int],
    sizes: Sequence[int],
    collapsed: Sequence[int],
    mode: str,
) -> Array:
    """Windows of ``x`` at index vectors (``Gather``); ``fill`` is 0 by default in mode fill."""
    made = Gather(batch, tuple(axes), tuple(sizes), tuple(collapsed), mode)
    if mode != "fill":
        return made(x, indices)
    return made(x, indices, scalar(0, x.dtype) if fill is None else fill)


def scatter(
    x: Array,
    indices: Array,
    updates: Array,
    *,
    op: str,
    batch: int,
    axes: Sequence[int],
    sizes: Sequence[int],
    collapsed: Sequence[int],
    mode: str,
) -> Array:
    """``x`` with updates applied at index vectors (``Scatter``)."""
    return Scatter(op, batch, tuple(axes), tuple(sizes), tuple(collapsed), mode)(x, indices, updates)
