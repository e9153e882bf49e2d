"""Arithmetic on axis numbers, and the checks that type rules share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, combinations

from tianyuan.errors import ShapeError


def shifted(axes: Iterable[int], at: int) -> tuple[int, ...]:
    """``axes`` after a new axis was inserted at ``at``."""
    return tuple(a + (a >= at) for a in axes)


def inserted(items: Sequence[int], at: int, item: int) -> tuple[int, ...]:
    """``items`` with ``item`` inserted at position ``at``."""
    return (*items[:at], item, *items[at:])


def kept(axes: Iterable[int], ndim: int) -> tuple[int, ...]:
    """The axes of a rank that are not among ``axes``, in order."""
    gone = set(axes)
    return tuple(a for a in range(ndim) if a not in gone)


def subsets(ndim: int) -> list[tuple[int, ...]]:
    """Every increasing selection of the axes of a rank."""
    return list(chain.from_iterable(combinations(range(ndim), n) for n in range(ndim + 1)))


def check_increasing(name: str, what: str, axes: Sequence[int], ndim: int) -> None:
    """ShapeError unless ``axes`` increase strictly and each is an axis of rank ``ndim``."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= a < ndim for a in axes):
        raise ShapeError(f"{name} takes increasing {what} below {ndim}, got {tuple(axes)}")


def check_length(name: str, what: str, items: Sequence[int], ndim: int) -> None:
    """ShapeError unless there is one item per axis."""
    if len(items) != ndim:
        raise ShapeError(f"{name} takes {what} for each of {ndim} axes, got {tuple(items)}")


def check_shape(name: str, shape: Sequence[int]) -> None:
    """ShapeError for a negative extent."""
    if any(n < 0 for n in shape):
        raise ShapeError(f"{name} takes extents that are not negative, got {tuple(shape)}")
