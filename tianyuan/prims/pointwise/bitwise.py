"""Bits of integers, and of bool as one bit. No derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import LOGICAL, Flat
from tianyuan.types import INTEGERS


class Bitwise(Flat):
    """Of integers or bool, which give the same dtype."""

    dtypes = LOGICAL


class Counting(Flat):
    """Of integers alone."""

    dtypes = INTEGERS


@primitive
class BitwiseAnd(Bitwise):
    """Bits set in both; of bool, logical and."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.bitand(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.bitwise_and(a, b)


@primitive
class BitwiseOr(Bitwise):
    """Bits set in either; of bool, logical or."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.bitor(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.bitwise_or(a, b)


@primitive
class BitwiseXor(Bitwise):
    """Bits that differ; of bool, inequality."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.bitxor(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.bitwise_xor(a, b)


@primitive
class BitwiseNot(Bitwise):
    """Every bit inverted; of bool, logical not."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.bitnot(x)

    def oracle(self, x: Any) -> Any:
        return np.bitwise_not(x)


@primitive
class ShiftLeft(Counting):
    """y = x · 2^n, wrapped. The count is read as unsigned; at least the width gives 0."""

    def scalar(self, k: Scalars, x: Any, n: Any) -> Any:
        return k.shift_left(x, n)

    def oracle(self, x: Any, n: Any) -> Any:
        inside = (n >= 0) & (n < x.dtype.itemsize * 8)
        return np.where(inside, np.left_shift(x, np.where(inside, n, 0).astype(x.dtype)), 0).astype(x.dtype)


@primitive
class ShiftRight(Counting):
    """y = floor(x / 2^n). The count is read as unsigned; at least the width gives 0, or -1 for x < 0."""

    def scalar(self, k: Scalars, x: Any, n: Any) -> Any:
        return k.shift_right(x, n)

    def oracle(self, x: Any, n: Any) -> Any:
        inside = (n >= 0) & (n < x.dtype.itemsize * 8)
        shifted = np.right_shift(x, np.where(inside, n, 0).astype(x.dtype))
        return np.where(inside, shifted, np.where(x < 0, -1, 0).astype(x.dtype))


@primitive
class Popcount(Counting):
    """The number of bits set."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.popcount(x)

    def oracle(self, x: Any) -> Any:
        return _bits(x).sum(-1).astype(x.dtype)


@primitive
class Clz(Counting):
    """The number of zero bits ahead of the first one; the width for 0."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.clz(x)

    def oracle(self, x: Any) -> Any:
        return np.minimum.accumulate(1 - _bits(x), -1).sum(-1).astype(x.dtype)


def _bits(x: Any) -> Any:
    """The bits of every element along a new last axis, the highest first."""
    width = x.dtype.itemsize * 8
    unsigned: Any = np.dtype(f"u{x.dtype.itemsize}")
    places: Any = np.array(range(width - 1, -1, -1), unsigned)
    return (x[..., None].astype(unsigned) >> places) & 1


bitwise_and = BitwiseAnd()
bitwise_or = BitwiseOr()
bitwise_xor = BitwiseXor()
bitwise_not = BitwiseNot()
shift_left = ShiftLeft()
shift_right = ShiftRight()
popcount = Popcount()
clz = Clz()
