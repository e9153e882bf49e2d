"""Arrays put together and taken apart as NumPy does: stacks, padding, inserting, deleting, turning."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.manipulation import concat, flip, ravel, split, swapaxes
from tianyuan.functions.operands import cast, one_axis, settled
from tianyuan.functions.ordering import known
from tianyuan.indexing import take
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast_to, expand_dims, moveaxis
from tianyuan.prims.linear import pad as padded

# ---- stacks


def hstack(arrays: Sequence[Any], /) -> Array:
    """End to end along axis 1 (axis 0 for vectors)."""
    xs = [_of_rank(settled("hstack", a), 1) for a in arrays]
    return concat(xs, axis=0 if xs and xs[0].ndim < 2 else 1)


def vstack(arrays: Sequence[Any], /) -> Array:
    """Rows below each other."""
    return concat([_of_rank(settled("vstack", a), 2) for a in arrays], axis=0)


def dstack(arrays: Sequence[Any], /) -> Array:
    """Behind each other, along axis 2."""
    xs = [_of_rank(settled("dstack", a), 2) for a in arrays]
    return concat([expand_dims(x, (2,)) if x.ndim == 2 else x for x in xs], axis=2)


def column_stack(arrays: Sequence[Any], /) -> Array:
    """Vectors as columns, and matrices, side by side."""
    xs = [settled("column_stack", a) for a in arrays]
    return concat([expand_dims(_of_rank(x, 1), (1,)) if x.ndim < 2 else x for x in xs], axis=1)


def _of_rank(x: Array, rank: int) -> Array:
    """At least ``rank`` axes, new ones in front."""
    return expand_dims(x, range(rank - x.ndim)) if x.ndim < rank else x


def array_split(x: Any, sections: int | Sequence[int], /, *, axis: int = 0) -> list[Array]:
    """As ``split``; parts that cannot be equal differ by one, the first ones being larger."""
    x = settled("array_split", x)
    if not isinstance(sections, int):
        return split(x, sections, axis=axis)
    if sections < 1:
        raise ShapeError(f"array_split: there is at least one part, got {sections}")
    each, more = divmod(x.shape[one_axis("array_split", axis, x)], sections)
    return split(x, [each * i + min(i, more) for i in range(1, sections)], axis=axis)


# ---- turning


def fliplr(x: Any, /) -> Array:
    """Backwards along axis 1."""
    return flip(x, axis=1)


def flipud(x: Any, /) -> Array:
    """Backwards along axis 0."""
    return flip(x, axis=0)


def rot90(x: Any, /, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Turned by k right angles, from the first of ``axes`` towards the second."""
    x = settled("rot90", x)
    a, b = (one_axis("rot90", i, x) for i in axes)
    if a == b:
        raise ShapeError(f"rot90: axes {axes} are one axis")
    turned = flip(x, axis=[(), (b,), (a, b), (a,)][k % 4])
    return swapaxes(turned, a, b) if k % 2 else turned


# ---- inserting and deleting


def append(x: Any, values: Any, /, axis: int | None = None) -> Array:
    """``values`` behind x along ``axis``; both flattened first without one."""
    return concat([settled("append", x), settled("append", values)], axis=axis)


def _along(who: str, x: Any, axis: int | None) -> tuple[Array, int]:
    x = settled(who, x)
    return (ravel(x), 0) if axis is None else (x, one_axis(who, axis, x))


def _places(who: str, obj: Any, n: int, last: int) -> Any:
    """Places along an axis of extent n as NumPy integers from 0 to ``last``; they give the shape, so are known."""
    if isinstance(obj, slice):
        return np.arange(n)[obj]
    given = np.asarray(known(who, obj, "use known places") if isinstance(obj, Array) else obj)
    if given.dtype.kind == "b" and given.shape == (n,):
        given = np.flatnonzero(given)
    if given.dtype.kind not in "iu" and given.size:
        raise ArrayTypeError(f"{who}: places are integers, a slice or a mask, got {obj!r}")
    places = np.atleast_1d(given.astype(np.int64))
    if ((places < -n) | (places > last)).any():
        raise ShapeError(f"{who}: place {places[(places < -n) | (places > last)][0]} is out of bounds for extent {n}")
    return np.where(places < 0, places + n, places)


