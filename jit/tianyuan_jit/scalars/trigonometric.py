"""sin, cos, tan: x = q π/2 + r with |r| <= π/4, then polynomials in r.

Up to a limit the reduction is Cody and Waite's with π/2 in three parts [CodyWaite1980]: x - q P1 is exact, q P2 is
kept as a pair, so that r is a pair with many bits to spare. Larger angles take ``large_angles`` in their lanes.
"""

from __future__ import annotations

from tianyuan.types import float32, float64
from tianyuan_jit.scalars import large_angles
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import (
    Pair,
    as_float,
    as_integer,
    estrin,
    fast_two_sum,
    for_dtype,
    horner,
    pair_div,
    two_prod,
    two_sum,
)
from tianyuan_jit.scalars.values import Value, coefficients

_LIMIT = {"f32": 1e5, "f64": 2.0**24}
_PARTS32 = coefficients("0x1.921fb6p+0 -0x1.777a5cp-25 -0x1.ee59dap-50")
_PARTS64 = coefficients("0x1.921fb54442d18p+0 0x1.1a62633145c07p-54 -0x1.f1976b7ed8fbcp-110")
# (sin r / r - 1) / r^2 in r^2 on |r| <= 1.001 π/4, relative to sin r: 2^-28.0 in f32, 2^-56.8 in f64.
_SIN32 = coefficients("-0x1.555546p-3 0x1.11077ap-7 -0x1.9954a6p-13")
_SIN64 = coefficients(
    "-0x1.5555555555549p-3 0x1.111111110f842p-7 -0x1.a01a019c0a2f2p-13 0x1.71de3570fdf04p-19 "
    "-0x1.ae5e60c29783fp-26 0x1.5d915d1328771p-33"
)
# (cos r - 1 + r^2/2) / r^4 in r^2, absolute: 2^-33.1 and 2^-59.5.
_COS32 = coefficients("0x1.55554ap-5 -0x1.6c0c1ap-10 0x1.99e0f8p-16")
_COS64 = coefficients(
    "0x1.555555555554cp-5 -0x1.6c16c16c1513ep-10 0x1.a01a019cab4b7p-16 -0x1.27e4f805182fep-22 "
    "0x1.1ee9e87f2f5ccp-29 -0x1.8facc8d1790bep-37"
)
# (tan r / r - 1) / r^2 in r^2, relative to tan r: 2^-29.5.
_TAN32 = coefficients(
    "0x1.55556089fcb62p-2 0x1.110d8098c65dap-3 0x1.bade47f05a1fcp-5 0x1.5c96315405becp-6 "
    "0x1.639af1df14c96p-7 0x1.1ded082cab848p-14 0x1.1f832ae6d997ep-8"
)
_TWO_OVER_PI = 0.6366197723675814


def reduce(k: Lanes, x: Value) -> tuple[Pair, Value]:
    """((h, l), q) with x = q π/2 + h + l, q modulo 4 in the last bits; h is NaN where x is not finite."""
    (head, tail), q = _small(k, x)
    large = k.lt(k.like(x, _LIMIT[x.dtype.short]), k.fabs(x))

    def rare() -> tuple[Value, ...]:
        (h, low), turns = large_angles.reduced(k, x)
        finite = k.lt(k.fabs(x), k.like(x, float("inf")))
        return k.choose(finite, h, k.like(x, float("nan"))), low, turns

    head, tail, q = k.patch(large, (head, tail, q), rare)
    return (head, tail), q


def _small(k: Lanes, x: Value) -> tuple[Pair, Value]:
    first, second, third = (k.like(x, -p) for p in for_dtype(x, _PARTS32, _PARTS64))
    magic = k.like(x, 12582912.0 if x.dtype == float32 else 6755399441055744.0)  # 1.5 * 2^(p-1)
    shifted = k.fma(x, k.like(x, _TWO_OVER_PI), magic)
    n = k.sub(shifted, magic)
    product, low = two_prod(k, n, second)
    head, error = two_sum(k, k.fma(n, first, x), product)  # either may be the smaller one
    return (head, k.fma(n, third, k.add(error, low))), as_integer(k, shifted)


