"""log, log2, log10, log1p: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then log m near 1.

f32 uses a polynomial in f = m - 1; f64 the odd series in s = f / (2 + f), log m = 2 atanh s [Tang1990], for log in
single words with the largest ones compensated, else as a pair (``log_pair``) that other functions build on.
"""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.types import float32, float64
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import (
    Pair,
    as_float,
    as_integer,
    estrin,
    fast_two_sum,
    horner,
    mantissa_bits,
    pair_const,
    power_of_two,
    two_prod,
    two_sum,
)
from tianyuan_jit.scalars.values import Value, coefficients

# (log(1+f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], relative to log(1+f): 2^-27.2.
_LOG32 = coefficients(
    "0x1.555554p-2 -0x1.000228p-2 0x1.99a038p-3 -0x1.547216p-3 0x1.22d53ep-3 -0x1.0d832ep-3 0x1.0585bp-3 -0x1.39368ap-4"
)
# (2 atanh(s)/s - 2) / s^2 in s^2 <= 0.0295, absolute: 2^-58.5.
_LOG64 = coefficients(
    "0x1.5555555555593p-1 0x1.999999997f9fap-2 0x1.249249422a093p-2 0x1.c71c51d818022p-3 0x1.7466499c5fbbp-3 "
    "0x1.39a097d88b251p-3 0x1.2f1164f44ee61p-3"
)
# ln 2 with a head short enough for exact products by an exponent, and the rest.
_LN2_SHORT_32 = coefficients("0x1.62e400p-1 0x1.7f7d1cp-20")
_LN2_SHORT_64 = coefficients("0x1.62e42fefa3800p-1 0x1.ef35793c76730p-45")
# (2 atanh(s)/s - 2) / s^2 in s^2 <= 0.0295, the first coefficient a pair, absolute: 2^-64.9.
_LOG_PAIR = coefficients(
    "0x1.5555555555555p-1 -0x1.771d1a91a946bp-56 0x1.9999999999e06p-2 0x1.249249242aae1p-2 0x1.c71c7259ab9a5p-3 "
    "0x1.745cddfefd4d1p-3 0x1.3b20b4f01705ep-3 0x1.0f5bf48c6c015p-3 0x1.0f6aa738f4afp-3"
)
# 1 / ln 10 and 1 / ln 2, and log10 2 with a short head.
_INVERSE_LN2_32 = coefficients("0x1.715476p+0 0x1.4ae0cp-26")
_INVERSE_LN10_32 = coefficients("0x1.bcb7b2p-2 -0x1.5b235ep-27")
_LG2_SHORT_32 = coefficients("0x1.3442p-2 -0x1.95ec1p-19")
_INVERSE_LN2_64 = coefficients("0x1.71547652b82fep+0 0x1.777d0ffda0d24p-56")
_INVERSE_LN10_64 = coefficients("0x1.bcb7b1526e50ep-2 0x1.95355baaafad3p-57")
_LG2_SHORT_64 = coefficients("0x1.34413509f78p-2 0x1.fef311f12b358p-46")
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
    """Natural logarithm. Max error 0.90 ulp in f32, 0.76 in f64."""
    exponent, m = split(k, x)
    e, f = k.convert(exponent, x.dtype), k.sub(m, k.like(x, 1.0))
    return log_specials(k, x, (_log32 if x.dtype == float32 else _log64)(k, e, f))


def _log32(k: Lanes, e: Value, f: Value) -> Value:
    high, low = pair_const(k, f, *_LN2_SHORT_32)
    rest = k.fma(k.mul(f, f), _curve32(k, f), k.mul(e, low))
    return k.fma(e, high, k.add(f, rest))


def _pair32(k: Lanes, f: Value) -> Pair:
    """log(1 + f) as f - f^2/2, exactly, and the rest."""
    square, low = two_prod(k, f, f)
    minus_half = k.like(f, -0.5)
    head, tail = fast_two_sum(k, f, k.mul(square, minus_half))
    cubic = k.mul(k.mul(square, f), horner(k, f, _LOG32))
    return head, k.add(k.fma(low, minus_half, tail), cubic)


