"""rsqrt and cbrt, corrected by exact residuals. (sqrt is an instruction.)"""

from __future__ import annotations

from tianyuan.types import float32, float64
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
    return _cbrt32(k, x) if x.dtype == float32 else _cbrt64(k, x)


def _cbrt32(k: Lanes, x: Value) -> Value:
    """r = |x|^(-1/3) in f32, then a r r (1 + 2h/3 + 5h²/9) in f64, h = 1 - a r r r."""
    size, one = k.fabs(x), k.like(x, 1.0)
    tiny = _tiny(k, size)
    scaled = k.mul(size, k.choose(tiny, k.like(x, 2.0**60), one))
    a, r = (k.convert(v, float64) for v in (scaled, _inverse_root(k, scaled, 1)))
    square = k.mul(a, k.mul(r, r))
    h = k.fma(square, k.neg(r), k.like(a, 1.0))
    y = k.fma(k.mul(square, h), k.fma(h, k.like(h, 5 / 9), k.like(h, 2 / 3)), square)
    y = k.mul(y, k.convert(k.choose(tiny, k.like(x, 2.0**-20), one), float64))
    return _plain(k, x, size, k.copysign(k.convert(y, float32), x))


def _plain(k: Lanes, x: Value, size: Value, y: Value) -> Value:
    """y; of zeros, infinities and NaN, x."""
    return k.choose(k.bitand(k.lt(k.like(x, 0.0), size), k.lt(size, k.like(x, float("inf")))), y, x)


def _cbrt64(k: Lanes, x: Value) -> Value:
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
    return _plain(k, x, size, k.copysign(k.mul(y, back), x))


def _inverse_square(k: Lanes, a: Value) -> Value:
    """a^(-2/3) of f64 to about 2^-44."""
    r = _inverse_root(k, a, 2)
    return k.mul(r, r)


def _inverse_root(k: Lanes, a: Value, steps: int) -> Value:
    """a^(-1/3) from minus a third of the bits, then r (1 + h/3 + 2h²/9 + 14h³/81), h = 1 - a r r r.

    The guess is within 4 %, a step makes that 5e-5 and another 1e-15.
    """
    third = _third(k, as_integer(k, a))
    r = as_float(k, k.sub(k.like(third, _GUESS[a.dtype.short]), third), a.dtype)
    for _ in range(steps):
        h = k.fma(k.mul(k.mul(a, r), r), k.neg(r), k.like(a, 1.0))
        series = k.fma(k.fma(h, k.like(h, 14 / 81), k.like(h, 2 / 9)), h, k.like(h, 1 / 3))
        r = k.fma(k.mul(r, h), series, r)
    return r


def _third(k: Lanes, n: Value) -> Value:
    """A third of an integer n > 0, less a few units: n (1/4 + 1/16 + 1/64 + ...)."""
    n = k.shift_right(n, k.like(n, 2))
    for shift in (2, 4, 8, 16):
        n = k.add(n, k.shift_right(n, k.like(n, shift)))
    return n


# 4/3 of the exponent's bias in place, less what makes the error of the guess even.
_GUESS = {"f32": 4 * 127 * 2**23 // 3 - 400_000, "f64": 4 * 1023 * 2**52 // 3 - 50_000 * 2**32}
