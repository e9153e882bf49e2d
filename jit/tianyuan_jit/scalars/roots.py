"""rsqrt and cbrt, corrected by exact residuals. (sqrt is an instruction.)"""

from __future__ import annotations

from tianyuan.types import float32, float64
from tianyuan_jit.scalars.in_double import in_double
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import as_float, as_integer, two_prod
from tianyuan_jit.scalars.values import Value


def rsqrt(k: Lanes, x: Value) -> Value:
    """1 / sqrt(x): ±inf at ±0. Max error 0.51 ulp.

    With s = sqrt x, y = 1 / s and their residuals: y (1 + (1 - y s) - (x - s s) y y / 2).
    """
    zero, one, infinity = k.like(x, 0.0), k.like(x, 1.0), k.like(x, float("inf"))
    tiny, exponent = _tiny(k, x), 40 if x.dtype == float32 else 200
    scaled = k.mul(x, k.choose(tiny, k.like(x, 2.0 ** (2 * exponent)), one))
    s = k.sqrt(scaled)
    y = k.div(one, s)
    of_root, of_quotient = k.fma(k.neg(s), s, scaled), k.fma(k.neg(y), s, one)
    shift = k.fma(k.mul(k.mul(of_root, y), y), k.like(x, -0.5), of_quotient)
    better = k.mul(k.fma(y, shift, y), k.choose(tiny, k.like(x, 2.0**exponent), one))
    return k.choose(k.bitand(k.lt(zero, x), k.lt(x, infinity)), better, y)


def _tiny(k: Lanes, x: Value) -> Value:
    """Whether residuals of |x| could be subnormal."""
    return k.lt(x, k.like(x, 2.0 ** (-80 if x.dtype == float32 else -800)))


def cbrt(k: Lanes, x: Value) -> Value:
    """The real cube root. Max error 0.51 ulp."""
    return in_double(k, _cbrt, x) if x.dtype == float32 else _cbrt(k, x)


def _cbrt(k: Lanes, x: Value) -> Value:
    """r = x^(-1/3) without divisions, then y = x r r and y - (y y y - x) r r / 3."""
    size, one = k.fabs(x), k.like(x, 1.0)
    tiny, huge = _tiny(k, size), k.lt(k.like(x, 2.0**1000), size)
    factor = k.choose(tiny, k.like(x, 2.0**300), k.choose(huge, k.like(x, 2.0**-300), one))
    back = k.choose(tiny, k.like(x, 2.0**-100), k.choose(huge, k.like(x, 2.0**100), one))
    a = k.mul(size, factor)
    square = _inverse_square(k, a)
    y = k.mul(a, square)
    p, p_low = two_prod(k, y, y)
    q, q_low = two_prod(k, p, y)
    residual = k.add(k.sub(q, a), k.fma(p_low, y, q_low))
    y = k.fma(k.mul(square, k.like(x, -1 / 3)), residual, y)
    y = k.copysign(k.mul(y, back), x)
    plain = k.bitand(k.lt(k.like(x, 0.0), size), k.lt(size, k.like(x, float("inf"))))
    return k.choose(plain, y, x)


def _inverse_square(k: Lanes, a: Value) -> Value:
    """a^(-2/3) to about 2^-44: r from a third of the exponent, then r (1 + h/3 + 2h²/9 + 14h³/81), h = 1 - a r r r."""
    bits = as_integer(k, a)
    thirty_two = k.like(bits, 32)
    third = k.mul(k.convert(k.shift_right(bits, thirty_two), float64), k.like(a, -1 / 3))
    guess = k.convert(k.add(third, k.like(a, _GUESS)), bits.dtype)
    r = as_float(k, k.shift_left(guess, thirty_two), float64)
    for _ in range(2):
        h = k.fma(k.mul(k.mul(a, r), r), k.neg(r), k.like(a, 1.0))
        series = k.fma(k.fma(h, k.like(h, 14 / 81), k.like(h, 2 / 9)), h, k.like(h, 1 / 3))
        r = k.fma(k.mul(r, h), series, r)
    return k.mul(r, r)


# 4/3 of the exponent's bias in the upper half of a double, less what makes the error of the guess even: 3.5 %.
_GUESS = 4 / 3 * 1023 * 2.0**20 - 50000.0
