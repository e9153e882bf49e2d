"""Slice and pad, adjoint to each other; reverse, its own adjoint; concatenate, whose adjoint slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Rewriting, Undef, primitive, type_of
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear.axes import check_increasing, check_length, inserted, shifted, subsets
from tianyuan.prims.linear.broadcasting import broadcast, reduce_sum, with_batch_at, zeros
from tianyuan.prims.linear.reshaping import expand_dims, reshape
from tianyuan.prims.linear.structural import Linear
from tianyuan.types import ALL, ArrayType, DType, as_dtype

Ints = tuple[int, ...]


def _slices(dtype: DType) -> list[Case]:
    def case(shape: Ints, starts: Ints, stops: Ints, steps: Ints) -> Case:
        return Case((ArrayType(dtype, shape),), {"starts": starts, "stops": stops, "steps": steps})

    line = [
        case((7,), (a,), (b,), (s,))
        for a, b, s in [(0, 7, 1), (2, 5, 1), (1, 7, 2), (1, 6, 3), (3, 3, 1), (7, 7, 2), (0, 1, 9)]
    ]
    more = [((2, 5, 4), (1, 0, 1), (2, 5, 4), (1, 2, 2)), ((0, 3), (0, 1), (0, 3), (1, 1))]
    return [case((), (), (), ()), *line, *(case(*fields) for fields in more)]


@primitive
class Slice(Linear):
    """y[i] = x[starts + i * steps], up to ``stops``. Steps are positive; any dtype."""

    starts: Ints
    stops: Ints
    steps: Ints
    rearranges = True
    cases = Cases(sweep=_slices, dtypes=ALL)

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """One extent per axis, ceil((stop - start) / step); ShapeError outside 0 <= start <= stop <= n."""
        for what in ("starts", "stops", "steps"):
            check_length("slice", what, getattr(self, what), x.ndim)
        for a, (n, start, stop, step) in enumerate(zip(x.shape, self.starts, self.stops, self.steps, strict=True)):
            if step < 1 or not 0 <= start <= stop <= n:
                raise ShapeError(f"slice {start}:{stop}:{step} does not fit axis {a} of {x}")
        return (x.with_shape(self.extents),)

    @property
    def extents(self) -> Ints:
        """The result's shape."""
        ranges = zip(self.starts, self.stops, self.steps, strict=True)
        return tuple(len(range(*r)) for r in ranges)

    def lower(self, *types: ArrayType) -> lowering.Slice:
        """A walk with positive steps."""
        return lowering.Slice(self.starts, self.steps)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct_x is ct where the slice was taken, else 0."""
        spans = [(m - 1) * s + 1 if m else 0 for m, s in zip(self.extents, self.steps, strict=True)]
        shape = type_of(args[0]).shape
        high = [n - start - w for n, start, w in zip(shape, self.starts, spans, strict=True)]
        return (pad(cts, scalar(0, cts.dtype), self.starts, high, [s - 1 for s in self.steps]),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The whole of the batch axis, where it is."""
        (x,), (d,) = args, dims
        assert d is not None
        ranges = inserted(self.starts, d, 0), inserted(self.stops, d, size), inserted(self.steps, d, 1)
        return slice(x, *ranges), d

    def oracle(self, *args: Any) -> Any:
        """NumPy's slicing."""
        ranges = zip(self.starts, self.stops, self.steps, strict=True)
        return args[0][tuple(np.s_[a:b:s] for a, b, s in ranges)]


def _pads(dtype: DType) -> list[Case]:
    def case(shape: Ints, low: Ints, high: Ints, interior: Ints) -> Case:
        fields = {"low": low, "high": high, "interior": interior}
        return Case((ArrayType(dtype, shape), ArrayType(dtype)), fields)

    line = [
        case((n,), (a,), (b,), (m,))
        for n, a, b, m in [(4, 0, 0, 0), (4, 1, 2, 0), (4, 0, 1, 2), (1, 2, 0, 3), (0, 2, 1, 1), (0, 0, 0, 0)]
    ]
    return [case((), (), (), ()), *line, case((2, 4), (1, 0), (0, 2), (1, 0)), case((2, 4), (0, 1), (1, 0), (1, 2))]


