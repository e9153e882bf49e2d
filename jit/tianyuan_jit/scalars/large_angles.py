"""Angles of any size modulo π/2: x · 2/π in integers, with as many bits of 2/π as it takes [PayneHanek1983].

x = m 2^E with an integer m. Of the bits of 2/π, those of weight 2^(2-E) and above give multiples of 4, so a
window that starts behind them is enough; m times the window, modulo 2^(its length), has the quadrant in its two
highest bits and the fraction below.
"""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.types import float32, float64, int64, uint32, uint64
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import Pair, as_integer, bias, fast_two_sum, mantissa_bits, pair_mul, two_sum
from tianyuan_jit.scalars.values import Value, coefficients

# floor(2/π · 2^1216) in words of 32 bits, the highest first, behind 64 zeros.
TWO_OVER_PI = [0, 0] + [
    int(word, 16)
    for word in (
        "a2f9836e 4e441529 fc2757d1 f534ddc0 db629599 3c439041 fe5163ab debbc561 b7246e3a 424dd2e0 06492eea 09d1921c "
        "fe1deb1c b129a73e e88235f5 2ebb4484 e99c7026 b45f7e41 3991d639 835339f4 9c845f8b bdf9283b 1ff897ff de05980f "
        "ef2f118b 5a0a6d1f 6d367ecf 27cb09b7 4f463f66 9e5fea2d 7527bac7 ebe5f17b 3d0739f7 8a5292ea 6bfb5fb1 1f8d5d08 "
        "56033046 fc7b6bab"
    ).split()
]
_PADDING = 64
PI_HALF = coefficients("0x1.921fb54442d18p+0 0x1.1a62633145c07p-54")


def reduced(k: Lanes, x: Value) -> tuple[Pair, Value]:
    """((h, l), q) with x = q π/2 + h + l, |h| <= π/4 and q modulo 4, for finite |x| >= 2^16."""
    return _reduced32(k, x) if x.dtype == float32 else _reduced64(k, x)


def _mantissa(k: Lanes, x: Value) -> tuple[Value, Value]:
    """The integer m of |x| = m 2^E (u64), and the place in the table of the bit of 2/π with weight 2^(1-E) (i64)."""
    width = mantissa_bits(x.dtype)
    bits = k.bitand(as_integer(k, x), k.like(as_integer(k, x), 2 ** (31 if width == 23 else 63) - 1))
    exponent = k.shift_right(bits, k.like(bits, width))
    implicit = k.like(bits, 1 << width)
    m = k.bitor(k.bitand(bits, k.sub(implicit, k.like(bits, 1))), implicit)
    place = k.add(exponent, k.like(bits, _PADDING - 2 - bias(x.dtype) - width))
    return k.convert(k.convert(m, int64), uint64), k.convert(place, int64)


def _window(k: Lanes, place: Value, count: int) -> Sequence[Value]:
    """``count`` words of 2/π, the first starting at bit ``place`` of the table, as u64."""
    five, thirty_two = k.like(place, 5), k.const(32, uint64)
    first = k.shift_right(place, five)
    shift = k.convert(k.bitand(place, k.like(place, 31)), uint64)
    words = [
        k.convert(k.lookup("two_over_pi", TWO_OVER_PI, k.add(first, k.like(first, j)), uint32), uint64)
        for j in range(count + 1)
    ]
    joined = [k.bitor(k.shift_left(a, thirty_two), b) for a, b in zip(words, words[1:], strict=False)]
    return [k.shift_right(k.binary("shl", j, shift), thirty_two) for j in joined]


def _quadrant(k: Lanes, turns: Value) -> tuple[Value, Value]:
    """(q, f) of a u64 in units of 2^-62 quadrants: the nearest integer, and the i64 that is left."""
    q = k.shift_right(k.add(turns, k.const(1 << 61, uint64)), k.const(62, uint64))
    return q, k.convert(k.sub(turns, k.shift_left(q, k.const(62, uint64))), int64)


def _reduced32(k: Lanes, x: Value) -> tuple[Pair, Value]:
    """A window of 96 bits; the fraction to 2^-62 in f64, cut into two f32."""
    m, place = _mantissa(k, x)
    w = _window(k, place, 3)
    thirty_two = k.const(32, uint64)
    high = k.add(k.shift_left(k.mul(m, w[0]), thirty_two), k.mul(m, w[1]))
    q, fraction = _quadrant(k, k.add(high, k.shift_right(k.mul(m, w[2]), thirty_two)))
    angle = k.mul(k.convert(fraction, float64), k.const(PI_HALF[0] * 2.0**-62, float64))
    head = k.convert(angle, float32)
    tail = k.convert(k.sub(angle, k.convert(head, float64)), float32)
    return _signed(k, x, head, tail, k.convert(q, as_integer(k, x).dtype))


def _reduced64(k: Lanes, x: Value) -> tuple[Pair, Value]:
    """A window of 192 bits; the fraction to 2^-126 as a pair."""
    m, place = _mantissa(k, x)
    w = _window(k, place, 6)
    thirty_two, mask = k.const(32, uint64), k.const(0xFFFFFFFF, uint64)
    m_high, m_low = k.shift_right(m, thirty_two), k.bitand(m, mask)
    carry, digits = k.const(0, uint64), list[Value]()
    for j in (4, 3, 2, 1, 0):  # columns of the product from the lowest that matters
        low = k.mul(m_low, w[j])
        total = k.add(k.add(carry, k.bitand(low, mask)), k.mul(m_high, w[j + 1]))
        digits.append(k.bitand(total, mask))
        carry = k.add(k.shift_right(total, thirty_two), k.shift_right(low, thirty_two))
    q, fraction = _quadrant(k, k.bitor(k.shift_left(digits[4], thirty_two), digits[3]))
    head, tail = _as_pair(k, fraction, digits[2], digits[1])
    head, tail = pair_mul(k, (head, tail), (k.like(x, PI_HALF[0]), k.like(x, PI_HALF[1])))
    return _signed(k, x, head, tail, k.convert(q, int64))


def _as_pair(k: Lanes, fraction: Value, third: Value, fourth: Value) -> Pair:
    """fraction 2^-62 + third 2^-94 + fourth 2^-126."""
    high = k.shift_right(fraction, k.like(fraction, 32))
    low = k.bitand(fraction, k.like(fraction, 0xFFFFFFFF))
    parts = [k.convert(k.convert(v, int64), float64) for v in (high, low, third, fourth)]
    a, b, c, d = (k.mul(v, k.like(v, 2.0 ** (-30 - 32 * i))) for i, v in enumerate(parts))
    head, tail = two_sum(k, a, b)
    head, more = two_sum(k, head, k.add(c, d))
    return fast_two_sum(k, head, k.add(tail, more))


def _signed(k: Lanes, x: Value, head: Value, tail: Value, q: Value) -> tuple[Pair, Value]:
    """The angle and quadrant of -|x| for negative x."""
    negative = k.lt(x, k.like(x, 0.0))
    turned = [k.choose(negative, k.neg(v), v) for v in (head, tail)]
    return (turned[0], turned[1]), k.choose(negative, k.neg(q), q)
