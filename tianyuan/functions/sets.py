"""Sets of values: the unique elements of an array, in increasing order (NaN last, each NaN by itself)."""

from __future__ import annotations

from typing import Any, NamedTuple

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.functions.operands import promoted, settled
from tianyuan.functions.ordering import flatnonzero, known, searchsorted
from tianyuan.functions.statistics import sum as total
from tianyuan.indexing import take
from tianyuan.prims import sorting
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.creation import full, iota, zeros
from tianyuan.prims.cumulation import cumsum
from tianyuan.prims.linear import concatenate, reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import add, minimum, sub
from tianyuan.prims.pointwise.bitwise import bitwise_not
from tianyuan.prims.pointwise.comparison import eq, lt, ne, select
from tianyuan.types import DEFAULT_INT, ArrayType, bool_


class UniqueAll(NamedTuple):
    """Unique values, where each comes first, which one each element is, how often each comes."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCounts(NamedTuple):
    """Unique values, and how often each comes."""

    values: Array
    counts: Array


class UniqueInverse(NamedTuple):
    """Unique values, and which one each element is."""

    values: Array
    inverse_indices: Array


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAll:
    """The unique values of x, flattened, with first places, inverse and counts, i64.

    How many there are depends on values. ``size`` fixes it, as traced functions need: more are left out, missing
    ones are ``fill_value`` (by default the smallest value) with count 0.
    """
    x = settled("unique", x)
    n = x.size
    values, places = sorting.sort([reshape(x, (n,)), iota(DEFAULT_INT, (n,), 0)], 0, 1, False)
    fresh = concatenate(full(True, bool_, (min(n, 1),)), _steps(values), axis=0)
    count = int(known("unique", total(fresh))) if size is None else size
    starts = flatnonzero(fresh, count)
    ends = flatnonzero(concatenate(slice_axis(fresh, 0, min(n, 1), n), full(True, bool_, (min(n, 1),)), axis=0), count)
    there = lt(starts, scalar(n, DEFAULT_INT))
    found = _or_fill(values, starts, there, fill_value)
    counts = select(there, sub(ends, sub(starts, scalar(1, DEFAULT_INT))), scalar(0, DEFAULT_INT))
    return UniqueAll(found, _read(places, starts), _inverse(fresh, places, x), counts)


def _steps(values: Array) -> Array:
    """Whether each element but the first differs from the one before."""
    n = values.shape[0]
    return ne(slice_axis(values, 0, min(n, 1), n), slice_axis(values, 0, 0, max(n - 1, 0)))


def _read(values: Array, places: Array) -> Array:
    return take(values, places, mode="clip") if values.size else zeros(ArrayType(values.dtype, places.shape))


def _or_fill(values: Array, starts: Array, there: Array, fill_value: Any) -> Array:
    found = _read(values, starts)
    if fill_value is None:
        fill = _read(values, full(0, DEFAULT_INT, starts.shape))
    else:
        fill = full(fill_value, values.dtype, starts.shape)
    return select(there, found, fill)


def _inverse(fresh: Array, places: Array, x: Array) -> Array:
    """For each element of x the number of its value: numbers in sorted order, sorted back by place."""
    numbers = sub(cumsum(convert(fresh, DEFAULT_INT), 0), scalar(1, DEFAULT_INT))
    return reshape(sorting.sort([places, numbers], 0, 1, False)[1], x.shape)


def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueCounts:
    """The unique values of x, and how often each comes; ``size`` as of ``unique_all``."""
    found = unique_all(x, size=size, fill_value=fill_value)
    return UniqueCounts(found.values, found.counts)


def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueInverse:
    """The unique values of x, and the number of each element's; ``size`` as of ``unique_all``."""
    found = unique_all(x, size=size, fill_value=fill_value)
    return UniqueInverse(found.values, found.inverse_indices)


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Array:
    """The unique values of x; ``size`` as of ``unique_all``."""
    return unique_all(x, size=size, fill_value=fill_value).values


def isin(x1: Any, x2: Any, /, *, invert: bool = False) -> Array:
    """Whether each element of x1 is equal to one of x2 (with ``invert``: to none), bool of x1's shape. NaN is not.

    A binary search in x2, sorted.
    """
    x, among = (_without_negative_zero(strong(a)) for a in promoted("isin", x1, x2))
    if not among.size:
        return full(invert, bool_, x.shape)
    (values,) = sorting.sort([reshape(among, (among.size,))], 0, 1, False)
    place = searchsorted(values, x)
    found = eq(take(values, minimum(place, scalar(among.size - 1, DEFAULT_INT))), x)
    return bitwise_not(found) if invert else found


def _without_negative_zero(x: Array) -> Array:
    """x with 0.0 for -0.0, which is equal to it but comes before it when sorted."""
    return add(x, scalar(0.0, x.dtype)) if x.dtype.kind in "fc" else x