def _curve32(k: Lanes, f: Value) -> Value:
    """(log(1 + f) - f) / f^2."""
    return k.add(k.mul(horner(k, f, _LOG32), f), k.like(f, -0.5))


def _log64(k: Lanes, e: Value, f: Value) -> Value:
    """e ln 2 + f - (f^2/2 - s (f^2/2 + R(s^2)))."""
    high, low = pair_const(k, f, *_LN2_SHORT_64)
    s = k.div(f, k.add(f, k.like(f, 2.0)))
    u = k.mul(s, s)
    series = k.mul(u, estrin(k, u, _LOG64))
    half = k.mul(k.mul(f, f), k.like(f, 0.5))
    rest = k.fma(s, k.add(half, series), k.mul(e, low))
    return k.fma(e, high, k.sub(f, k.sub(half, rest)))


def _with_exponent(k: Lanes, e: Value, mantissa: Pair) -> Pair:
    """e ln 2 + mantissa, for a float e of whole value."""
    high, low = pair_const(k, e, *_LN2_SHORT_64)
    return _plus_exponent(k, k.mul(e, high), k.mul(e, low), mantissa)


def _plus_exponent(k: Lanes, exact: Value, rest: Value, y: Pair) -> Pair:
    """exact + rest + y, where ``exact`` is 0 or the largest."""
    head, tail = fast_two_sum(k, exact, y[0])
    head, tail = k.choose(k.eq(exact, k.like(exact, 0.0)), y[0], head), k.add(tail, k.add(y[1], rest))
    return fast_two_sum(k, head, tail)


def _half_series(k: Lanes, f: Pair) -> Pair:
    """s = f / (2 + f)."""
    d, d_low = fast_two_sum(k, k.like(f[0], 2.0), f[0])
    inverse = k.div(k.like(d, 1.0), d)
    s = k.mul(f[0], inverse)
    rest = k.fma(k.neg(s), k.add(d_low, f[1]), k.add(k.fma(k.neg(s), d, f[0]), f[1]))
    return fast_two_sum(k, s, k.mul(rest, inverse))


def log_of_mantissa(k: Lanes, f: Pair) -> Pair:
    """log(1 + f) as a pair, to about 2^-59: the terms after 2s are below a hundredth of it, and single."""
    s, s_low = _half_series(k, f)
    u = k.mul(s, s)
    series = estrin(k, u, (_LOG_PAIR[0], *_LOG_PAIR[2:]))
    return fast_two_sum(k, k.add(s, s), k.fma(k.mul(s, u), series, k.add(s_low, s_low)))


def _precise_log_of_mantissa(k: Lanes, f: Pair) -> Pair:
    """To about 2^-64: the first of those terms is a pair too."""
    s, s_low = _half_series(k, f)
    u = k.mul(s, s)
    u_low = k.fma(k.add(s, s), s_low, k.fma(s, s, k.neg(u)))
    first, first_low = pair_const(k, s, *_LOG_PAIR[:2])
    t, t_low = two_prod(k, u, first)
    t_low = k.add(t_low, k.fma(u, first_low, k.fma(u_low, first, k.mul(k.mul(u, u), estrin(k, u, _LOG_PAIR[2:])))))
    c, c_low = two_prod(k, s, t)
    c_low = k.add(c_low, k.fma(s, t_low, k.mul(s_low, t)))
    head, tail = fast_two_sum(k, k.add(s, s), c)
    return fast_two_sum(k, head, k.add(tail, k.add(k.add(s_low, s_low), c_low)))


