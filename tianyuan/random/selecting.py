"""Random orders, and random elements of what is given."""

from __future__ import annotations

import math
from typing import Any

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.indexing import take
from tianyuan.prims.linear import iota
from tianyuan.prims.sorting import sort
from tianyuan.random.drawing import raw_bits
from tianyuan.random.keys import one_key, split
from tianyuan.transforms.arguments import as_array
from tianyuan.types import DEFAULT_INT, uint32


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
