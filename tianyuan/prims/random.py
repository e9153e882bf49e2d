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
from tianyuan.types import ArrayType, DType, uint32, uint64

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA  # SKEIN_KS_PARITY32
GROUPS = 5  # of four rounds
WORDS = {"high": uint32, "low": uint32, "xor": uint32, "pair": uint64}


def _words(dtype: DType) -> list[Case]:
    cases = elementwise(4)(dtype)
    return [Case(c.args, {"word": w}) for c in cases for w in WORDS]


def _draw(rng: Any, type: ArrayType, argument: int, case: Case) -> Any:
    return rng.integers(0, 2**32, type.shape)


@primitive
class ThreefryWord(Flat):
    """What is left of the two random words, element by element, so that no more than that is ever stored.

    ``word``: ``high`` the first, ``low`` the second, ``xor`` their exclusive or (u32), ``pair`` high · 2^32 + low
    (u64). Arguments: the key's words, the counter's words, u32.
    """

    word: str
    dtypes = (uint32,)
    cases = Cases(_words, (uint32,), draw=_draw, differentiable=False)

    def result_dtype(self, dtype: DType) -> DType:
        """u64 for a pair."""
        if self.word not in WORDS:
            raise ArrayTypeError(f"threefry_word gives {', '.join(WORDS)}, got {self.word!r}")
        return WORDS[self.word]

    def scalar(self, k: Scalars, k0: Any, k1: Any, c0: Any, c1: Any) -> Any:
        high, low = _cipher(k, (k0, k1), (c0, c1))
        if self.word == "pair":
            top = k.shift_left(k.convert(high, uint64), k.const(32, uint64))
            return k.bitor(top, k.convert(low, uint64))
        return {"high": high, "low": low}.get(self.word) or k.bitxor(high, low)

    def oracle(self, *args: Any) -> Any:
        """The cipher in NumPy."""
        high, low = reference(*args)
        pair = (high.astype(np.uint64) << np.uint64(32)) | low
        return {"high": high, "low": low, "xor": high ^ low, "pair": pair}[self.word]


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
    """Both random words, as two arrays of u32. Arguments as of ``ThreefryWord``."""

    multiple = True
    cases = Cases(elementwise(4), (uint32,), draw=_draw, differentiable=False)

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


def threefry_word(word: str, k0: Array, k1: Array, c0: Array, c1: Array) -> Array:
    """One word made of both (``ThreefryWord``)."""
    return ThreefryWord(word)(k0, k1, c0, c1)
