"""log, log2, log10, log1p: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then log m near 1.

f32 uses a polynomial in f = m - 1; f64 the odd series in s = f / (2 + f), log m = 2 atanh s [Tang1990].
"""

from __future__ import annotations

from tianyuan.types import float32
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import (
    as_float,
    as_integer,
    estrin,
    horner,
    mantissa_bits,
    pair_const,
)
from tianyuan_jit.scalars.values import Value, coefficients

# (log(1+f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], relative to log(1+f): 2^-27.4.
_LOG32 = coefficients(
    "0x1.555554p-2 -0x1.000228p-2 0x1.99a038p-3 -0x1.547218p-3 "
    "0x1.22d552p-3 -0x1.0d8290p-3 0x1.05815cp-3 -0x1.392a8ep-4"
)
# (atanh(s)/s - 1) 2/s^2 in u = s^2 <= 0.0295, relative: 2^-64.
_LOG64 = coefficients(
    "0x1.5555555555593p-1 0x1.999999997f8a7p-2 0x1.249249423e6a8p-2 0x1.c71c51c64f144p-3 "
    "0x1.74664d7e00d7bp-3 0x1.39a02e1025d52p-3 0x1.2f15c49e05fd4p-3"
)
# ln 2 with a head short enough for exact products by an exponent, and the rest.
_LN2_SHORT_32 = coefficients("0x1.62e400p-1 0x1.7f7d1cp-20")
_LN2_SHORT_64 = coefficients("0x1.62e42fefa3800p-1 0x1.ef35793c76730p-45")
_ROOT_HALF_BITS = {"f32": 0x3F3504F3, "f64": 0x3FE6A09E667F3BCD}


def split(k: Lanes, x: Value) -> tuple[Value, Value]:
    """(e, m) with x = 2^e m, e an integer, sqrt(1/2) <= m < sqrt(2), for finite x > 0, subnormals too."""
    mantissa, smallest = mantissa_bits(x.dtype), 2.0 ** (-126 if x.dtype == float32 else -1022)
    tiny = k.lt(x, k.like(x, smallest))
    bits = as_integer(k, k.choose(tiny, k.mul(x, k.like(x, 2.0**mantissa)), x))
    width = k.like(bits, mantissa)
    exponent = k.shift_right(k.sub(bits, k.like(bits, _ROOT_HALF_BITS[x.dtype.short])), width)
    m = as_float(k, k.sub(bits, k.shift_left(exponent, width)), x.dtype)
    return k.sub(exponent, k.choose(tiny, width, k.like(bits, 0))), m


def log_specials(k: Lanes, x: Value, result: Value) -> Value:
    """log's values outside the positive finite numbers: -inf at 0, inf at inf, NaN below 0."""
    infinity = k.like(x, float("inf"))
    result = k.choose(k.eq(x, infinity), x, result)
    zero = k.like(x, 0.0)
    outside = k.choose(k.eq(x, zero), k.neg(infinity), k.like(x, float("nan")))
    return k.choose(k.lt(zero, x), result, outside)


def log(k: Lanes, x: Value) -> Value:
    """Natural logarithm. Max error 0.87 ulp in f32, 0.76 in f64."""
    exponent, m = split(k, x)
    e, f = k.convert(exponent, x.dtype), k.sub(m, k.like(x, 1.0))
    return log_specials(k, x, (_log32 if x.dtype == float32 else _log64)(k, e, f))


def _log32(k: Lanes, e: Value, f: Value) -> Value:
    high, low = pair_const(k, f, *_LN2_SHORT_32)
    series = k.mul(horner(k, f, _LOG32), f)
    rest = k.fma(k.mul(f, f), k.add(series, k.like(f, -0.5)), k.mul(e, low))
    return k.fma(e, high, k.add(f, rest))


def _log64(k: Lanes, e: Value, f: Value) -> Value:
    """e ln 2 + f - (f^2/2 - s (f^2/2 + R(s^2)))."""
    high, low = pair_const(k, f, *_LN2_SHORT_64)
    s = k.div(f, k.add(f, k.like(f, 2.0)))
    u = k.mul(s, s)
    series = k.mul(u, estrin(k, u, _LOG64))
    half = k.mul(k.mul(f, f), k.like(f, 0.5))
    rest = k.fma(s, k.add(half, series), k.mul(e, low))
    return k.fma(e, high, k.sub(f, k.sub(half, rest)))
