"""Changing shapes and moving elements: no arithmetic."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.operands import (
    Axis,
    array,
    broadcast_shapes,
    check_device,
    checked_shape,
    many_axes,
    one_axis,
    promoted,
    settled,
)
from tianyuan.functions.ordering import known, searchsorted
from tianyuan.indexing import take
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.creation import iota
from tianyuan.prims.cumulation import cumsum
from tianyuan.prims.linear import (
    broadcast,
    concatenate,
    reverse,
    slice_axis,
    transpose,
)
from tianyuan.prims.linear import broadcast_to as stretched
from tianyuan.prims.linear import expand_dims as with_axes
from tianyuan.prims.linear import moveaxis as moved
from tianyuan.prims.linear import reshape as reshaped
from tianyuan.prims.linear import squeeze as without_axes
from tianyuan.types import DEFAULT_INT, as_dtype


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Array:
    """The same elements in row-major order; one extent may be -1. ShapeError if the sizes differ."""
    x = settled("reshape", x)
    given = tuple(map(operator.index, shape)) if isinstance(shape, Sequence) else (operator.index(shape),)
    known = math.prod(n for n in given if n != -1)
    if given.count(-1) > 1 or any(n < -1 for n in given):
        raise ShapeError(f"reshape: {given} is no shape; at most one extent may be -1")
    if -1 in given and known and x.size % known == 0:
        given = tuple(x.size // known if n == -1 else n for n in given)
    if -1 in given or math.prod(given) != x.size:
        raise ShapeError(f"reshape: {x.type} has {x.size} elements, {given} has {known}; -1 stands for one extent")
    return reshaped(x, given)


def permute_dims(x: Any, /, axes: Sequence[int]) -> Array:
    """Axis j of the result is axis ``axes[j]`` of x."""
    x = settled("permute_dims", x)
    order = tuple(one_axis("permute_dims", a, x) for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(
            f"permute_dims: {tuple(axes)} does not name each axis of {x.type} once; "
            f"give 0 to {x.ndim - 1} in another order"
        )
    return transpose(x, order)


def matrix_transpose(x: Any, /) -> Array:
    """Matrices [..., m, n] transposed: [..., n, m]."""
    x = settled("matrix_transpose", x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose takes matrices, got {x.type}")
    return swapaxes(x, -1, -2)


def swapaxes(x: Any, /, axis1: int, axis2: int) -> Array:
    """Two axes exchanged."""
    x = settled("swapaxes", x)
    a, b = (one_axis("swapaxes", i, x) for i in (axis1, axis2))
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return transpose(x, order)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int], /) -> Array:
    """Axes moved to other places; the others keep their order."""
    x = settled("moveaxis", x)
    sources = (source,) if isinstance(source, int) else tuple(source)
    targets = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(sources) != len(targets):
        raise ShapeError(f"moveaxis: {sources} and {targets} differ in length")
    pairs = zip(targets, sources, strict=True)
    where = {one_axis("moveaxis", t, x): one_axis("moveaxis", s, x) for t, s in pairs}
    if len(sources) == 1:
        ((target, origin),) = where.items()
        return moved(x, origin, target)
    rest = iter(a for a in range(x.ndim) if a not in where.values())
    return transpose(x, tuple(where[a] if a in where else next(rest) for a in range(x.ndim)))


def expand_dims(x: Any, /, *, axis: int | Sequence[int] = 0) -> Array:
    """New axes of extent 1 at ``axis`` of the result."""
    x = settled("expand_dims", x)
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    return with_axes(x, many_axes("expand_dims", given, x.ndim + len(given)))


def squeeze(x: Any, /, axis: Axis = None) -> Array:
    """Without the axes ``axis``, of extent 1 (all such by default)."""
    x = settled("squeeze", x)
    axes = tuple(a for a, n in enumerate(x.shape) if n == 1) if axis is None else many_axes("squeeze", axis, x)
    for a in axes:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of {x.type} has extent {x.shape[a]}, not 1; index or reduce it")
    return without_axes(x, axes)


def ravel(x: Any, /) -> Array:
    """All elements along one axis."""
    x = settled("ravel", x)
    return reshaped(x, (x.size,))


def broadcast_to(x: Any, /, shape: Any) -> Array:
    """x repeated to ``shape``, axes aligned at the right."""
    x, wanted = settled("broadcast_to", x), checked_shape("broadcast_to", shape)
    if broadcast_shapes("broadcast_to", x.shape, wanted) != wanted:
        raise ShapeError(f"broadcast_to: {x.type} cannot be repeated to {wanted}")
    return stretched(x, wanted)


def broadcast_shapes_of(*shapes: Any) -> tuple[int, ...]:
    """The shape that shapes broadcast to. ShapeError if there is none."""
    return broadcast_shapes("broadcast_shapes", *(checked_shape("broadcast_shapes", s) for s in shapes))


def broadcast_arrays(*arrays: Any) -> list[Array]:
    """All arrays repeated to their common shape."""
    xs = [settled("broadcast_arrays", a) for a in arrays]
    shape = broadcast_shapes("broadcast_arrays", *(x.shape for x in xs))
    return [stretched(x, shape) for x in xs]


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Array:
    """The arrays end to end along ``axis``, promoted to one dtype; flattened first without one."""
    if not len(arrays):
        raise ShapeError("concat takes at least one array")
    xs = [x if x.ndim or axis is None else reshaped(x, (1,)) for x in map(strong, promoted("concat", *arrays))]
    if axis is None:
        xs, axis = [reshaped(x, (x.size,)) for x in xs], 0
    at = one_axis("concat", axis, xs[0])
    sides = {x.shape[:at] + x.shape[at + 1 :] for x in xs}
    if len(sides) > 1 or len({x.ndim for x in xs}) > 1:
        types = ", ".join(str(x.type) for x in xs)
        raise ShapeError(f"concat along axis {at} needs equal other axes, got {types}; pad or slice them")
    return concatenate(*xs, axis=at)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Array:
    """The arrays, of one shape, along a new axis."""
    if not len(arrays):
        raise ShapeError("stack takes at least one array")
    xs = [strong(x) for x in promoted("stack", *arrays)]
    if len({x.shape for x in xs}) > 1:
        raise ShapeError(
            f"stack takes arrays of one shape, got {', '.join(str(x.type) for x in xs)}; concat joins along an axis"
        )
    at = one_axis("stack", axis, xs[0].ndim + 1)
    return concatenate(*(with_axes(x, (at,)) for x in xs), axis=at)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The entries along ``axis``."""
    x = settled("unstack", x)
    at = one_axis("unstack", axis, x)
    return tuple(without_axes(slice_axis(x, at, i, i + 1), (at,)) for i in range(x.shape[at]))


