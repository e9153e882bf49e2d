"""From an index expression and a shape to a plan: what each axis of the array contributes.

NumPy's meaning: integers, slices, ``...``, ``None``, integer arrays (broadcast together), boolean masks (a mask
stands for the positions of its true elements, so its values must be known).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen

from tianyuan.array import Array
from tianyuan.eager import from_numpy, scalar, user_source
from tianyuan.errors import ArrayTypeError, ConcretizationError, DataDependentShapeError, ShapeError, out_of_bounds
from tianyuan.transforms.arguments import as_array
from tianyuan.types import int64

Ints = tuple[int, ...]


@frozen
class Span:
    """A slice of an axis: ``length`` elements from ``start``, ``step`` apart (negative: backwards)."""

    start: int
    length: int
    step: int


@frozen
class Point:
    """One element of an axis, known now and in bounds."""

    index: int


@frozen(eq=False)
class Places:
    """Elements of an axis by an integer array, as the user gave it: not wrapped, of any shape."""

    indices: Array


@frozen(eq=False)
class Plan:
    """What an index expression selects from an array of ``shape``.

    ``entries``: one for each axis. ``layout``: the result's axes in order, an axis of x for a Span, None for a
    new axis of size 1; the axes of ``broadcast``, the common shape of all Places, are inserted at ``at``.
    """

    shape: Ints
    entries: tuple[Span | Point | Places, ...]
    layout: tuple[int | None, ...]
    broadcast: Ints
    at: int

    @property
    def spans(self) -> list[int]:
        """The axes of x that are sliced, in order."""
        return [a for a, e in enumerate(self.entries) if isinstance(e, Span)]

    @property
    def result(self) -> Ints:
        """The shape of what is selected."""
        sizes = [1 if a is None else self._length(a) for a in self.layout]
        return (*sizes[: self.at], *self.broadcast, *sizes[self.at :])

    def _length(self, axis: int) -> int:
        entry = self.entries[axis]
        assert isinstance(entry, Span)
        return entry.length


def plan(index: Any, shape: Ints, checked: bool = True) -> Plan:
    """The plan of an index expression. ``checked``: a Python integer out of bounds raises now."""
    items = _items(index)
    given = [m for k, i in enumerate(items) for m in _unmasked(i, _masked_sizes(items, k, shape))]
    entries: list[Span | Point | Places] = []
    layout: list[int | None] = []
    places: list[int] = []  # how many axes of the layout came before each index
    for item in _filled(given, shape):
        if item is None:
            layout.append(None)
        elif isinstance(item, slice):
            layout.append(len(entries))
            entries.append(_span(item, shape[len(entries)]))  # pyright: ignore[reportUnknownArgumentType]
        else:
            places.append(len(layout))
            entries.append(_place(item, len(entries), shape, checked))
    broadcast = _common_shape([e for e in entries if isinstance(e, Places)], shape)
    at = places[0] if broadcast and _together(given) else 0
    return Plan(shape, tuple(entries), tuple(layout), broadcast, at)


def _together(items: Sequence[Any]) -> bool:
    """Whether no slice, new axis or ellipsis (even of no axes, as in NumPy) parts the integers and index arrays."""
    picks = [k for k, i in enumerate(items) if isinstance(i, int | Array)]
    return picks == list(range(picks[0], picks[0] + len(picks)))


def _items(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)  # pyright: ignore[reportUnknownVariableType]


def _masked_sizes(items: Sequence[Any], k: int, shape: Ints) -> Ints:
    """The sizes of the axes that a mask at place k of the items covers, and of those behind them."""
    before, after = items[:k], items[k + 1 :]
    if any(i is Ellipsis for i in before):
        behind = sum(map(_axes_of, (items[k], *after)))
        return shape[max(len(shape) - behind, 0) :]
    return shape[sum(map(_axes_of, before)) :]


def _axes_of(item: Any) -> int:
    """How many axes an index covers; an ellipsis counts as none."""
    if item is None or item is Ellipsis:
        return 0
    given: Any = np.asarray(item) if isinstance(item, list) else item  # pyright: ignore[reportUnknownVariableType]
    return given.ndim if isinstance(given, Array | np.ndarray) and given.dtype.kind == "b" else 1  # pyright: ignore


def _unmasked(item: Any, shape: Ints) -> list[Any]:
    """An index that is no mask, as an int, slice, None, Ellipsis or integer Array; a mask as one for each axis."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return [item]
    if isinstance(item, int | np.integer) and not isinstance(item, bool):
        return [int(item)]  # pyright: ignore[reportUnknownArgumentType]
    value = as_index(item)
    if value.dtype.kind == "b":
        _check_mask(value, shape)
        return [from_numpy(i) for i in _nonzero(value, shape)]
    if value.dtype.kind not in "iu":
        raise ArrayTypeError(
            f"an index is an integer, a slice, ..., None, or an array of integers or bool, got {value.type}; "
            "convert it with astype"
        )
    return [value]


def _check_mask(mask: Array, sizes: Ints) -> None:
    covered = sizes[: mask.ndim]
    if mask.ndim and mask.shape != covered:
        raise ShapeError(
            f"a mask has the shape of the axes it selects from: expected bool{list(covered)}, got {mask.type}"
        )


def as_index(value: Any) -> Array:
    """An index as an Array; an empty list counts as integers."""
    if not isinstance(value, list | tuple):
        return as_array(value)
    empty = np.size(value) == 0  # pyright: ignore[reportUnknownArgumentType]
    return from_numpy(np.array(value, np.int64 if empty else None))  # pyright: ignore[reportUnknownArgumentType]


def _nonzero(mask: Array, shape: Ints) -> Sequence[Any]:
    if not mask.ndim:
        raise ArrayTypeError("a single bool is not an index; use ty.where, or an array of bool for each element")
    try:
        known = np.asarray(mask)
    except ConcretizationError:
        raise DataDependentShapeError(
            f"x[mask] has as many elements as the mask {mask.type} has true ones, which is not known while tracing; "
            "use ty.where(mask, x, other), or index outside of the traced function"
        ) from None
    return known.nonzero()


def _filled(items: list[Any], shape: Ints) -> list[Any]:
    """The items with the ellipsis (or the end) written out as full slices."""
    dots = [k for k, i in enumerate(items) if i is Ellipsis]
    if len(dots) > 1:
        raise ShapeError("an index expression has at most one ellipsis (...)")
    used = sum(i is not None and i is not Ellipsis for i in items)
    if used > len(shape):
        raise ShapeError(
            f"too many indices: an array of shape {shape} has {len(shape)} axes, got {used}; None adds an axis"
        )
    k = dots[0] if dots else len(items)
    return [*items[:k], *([slice(None)] * (len(shape) - used)), *items[k + 1 :]]


def _span(item: slice, size: int) -> Span:
    found = range(size)[item]
    return Span(found.start, len(found), found.step)


def _place(item: Any, axis: int, shape: Ints, checked: bool) -> Point | Places:
    if isinstance(item, Array):
        return Places(item)
    if not checked:
        return Places(scalar(item, int64))
    wrapped = item + shape[axis] if item < 0 else item
    if not 0 <= wrapped < shape[axis]:
        error = out_of_bounds(wrapped, axis, shape[axis])
        raise type(error)(f"{error} (at {user_source()})")
    return Point(wrapped)


def _common_shape(places: Sequence[Places], shape: Ints) -> Ints:
    try:
        return np.broadcast_shapes(*(p.indices.shape for p in places))
    except ValueError:
        types = ", ".join(str(p.indices.type) for p in places)
        raise ShapeError(f"index arrays must broadcast to one shape, got {types}") from None
