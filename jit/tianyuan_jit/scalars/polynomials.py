"""Polynomials, powers of two and double-word arithmetic: what elementary functions are made of.

A *pair* (h, l) stands for the unevaluated sum h + l with |l| at most about a unit in the last place of h
[Dekker1971]. All of it is generic over f32 and f64.
"""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.types import DType, float32
from tianyuan_jit.scalars.floats import integer_dtype
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value

Pair = tuple[Value, Value]


def horner(k: Lanes, x: Value, coefficients: Sequence[float]) -> Value:
    """sum of c[i] x^i, one fma a term."""
    result = k.like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        result = k.fma(result, x, k.like(x, c))
    return result


def estrin(k: Lanes, x: Value, coefficients: Sequence[float]) -> Value:
    """The same sum in a tree: as many fma and a few products, but a short chain of them."""
    level, power = [k.like(x, c) for c in coefficients], x
    while True:
        pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
        level = [k.fma(p[1], power, p[0]) if len(p) == 2 else p[0] for p in pairs]
        if len(level) == 1:
            return level[0]
        power = k.mul(power, power)


def for_dtype(x: Value, single: Sequence[float], double: Sequence[float]) -> Sequence[float]:
    """The coefficients of x's dtype."""
    return single if x.dtype == float32 else double


# The format of f32 and f64
def mantissa_bits(dtype: DType) -> int:
    """Bits after the leading one: 23 or 52."""
    return 23 if dtype == float32 else 52


def bias(dtype: DType) -> int:
    """Of the exponent: 127 or 1023."""
    return 127 if dtype == float32 else 1023


def as_integer(k: Lanes, x: Value) -> Value:
    """The bits of a float as a signed integer."""
    return k.raw_bits(x, integer_dtype(x.dtype))


def as_float(k: Lanes, bits: Value, dtype: DType) -> Value:
    """The float with these bits."""
    return k.raw_bits(bits, dtype)


def power_of_two(k: Lanes, n: Value, dtype: DType) -> Value:
    """2^n for an integer n in the range of normal exponents."""
    biased = k.add(n, k.like(n, bias(dtype)))
    return as_float(k, k.shift_left(biased, k.like(n, mantissa_bits(dtype))), dtype)


def scale(k: Lanes, x: Value, n: Value) -> Value:
    """x * 2^n for x near 1 and |n| up to twice the exponent range; rounds once, where subnormal."""
    half = k.shift_right(n, k.like(n, 1))
    once = k.mul(x, power_of_two(k, half, x.dtype))
    return k.mul(once, power_of_two(k, k.sub(n, half), x.dtype))


def below(k: Lanes, x: Value, limit: float) -> Value:
    """x, at most ``limit``; NaN stays."""
    c = k.like(x, limit)
    return k.choose(k.lt(c, x), c, x)


def above(k: Lanes, x: Value, limit: float) -> Value:
    """x, at least ``limit``; NaN stays."""
    c = k.like(x, limit)
    return k.choose(k.lt(x, c), c, x)


def odd_symmetric(k: Lanes, y: Value, x: Value) -> Value:
    """y >= 0 with the sign of x."""
    return k.copysign(y, x)


# Pairs
def two_sum(k: Lanes, a: Value, b: Value) -> Pair:
    """a + b exactly [Knuth1969]."""
    s = k.add(a, b)
    t = k.sub(s, a)
    return s, k.add(k.sub(a, k.sub(s, t)), k.sub(b, t))


def fast_two_sum(k: Lanes, a: Value, b: Value) -> Pair:
    """a + b exactly, for |a| >= |b| or a = 0 [Dekker1971]."""
    s = k.add(a, b)
    return s, k.sub(b, k.sub(s, a))


def two_prod(k: Lanes, a: Value, b: Value) -> Pair:
    """a * b exactly, without underflow."""
    p = k.mul(a, b)
    return p, k.fma(a, b, k.neg(p))


def pair_add(k: Lanes, x: Pair, y: Pair) -> Pair:
    """x + y, accurate where the heads do not cancel."""
    s, e = two_sum(k, x[0], y[0])
    return fast_two_sum(k, s, k.add(e, k.add(x[1], y[1])))


def pair_mul(k: Lanes, x: Pair, y: Pair) -> Pair:
    """x * y to about twice the precision less two bits."""
    p, e = two_prod(k, x[0], y[0])
    return fast_two_sum(k, p, k.fma(x[0], y[1], k.fma(x[1], y[0], e)))


def pair_div(k: Lanes, x: Pair, y: Pair) -> Pair:
    """x / y, unnormalised: the quotient of the heads and its correction."""
    q = k.div(x[0], y[0])
    rest = k.fma(k.neg(q), y[0], x[0])
    rest = k.fma(k.neg(q), y[1], k.add(rest, x[1]))
    return q, k.div(rest, y[0])


def pair_const(k: Lanes, x: Value, head: float, tail: float) -> Pair:
    """A constant pair of x's dtype."""
    return k.like(x, head), k.like(x, tail)