def log_of_float(k: Lanes, x: Value, precise: bool = False) -> Pair:
    """log x in f64 as a pair, for x > 0; to about 2^-59 of it, or 2^-64 if ``precise``."""
    exponent, m = split(k, x)
    f = k.sub(m, k.like(m, 1.0)), k.like(m, 0.0)
    mantissa = _precise_log_of_mantissa(k, f) if precise else log_of_mantissa(k, f)
    return _with_exponent(k, k.convert(exponent, float64), mantissa)


def log_of_pair(k: Lanes, x: Pair, twos: Value) -> Pair:
    """log(2^twos x) in f64 as a pair, for a pair x > 0 with a normal head and a float of whole value."""
    exponent, m = split(k, x[0])
    down = power_of_two(k, k.sub(k.like(exponent, 0), k.minimum(exponent, k.like(exponent, 1000))), float64)
    f = fast_two_sum(k, k.sub(m, k.like(m, 1.0)), k.mul(x[1], down))
    return _with_exponent(k, k.add(k.convert(exponent, float64), twos), log_of_mantissa(k, f))


def log2(k: Lanes, x: Value) -> Value:
    """Logarithm to base 2, exact for powers of two."""
    one = coefficients("1 0")
    inverse = _INVERSE_LN2_32 if x.dtype == float32 else _INVERSE_LN2_64
    return log_specials(k, x, _scaled_log(k, x, one, inverse))


def log10(k: Lanes, x: Value) -> Value:
    """Logarithm to base 10, exact for powers of ten."""
    if x.dtype == float32:
        return log_specials(k, x, _scaled_log(k, x, _LG2_SHORT_32, _INVERSE_LN10_32))
    return log_specials(k, x, _scaled_log(k, x, _LG2_SHORT_64, _INVERSE_LN10_64))


def _scaled_log(k: Lanes, x: Value, of_two: Sequence[float], inverse: Sequence[float]) -> Value:
    """log x in another base: e log 2 + inverse * log m, with products and sums as pairs."""
    exponent, m = split(k, x)
    e, f = k.convert(exponent, x.dtype), k.sub(m, k.like(x, 1.0))
    head, tail = _pair32(k, f) if x.dtype == float32 else log_of_mantissa(k, (f, k.like(f, 0.0)))
    high, low = pair_const(k, x, *inverse)
    p, p_low = two_prod(k, head, high)
    p_low = k.add(p_low, k.fma(head, low, k.mul(tail, high)))
    return k.add(*_plus_exponent(k, k.mul(e, k.like(e, of_two[0])), k.mul(e, k.like(e, of_two[1])), (p, p_low)))


def log1p(k: Lanes, x: Value) -> Value:
    """log(1 + x), accurate near 0; -inf at -1, NaN below."""
    one = k.like(x, 1.0)
    u, rest = two_sum(k, one, k.choose(k.lt(x, k.like(x, float("inf"))), x, one))
    result = (_log1p32 if x.dtype == float32 else _log1p64)(k, u, rest)
    result = log_specials(k, k.add(one, x), result)
    return k.choose(k.lt(k.fabs(x), k.like(x, 2.0**-54)), x, result)


def _log1p64(k: Lanes, u: Value, rest: Value) -> Value:
    return k.add(*log_of_pair(k, (u, rest), k.like(u, 0.0)))


def _log1p32(k: Lanes, u: Value, rest: Value) -> Value:
    """log of 2^e (1 + f + c): c is a rounding error, so that c / (1 + f) may be c (1 - f + f^2)."""
    exponent, m = split(k, u)
    down = power_of_two(k, k.sub(k.like(exponent, 0), k.minimum(exponent, k.like(exponent, 120))), float32)
    e, f = k.convert(exponent, float32), k.sub(m, k.like(m, 1.0))
    f, c = fast_two_sum(k, f, k.mul(rest, down))
    high, low = pair_const(k, f, *_LN2_SHORT_32)
    square = k.mul(f, f)
    c = k.mul(c, k.add(k.sub(square, f), k.like(f, 1.0)))
    inner = k.fma(square, _curve32(k, f), k.fma(e, low, c))
    return k.fma(e, high, k.add(f, inner))
