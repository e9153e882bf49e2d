"""``x.at[index]``: arrays with some elements changed. Arrays never change; each method returns a new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen

from tianyuan.array import METHODS, Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, NumberRangeError, ShapeError
from tianyuan.indexing.parsing import Places, Plan, Point, Span, plan
from tianyuan.indexing.reading import read
from tianyuan.indexing.vectors import READING, WRITING, checked_mode, default_fill, vectors, wrapped
from tianyuan.prims import scattering as scattering  # installs the derivatives of mul, min and max
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import full
from tianyuan.prims.linear import broadcast_to, iota, reshape, reverse, scatter, transpose
from tianyuan.prims.pointwise.arithmetic import add, div, mul, neg
from tianyuan.prims.pointwise.powers import pow
from tianyuan.transforms.arguments import as_array
from tianyuan.types import int64, promote


@frozen(eq=False)
class At:
    """``x.at``; index it: ``x.at[index]``."""

    array: Array

    def __getitem__(self, index: Any) -> Indexed:
        return Indexed(self.array, index)


@frozen(eq=False)
class Indexed:
    """``x.at[index]``: the elements of x that ``index`` selects, to be read or replaced.

    ``mode`` says what an index out of bounds does: ``"error"`` (the default) raises OutOfBoundsError;
    ``"drop"`` and ``"fill"`` leave out what is written there and read ``fill_value`` (by default NaN, the most
    negative signed or largest unsigned integer, true); ``"clip"`` moves it inside; ``"promise_in_bounds"``
    is a promise that there is none, not checked. Values broadcast to the selection and take the dtype of x.
    Updates are applied in row-major order of the selection: the last of several values set wins.
    """

    array: Array
    index: Any

    def get(self, *, mode: str = "error", fill_value: Any = None) -> Array:
        """``x[index]``."""
        how = checked_mode("at[].get", mode, READING)
        fill = None
        if how == "fill":
            x = self.array
            fill = default_fill(x.dtype) if fill_value is None else value_like(x, fill_value, "at[].get")
            fill = broadcast_to(fill, ())
        return read(self.array, self._plan(mode), how, fill)

    def set(self, values: Any, *, mode: str = "error") -> Array:
        """x with ``x[index] = values``."""
        return self._write("set", values, mode)

    def add(self, values: Any, *, mode: str = "error") -> Array:
        """x with ``x[index] += values``, every update counted."""
        return self._write("add", values, mode)

    def subtract(self, values: Any, *, mode: str = "error") -> Array:
        """x with ``x[index] -= values``: the negated values are added."""
        return self._write("add", neg(value_like(self.array, values, "at[].subtract")), mode)

    def multiply(self, values: Any, *, mode: str = "error") -> Array:
        """x with ``x[index] *= values``, every update counted."""
        return self._write("mul", values, mode)

    def divide(self, values: Any, *, mode: str = "error") -> Array:
        """x with ``x[index] /= values``: x over the product of its values. Floats only."""
        return div(self.array, self._of_ones("divide", values, mode))

    def power(self, values: Any, *, mode: str = "error") -> Array:
        """x with ``x[index] **= values``: x to the product of its values. Floats only."""
        return pow(self.array, self._of_ones("power", values, mode))

    def min(self, values: Any, *, mode: str = "error") -> Array:
        """x with the smaller of ``x[index]`` and the values (NaN propagates)."""
        return self._write("min", values, mode)

    def max(self, values: Any, *, mode: str = "error") -> Array:
        """x with the larger of ``x[index]`` and the values (NaN propagates)."""
        return self._write("max", values, mode)

    def apply(self, fun: Callable[[Array], Any], *, mode: str = "error") -> Array:
        """x with ``fun(x[index])`` in place of ``x[index]``; where an element is selected twice it is applied once."""
        p = self._plan(mode)
        selected = read(self.array, p, *self._reading(mode))
        return write(self.array, p, "set", fun(selected), WRITING[mode])

    def _reading(self, mode: str) -> tuple[str, Array | None]:
        how = checked_mode("at[].apply", mode, READING)
        return how, scalar(0, self.array.dtype) if how == "fill" else None

    def _of_ones(self, name: str, values: Any, mode: str) -> Array:
        x = self.array
        if x.dtype.kind not in "fc":
            raise ArrayTypeError(f"at[].{name} takes floats or complex numbers, got {x.type}; convert it with astype")
        return Indexed(full(1, x.dtype, x.shape), self.index).multiply(values, mode=mode)

    def _write(self, op: str, values: Any, mode: str) -> Array:
        how = checked_mode(f"at[].{op}", mode, WRITING)
        return write(self.array, self._plan(mode), op, values, how)

    def _plan(self, mode: str) -> Plan:
        return plan(self.index, self.array.shape, checked=mode == "error")


def value_like(x: Array, value: Any, who: str) -> Array:
    """A value in the dtype of x; ArrayTypeError where x could not hold it, OverflowError for a Python integer."""
    given = as_array(value)
    if given.dtype != x.dtype and promote(x.type, given.type)[0] != x.dtype:
        raise ArrayTypeError(f"{who}: values of {given.type} do not fit {x.type}; convert them with astype")
    if not isinstance(value, int | float | complex):
        return convert(given, x.dtype)
    if isinstance(value, int) and x.dtype.kind in "iu":
        bounds = np.iinfo(x.dtype.numpy)
        if not bounds.min <= value <= bounds.max:
            raise NumberRangeError(f"{who}: {value} does not fit {x.dtype}")
    return scalar(value, x.dtype)


def _as_selected(op: str, x: Array, given: Array, shape: tuple[int, ...]) -> Array:
    try:
        return broadcast_to(given, shape)
    except ShapeError as error:
        raise ShapeError(f"at[].{op}: the index selects {list(shape)} of {x.type}; {error}") from None


def write(x: Array, p: Plan, op: str, values: Any, mode: str) -> Array:
    """x with updates at what a plan selects; ``mode`` as of scatter."""
    given = value_like(x, values, f"at[].{op}")
    components, positions, axes, window = _components(p)
    updates = _arranged(_as_selected(op, x, given, p.result), p, window)
    collapsed = [a for a in range(x.ndim) if a not in window]
    sizes = [_length(p, a) if a in window else 1 for a in range(x.ndim)]
    at = vectors(components, positions)
    return scatter(x, at, updates, op=op, batch=0, axes=axes, sizes=sizes, collapsed=collapsed, mode=mode)


def _length(p: Plan, axis: int) -> int:
    entry = p.entries[axis]
    assert isinstance(entry, Span)
    return entry.length


def _components(p: Plan) -> tuple[list[Array], tuple[int, ...], list[int], list[int]]:
    """Index components, the shape of positions, the axes indexed, and the axes that are part of the window.

    Positions are those of the index arrays, then one axis for each span that skips elements.
    """
    skipping = [a for a in p.spans if not _in_window(p.entries[a])]
    positions = (*p.broadcast, *(_length(p, a) for a in skipping))
    components: list[Array] = []
    axes: list[int] = []
    for a, e in enumerate(p.entries):
        if a in skipping:
            assert isinstance(e, Span)
            components.append(_counted(e, len(p.broadcast) + skipping.index(a), positions))
        elif isinstance(e, Places):
            ahead = wrapped(e.indices, p.shape[a])
            components.append(reshape(ahead, (*ahead.shape, *([1] * len(skipping)))))
        elif isinstance(e, Point) or e.length != p.shape[a]:
            components.append(scalar(_lowest(e), int64))
        else:
            continue
        axes.append(a)
    return components, positions, axes, [a for a in p.spans if a not in skipping]


def _in_window(entry: Any) -> bool:
    return abs(entry.step) == 1 or entry.length <= 1


def _counted(span: Span, axis: int, positions: tuple[int, ...]) -> Array:
    """start + i · step along one axis of the positions."""
    shape = [span.length if a == axis else 1 for a in range(len(positions))]
    return add(mul(iota(int64, shape, axis), scalar(span.step, int64)), scalar(span.start, int64))


def _lowest(entry: Span | Point) -> int:
    if isinstance(entry, Point):
        return entry.index
    last = entry.start + (entry.length - 1) * entry.step
    return min(entry.start, last) if entry.length else 0


def _arranged(updates: Array, p: Plan, window: list[int]) -> Array:
    """Updates of the result's shape with axes in the order index arrays, skipping spans, window."""
    count = len(p.broadcast)
    spans = [a for a in p.layout if a is not None]
    before = sum(a is not None for a in p.layout[: p.at])
    shape = [_length(p, a) for a in spans]
    plain = reshape(updates, (*shape[:before], *p.broadcast, *shape[before:]))
    places = {a: k + (count if k >= before else 0) for k, a in enumerate(spans)}
    skipping = [a for a in spans if a not in window]
    order = (*range(before, before + count), *(places[a] for a in skipping), *(places[a] for a in window))
    ahead = count + len(skipping)
    back = [ahead + k for k, a in enumerate(window) if _step(p, a) < 0]
    return reverse(transpose(plain, order), back)


def _step(p: Plan, axis: int) -> int:
    entry = p.entries[axis]
    assert isinstance(entry, Span)
    return entry.step


METHODS["at"] = property(At)
