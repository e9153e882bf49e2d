"""tanh, sinh, cosh. The last two from the even and odd parts of e^r, where x = n ln 2 + r: f32 in f64, f64 in pairs."""

from __future__ import annotations

from tianyuan.types import float32, float64
from tianyuan_jit.scalars.exponential import exp_tail, expm1_parts, nearest, reduce
from tianyuan_jit.scalars.in_double import in_double
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import (
    Pair,
    as_float,
    as_integer,
    below,
    estrin,
    fast_two_sum,
    horner,
    pair_div,
    power_of_two,
    scale,
    two_sum,
)
from tianyuan_jit.scalars.values import Value, coefficients

# (tanh(sqrt u)/sqrt u - 1)/u on u <= 0.81, relative to tanh: 2^-29.8.
_TANH32 = coefficients(
    "-0x1.55554ep-2 0x1.110f38p-3 -0x1.b9ca4ep-5 0x1.62f1cap-6 -0x1.0ed7a8p-7 0x1.529d4cp-9 -0x1.ddd836p-12"
)
# (sinh r / r - 1) / r^2 in r^2 on |r| <= 1.003 ln(2)/2, absolute: 2^-37.4.
_SINH32 = coefficients("0x1.555555740da88p-3 0x1.1110b0aa3cd6dp-7 0x1.a171e94d05289p-13")
# (cosh r - 1) / r^2 in r^2, absolute: 2^-34.3.
_COSH32 = coefficients("0x1.00000045282e6p-1 0x1.55547c51f91fcp-5 0x1.6d99cb02df3f6p-10")
# The same for f64: 2^-61.7.
_SINH64 = coefficients(
    "0x1.5555555555559p-3 0x1.111111110f621p-7 0x1.a01a01b026882p-13 0x1.71ddf79a92acap-19 0x1.af6021640430dp-26"
)
# And: 2^-58.0.
_COSH64 = coefficients(
    "0x1.000000000000cp-1 0x1.555555554fd67p-5 0x1.6c16c1863e143p-10 0x1.a01994ffe193ap-16 0x1.28b1bd94073dap-22"
)
_LN2, _LOG2E = 0.6931471805599453, 1.4426950408889634


def shifted_exp(k: Lanes, x: Value, low: Value | None = None) -> Value:
    """e^(x + low) for x where the result is normal: the exponent is added to the bits."""
    n, r = reduce(k, x)
    r = r if low is None else (r[0], k.add(r[1], low))
    bits = as_integer(k, k.add(k.add(r[0], exp_tail(k, r)), k.like(x, 1.0)))
    return as_float(k, k.add(bits, k.shift_left(n, k.like(n, 23 if x.dtype == float32 else 52))), x.dtype)


def tanh(k: Lanes, x: Value) -> Value:
    """Hyperbolic tangent. Max error 0.998 ulp in f32, 0.53 in f64."""
    return _tanh32(k, x) if x.dtype == float32 else _tanh64(k, x)


def _tanh32(k: Lanes, x: Value) -> Value:
    """x + x^3 P(x^2) below 0.88, else 1 - 2 / (e^(2|x|) + 1)."""
    size, u = k.fabs(x), k.mul(x, x)
    small = k.copysign(k.fma(k.mul(horner(k, u, _TANH32), u), x, x), x)  # of -0 too
    clamped = below(k, size, 10.0)
    one, two = k.like(x, 1.0), k.like(x, 2.0)
    growth = shifted_exp(k, k.add(clamped, clamped))
    large = k.copysign(k.sub(one, k.div(two, k.add(growth, one))), x)
    return k.choose(k.le(k.like(x, 0.88), size), large, small)


def _tanh64(k: Lanes, x: Value) -> Value:
    """E / (E + 2) with E = e^(2|x|) - 1, as pairs."""
    size = below(k, k.fabs(x), 22.0)
    n, head, tail = expm1_parts(k, k.add(size, size))
    head, tail = fast_two_sum(k, scale(k, head, n), scale(k, tail, n))
    total, low = two_sum(k, head, k.like(x, 2.0))
    quotient, error = pair_div(k, (head, tail), (total, k.add(low, tail)))
    result = k.copysign(k.add(quotient, error), x)
    return k.choose(k.lt(size, k.like(x, 2.0**-30)), x, result)