def split(x: Any, sections: int | Sequence[int], /, *, axis: int = 0) -> list[Array]:
    """Equal parts, or parts at the given places. ShapeError if equal parts do not fit."""
    x = settled("split", x)
    at = one_axis("split", axis, x)
    n = x.shape[at]
    if isinstance(sections, int | np.integer):
        if sections < 1 or n % sections:
            raise ShapeError(
                f"split: axis {at} of {x.type} has extent {n}, not divided by {sections}; give the places to cut at"
            )
        places = [n // sections * i for i in range(1, sections)]
    else:
        places = [operator.index(p) for p in sections]
    bounds = [0, *(min(max(p + n if p < 0 else p, 0), n) for p in places), n]
    return [slice_axis(x, at, a, max(a, b)) for a, b in zip(bounds, bounds[1:], strict=False)]


def flip(x: Any, /, *, axis: Axis = None) -> Array:
    """Backwards along ``axis`` (all by default)."""
    x = settled("flip", x)
    return reverse(x, many_axes("flip", axis, x))


def roll(x: Any, /, shift: int | Sequence[int], *, axis: Axis = None) -> Array:
    """Elements moved by ``shift`` along ``axis``, those that leave coming in again at the other end."""
    x = settled("roll", x)
    if axis is None:
        return reshaped(roll(ravel(x), shift, axis=0), x.shape)
    shifts = (shift,) if isinstance(shift, int) else tuple(shift)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for s, a in zip(shifts * (len(axes) if len(shifts) == 1 else 1), axes, strict=True):
        at = one_axis("roll", a, x)
        n = x.shape[at]
        cut = n - s % n if n else 0
        x = concatenate(slice_axis(x, at, cut, n), slice_axis(x, at, 0, cut), axis=at)
    return x


def tile(x: Any, repetitions: int | Sequence[int], /) -> Array:
    """x repeated as a whole along each axis."""
    x = settled("tile", x)
    times = (repetitions,) if isinstance(repetitions, int) else tuple(repetitions)
    rank = max(len(times), x.ndim)
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + x.shape
    pairs = [n for t, s in zip(times, shape, strict=True) for n in (t, s)]
    wide = broadcast(reshaped(x, shape), pairs, tuple(range(1, 2 * rank, 2)))
    return reshaped(wide, tuple(t * s for t, s in zip(times, shape, strict=True)))


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None, total_repeat_length: int | None = None) -> Array:
    """Each element ``repeats`` times along ``axis`` (of the flat array without one).

    ``repeats`` is an int, or a vector with one for each element; then the result's extent depends on its values,
    unless ``total_repeat_length`` fixes it (more are left out, missing ones repeat the last), as traced functions
    need.
    """
    x = settled("repeat", x)
    if axis is None:
        x, axis = ravel(x), 0
    at = one_axis("repeat", axis, x)
    if not isinstance(repeats, int):
        return _repeated_each(x, settled("repeat", repeats), at, total_repeat_length)
    if repeats < 0:
        raise ShapeError(f"repeat: the number must not be negative, got {repeats}")
    shape = (*x.shape[: at + 1], repeats, *x.shape[at + 1 :])
    wide = broadcast(x, shape, tuple(a for a in range(len(shape)) if a != at + 1))
    return reshaped(wide, (*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1 :]))


def _repeated_each(x: Array, repeats: Array, at: int, length: int | None) -> Array:
    n = x.shape[at]
    if repeats.dtype.kind not in "iu" or repeats.shape not in ((), (1,), (n,)):
        raise ArrayTypeError(f"repeat: repeats is an int, or integers for {n} elements, got {repeats.type}")
    ends = cumsum(convert(stretched(repeats, (n,)), DEFAULT_INT), 0)
    if length is None:
        length = int(known("repeat", ends, "give total_repeat_length=")[-1]) if n else 0
    return take(x, searchsorted(ends, iota(DEFAULT_INT, (length,), 0), side="right"), axis=at, mode="clip")


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """x in another dtype, rounded once; float to int truncates and saturates, NaN to 0."""
    check_device("astype", device)
    x = array("astype", x)
    wanted = as_dtype(dtype)
    if x.dtype.kind == "c" and wanted.kind not in "cb":
        raise ArrayTypeError(f"astype: {x.type} to {wanted} would lose the imaginary part; take real(x) first")
    return convert(x, wanted)