@primitive
class Pad(Prim):
    """y[low + i * (interior + 1)] = x[i], and ``value`` (0-d) elsewhere. Nothing is negative; any dtype.

    Linear in x and value together.
    """

    low: Ints
    high: Ints
    interior: Ints
    cases = Cases(sweep=_pads, dtypes=ALL)

    def types(self, x: ArrayType, value: ArrayType) -> tuple[ArrayType, ...]:
        """Extents low + n + (n - 1) * interior + high; the value is 0-d, of the dtype of x."""
        for what in ("low", "high", "interior"):
            items = getattr(self, what)
            check_length("pad", what, items, x.ndim)
            if any(n < 0 for n in items):
                raise ShapeError(f"pad takes paddings that are not negative, got {what} {items}")
        if value.shape or value.dtype != x.dtype:
            raise ArrayTypeError(f"pad takes a 0-d value of the dtype of x, got {value} for {x}")
        sides = zip(self.low, _spans(x.shape, self.interior), self.high, strict=True)
        return (x.strong.with_shape(map(sum, sides)),)

    def lower(self, *types: ArrayType) -> lowering.Pad:
        """A copy into a filled array."""
        return lowering.Pad(self.low, self.interior)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dy = pad dx with dvalue."""
        return self(*primals), _joint(self, primals, tangents)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct_x is the slice of ct where x went, ct_value the sum of the rest."""
        x, value = args
        shape = type_of(x).shape
        at_x = slice(cts, *self._places(shape)) if isinstance(x, Undef) else None
        return at_x, self._sum_outside(cts, shape) if isinstance(value, Undef) else None

    def _places(self, shape: Ints) -> tuple[Ints, Ints, Ints]:
        """Where x lies in the result, as starts, stops and steps."""
        stops = tuple(a + w for a, w in zip(self.low, _spans(shape, self.interior), strict=True))
        return self.low, stops, tuple(m + 1 for m in self.interior)

    def _sum_outside(self, ct: Array, shape: Ints) -> Array:
        """The sum of ct over what is padding: slab by slab, each inside the places of x on earlier axes."""
        slabs: list[Array] = []
        for a, (start, stop, step) in enumerate(zip(*self._places(shape), strict=True)):
            ends = [(0, start, 1), (stop, ct.shape[a], 1)]
            between = [(min(start + j, stop), stop, step) for j in range(1, step)]
            slabs += [slice_axis(ct, a, *r) for r in ends + between]
            ct = slice_axis(ct, a, start, stop, step)
        flat = [reshape(s, (s.size,)) for s in slabs if s.size]
        return reduce_sum(concatenate(*flat, axis=0), (0,)) if flat else zeros(ArrayType(ct.dtype))

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch axis is not padded; with a value for each entry, the padding is written out."""
        (x, value), (d, dv) = args, dims
        if dv is not None:
            return self._with_values(with_batch_at(x, d, size, 0), value), 0
        assert d is not None
        sides = (inserted(side, d, 0) for side in (self.low, self.high, self.interior))
        return pad(x, value, *sides), d

    def _with_values(self, x: Array, values: Array) -> Array:
        """Pad x[size, ...] with ``values[size]``, one axis after the other."""
        for a in range(1, x.ndim):
            low, high, interior = self.low[a - 1], self.high[a - 1], self.interior[a - 1]
            x = _interleave(x, a, interior, values) if interior and x.shape[a] > 1 else x
            x = concatenate(_block(x, a, low, values), x, _block(x, a, high, values), axis=a)
        return x

    def oracle(self, *args: Any) -> Any:
        """A filled array, with x written into it."""
        x, value = args
        (result,) = self.types(*(ArrayType(as_dtype(v.dtype), v.shape) for v in args))
        y = np.full(result.shape, value, x.dtype)
        y[tuple(np.s_[a:b:s] for a, b, s in zip(*self._places(x.shape), strict=True))] = x
        return y


def _spans(shape: Ints, interior: Ints) -> Ints:
    """What the elements of x and those between them take."""
    return tuple(n + max(0, n - 1) * m for n, m in zip(shape, interior, strict=True))


def _block(x: Array, axis: int, extent: int, values: Array) -> Array:
    """x's shape with another extent along ``axis``, filled with ``values[x.shape[0]]``."""
    shape = (*x.shape[:axis], extent, *x.shape[axis + 1 :])
    return broadcast(values, shape, (0,))


def _interleave(x: Array, axis: int, count: int, values: Array) -> Array:
    """``count`` elements of the padding between any two neighbours along ``axis``."""
    n = x.shape[axis]
    spread = expand_dims(x, (axis + 1,))
    rows = concatenate(spread, _block(spread, axis + 1, count, values), axis=axis + 1)
    flat = reshape(rows, (*x.shape[:axis], n * (count + 1), *x.shape[axis + 1 :]))
    return slice_axis(flat, axis, 0, n + (n - 1) * count)


def _joint(prim: Prim, primals: Sequence[Array], tangents: Sequence[Array | None]) -> Any:
    """The tangent of a primitive that is linear in all its arguments together; None if all are zero."""
    if all(t is None for t in tangents):
        return None
    return prim(*(zeros(p.type) if t is None else t for p, t in zip(primals, tangents, strict=True)))


def _axes_cases(dtype: DType) -> list[Case]:
    shapes = [(), (5,), (2, 4), (2, 3, 4), (0, 3)]
    return [Case((ArrayType(dtype, s),), {"axes": a}) for s in shapes for a in subsets(len(s))]