def sinh(k: Lanes, x: Value) -> Value:
    """The hyperbolic sine. Max error 0.51 ulp in f32, 0.7 in f64."""
    size = k.fabs(x)
    return k.copysign(in_double(k, _sinh32, size) if x.dtype == float32 else _sinh64(k, size), x)


def cosh(k: Lanes, x: Value) -> Value:
    """The hyperbolic cosine. Max error 0.51 ulp in f32, 0.7 in f64."""
    size = k.fabs(x)
    return in_double(k, _cosh32, size) if x.dtype == float32 else _cosh64(k, size)


def _parts32(k: Lanes, x: Value) -> tuple[Value, Value, Value, Value]:
    """(A, B, cosh r, sinh r) with x = n ln 2 + r, A = 2^(n-1), B = 2^(-n-1); 200 overflows f32."""
    x = below(k, x, 200.0)
    whole, n = nearest(k, x, _LOG2E)
    r = k.fma(whole, k.like(x, -_LN2), x)
    u, one = k.mul(r, r), k.like(n, 1)
    c = k.fma(u, estrin(k, u, _COSH32), k.like(x, 1.0))
    s = k.fma(k.mul(u, r), estrin(k, u, _SINH32), r)
    return power_of_two(k, k.sub(n, one), float64), power_of_two(k, k.sub(k.like(n, -1), n), float64), c, s


def _sinh32(k: Lanes, x: Value) -> Value:
    """(A - B) cosh r + (A + B) sinh r."""
    a, b, c, s = _parts32(k, x)
    return k.fma(k.sub(a, b), c, k.mul(k.add(a, b), s))


def _cosh32(k: Lanes, x: Value) -> Value:
    """(A + B) cosh r + (A - B) sinh r."""
    a, b, c, s = _parts32(k, x)
    return k.fma(k.add(a, b), c, k.mul(k.sub(a, b), s))


def _parts64(k: Lanes, x: Value) -> tuple[Value, Pair, Pair, Pair]:
    """(n, e^r, 2^-2n e^-r, sinh r) with x = n ln 2 + r."""
    n, r = reduce(k, below(k, x, 712.0))
    r, r_low = fast_two_sum(k, *r)
    u, one = k.mul(r, r), k.like(r, 1.0)
    c = k.fma(u, estrin(k, u, _COSH64), k.mul(r, r_low))
    s = k.fma(k.mul(u, r), estrin(k, u, _SINH64), r_low)
    grown, rest = fast_two_sum(k, one, r)
    faded, rest_faded = fast_two_sum(k, one, k.neg(r))
    twice = k.add(n, n)
    b = power_of_two(k, k.sub(k.like(n, 0), k.minimum(twice, k.like(n, 1000))), float64)
    inverse = k.mul(b, faded), k.mul(b, k.add(rest_faded, k.sub(c, s)))
    return n, (grown, k.add(rest, k.add(c, s))), inverse, (r, s)


def _halved(k: Lanes, x: Pair, n: Value) -> Value:
    """The pair times 2^(n-1)."""
    return scale(k, k.add(*x), k.sub(n, k.like(n, 1)))


def _sinh64(k: Lanes, x: Value) -> Value:
    n, grown, faded, s = _parts64(k, x)
    head, tail = two_sum(k, grown[0], k.neg(faded[0]))
    far = _halved(k, (head, k.add(tail, k.sub(grown[1], faded[1]))), n)
    return k.choose(k.eq(n, k.like(n, 0)), k.add(*s), far)


def _cosh64(k: Lanes, x: Value) -> Value:
    n, grown, faded, _ = _parts64(k, x)
    head, tail = two_sum(k, grown[0], faded[0])
    return _halved(k, (head, k.add(tail, k.add(grown[1], faded[1]))), n)
