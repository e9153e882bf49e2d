"""tanh in f32, and the functions of e^x and e^-x."""

from __future__ import annotations

from tianyuan.types import float32
from tianyuan_jit.scalars.exponential import exp_tail, expm1_parts, reduce
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import (
    as_float,
    as_integer,
    below,
    fast_two_sum,
    horner,
    pair_div,
    scale,
    two_sum,
)
from tianyuan_jit.scalars.values import Value, coefficients

# (tanh(sqrt u)/sqrt u - 1)/u on u <= 0.81, minimised relative to tanh: 2^-27.
_TANH32 = coefficients(
    "-0x1.55554ep-2 0x1.110f36p-3 -0x1.b9c9c6p-5 0x1.62ebd4p-6 -0x1.0eb9f6p-7 0x1.521564p-9 -0x1.dc05f2p-12"
)


def shifted_exp(k: Lanes, x: Value) -> Value:
    """e^x for x where the result is normal: the exponent is added to the bits."""
    n, r = reduce(k, x)
    bits = as_integer(k, k.add(k.add(r[0], exp_tail(k, r)), k.like(x, 1.0)))
    return as_float(k, k.add(bits, k.shift_left(n, k.like(n, 23 if x.dtype == float32 else 52))), x.dtype)


def tanh(k: Lanes, x: Value) -> Value:
    """Hyperbolic tangent. Max error 0.99 ulp in f32."""
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