@primitive
class Reverse(Linear):
    """y[i] = x[n - 1 - i] along ``axes``. Its own adjoint; any dtype."""

    axes: Ints
    rearranges = True
    cases = Cases(sweep=_axes_cases, dtypes=ALL)

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The type of x."""
        check_increasing("reverse", "axes", self.axes, x.ndim)
        return (x,)

    def lower(self, *types: ArrayType) -> lowering.Slice:
        """A walk backwards along ``axes``."""
        (x,) = types
        back = [a in self.axes for a in range(x.ndim)]
        starts = tuple(n - 1 if b else 0 for n, b in zip(x.shape, back, strict=True))
        return lowering.Slice(starts, tuple(-1 if b else 1 for b in back))

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """The same reversal."""
        return (reverse(cts, self.axes),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The same axes, counted with the batch among them."""
        (x,), (d,) = args, dims
        assert d is not None
        return reverse(x, shifted(self.axes, d)), d

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """Twice the same reversal is none."""
        (x,) = args
        inner, given = rewriting.definition(x)
        return given[0] if inner == self else None if self.axes else x

    def oracle(self, *args: Any) -> Any:
        """NumPy's flip."""
        return np.flip(args[0], self.axes)


def _concatenations(dtype: DType) -> list[Case]:
    parts = [
        (0, [(4,)]),
        (0, [(2,), (0,), (5,)]),
        (0, [(2, 4), (1, 4)]),
        (1, [(2, 4), (2, 1), (2, 4)]),
        (1, [(2, 2, 4), (2, 5, 4)]),
        (0, [(0, 4), (0, 4)]),
    ]
    return [Case(tuple(ArrayType(dtype, s) for s in shapes), {"axis": axis}) for axis, shapes in parts]


@primitive
class Concatenate(Prim):
    """The arguments end to end along ``axis``. Linear in all of them together; any dtype."""

    axis: int
    cases = Cases(sweep=_concatenations, dtypes=ALL)

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """Extents add up along ``axis``; dtypes and the other extents are equal."""
        if not args:
            raise ArrayTypeError("concatenate takes at least one array")
        first = args[0]
        check_increasing("concatenate", "axes", (self.axis,), first.ndim)
        for i, t in enumerate(args):
            if t.dtype != first.dtype:
                raise ArrayTypeError(f"concatenate takes equal dtypes, got {first} and {t} (argument {i + 1})")
            if t.ndim != first.ndim or t.drop((self.axis,)).shape != first.drop((self.axis,)).shape:
                found = f"along axis {self.axis} does not fit {first} and {t} (argument {i + 1})"
                raise ShapeError(f"concatenate {found}; the other axes must be equal")
        extent = sum(t.shape[self.axis] for t in args)
        return (first.with_shape((*first.shape[: self.axis], extent, *first.shape[self.axis + 1 :])),)

    def lower(self, *types: ArrayType) -> lowering.Concatenate:
        """Copies, end to end."""
        return lowering.Concatenate(self.axis)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dy = the tangents end to end."""
        return self(*primals), _joint(self, primals, tangents)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct_x is the part of ct where x went."""
        given: list[Array | None] = []
        start = 0
        for x in args:
            stop = start + type_of(x).shape[self.axis]
            given.append(slice_axis(cts, self.axis, start, stop) if isinstance(x, Undef) else None)
            start = stop
        return tuple(given)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """All are batched where the first batched one is."""
        at = next(d for d in dims if d is not None)
        parts = [with_batch_at(x, d, size, at) for x, d in zip(args, dims, strict=True)]
        return concatenate(*parts, axis=shifted((self.axis,), at)[0]), at

    def oracle(self, *args: Any) -> Any:
        """NumPy's concatenate."""
        return np.concatenate(args, self.axis)


def slice(x: Array, starts: Sequence[int], stops: Sequence[int], steps: Sequence[int] | None = None) -> Array:
    """``x[starts:stops:steps]``, one of each per axis, steps 1 by default; x itself for the whole."""
    by = (1,) * x.ndim if steps is None else tuple(steps)
    whole = not any(starts) and tuple(stops) == x.shape and by == (1,) * x.ndim
    return x if whole else Slice(tuple(starts), tuple(stops), by)(x)


def slice_axis(x: Array, axis: int, start: int, stop: int, step: int = 1) -> Array:
    """``x[start:stop:step]`` along one axis."""
    starts, stops, steps = [0] * x.ndim, list(x.shape), [1] * x.ndim
    starts[axis], stops[axis], steps[axis] = start, stop, step
    return slice(x, starts, stops, steps)


def pad(
    x: Array, value: Array, low: Sequence[int], high: Sequence[int], interior: Sequence[int] | None = None
) -> Array:
    """``x`` with ``value`` (0-d) around it and between its elements; x itself where there is no padding."""
    between = (0,) * x.ndim if interior is None else tuple(interior)
    nothing = not (any(low) or any(high) or any(between))
    return x if nothing else Pad(tuple(low), tuple(high), between)(x, value)


def reverse(x: Array, axes: Sequence[int]) -> Array:
    """``x`` backwards along ``axes`` (increasing); x itself for none."""
    return Reverse(tuple(axes))(x) if axes else x


def concatenate(*xs: Array, axis: int) -> Array:
    """The arrays end to end along ``axis``; the array itself for one."""
    return xs[0] if len(xs) == 1 else Concatenate(axis)(*xs)
