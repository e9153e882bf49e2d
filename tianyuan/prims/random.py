"""Threefry-2x32 with 20 rounds [Salmon2011]: a key and a counter, two u32 words each, to two random words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases, elementwise
from tianyuan.core import Prim, primitive
from tianyuan.errors import ArrayTypeError
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import Flat, align, check_dtypes, common_shape
from tianyuan.types import ArrayType, DType, key_dtype, uint32, uint64

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA  # SKEIN_KS_PARITY32
GROUPS = 5  # of four rounds
WORDS = {"high": uint32, "low": uint32, "xor": uint32, "pair": uint64, "key": key_dtype}


KEY = ArrayType(key_dtype)


def _draws(dtype: DType) -> list[Case]:
    cases = elementwise(3)(uint32)
    return [
        Case((KEY.with_shape(c.args[0].shape), *c.args[1:]), {"word": w, "consumes": True})
        for c in cases
        for w in WORDS
    ]


def _bits(rng: Any, type: ArrayType, argument: int, case: Case) -> Any:
    return rng.integers(0, 2 ** (64 if type.dtype == key_dtype else 32), type.shape, np.uint64)


@primitive
class Draw(Flat):
    """Random bits, element by element: what is left of the cipher's two words for a key and a counter.

    ``word``: ``high`` the first word, ``low`` the second, ``xor`` their exclusive or (u32), ``pair`` high · 2^32 +
    low (u64), ``key`` the same as a new key. Arguments: keys, and the two u32 words of counters; no more than the
    result is ever stored. ``consumes``: whether the keys may not be used again (``tianyuan.keys_in_use``).
    """

    word: str
    consumes: bool
    cases = Cases(_draws, (key_dtype,), draw=_bits, differentiable=False)

    def types(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        """The common shape, in the word's dtype."""
        if self.word not in WORDS:
            raise ArrayTypeError(f"draw gives {', '.join(WORDS)}, got {self.word!r}")
        if len(types) != 3 or types[0].dtype != key_dtype:
            raise ArrayTypeError(f"draw takes random keys and two words of counters, got {', '.join(map(str, types))}")
        check_dtypes("draw", (uint32,), types[1:])
        return (ArrayType(WORDS[self.word], common_shape("draw", types)),)

    def scalar(self, k: Scalars, key: Any, c0: Any, c1: Any) -> Any:
        bits = k.bitcast(key, uint64)
        words = k.convert(k.shift_right(bits, k.const(32, uint64)), uint32), k.convert(bits, uint32)
        high, low = _cipher(k, words, (c0, c1))
        if self.word in ("high", "low"):
            return high if self.word == "high" else low
        if self.word == "xor":
            return k.bitxor(high, low)
        pair = k.bitor(k.shift_left(k.convert(high, uint64), k.const(32, uint64)), k.convert(low, uint64))
        return pair if self.word == "pair" else k.bitcast(pair, key_dtype)

    def oracle(self, key: Any, c0: Any, c1: Any) -> Any:
        """The cipher in NumPy."""
        high, low = reference(key >> np.uint64(32), key & np.uint64(2**32 - 1), c0, c1)
        pair = (high.astype(np.uint64) << np.uint64(32)) | low
        return {"high": high, "low": low, "xor": high ^ low}.get(self.word, pair)


def _cipher(k: Scalars, key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Twenty rounds of add, rotate, exclusive or; after every four a word of the key schedule is added."""
    schedule = (*key, k.bitxor(k.bitxor(*key), k.const(PARITY, uint32)))
    x, y = k.add(counter[0], key[0]), k.add(counter[1], key[1])
    for group in range(GROUPS):
        for distance in ROTATIONS[group % 2]:
            x = k.add(x, y)
            y = k.bitxor(_rotated(k, y, distance), x)
        x = k.add(x, schedule[(group + 1) % 3])
        y = k.add(y, k.add(schedule[(group + 2) % 3], k.const(group + 1, uint32)))
    return x, y


def _rotated(k: Scalars, x: Any, distance: int) -> Any:
    up, down = (k.const(n, uint32) for n in (distance, 32 - distance))
    return k.bitor(k.shift_left(x, up), k.shift_right(x, down))


def reference(*words: Any) -> tuple[Any, Any]:
    """The cipher on NumPy words (as arrays of one axis: NumPy warns of scalars that wrap)."""
    shape = np.broadcast_shapes(*(np.shape(w) for w in words))
    k0, k1, c0, c1 = (np.broadcast_to(np.asarray(w, np.uint32), shape).reshape(-1) for w in words)
    schedule = (k0, k1, k0 ^ k1 ^ np.uint32(PARITY))
    x, y = c0 + k0, c1 + k1
    for group in range(GROUPS):
        for r in ROTATIONS[group % 2]:
            x = x + y
            y = ((y << np.uint32(r)) | (y >> np.uint32(32 - r))) ^ x
        x, y = x + schedule[(group + 1) % 3], y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x.reshape(shape), y.reshape(shape)


@primitive
class Threefry(Prim):
    """The cipher: two random words, from the two words of a key and of a counter; arrays of u32."""

    multiple = True
    cases = Cases(elementwise(4), (uint32,), draw=_bits, differentiable=False)

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """The common shape; 0-d arguments meet every element."""
        if len(args) != 4:
            raise ArrayTypeError(f"threefry takes 4 arguments, got {len(args)}")
        check_dtypes("threefry", (uint32,), args)
        return (ArrayType(uint32, common_shape("threefry", args)),) * 2

    def lower(self, *types: ArrayType) -> lowering.Threefry:
        """The cipher."""
        return lowering.Threefry()

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """As element-wise primitives."""
        aligned, dim = align(size, args, dims)
        return self(*aligned), (dim, dim)

    def oracle(self, *args: Any) -> Any:
        """The cipher in NumPy."""
        return reference(*args)


def threefry(k0: Array, k1: Array, c0: Array, c1: Array) -> tuple[Array, Array]:
    """The two random words for keys and counters, u32 arrays of one shape or 0-d."""
    high, low = Threefry()(k0, k1, c0, c1)
    return high, low


def draw(word: str, key: Array, c0: Array, c1: Array, consumes: bool = True) -> Array:
    """Random bits for keys and counters (``Draw``)."""
    return Draw(word, consumes)(key, c0, c1)