def delete(x: Any, obj: Any, /, axis: int | None = None) -> Array:
    """x without the entries at ``obj``, known places, along ``axis`` (of the flat array without one)."""
    x, at = _along("delete", x, axis)
    n = x.shape[at]
    kept = np.setdiff1d(np.arange(n), _places("delete", obj, n, n - 1))  # pyright: ignore[reportUnknownVariableType]
    return take(x, from_numpy(kept), axis=at)


def insert(x: Any, obj: Any, values: Any, /, axis: int | None = None) -> Array:
    """x with ``values`` before the entries at ``obj``, known places, along ``axis`` (of the flat array without one).

    At a single place all of ``values`` is inserted; else one entry for each place. The dtype is x's.
    """
    x, at = _along("insert", x, axis)
    n = x.shape[at]
    places = _places("insert", obj, n, n)
    new = convert(settled("insert", values), x.dtype)
    if not isinstance(obj, slice) and not np.shape(obj):
        new = moveaxis(_of_rank(new, x.ndim), 0, at) if new.ndim else new
        places = np.repeat(places, new.shape[at] if new.ndim else 1)
    shape = (*x.shape[:at], len(places), *x.shape[at + 1 :])
    both = concat([x, broadcast_to(new, shape)], axis=at)
    order = np.argsort(np.concatenate([np.arange(n) + 0.5, places]), kind="stable")
    return take(both, from_numpy(order.astype(np.int64)), axis=at)


# ---- padding


def pad(x: Any, pad_width: Any, /, mode: str = "constant", *, constant_values: Any = 0) -> Array:
    """x with more around it: ``pad_width`` is (before, after) for every axis, or one pair or number for all.

    ``mode``: ``constant`` (``constant_values``, one number), ``edge`` repeats the outermost entries, ``reflect`` and
    ``symmetric`` mirror (without and with the outermost one), ``wrap`` goes on at the other end.
    """
    x = settled("pad", x)
    pairs = _widths(pad_width, x)
    if mode == "constant":
        filled = cast("pad", constant_values, x.dtype)
        return padded(x, filled, [p[0] for p in pairs], [p[1] for p in pairs])
    if mode not in _SOURCES:
        raise ArrayTypeError(f"pad: mode is constant, {', '.join(_SOURCES)}, got {mode!r}")
    for at, (low, high) in enumerate(pairs):
        if low or high:
            x = _extended(x, at, low, high, mode)
    return x


def _widths(pad_width: Any, x: Array) -> list[tuple[int, int]]:
    try:
        wide = np.broadcast_to(np.asarray(pad_width), (x.ndim, 2)).tolist()
        pairs = [(operator.index(low), operator.index(high)) for low, high in wide]
    except (ValueError, TypeError):
        pairs = [(-1, -1)]
    if any(n < 0 for p in pairs for n in p):
        raise ShapeError(f"pad: {pad_width!r} is no pair of non-negative widths for each axis of {x.type}")
    return pairs


def _mirrored(i: Any, n: int) -> Any:
    """Places of ... 2 1 | 0 1 2 ... n-1 | n-2 n-3 ..."""
    period = max(2 * (n - 1), 1)
    return (n - 1) - np.abs((n - 1) - i % period)


def _doubled(i: Any, n: int) -> Any:
    """Places of ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ..."""
    return np.where(i % (2 * n) < n, i % (2 * n), 2 * n - 1 - i % (2 * n))  # pyright: ignore[reportUnknownVariableType]


_SOURCES = {  # pyright: ignore[reportUnknownVariableType]
    "edge": lambda i, n: np.clip(i, 0, n - 1),
    "reflect": _mirrored,
    "symmetric": _doubled,
    "wrap": lambda i, n: i % n,
}


def _extended(x: Array, at: int, low: int, high: int, mode: str) -> Array:
    n = x.shape[at]
    if not n:
        raise ShapeError(f"pad: axis {at} of {x.type} is empty, which only mode='constant' can extend")
    places = _SOURCES[mode](np.arange(-low, n + high), n)  # pyright: ignore[reportUnknownVariableType]
    return take(x, from_numpy(places.astype(np.int64)), axis=at)  # pyright: ignore[reportUnknownMemberType]
