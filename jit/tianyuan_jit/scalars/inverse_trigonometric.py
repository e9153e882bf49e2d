"""atan, atan2, asin, acos. f32 in f64; f64 with the reduced argument and its constant as pairs.

atan of a / b takes (a, b), (a - b, a + b) or (-b, a), and adds 0, π/4 or π/2, so that the quotient stays below
tan(π/8). asin x of |x| > 1/2 is π/2 - 2 asin of sqrt((1 - |x|) / 2).
"""

from __future__ import annotations

from tianyuan.types import float32
from tianyuan_jit.scalars.in_double import in_double
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import Pair, as_integer, below, estrin, fast_two_sum, two_sum
from tianyuan_jit.scalars.values import Value, coefficients

# (atan t / t - 1) / t^2 in t^2 on |t| <= 1.001, relative to atan t: 2^-31.2.
_ATAN32 = coefficients(
    "-0x1.555550f4923fdp-2 0x1.9997dae1b42f5p-3 -0x1.247323c777738p-3 0x1.c4ed532dc2cb4p-4 -0x1.68d4403b18efp-4 "
    "0x1.13f4709f61cbap-4 -0x1.6d8d1714de8f5p-5 0x1.704b49c33b32p-6 -0x1.dd963a4602921p-8 0x1.22463e15fa882p-10"
)
# The same on |t| <= 0.4145: 2^-59.4.
_ATAN64 = coefficients(
    "-0x1.555555555553cp-2 0x1.999999999564ep-3 -0x1.24924922a06bp-3 0x1.c71c70e109678p-4 -0x1.745cf84be20c7p-4 "
    "0x1.3b110f0632c63p-4 -0x1.10eb44e98b753p-4 0x1.df08b0375f6efp-5 -0x1.9cb4be2ac633fp-5 0x1.3788d18eaef33p-5 "
    "-0x1.24c0b5bb84d42p-6"
)
# (asin t / t - 1) / t^2 in t^2 <= 0.2501, relative to asin t: 2^-31.8.
_ASIN32 = coefficients(
    "0x1.55554c5969867p-3 0x1.33387fcfabdb5p-4 0x1.6cae4d5d36b42p-5 0x1.049642998d485p-5 0x1.d8d55db793222p-7 "
    "0x1.337136763e2a3p-5"
)
# The same for f64: 2^-59.9.
_ASIN64 = coefficients(
    "0x1.5555555555577p-3 0x1.333333332e10ap-4 0x1.6db6db7215537p-5 0x1.f1c71a938facp-6 0x1.6e8bdf0dc3707p-6 "
    "0x1.1c49eccc68aaep-6 0x1.ca1fea82fdcf1p-7 0x1.7582592414009p-7 0x1.614f82df4b3f1p-7 0x1.e4c7fb2930b55p-9 "
    "0x1.63fc6a03e5891p-6 -0x1.588af4e24576p-6 0x1.0b74a7d14fd5fp-5"
)
_PI, _PI_LOW = coefficients("0x1.921fb54442d18p+1 0x1.1a62633145c07p-53")
_TAN_1, _TAN_3 = 0.41421356237309503, 2.414213562373095  # of π/8 and 3π/8


def atan(k: Lanes, x: Value) -> Value:
    """The inverse tangent, in [-π/2, π/2]. Max error 0.51 ulp in f32, 0.61 in f64."""
    one = k.like(x, 1.0)
    size = below(k, k.fabs(x), 2.0**60)
    angle = in_double(k, _angle32, size, one) if x.dtype == float32 else k.add(*_angle(k, size, one))
    return k.choose(k.is_nan(x), x, k.copysign(angle, x))


