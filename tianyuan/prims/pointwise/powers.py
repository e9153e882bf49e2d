"""Powers."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.cases import Case, Cases, elementwise
from tianyuan.core import Rewriting, primitive
from tianyuan.errors import ArrayTypeError
from tianyuan.lowering import Scalars
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import Broadcast
from tianyuan.prims.pointwise.base import DIFFERENTIABLE, Pointwise, common_shape, listed, number
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.elementary import log
from tianyuan.prims.pointwise.extrema import maximum
from tianyuan.prims.pointwise.oracles import where, wide
from tianyuan.prims.pointwise.products import div, mul, sub
from tianyuan.types import COMPLEX, FLOATS, INTEGERS, SIGNED, ArrayType, DType, float32, float64, int32, int64


def _powers(dtype: DType) -> list[Case]:
    mixed = INTEGERS if dtype in FLOATS else ()
    return elementwise(2)(dtype) + [Case((ArrayType(dtype, (5,)), ArrayType(d, (5,)))) for d in mixed]


@primitive
class Pow(Pointwise):
    """The power: y = a^b, floats or complex numbers of one dtype, or a float a and an integer b.

    By the value of b: 0, 1, 2, 3, 4, -1, -2 give 1, a, a·a, (a·a)·a, (a·a)·(a·a), 1/a, 1/(a·a); all else is
    the function pow, with C99's special values (of complex numbers e^(b log a), whose error grows with |b log a|).
    An integer b keeps its parity, however large. Integers of one dtype wrap, and a negative b gives 0, except
    for a = ±1.

    ∂y/∂a = b · a^(b-1), 0 where b = 0.  ∂y/∂b = y · log a, 0 where a or y is 0 (at 0^0 too), NaN where a < 0.
    """

    ulp = 3.0  # (a·a)·(a·a) rounds three times
    complex_ulp = 16.0
    dtypes = (*INTEGERS, *DIFFERENTIABLE)
    cases = Cases(_powers, dtypes, (0.1, 3.0), complex_ulp=16.0)

    def types(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        """The dtype of a and the common shape."""
        if len(types) != 2:
            raise ArrayTypeError(f"pow takes 2 arguments, got {len(types)}")
        a, b = types
        if a.dtype not in self.dtypes or not (a.dtype == b.dtype or (a.dtype in FLOATS and b.dtype in INTEGERS)):
            raise ArrayTypeError(f"pow takes numbers of one dtype, or a float and an integer, got {listed(types)}")
        return (ArrayType(a.dtype, common_shape("pow", types), a.weak and b.weak),)

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        if k.dtype(a) in INTEGERS:
            return integer_power(k, a, b)
        return signed_power(k, a, b) if k.dtype(b) in INTEGERS else k.call("pow", a, b)

    def partial(self, i: int, y: Array, a: Array, b: Array) -> Array | None:
        zero = number(0.0, y)
        if i == 0:
            return select(eq(b, number(0, b)), zero, mul(convert(b, y.dtype), pow(a, one_less(b))))
        return select(eq(a, zero), zero, select(eq(y, zero), zero, mul(y, log(a))))

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """A known exponent leaves products and a quotient (16-bit floats: where only one of them rounds)."""
        a, b = args
        exponent, dtype = rewriting.constant(b), a.type.dtype
        exact = (1, 2, -1) if dtype.bits == 16 else (0, 1, 2, 3, 4, -1, -2)
        if exponent is None or dtype in COMPLEX or exponent not in exact or (exponent < 0 and dtype in INTEGERS):
            return None
        return _static_power(rewriting, a, int(exponent))

    def oracle(self, a: Any, b: Any) -> Any:
        if np.asarray(a).dtype.kind in "iu":
            return np.vectorize(_wrapped_power, otypes=[a.dtype])(a, b)
        a, y = wide(a), b.astype(wide(a).dtype)
        if b.dtype.kind not in "iu":
            return np.power(a, y)
        size = np.power(np.abs(a), y)
        return where((b % 2 == 1) & np.signbit(a), -size, size)  # y may have lost b's parity


def integer_power(k: Scalars, a: Any, n: Any) -> Any:
    """a^n, wrapped, by squaring; for negative n what is left of 1/a^|n|: 0, or ±1 for a = ±1."""
    dtype = k.dtype(a)
    zero, one = k.const(0, dtype), k.const(1, dtype)
    result = one
    square = a
    for bit in range(dtype.bits):
        odd = k.ne(k.bitand(k.shift_right(n, k.const(bit, dtype)), one), zero)
        result = k.select(odd, k.mul(result, square), result)
        square = k.mul(square, square)
    if dtype not in SIGNED:
        return result
    parity = k.select(k.eq(k.bitand(n, one), zero), one, a)
    return k.select(k.lt(n, zero), k.select(k.eq(k.abs(a), one), parity, zero), result)


def signed_power(k: Scalars, a: Any, n: Any) -> Any:
    """A float a to an integer n: |a|^n, with a's sign for odd n, which a rounded n would not tell."""
    dtype, integer = k.dtype(a), k.dtype(n)
    wide = float64 if dtype == float64 else float32
    x = k.convert(a, wide)
    size = k.call("pow", k.abs(x), k.convert(n, wide))
    bits = int64 if wide == float64 else int32
    below = k.lt(k.bitcast(x, bits), k.const(0, bits))
    odd = k.ne(k.bitand(n, k.const(1, integer)), k.const(0, integer))
    return k.convert(k.select(k.bitand(below, odd), k.neg(size), size), dtype)


def _static_power(r: Rewriting, a: Any, n: int) -> Any:
    one = r.literal(1, a.type.dtype)
    if n == 0:
        return r.apply(Broadcast(a.type.shape, ()), one)
    square = a if n in (1, -1) else r.apply(mul, a, a)
    if n < 0:
        return r.apply(div, one, square)
    return square if n < 3 else r.apply(mul, square, a if n == 3 else square)


def one_less(b: Array) -> Array:
    """b - 1 for the derivative; signed integers in i64, where the lowest two stand for the third lowest."""
    if b.dtype not in SIGNED:
        return sub(b, number(1, b))
    n = convert(b, int64)
    return sub(maximum(n, number(3 - 2**63, n)), number(1, n))


def _wrapped_power(a: Any, n: Any) -> Any:
    dtype = np.asarray(a).dtype
    if n < 0:
        return dtype.type(int(a) ** (int(n) % 2) if int(a) in (1, -1) else 0)
    return np.asarray(builtins.pow(int(a), int(n), 1 << (8 * dtype.itemsize)), np.uint64).astype(dtype)


pow = Pow()
