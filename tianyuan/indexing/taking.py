"""``take``, ``take_along_axis``, and windows whose start is an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.indexing.parsing import as_index
from tianyuan.indexing.updating import At, value_like
from tianyuan.indexing.vectors import READING, WRITING, checked_mode, vectors, wrapped
from tianyuan.prims.linear import broadcast_to, gather, iota, reshape, scatter
from tianyuan.transforms.arguments import as_array
from tianyuan.types import int64


def take(x: Any, indices: Any, axis: int | None = None, *, mode: str = "error", fill_value: Any = None) -> Array:
    """Elements of x along ``axis`` (None: of x flattened) by an array of integers.

    The result has the shape of x with ``axis`` replaced by the shape of ``indices``. Negative indices wrap once;
    ``mode`` is as of ``x.at[index].get``, by default an index out of bounds raises OutOfBoundsError.
    """
    array = as_array(x)
    at = _integers("take", indices)
    flat = reshape(array, (array.size,)) if axis is None else array
    index = (slice(None),) * _axis("take", 0 if axis is None else axis, flat)
    return At(flat)[(*index, at)].get(mode=mode, fill_value=fill_value)


def take_along_axis(
    x: Any, indices: Any, axis: int | None = -1, *, mode: str = "error", fill_value: Any = None
) -> Array:
    """Elements of x along ``axis``, line by line: y[.., i, ..] = x[.., indices[.., i, ..], ..].

    ``indices`` has the rank of x, and its extents or 1 on the other axes; None: both are flattened.
    """
    array, at = as_array(x), _integers("take_along_axis", indices)
    if axis is None:
        array, at, axis = reshape(array, (array.size,)), reshape(at, (at.size,)), 0
    axis = _axis("take_along_axis", axis, array)
    if at.ndim != array.ndim:
        raise ShapeError(f"take_along_axis takes arrays of one rank, got {array.type} and {at.type}")
    others = [n for a, n in enumerate(array.shape) if a != axis]
    meant = [n for a, n in enumerate(at.shape) if a != axis]
    if any(1 not in (n, m) and n != m for n, m in zip(others, meant, strict=True)):
        raise ShapeError(f"take_along_axis along axis {axis} does not fit {array.type} and {at.type}")
    index = tuple(at if a == axis else _counting(n, a, array.ndim) for a, n in enumerate(array.shape))
    return At(array)[index].get(mode=mode, fill_value=fill_value)


def _counting(size: int, axis: int, ndim: int) -> Array:
    """0, 1, .. along one axis of a rank; on an axis of size 1 the one element meets every index."""
    return iota(int64, [size if a == axis else 1 for a in range(ndim)], axis)


def _integers(who: str, indices: Any) -> Array:
    array = as_index(indices)
    if array.dtype.kind not in "iu":
        raise ArrayTypeError(f"{who} takes integer indices, got {array.type}")
    return array


def _axis(who: str, axis: int, x: Array) -> int:
    if not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{who}: {x.type} has no axis {axis}")
    return axis % x.ndim


def dynamic_slice(x: Any, start_indices: Sequence[Any], slice_sizes: Sequence[int], *, mode: str = "error") -> Array:
    """The window of ``slice_sizes`` (one for each axis) that starts at ``start_indices`` (integers, 0-d arrays).

    Negative starts wrap once. A window that is not wholly inside raises OutOfBoundsError; with ``mode="clip"``
    it is moved inside.
    """
    array, sizes = as_array(x), tuple(slice_sizes)
    how = checked_mode("dynamic_slice", mode, READING)
    at = _starts("dynamic_slice", array, start_indices, sizes)
    return gather(array, at, batch=0, axes=range(array.ndim), sizes=sizes, collapsed=(), mode=how)


def dynamic_update_slice(x: Any, update: Any, start_indices: Sequence[Any], *, mode: str = "error") -> Array:
    """x with the window at ``start_indices`` replaced by ``update``; as ``dynamic_slice``."""
    array = as_array(x)
    new = value_like(array, update, "dynamic_update_slice")
    how = checked_mode("dynamic_update_slice", mode, WRITING)
    at = _starts("dynamic_update_slice", array, start_indices, new.shape)
    axes = range(array.ndim)
    return scatter(array, at, new, op="set", batch=0, axes=axes, sizes=new.shape, collapsed=(), mode=how)


def _starts(who: str, x: Array, starts: Sequence[Any], sizes: Sequence[int]) -> Array:
    """The starts as one index vector."""
    given = list(starts)
    if len(given) != x.ndim or len(sizes) != x.ndim:
        raise ShapeError(f"{who}: {x.type} takes {x.ndim} starts and sizes, got {len(given)} and {len(sizes)}")
    if any(not 0 <= m <= n for m, n in zip(sizes, x.shape, strict=True)):
        raise ShapeError(f"{who}: a window of {tuple(sizes)} does not fit {x.type}")
    components = [wrapped(broadcast_to(_integers(who, s), ()), n) for s, n in zip(given, x.shape, strict=True)]
    return vectors(components, ())