def sine_and_cosine(k: Lanes, r: Pair) -> tuple[Value, Value]:
    """sin and cos of |r| <= π/4."""
    (h, low), one = r, k.like(r[0], 1.0)
    u = k.mul(h, h)
    half = k.mul(u, k.like(u, 0.5))
    near = k.sub(one, half)
    sine, cosine = _series(k, u)
    s = k.add(h, k.fma(k.mul(sine, u), h, k.mul(low, near)))
    rest = k.fma(k.mul(u, u), cosine, k.neg(k.mul(h, low)))
    return s, k.add(near, k.add(k.sub(k.sub(one, near), half), rest))


def _series(k: Lanes, u: Value) -> tuple[Value, Value]:
    if u.dtype == float32:
        return horner(k, u, _SIN32), horner(k, u, _COS32)
    return estrin(k, u, _SIN64), estrin(k, u, _COS64)


def _of_quadrant(k: Lanes, q: Value, even: Value, odd: Value) -> Value:
    """even, odd, -even, -odd for q = 0, 1, 2, 3 modulo 4."""
    one, two = k.like(q, 1), k.like(q, 2)
    chosen = k.choose(k.eq(k.bitand(q, one), one), odd, even)
    sign = k.shift_left(k.bitand(q, two), k.like(q, 30 if chosen.dtype == float32 else 62))
    return as_float(k, k.bitxor(as_integer(k, chosen), sign), chosen.dtype)


def sin(k: Lanes, x: Value) -> Value:
    """The sine of x in radians; sin(-0) = -0, NaN for infinities. Max error 0.78 ulp in f32, 0.73 in f64."""
    r, q = reduce(k, x)
    result = _of_quadrant(k, q, *sine_and_cosine(k, r))
    return k.choose(k.eq(x, k.like(x, 0.0)), x, result)


def cos(k: Lanes, x: Value) -> Value:
    """The cosine of x in radians; NaN for infinities. Max error 0.78 ulp in f32, 0.73 in f64."""
    r, q = reduce(k, x)
    return _of_quadrant(k, k.add(q, k.like(q, 1)), *sine_and_cosine(k, r))


def tan(k: Lanes, x: Value) -> Value:
    """The tangent of x in radians; tan(-0) = -0, NaN for infinities. Max error 0.54 ulp in f32, 0.87 in f64."""
    r, q = reduce(k, x)
    odd = k.eq(k.bitand(q, k.like(q, 1)), k.like(q, 1))
    result = _tan32(k, r, odd) if x.dtype == float32 else _tan64(k, r, odd)
    return k.choose(k.eq(x, k.like(x, 0.0)), x, result)


def _tan32(k: Lanes, r: Pair, odd: Value) -> Value:
    """In f64: r + r^3 P(r^2), or -1 over it."""
    h = k.add(*(k.convert(v, float64) for v in r))
    u = k.mul(h, h)
    t = k.fma(k.mul(estrin(k, u, _TAN32), u), h, h)
    minus_one, one = k.like(h, -1.0), k.like(h, 1.0)
    return k.convert(k.div(k.choose(odd, minus_one, t), k.choose(odd, t, one)), float32)


def _tan64(k: Lanes, r: Pair, odd: Value) -> Value:
    """The quotient of sine and cosine as pairs, or minus its inverse."""
    h, low = fast_two_sum(k, *r)
    one, u = k.like(h, 1.0), k.mul(h, h)
    u_low = k.fma(h, h, k.neg(u))
    sine, cosine = _series(k, u)
    half, half_low = k.mul(u, k.like(u, 0.5)), k.fma(u_low, k.like(u, 0.5), k.mul(h, low))
    near = k.sub(one, half)
    s = fast_two_sum(k, h, k.fma(k.mul(sine, u), h, k.mul(low, near)))
    rest = k.fma(k.mul(u, u), cosine, k.neg(half_low))
    c = fast_two_sum(k, near, k.add(k.sub(k.sub(one, near), half), rest))
    top = [k.choose(odd, k.neg(b), a) for a, b in zip(s, c, strict=True)]
    bottom = [k.choose(odd, a, b) for a, b in zip(s, c, strict=True)]
    return k.add(*pair_div(k, (top[0], top[1]), (bottom[0], bottom[1])))
