"""Random keys and the two 32-bit words behind each: ``key_from_words(*key_words(key))`` is the key.

A key is one element of dtype ``key``, held as 64 bits, the first word above the second. Whatever moves
elements (broadcast, slice, gather, select) moves keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Rewriting, primitive
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.lowering import Scalars
from tianyuan.prims.linear.broadcasting import with_batch_at
from tianyuan.types import ArrayType, DType, key_dtype, uint32, uint64

_SHAPES: tuple[tuple[int, ...], ...] = ((), (5,), (2, 3), (0, 3))


def _of_keys(dtype: DType) -> list[Case]:
    return [Case((ArrayType(dtype, s),), {"index": i}) for s in _SHAPES for i in (0, 1)]


@primitive
class KeyWord(Prim):
    """Word ``index`` (0 the high one, 1 the low one) of every key, as u32."""

    index: int
    cases = Cases(_of_keys, (key_dtype,), differentiable=False)

    def types(self, key: ArrayType) -> tuple[ArrayType, ...]:
        """The shape of the keys, in u32."""
        if key.dtype != key_dtype:
            raise ArrayTypeError(f"key_word takes random keys, got {key}; make one with ty.random.key(seed)")
        if self.index not in (0, 1):
            raise ArrayTypeError(f"key_word takes word 0 or 1, got {self.index}")
        return (key.with_dtype(uint32),)

    def lower(self, *types: ArrayType) -> lowering.Map:
        """One key at a time."""
        return lowering.Map(self.scalar)

    def scalar(self, k: Scalars, key: Any) -> Any:
        """Half of the 64 bits."""
        bits = k.bitcast(key, uint64)
        return k.convert(bits if self.index else k.shift_right(bits, k.const(32, uint64)), uint32)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """No tangent."""
        return self(*primals), None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch stays where it is."""
        return self(args[0]), dims[0]

    def oracle(self, *args: Any) -> Any:
        """NumPy's view of the bytes (little-endian)."""
        return np.ascontiguousarray(args[0]).reshape(np.shape(args[0])).view((np.uint32, 2))[..., 1 - self.index]


def _of_words(dtype: DType) -> list[Case]:
    return [Case((ArrayType(dtype, s),) * 2) for s in _SHAPES]


@primitive
class KeyFromWords(Prim):
    """The keys with these words: u32 high words and u32 low words of one shape."""

    cases = Cases(_of_words, (uint32,), differentiable=False)

    def types(self, high: ArrayType, low: ArrayType) -> tuple[ArrayType, ...]:
        """The shape of the words, in dtype key."""
        if (high.dtype, low.dtype) != (uint32, uint32):
            raise ArrayTypeError(f"key_from_words takes words of u32, got {high} and {low}")
        if high.shape != low.shape:
            raise ShapeError(f"key_from_words takes equal shapes, got {high} and {low}")
        return (high.with_dtype(key_dtype),)

    def lower(self, *types: ArrayType) -> lowering.Map:
        """One key at a time."""
        return lowering.Map(self.scalar)

    def scalar(self, k: Scalars, high: Any, low: Any) -> Any:
        """high · 2^32 + low."""
        top = k.shift_left(k.convert(high, uint64), k.const(32, uint64))
        return k.bitcast(k.bitor(top, k.convert(low, uint64)), key_dtype)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """No tangent."""
        return self(*primals), None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """Both batches in front."""
        return self(*(with_batch_at(x, d, size, 0) for x, d in zip(args, dims, strict=True))), 0

    def oracle(self, *args: Any) -> Any:
        """The words side by side (little-endian)."""
        high, low = args
        return np.ascontiguousarray(np.stack([low, high], -1)).view(np.uint64)[..., 0]


@primitive
class CloneKey(Prim):
    """The same keys, which may be used although they have been (``tianyuan.keys_in_use``)."""

    cases = Cases(lambda dtype: [Case((ArrayType(dtype, s),)) for s in _SHAPES], (key_dtype,), differentiable=False)

    def types(self, key: ArrayType) -> tuple[ArrayType, ...]:
        """The type of the keys."""
        if key.dtype != key_dtype:
            raise ArrayTypeError(f"clone takes random keys, got {key}")
        return (key,)

    def lower(self, *types: ArrayType) -> lowering.Map:
        """One key at a time."""
        return lowering.Map(self.scalar)

    def scalar(self, k: Scalars, key: Any) -> Any:
        """The key."""
        return key

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """The key."""
        return args[0]

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch stays where it is."""
        return self(args[0]), dims[0]

    def oracle(self, *args: Any) -> Any:
        """The same."""
        return args[0]


def key_words(key: Array) -> tuple[Array, Array]:
    """The high and the low word of every key, u32 arrays of the key's shape."""
    return KeyWord(0)(key), KeyWord(1)(key)


def key_from_words(high: Array, low: Array) -> Array:
    """The keys with these words."""
    return KeyFromWords()(high, low)
