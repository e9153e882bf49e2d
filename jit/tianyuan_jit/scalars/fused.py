"""fma for CPUs without it: exact in every case, from roundings to odd [BoldoMelquiond2008]."""

from __future__ import annotations

from tianyuan.types import float32, float64, int64
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import Pair, power_of_two, scale, two_sum
from tianyuan_jit.scalars.values import Value


def fma(k: Lanes, x: Value, y: Value, z: Value) -> Value:
    """x * y + z, rounded once, without the instruction."""
    if x.dtype == float32:
        return _single(k, x, y, z)
    direct = _double(k, x, y, z)
    unsafe = k.bitnot(k.bitand(k.bitand(_in_range(k, x, 400), _in_range(k, y, 400)), _in_range(k, z, 900)))
    return k.patch(unsafe, (direct,), lambda: (_scaled(k, x, y, z),))[0]


def _single(k: Lanes, x: Value, y: Value, z: Value) -> Value:
    """The f64 product is exact; the f64 sum is rounded to odd, and its 53 bits to f32."""
    a, b, c = (k.cast("fpext", v, float64) for v in (x, y, z))
    return k.cast("fptrunc", odd_sum(k, k.mul(a, b), c), float32)


def odd_sum(k: Lanes, a: Value, b: Value) -> Value:
    """a + b in f64 rounded to odd: an inexact sum becomes that of its neighbours with an odd last bit."""
    s, error = two_sum(k, a, b)
    zero, bits = k.like(s, 0.0), k.raw_bits(s, int64)
    none, one = k.like(bits, 0), k.like(bits, 1)
    inward = k.lt(k.bitxor(bits, k.raw_bits(error, int64)), none)
    moved = k.add(bits, k.choose(inward, k.like(bits, -1), one))
    inexact = k.bitor(k.lt(error, zero), k.lt(zero, error))
    even = k.eq(k.bitand(bits, one), none)
    return k.raw_bits(k.choose(k.bitand(inexact, even), moved, bits), float64)


def _in_range(k: Lanes, x: Value, exponent: int) -> Value:
    """Whether x is 0 or its size lies within 2^-exponent .. 2^exponent."""
    size = k.fabs(x)
    inside = k.bitand(k.le(k.like(x, 2.0**-exponent), size), k.le(size, k.like(x, 2.0**exponent)))
    return k.bitor(inside, k.eq(x, k.like(x, 0.0)))


def _double(k: Lanes, x: Value, y: Value, z: Value) -> Value:
    """x y + z where nothing under- or overflows."""
    head, rest = _odd_pair(k, x, y, z)
    result, zero = k.add(head, rest), k.like(x, 0.0)
    return k.choose(k.eq(result, zero), k.add(k.mul(x, y), z), result)


def _odd_pair(k: Lanes, x: Value, y: Value, z: Value) -> Pair:
    """(h, l) such that h + l rounds as x y + z does, l being rounded to odd."""
    product, low = _exact_product(k, x, y)
    t, t_low = two_sum(k, z, low)
    head, head_low = two_sum(k, product, t)
    return head, odd_sum(k, t_low, head_low)


def _exact_product(k: Lanes, x: Value, y: Value) -> Pair:
    """x * y as a pair, by splitting the factors into halves of 26 bits [Dekker1971]."""
    (xh, xl), (yh, yl) = _halves(k, x), _halves(k, y)
    p = k.mul(x, y)
    error = k.sub(k.mul(xh, yh), p)
    error = k.add(k.add(error, k.mul(xh, yl)), k.mul(xl, yh))
    return p, k.add(error, k.mul(xl, yl))


def _halves(k: Lanes, x: Value) -> Pair:
    shifted = k.mul(x, k.like(x, 134217729.0))  # 2^27 + 1
    high = k.sub(shifted, k.sub(shifted, x))
    return high, k.sub(x, high)


def _scaled(k: Lanes, x: Value, y: Value, z: Value) -> Value:
    """x y + z for any exponents: on mantissas in [1, 2), with z scaled alongside.

    Where z is 2^120 times the product or 2^-200 of it, only the sign of the smaller one matters, so z's
    scaled exponent is clamped there.
    """
    (ex, mx), (ey, my), (ez, mz) = (_frexp(k, v) for v in (x, y, z))
    product = k.add(ex, ey)
    shift = _clamp(k, k.sub(ez, product), -200, 120)
    base = k.choose(k.lt(shift, k.sub(ez, product)), k.sub(ez, shift), product)
    head, rest = _odd_pair(k, mx, my, k.mul(mz, power_of_two(k, shift, float64)))
    zero, cancelled = k.like(x, 0.0), k.eq(head, k.like(x, 0.0))
    head, rest = k.choose(cancelled, rest, head), k.choose(cancelled, zero, rest)  # the rest is exact then
    result = _rescale(k, head, rest, base)
    result = k.choose(_is_infinite_or_nan(k, z), z, result)
    special = k.bitor(k.eq(head, zero), k.bitnot(k.bitand(_ordinary(k, x), _ordinary(k, y))))
    return k.choose(special, k.add(k.mul(x, y), z), result)


def _rescale(k: Lanes, head: Value, rest: Value, exponent: Value) -> Value:
    """(head + rest) 2^exponent, rounded once, also where the result is subnormal.

    There the unit in the last place is fixed: adding 2^52 of them puts the rounding where it belongs.
    """
    smallest = power_of_two(k, _clamp(k, k.sub(k.like(exponent, -1022), exponent), -1000, 400), float64)
    offset = k.copysign(smallest, head)
    s, t = two_sum(k, offset, head)
    units = k.sub(k.add(s, odd_sum(k, t, rest)), offset)
    subnormal = k.lt(k.fabs(head), smallest)
    chosen = k.choose(subnormal, units, k.add(head, rest))
    return k.copysign(scale(k, chosen, _clamp(k, exponent, -1600, 1500)), head)


def _frexp(k: Lanes, x: Value) -> Pair:
    """(e, m) with x = m 2^e and 1 <= |m| < 2, for finite x other than 0 (0 keeps m = 0)."""
    tiny = k.lt(k.fabs(x), k.like(x, 2.0**-1022))
    normal = k.choose(tiny, k.mul(x, k.like(x, 2.0**54)), x)
    bits = k.raw_bits(normal, int64)
    field = k.bitand(k.shift_right(bits, k.like(bits, 52)), k.like(bits, 0x7FF))
    mantissa = k.bitor(k.bitand(bits, k.like(bits, -0x7FF0000000000001)), k.like(bits, 0x3FF0000000000000))
    exponent = k.sub(field, k.choose(tiny, k.like(bits, 1077), k.like(bits, 1023)))
    zero = k.like(x, 0.0)
    return exponent, k.choose(k.eq(x, zero), x, k.raw_bits(mantissa, float64))


def _clamp(k: Lanes, n: Value, low: int, high: int) -> Value:
    return k.maximum(k.minimum(n, k.like(n, high)), k.like(n, low))


def _ordinary(k: Lanes, x: Value) -> Value:
    """Whether x is finite and not 0."""
    zero = k.eq(x, k.like(x, 0.0))
    return k.bitnot(k.bitor(zero, _is_infinite_or_nan(k, x)))


def _is_infinite_or_nan(k: Lanes, x: Value) -> Value:
    return k.bitnot(k.lt(k.fabs(x), k.like(x, float("inf"))))
