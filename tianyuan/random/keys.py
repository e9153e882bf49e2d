"""Keys: made from a seed, split, and told apart by numbers folded in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import full
from tianyuan.prims.keys import CloneKey, key_from_words, key_words
from tianyuan.prims.linear import concatenate, iota, reshape, slice_axis
from tianyuan.prims.pointwise.bitwise import shift_right
from tianyuan.prims.random import draw, threefry
from tianyuan.transforms.arguments import as_array
from tianyuan.types import key_dtype, uint32, uint64

Ints = tuple[int, ...]


def key(seed: Any) -> Array:
    """The key of a seed, an integer (wrapped to 64 bits)."""
    given = _literal(as_array(seed), seed)
    if given.dtype.kind not in "iu" or given.shape:
        raise ArrayTypeError(f"key takes one integer as its seed, got {given.type.strong}; for many keys split one")
    low = convert(given, uint32)
    if given.dtype.bits < 64:
        return key_from_words(scalar(0, uint32), low)
    high = shift_right(convert(given, uint64), scalar(32, uint64))
    return key_from_words(convert(high, uint32), low)


def key_data(keys: Array) -> Array:
    """The words of keys: u32[..., 2]."""
    words = key_words(_keys("key_data", keys))
    return concatenate(*(reshape(w, (*w.shape, 1)) for w in words), axis=keys.ndim)


def wrap_key_data(words: Any) -> Array:
    """The keys with these words, u32[..., 2]."""
    data = as_array(words)
    if data.dtype != uint32 or data.shape[-1:] != (2,):
        raise ArrayTypeError(f"wrap_key_data takes u32[..., 2], got {data.type}")
    last = data.ndim - 1
    high, low = (reshape(slice_axis(data, last, i, i + 1), data.shape[:-1]) for i in (0, 1))
    return key_from_words(high, low)


def split(key: Array, num: int | Sequence[int] = 2) -> Array:
    """``num`` new keys (or an array of keys of that shape) from one, which is not to be used again."""
    shape = (num,) if isinstance(num, int) else tuple(num)
    return draw("key", one_key("split", key), *counters("split", shape))


def fold_in(key: Array, data: Any) -> Array:
    """A new key from a key and an integer (wrapped to 32 bits); the key may be used with other integers."""
    number = _literal(as_array(data), data)
    if number.dtype.kind not in "iu" or number.shape:
        raise ArrayTypeError(f"fold_in takes one integer, got {number.type}; map over several with vmap")
    return draw("key", one_key("fold_in", key), scalar(0, uint32), convert(number, uint32), consumes=False)


def clone(key: Array) -> Array:
    """The same key, which may be used although it has been: the reuse is meant."""
    return CloneKey()(_keys("clone", key))


def threefry2x32(key: Array, counts: Any) -> Array:
    """The cipher itself: u32 counts, their first half as first words and their second half as second words.

    Returns u32 of the shape of ``counts``, random words in the same order; an odd number of counts has a 0 added.
    """
    given = as_array(counts)
    if given.dtype != uint32:
        raise ArrayTypeError(f"threefry2x32 takes counts of uint32, got {given.type}")
    half = (given.size + 1) // 2
    flat = reshape(given, (given.size,))
    even = concatenate(flat, full(0, uint32, (1,)), axis=0) if given.size % 2 else flat
    first, second = (slice_axis(even, 0, i * half, (i + 1) * half) for i in (0, 1))
    words = threefry(*key_words(one_key("threefry2x32", key)), first, second)
    return reshape(slice_axis(concatenate(*words, axis=0), 0, 0, given.size), given.shape)


def _literal(given: Array, value: Any) -> Array:
    """A Python integer as a literal of the program."""
    return scalar(value, given.dtype) if isinstance(value, int) else given


# ---- what samplers share


def one_key(who: str, key: Any) -> Array:
    """``key``, if it is one; ArrayTypeError naming the function."""
    found = _keys(who, key)
    if found.shape:
        raise ArrayTypeError(f"{who} takes one key, got {found.type}; map over an array of keys with vmap")
    return found


def _keys(who: str, key: Any) -> Array:
    if not isinstance(key, Array) or key.dtype != key_dtype:
        got = key.type if isinstance(key, Array) else type(key).__name__
        raise ArrayTypeError(f"{who} takes a random key, got {got}; make one with ty.random.key(seed)")
    return key


def checked_shape(who: str, shape: Any) -> Ints:
    """A shape as a tuple of ints; ShapeError naming the function."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(not isinstance(n, int) or n < 0 for n in sizes):
        raise ShapeError(f"{who} takes a shape of sizes that are not negative, got {sizes}")
    return sizes


def counters(who: str, shape: Any) -> tuple[Array, Array]:
    """The words of the counters 0, 1, .. in row-major order over a shape; a word that is 0 throughout is 0-d."""
    sizes = checked_shape(who, shape)
    count = math.prod(sizes)
    if not sizes:
        return scalar(0, uint32), scalar(0, uint32)
    if count <= 2**32:
        return scalar(0, uint32), reshape(iota(uint32, (count,), 0), sizes)
    wide = reshape(iota(uint64, (count,), 0), sizes)
    return convert(shift_right(wide, scalar(32, uint64)), uint32), convert(wide, uint32)
