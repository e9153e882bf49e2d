"""Changing shapes and moving elements: no arithmetic."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.operands import (
    Axis,
    array,
    broadcast_shapes,
    cast,
    checked_shape,
    many_axes,
    one_axis,
    promoted,
)
from tianyuan.prims.conversion import convert
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
from tianyuan.prims.linear import pad as padded
from tianyuan.prims.linear import reshape as reshaped
from tianyuan.prims.linear import squeeze as without_axes
from tianyuan.types import as_dtype


def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Array:
    """The same elements in row-major order; one extent may be -1. ShapeError if the sizes differ."""
    x = array("reshape", x)
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
    x = array("permute_dims", x)
    order = tuple(one_axis("permute_dims", a, x.ndim) for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ShapeError(
            f"permute_dims: {tuple(axes)} does not name each axis of {x.type} once; "
            f"give 0 to {x.ndim - 1} in another order"
        )
    return transpose(x, order)


def matrix_transpose(x: Any, /) -> Array:
    """Matrices [..., m, n] transposed: [..., n, m]."""
    x = array("matrix_transpose", x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose takes matrices, got {x.type}")
    return swapaxes(x, -1, -2)


def swapaxes(x: Any, /, axis1: int, axis2: int) -> Array:
    """Two axes exchanged."""
    x = array("swapaxes", x)
    a, b = (one_axis("swapaxes", i, x.ndim) for i in (axis1, axis2))
    order = list(range(x.ndim))
    order[a], order[b] = b, a
    return transpose(x, order)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int], /) -> Array:
    """Axes moved to other places; the others keep their order."""
    x = array("moveaxis", x)
    sources = (source,) if isinstance(source, int) else tuple(source)
    targets = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(sources) != len(targets):
        raise ShapeError(f"moveaxis: {sources} and {targets} differ in length")
    pairs = zip(targets, sources, strict=True)
    where = {one_axis("moveaxis", t, x.ndim): one_axis("moveaxis", s, x.ndim) for t, s in pairs}
    if len(sources) == 1:
        ((target, origin),) = where.items()
        return moved(x, origin, target)
    rest = iter(a for a in range(x.ndim) if a not in where.values())
    return transpose(x, tuple(where[a] if a in where else next(rest) for a in range(x.ndim)))


def expand_dims(x: Any, /, *, axis: int | Sequence[int] = 0) -> Array:
    """New axes of extent 1 at ``axis`` of the result."""
    x = array("expand_dims", x)
    given = (axis,) if isinstance(axis, int) else tuple(axis)
    return with_axes(x, many_axes("expand_dims", given, x.ndim + len(given)))


def squeeze(x: Any, /, axis: Axis = None) -> Array:
    """Without the axes ``axis``, of extent 1 (all such by default)."""
    x = array("squeeze", x)
    axes = tuple(a for a, n in enumerate(x.shape) if n == 1) if axis is None else many_axes("squeeze", axis, x.ndim)
    for a in axes:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: axis {a} of {x.type} has extent {x.shape[a]}, not 1; index or reduce it")
    return without_axes(x, axes)


def ravel(x: Any, /) -> Array:
    """All elements along one axis."""
    x = array("ravel", x)
    return reshaped(x, (x.size,))


def broadcast_to(x: Any, /, shape: Any) -> Array:
    """x repeated to ``shape``, axes aligned at the right."""
    return stretched(array("broadcast_to", x), checked_shape("broadcast_to", shape))


def broadcast_arrays(*arrays: Any) -> list[Array]:
    """All arrays repeated to their common shape."""
    xs = [array("broadcast_arrays", a) for a in arrays]
    shape = broadcast_shapes("broadcast_arrays", *(x.shape for x in xs))
    return [stretched(x, shape) for x in xs]


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Array:
    """The arrays end to end along ``axis``, promoted to one dtype; flattened first without one."""
    if not len(arrays):
        raise ShapeError("concat takes at least one array")
    xs = [x if x.ndim or axis is None else reshaped(x, (1,)) for x in promoted("concat", *arrays)]
    if axis is None:
        xs, axis = [reshaped(x, (x.size,)) for x in xs], 0
    at = one_axis("concat", axis, xs[0].ndim)
    return concatenate(*xs, axis=at)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Array:
    """The arrays, of one shape, along a new axis."""
    if not len(arrays):
        raise ShapeError("stack takes at least one array")
    xs = promoted("stack", *arrays)
    if len({x.shape for x in xs}) > 1:
        raise ShapeError(
            f"stack takes arrays of one shape, got {', '.join(str(x.type) for x in xs)}; concat joins along an axis"
        )
    at = one_axis("stack", axis, xs[0].ndim + 1)
    return concatenate(*(with_axes(x, (at,)) for x in xs), axis=at)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The entries along ``axis``."""
    x = array("unstack", x)
    at = one_axis("unstack", axis, x.ndim)
    return tuple(without_axes(slice_axis(x, at, i, i + 1), (at,)) for i in range(x.shape[at]))


