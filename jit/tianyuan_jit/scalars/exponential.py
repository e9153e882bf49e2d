"""exp, exp2, expm1, logistic: x = n ln 2 + r, then a polynomial in r and a scaling by 2^n.

The reduction is Cody and Waite's with fma: r_hi = x - n H is exact since H is ln 2 to full precision and
cancels x [CodyWaite1980]. Where coefficients come from: bench/fitting.py.
"""

from __future__ import annotations

from tianyuan.types import float32
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import (
    Pair,
    above,
    as_integer,
    below,
    estrin,
    fast_two_sum,
    for_dtype,
    horner,
    pair_const,
    power_of_two,
    scale,
    two_prod,
    two_sum,
)
from tianyuan_jit.scalars.values import Value, coefficients

# (e^r - 1 - r) / r^2 on |r| <= 1.003 ln(2)/2, relative to e^r: 2^-28.2 in f32, 2^-59.2 in f64.
_EXP32 = coefficients("0x1.fffffcp-2 0x1.555488p-3 0x1.555842p-5 0x1.1240dcp-7 0x1.6ae8eep-10")
_EXP64 = coefficients(
    "0x1p-1 0x1.555555555555cp-3 0x1.55555555555p-5 0x1.111111110eb82p-7 0x1.6c16c16c30e0bp-10 "
    "0x1.a01a01b3d4c3p-13 0x1.a01a0134babe5p-16 0x1.71ddef447ae6p-19 0x1.27e5b6651b72ap-22 0x1.af6d6e67b57c1p-26 "
    "0x1.1e3c31d4f4c6fp-29"
)
# ln 2 as the nearest float and the rest.
_LN2_32 = coefficients("0x1.62e430p-1 -0x1.05c610p-29")
_LN2_64 = coefficients("0x1.62e42fefa39efp-1 0x1.abc9e3b39803fp-56")
_LOG2E = 1.4426950408889634


def nearest(k: Lanes, x: Value, factor: float) -> tuple[Value, Value]:
    """The integer nearest to factor * x, as a float and as a signed integer, for results below 2^(p-2)."""
    magic = k.like(x, 12582912.0 if x.dtype == float32 else 6755399441055744.0)  # 1.5 * 2^(p-1)
    shifted = k.fma(x, k.like(x, factor), magic) if factor != 1.0 else k.add(x, magic)
    bits = as_integer(k, shifted)
    return k.sub(shifted, magic), k.sub(bits, as_integer(k, magic))


def reduce(k: Lanes, x: Value) -> tuple[Value, Pair]:
    """(n, r) with x = n ln 2 + r, |r| <= 1.003 ln(2)/2; the head of r is exact but for n's tail of ln 2."""
    whole, n = nearest(k, x, _LOG2E)
    high, low = _LN2_32 if x.dtype == float32 else _LN2_64
    return n, (k.fma(whole, k.like(x, -high), x), k.mul(whole, k.like(x, -low)))


def exp_tail(k: Lanes, r: Pair) -> Value:
    """t with e^r = 1 + r_hi + t."""
    short = k.add(r[0], r[1])
    series = horner(k, short, _EXP32) if short.dtype == float32 else estrin(k, short, _EXP64)
    return k.fma(series, k.mul(short, short), r[1])


def exp_pair(k: Lanes, r: Pair) -> Pair:
    """e^r as a pair."""
    head, tail = fast_two_sum(k, k.like(r[0], 1.0), r[0])
    return fast_two_sum(k, head, k.add(tail, exp_tail(k, r)))


def exp(k: Lanes, x: Value) -> Value:
    """e^x. Max error 0.88 ulp in f32, 0.78 in f64."""
    single = x.dtype == float32
    n, r = reduce(k, below(k, above(k, x, -104.0 if single else -746.0), 89.0 if single else 710.0))
    return scale(k, k.add(k.add(r[0], exp_tail(k, r)), k.like(x, 1.0)), n)


def exp2(k: Lanes, x: Value) -> Value:
    """2^x, exact for integers."""
    single = x.dtype == float32
    x = below(k, above(k, x, -151.0 if single else -1076.0), 129.0 if single else 1025.0)
    whole, n = nearest(k, x, 1.0)
    fraction = k.sub(x, whole)
    high, low = pair_const(k, x, *(_LN2_32 if single else _LN2_64))
    product, error = two_prod(k, fraction, high)
    head, tail = exp_pair(k, (product, k.fma(fraction, low, error)))
    return scale(k, k.add(head, tail), n)


def expm1_parts(k: Lanes, x: Value) -> tuple[Value, Value, Value]:
    """(n, head, tail) with e^x - 1 = 2^n (head + tail), for -60 < x below the overflow of exp.

    The first terms of 1 - 2^-n + r + r^2/2 may cancel and are summed exactly.
    """
    n, r = reduce(k, x)
    r = fast_two_sum(k, *r)
    one, half = k.like(x, 1.0), k.like(x, for_dtype(x, _EXP32, _EXP64)[0])
    limit = k.like(n, 120 if x.dtype == float32 else 1000)
    offset = power_of_two(k, k.sub(k.like(n, 0), k.choose(k.lt(n, limit), n, limit)), x.dtype)
    base, lost = fast_two_sum(k, one, k.neg(offset))
    square, low = two_prod(k, r[0], r[0])
    cubic = horner(k, r[0], _EXP32[1:]) if x.dtype == float32 else estrin(k, r[0], _EXP64[1:])
    rest = k.fma(k.mul(square, r[0]), cubic, k.fma(low, half, k.fma(r[0], r[1], r[1])))
    head, first = fast_two_sum(k, base, r[0])
    head, second = two_sum(k, head, k.mul(square, half))
    return n, head, k.add(k.add(first, second), k.add(lost, rest))


def expm1(k: Lanes, x: Value) -> Value:
    """e^x - 1, accurate near 0."""
    single = x.dtype == float32
    n, head, tail = expm1_parts(k, below(k, above(k, x, -40.0), 89.0 if single else 710.0))
    return k.choose(k.eq(x, k.like(x, 0.0)), x, scale(k, k.add(head, tail), n))


def logistic(k: Lanes, x: Value) -> Value:
    """1 / (1 + e^-x) as n / (1 + z), z = e^-|x|, n = 1 or z, all as pairs; one division."""
    one, zero = k.like(x, 1.0), k.like(x, 0.0)
    n, r = reduce(k, above(k, k.neg(k.fabs(x)), -104.0 if x.dtype == float32 else -746.0))
    rest = k.add(r[0], exp_tail(k, r))
    head = k.add(rest, one)
    z, z_low = scale(k, head, n), scale(k, k.sub(rest, k.sub(head, one)), n)
    total = k.add(z, one)
    total_low = k.add(k.sub(z, k.sub(total, one)), z_low)
    positive = k.le(zero, x)
    top, top_low = k.choose(positive, one, z), k.choose(positive, zero, z_low)
    inverse = k.div(one, total)
    quotient = k.mul(top, inverse)
    error = k.add(k.fma(k.neg(quotient), total, top), k.fma(k.neg(quotient), total_low, top_low))
    return k.choose(k.is_nan(x), x, k.fma(error, inverse, quotient))