def atan2(k: Lanes, y: Value, x: Value) -> Value:
    """The angle of (x, y), in [-π, π], with C99's signs. Max error 0.51 ulp in f32, 0.61 in f64."""
    a, b = _finite(k, k.fabs(y), k.fabs(x))
    minus = k.lt(as_integer(k, x), k.like(as_integer(k, x), 0))
    if x.dtype == float32:
        angle = in_double(k, _turned32, a, b, k.choose(minus, k.like(x, -1.0), k.like(x, 1.0)))
    else:
        angle = _turned64(k, _angle(k, *_moderate(k, a, b)), minus)
    unordered = k.bitor(k.is_nan(x), k.is_nan(y))
    return k.choose(unordered, k.like(x, float("nan")), k.copysign(angle, y))


def _finite(k: Lanes, a: Value, b: Value) -> tuple[Value, Value]:
    """Finite numbers of the same angle, for infinite ones; (0, 1) for (0, 0)."""
    zero, one, infinity = k.like(a, 0.0), k.like(a, 1.0), k.like(a, float("inf"))
    high, wide = k.eq(a, infinity), k.eq(b, infinity)
    both = k.bitor(wide, k.bitand(k.eq(a, zero), k.eq(b, zero)))
    return k.choose(high, one, k.choose(wide, zero, a)), k.choose(both, one, k.choose(high, zero, b))


def _moderate(k: Lanes, a: Value, b: Value) -> tuple[Value, Value]:
    """Both times a power of two that keeps sums from overflow and residuals from underflow."""
    larger, one = k.choose(k.lt(a, b), b, a), k.like(a, 1.0)
    huge, tiny = k.lt(k.like(a, 2.0**900), larger), k.lt(larger, k.like(a, 2.0**-700))
    factor = k.choose(huge, k.like(a, 2.0**-200), k.choose(tiny, k.like(a, 2.0**300), one))
    return k.mul(a, factor), k.mul(b, factor)


def _angle32(k: Lanes, a: Value, b: Value) -> Value:
    """atan(a / b) for a, b >= 0 in f64, to f32's accuracy."""
    steep = k.lt(b, a)
    t = k.div(k.choose(steep, k.neg(b), a), k.choose(steep, a, b))
    u = k.mul(t, t)
    near = k.fma(k.mul(estrin(k, u, _ATAN32), u), t, t)
    return k.add(k.choose(steep, k.like(a, _PI / 2), k.like(a, 0.0)), near)


def _turned32(k: Lanes, a: Value, b: Value, side: Value) -> Value:
    angle = _angle32(k, a, b)
    return k.choose(k.lt(side, k.like(side, 0.0)), k.sub(k.like(a, _PI), angle), angle)


def _angle(k: Lanes, a: Value, b: Value) -> Pair:
    """atan(a / b) for finite a, b >= 0 in f64."""
    middle, steep = k.lt(k.mul(b, k.like(b, _TAN_1)), a), k.lt(k.mul(b, k.like(b, _TAN_3)), a)
    zero = k.like(a, 0.0)
    difference, total = two_sum(k, a, k.neg(b)), two_sum(k, a, b)
    top = _of_three(k, middle, steep, (a, zero), difference, (k.neg(b), zero))
    bottom = _of_three(k, middle, steep, (b, zero), total, (a, zero))
    turn = k.choose(middle, k.choose(steep, k.like(a, _PI / 2), k.like(a, _PI / 4)), zero)
    turn_low = k.mul(turn, k.like(a, _PI_LOW / _PI))
    t, t_low = _quotient(k, top, bottom)
    u = k.mul(t, t)
    head, tail = fast_two_sum(k, turn, t)
    head = k.choose(k.eq(turn, zero), t, head)
    tail = k.choose(k.eq(turn, zero), zero, tail)
    return head, k.add(tail, k.fma(k.mul(estrin(k, u, _ATAN64), u), t, k.add(t_low, turn_low)))


def _of_three(k: Lanes, middle: Value, steep: Value, flat: Pair, between: Pair, upright: Pair) -> Pair:
    chosen = [k.choose(steep, c, k.choose(middle, b, a)) for a, b, c in zip(flat, between, upright, strict=True)]
    return chosen[0], chosen[1]