def hstack(arrays: Sequence[Any], /) -> Array:
    """End to end along axis 1 (axis 0 for vectors)."""
    xs = [array("hstack", a) for a in arrays]
    return concat(xs, axis=0 if xs and xs[0].ndim < 2 else 1)


def vstack(arrays: Sequence[Any], /) -> Array:
    """Rows below each other."""
    xs = [array("vstack", a) for a in arrays]
    return concat([with_axes(x, (0,)) if x.ndim == 1 else x for x in xs], axis=0)


def split(x: Any, sections: int | Sequence[int], /, *, axis: int = 0) -> list[Array]:
    """Equal parts, or parts at the given places. ShapeError if equal parts do not fit."""
    x = array("split", x)
    at = one_axis("split", axis, x.ndim)
    n = x.shape[at]
    if isinstance(sections, int):
        if sections < 1 or n % sections:
            raise ShapeError(
                f"split: axis {at} of {x.type} has extent {n}, not divided by {sections}; give the places to cut at"
            )
        places = [n // sections * i for i in range(1, sections)]
    else:
        places = list(sections)
    bounds = [0, *(min(max(p + n if p < 0 else p, 0), n) for p in places), n]
    return [slice_axis(x, at, a, max(a, b)) for a, b in zip(bounds, bounds[1:], strict=False)]


def flip(x: Any, /, *, axis: Axis = None) -> Array:
    """Backwards along ``axis`` (all by default)."""
    x = array("flip", x)
    return reverse(x, many_axes("flip", axis, x.ndim))


def roll(x: Any, /, shift: int | Sequence[int], *, axis: Axis = None) -> Array:
    """Elements moved by ``shift`` along ``axis``, those that leave coming in again at the other end."""
    x = array("roll", x)
    if axis is None:
        return reshaped(roll(ravel(x), shift, axis=0), x.shape)
    shifts = (shift,) if isinstance(shift, int) else tuple(shift)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for s, a in zip(shifts * (len(axes) if len(shifts) == 1 else 1), axes, strict=True):
        at = one_axis("roll", a, x.ndim)
        n = x.shape[at]
        cut = n - s % n if n else 0
        x = concatenate(slice_axis(x, at, cut, n), slice_axis(x, at, 0, cut), axis=at)
    return x


def tile(x: Any, repetitions: int | Sequence[int], /) -> Array:
    """x repeated as a whole along each axis."""
    x = array("tile", x)
    times = (repetitions,) if isinstance(repetitions, int) else tuple(repetitions)
    rank = max(len(times), x.ndim)
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - x.ndim) + x.shape
    pairs = [n for t, s in zip(times, shape, strict=True) for n in (t, s)]
    wide = broadcast(reshaped(x, shape), pairs, tuple(range(1, 2 * rank, 2)))
    return reshaped(wide, tuple(t * s for t, s in zip(times, shape, strict=True)))


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Array:
    """Each element ``repeats`` times along ``axis`` (of the flat array without one)."""
    x = array("repeat", x)
    if not isinstance(repeats, int):
        raise ArrayTypeError(f"repeat: the number is an int, got {repeats!r}")
    if axis is None:
        x, axis = ravel(x), 0
    at = one_axis("repeat", axis, x.ndim)
    shape = (*x.shape[: at + 1], repeats, *x.shape[at + 1 :])
    wide = broadcast(x, shape, tuple(a for a in range(len(shape)) if a != at + 1))
    return reshaped(wide, (*x.shape[:at], x.shape[at] * repeats, *x.shape[at + 1 :]))


def pad(x: Any, pad_width: Any, /, *, constant_values: Any = 0) -> Array:
    """x with a constant around it: ``pad_width`` is (before, after) for every axis, or one pair or number for all."""
    x = array("pad", x)
    if isinstance(pad_width, int):
        pairs = [(pad_width, pad_width)] * x.ndim
    elif pad_width and isinstance(pad_width[0], int):
        pairs = [tuple(pad_width)] * x.ndim
    else:
        pairs = [tuple(p) for p in pad_width]
    if len(pairs) != x.ndim or any(n < 0 for p in pairs for n in p):
        raise ShapeError(f"pad: {pad_width!r} is no pair of non-negative widths for each axis of {x.type}")
    return padded(x, cast("pad", constant_values, x.dtype), [p[0] for p in pairs], [p[1] for p in pairs])


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Array:
    """x in another dtype, rounded once; float to int truncates and saturates, NaN to 0."""
    x = array("astype", x)
    wanted = as_dtype(dtype)
    if x.dtype.kind == "c" and wanted.kind not in "cb":
        raise ArrayTypeError(f"astype: {x.type} to {wanted} would lose the imaginary part; take real(x) first")
    return convert(x, wanted)
