"""Random orders, and random elements of what is given."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.indexing import take
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import full
from tianyuan.prims.cumulation import cumsum
from tianyuan.prims.linear import broadcast_to, gather, iota, moveaxis, reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import add, mul, sub
from tianyuan.prims.pointwise.bitwise import bitwise_and, shift_right
from tianyuan.prims.pointwise.comparison import lt, select
from tianyuan.prims.pointwise.elementary import log
from tianyuan.prims.reduction import argmax
from tianyuan.prims.sorting import sort
from tianyuan.random.continuous import gumbel
from tianyuan.random.drawing import Shape, raw_bits, unit
from tianyuan.random.integers import randint
from tianyuan.random.keys import checked_shape, one_key, split
from tianyuan.transforms.arguments import as_array
from tianyuan.types import DEFAULT_FLOAT, DEFAULT_INT, int64, uint32


def permutation(key: Array, x: Any, axis: int = 0, independent: bool = False) -> Array:
    """``x`` in random order along ``axis``; an integer n stands for 0, 1, .., n-1.

    With ``independent`` every line along the axis is shuffled on its own.
    """
    one_key("permutation", key)
    if isinstance(x, int):
        return _shuffled(key, iota(DEFAULT_INT, (x,), 0), 0)
    array = as_array(x)
    if not array.ndim:
        raise ArrayTypeError(f"permutation takes an array with axes or a Python integer, got {array.type}")
    if not -array.ndim <= axis < array.ndim:
        raise ShapeError(f"permutation: {array.type} has no axis {axis}")
    along = axis % array.ndim
    if independent or array.ndim == 1:
        return _shuffled(key, array, along)
    order = _shuffled(key, iota(DEFAULT_INT, (array.shape[along],), 0), 0)
    return take(array, order, axis=along, mode="promise_in_bounds")


def _shuffled(key: Array, x: Array, axis: int) -> Array:
    """Sort by random words, as often as it takes that no two elements tie every time (all but surely)."""
    rounds = math.ceil(3 * math.log(max(1, x.size)) / math.log(2**32 - 1))
    for _ in range(rounds):
        keys = split(key)
        key = keys[0]
        _, x = sort((raw_bits("permutation", keys[1], x.shape, uint32), x), axis)
    return x


def categorical(key: Array, logits: Any, axis: int = -1, shape: Shape | None = None, replace: bool = True) -> Array:
    """Indices along ``axis``, i with a probability proportional to exp(logits[i]): argmax(gumbel + logits), i64.

    The result has the shape of logits without ``axis``, or ``shape``, to which that broadcasts; axes in front are
    more samples of each. Without ``replace`` those are all different (the largest of one gumbel + logits).
    """
    given = _floats("categorical", logits)
    if not -given.ndim <= axis < given.ndim:
        raise ShapeError(f"categorical: {given.type} has no axis {axis}")
    rows = moveaxis(given, axis % given.ndim, given.ndim - 1)
    batch, count = rows.shape[:-1], rows.shape[-1]
    sizes = batch if shape is None else checked_shape("categorical", shape)
    samples = sizes[: len(sizes) - len(batch)]
    if replace:
        noise = gumbel(key, (*sizes, count), given.dtype)
        return argmax(add(noise, broadcast_to(rows, noise.shape)), len(sizes))
    number = math.prod(samples)
    if sizes[len(samples) :] != batch or number > count:
        raise ShapeError(f"categorical without replacement: {given.type} does not give {sizes} different samples")
    noisy = add(gumbel(key, rows.shape, given.dtype), rows)
    return reshape(moveaxis(_largest(noisy, number), len(batch), 0), sizes)


def _largest(x: Array, count: int) -> Array:
    """The indices of the ``count`` largest along the last axis, the largest first."""
    last = x.ndim - 1
    _, order = sort((x, iota(int64, x.shape, last)), last, descending=True)
    return slice_axis(order, last, 0, count)


def _floats(who: str, value: Any) -> Array:
    given = as_array(value)
    if given.dtype.kind in "biu":
        return convert(given, DEFAULT_FLOAT)
    if given.dtype.kind != "f" or not given.shape:
        raise ArrayTypeError(f"{who} takes an array of floats, got {given.type}")
    return given


def choice(key: Array, a: Any, shape: Shape = (), replace: bool = True, p: Any = None, axis: int = 0) -> Array:
    """Random elements of ``a`` along ``axis`` (of 0, 1, .., a-1 for an integer), in the place of that axis.

    ``p`` are their probabilities, f[n], need not sum to 1; None: all alike. Without ``replace`` they are different.
    """
    sizes = checked_shape("choice", shape)
    array = None if isinstance(a, int) else as_array(a)
    if array is not None and not -array.ndim <= axis < array.ndim:
        raise ShapeError(f"choice: {array.type} has no axis {axis}")
    count = a if array is None else array.shape[axis]
    index = _chosen(one_key("choice", key), count, sizes, replace, p)
    return index if array is None else take(array, index, axis=axis, mode="promise_in_bounds")


def _chosen(key: Array, count: int, shape: Sequence[int], replace: bool, p: Any) -> Array:
    number = math.prod(shape)
    if number == 0:
        return full(0, DEFAULT_INT, shape)
    if count < (1 if replace else number):
        raise ShapeError(
            f"choice: {number} elements cannot be drawn from {count}"
            + " without replacement; ask for fewer" * (not replace)
        )
    if p is None:
        return randint(key, shape, 0, count) if replace else _first(permutation(key, count), shape)
    weights = _floats("choice", p)
    if weights.shape != (count,):
        raise ShapeError(f"choice takes a probability for each of {count} elements, got {weights.type}")
    if replace:
        return _inverted(key, weights, shape)
    return _first(_largest(add(gumbel(key, (count,), weights.dtype), log(weights)), number), shape)


def _first(order: Array, shape: Sequence[int]) -> Array:
    return reshape(slice_axis(order, 0, 0, math.prod(shape)), shape)


def _inverted(key: Array, weights: Array, shape: Sequence[int]) -> Array:
    """The first index whose cumulative weight reaches r, r uniform on (0, sum]; found by halving."""
    sums, count = cumsum(weights, 0), weights.shape[0]
    total = reshape(slice_axis(sums, 0, count - 1, count), ())
    r = mul(total, sub(scalar(1, weights.dtype), unit("choice", key, shape, weights.dtype)))
    low, high = full(0, int64, shape), full(count - 1, int64, shape)
    for _ in range((count - 1).bit_length()):
        middle = shift_right(add(low, high), scalar(1, int64))
        at = reshape(middle, (*shape, 1))
        reached = gather(sums, at, batch=0, axes=(0,), sizes=(1,), collapsed=(0,), mode="promise")
        below = bitwise_and(lt(reached, r), lt(low, high))
        low, high = select(below, add(middle, scalar(1, int64)), low), select(below, high, middle)
    return low