def _quotient(k: Lanes, x: Pair, y: Pair) -> Pair:
    """x / y, its error as if by one more division."""
    inverse = k.div(k.like(y[0], 1.0), y[0])
    q = k.div(x[0], y[0])
    rest = k.fma(k.neg(q), y[1], k.add(k.fma(k.neg(q), y[0], x[0]), x[1]))
    return q, k.mul(rest, inverse)


def _turned64(k: Lanes, angle: Pair, minus: Value) -> Value:
    """The angle, or π minus it."""
    head, tail = fast_two_sum(k, k.like(angle[0], _PI), k.neg(angle[0]))
    turned = k.add(head, k.add(tail, k.sub(k.like(tail, _PI_LOW), angle[1])))
    return k.choose(minus, turned, k.add(*angle))


def asin(k: Lanes, x: Value) -> Value:
    """The inverse sine; NaN beyond ±1. Max error 0.51 ulp in f32, 0.61 in f64."""
    return in_double(k, _asin32, x) if x.dtype == float32 else _asin64(k, x)


def acos(k: Lanes, x: Value) -> Value:
    """The inverse cosine, in [0, π]; NaN beyond ±1. Max error 0.51 ulp in f32, 0.61 in f64."""
    return in_double(k, _acos32, x) if x.dtype == float32 else _acos64(k, x)


def _reduced(k: Lanes, x: Value) -> tuple[Value, Value, Value]:
    """(whether |x| > 1/2, t, t^2) for the polynomial: t = |x|, or sqrt((1 - |x|) / 2)."""
    size, half = k.fabs(x), k.like(x, 0.5)
    large = k.lt(half, size)
    u = k.choose(large, k.mul(k.sub(k.like(x, 1.0), size), half), k.mul(x, x))
    return large, k.choose(large, k.sqrt(u), size), u


def _asin32(k: Lanes, x: Value) -> Value:
    large, t, u = _reduced(k, x)
    near = k.fma(k.mul(estrin(k, u, _ASIN32), u), t, t)
    return k.copysign(k.choose(large, k.fma(near, k.like(x, -2.0), k.like(x, _PI / 2)), near), x)


def _acos32(k: Lanes, x: Value) -> Value:
    large, t, u = _reduced(k, x)
    near = k.fma(k.mul(estrin(k, u, _ASIN32), u), t, t)
    doubled, minus = k.add(near, near), k.lt(x, k.like(x, 0.0))
    beside = k.sub(k.like(x, _PI / 2), k.copysign(near, x))
    return k.choose(large, k.choose(minus, k.sub(k.like(x, _PI), doubled), doubled), beside)


def _arc(k: Lanes, x: Value) -> tuple[Value, Pair]:
    """(whether |x| > 1/2, asin t as a pair)."""
    large, t, u = _reduced(k, x)
    residual = k.div(k.fma(k.neg(t), t, u), k.add(t, t))  # of the square root
    low = k.choose(k.bitand(large, k.lt(k.like(x, 0.0), t)), residual, k.like(x, 0.0))
    return large, (t, k.fma(k.mul(estrin(k, u, _ASIN64), u), t, low))


def _from(k: Lanes, angle: float, low: float, y: Pair) -> Value:
    """angle + low - y."""
    head, tail = two_sum(k, k.like(y[0], angle), k.neg(y[0]))
    return k.add(head, k.add(tail, k.sub(k.like(y[0], low), y[1])))


def _asin64(k: Lanes, x: Value) -> Value:
    large, (t, low) = _arc(k, x)
    far = _from(k, _PI / 2, _PI_LOW / 2, (k.add(t, t), k.add(low, low)))
    return k.copysign(k.choose(large, far, k.add(t, low)), x)


def _acos64(k: Lanes, x: Value) -> Value:
    large, (t, low) = _arc(k, x)
    beside = _from(k, _PI / 2, _PI_LOW / 2, (k.copysign(t, x), k.copysign(low, x)))
    doubled = k.add(t, t), k.add(low, low)
    left = _from(k, _PI, _PI_LOW, doubled)
    return k.choose(large, k.choose(k.lt(x, k.like(x, 0.0)), left, k.add(*doubled)), beside)
