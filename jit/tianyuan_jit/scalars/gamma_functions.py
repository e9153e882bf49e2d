"""lgamma and digamma, in f64 (f32 is rounded from it): recurrences to one polynomial below 8, Stirling's series above.

Negative arguments below -1/2 are reflected [Abramowitz1964, 6.1.17, 6.3.7], in their lanes alone.
"""

from __future__ import annotations

import math

from tianyuan.types import float32
from tianyuan_jit.scalars.in_double import in_double
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.logarithm import log_of_float
from tianyuan_jit.scalars.polynomials import Pair, estrin, two_prod, two_sum
from tianyuan_jit.scalars.values import Value, coefficients

# lgamma(2 + y) / y on |y| <= 1/2, the first coefficient a pair, relative: 2^-54.2.
_LGAMMA = coefficients(
    "0x1.b0ee6072093cep-2 0x1.847a2e054cc11p-58 0x1.4a34cc4a60fa7p-2 -0x1.13e001a557616p-4 0x1.51322ac7d8009p-6 "
    "-0x1.e404fc21888aep-8 0x1.7add6eae55935p-9 -0x1.38ac5c309c411p-10 0x1.0b36af367e67fp-11 "
    "-0x1.d3fd4943d5bd2p-13 0x1.a127dc289596ap-14 -0x1.78defd9da5dfp-15 0x1.5806f510a3e59p-16 "
    "-0x1.3ca9410b20769p-17 0x1.263ea82f7e23cp-18 -0x1.131ce4dfdb4d3p-19 0x1.ee177cf854a33p-21 "
    "-0x1.c306d08ba6a88p-22 0x1.2b07338bc9309p-22 -0x1.33b52c505cc75p-23"
)
# x (lgamma x - (x - 1/2) log x + x - log(2π) / 2) in 1/x^2, x >= 7.5, as part of lgamma: 2^-60.5.
_STIRLING = coefficients(
    "0x1.5555555555532p-4 -0x1.6c16c16a5f7c6p-9 0x1.a019f569ef816p-11 -0x1.380a26eaa895dp-11 "
    "0x1.b5cd9158fc587p-11 -0x1.a34b4c2711e7fp-10"
)
# digamma x / (x - x0) in x - 3/2 on 1 <= x <= 2, relative, the first coefficient a pair: 2^-56.0.
_DIGAMMA = coefficients(
    "0x1.e6f0cbb873616p-1 0x1.8d0d7af82833dp-55 -0x1.b1cb63005ee98p-2 0x1.eca189b8e6f76p-3 -0x1.2feeeb98a78d3p-3 "
    "0x1.8512e590384dp-4 -0x1.fb44202a24f06p-5 0x1.4de9aa17d354dp-5 -0x1.b9f8b11b651acp-6 0x1.2564716221d05p-6 "
    "-0x1.8635640e44c3fp-7 0x1.03c0b0f8a184ap-7 -0x1.5a06a32d100a4p-8 0x1.cd1f77f43abafp-9 -0x1.336dea2ae8facp-9 "
    "0x1.99dcee8234d69p-10 -0x1.0fb1c6c2eb036p-10 0x1.69e826acf3e4p-11 -0x1.fda4e7a60ca9ep-12 "
    "0x1.55b5a6a901ba8p-12 -0x1.2f5deb3774314p-13 0x1.8750d68136f2bp-14 -0x1.75fde566a9583p-13 "
    "0x1.fc3b69d38be4ap-14"
)
# (log x - 1 / (2x) - digamma x) x^2 in 1/x^2, x >= 8, absolute: 2^-58.9.
_DIGAMMA_FAR = coefficients(
    "0x1.5555555555339p-4 -0x1.1111110be1102p-7 0x1.04102fff1539bp-8 -0x1.11042ad52a97fp-8 0x1.eb7d1f527a3bbp-8 "
    "-0x1.1af5bc36bc55p-6"
)
_ROOT, _ROOT_LOW = coefficients("0x1.762d86356be3fp+0 0x1.b86a722197829p-54")  # digamma's, x0
_HALF_LOG_2PI_E = 0.4189385332046727  # (log(2π) - 1) / 2


def lgamma(k: Lanes, x: Value) -> Value:
    """log |Γ(x)|; inf at 0, -1, -2, ... Max error 0.51 ulp in f32, 2.4 in f64, zeros below 0 excepted."""
    return in_double(k, _lgamma, x) if x.dtype == float32 else _lgamma(k, x)


def _lgamma(k: Lanes, x: Value) -> Value:
    reflect, infinity = k.lt(x, k.like(x, -0.5)), k.like(x, float("inf"))
    a = k.choose(reflect, k.neg(x), x)
    direct = _lgamma_right(k, a)

    def reflected() -> tuple[Value]:
        """-log(a |sin πa| / π) - lgamma a."""
        sine = k.call("sin", k.mul(k.sub(a, k.round(a)), k.like(x, math.pi)))
        size = k.mul(k.mul(k.fabs(sine), k.like(x, 1 / math.pi)), a)
        pole = k.eq(size, k.like(x, 0.0))
        head, tail = log_of_float(k, k.choose(pole, k.like(x, 1.0), size))
        return (k.choose(pole, infinity, k.sub(k.sub(k.neg(head), direct), tail)),)

    (value,) = k.patch(reflect, (direct,), reflected)
    value = k.choose(k.bitor(k.eq(x, k.like(x, 0.0)), k.eq(k.fabs(x), infinity)), infinity, value)
    return k.choose(k.is_nan(x), x, value)


def _lgamma_right(k: Lanes, x: Value) -> Value:
    """For x >= -1/2. lgamma(2 + y) minus or plus the logarithm of the factors between; or Stirling's formula."""
    far, n, y = k.le(k.like(x, 7.5), x), k.round(x), k.like(x, 0.0)
    y = k.choose(far, y, k.sub(x, n))
    down = k.lt(n, k.like(x, 2.0))
    argument, scaled = k.choose(far, x, k.choose(down, _low_factors(k, x, n), _factors(k, x, n))), k.like(x, 2.0**200)
    tiny = k.lt(argument, k.like(x, 2.0**-1000))
    head, tail = log_of_float(k, k.choose(tiny, k.mul(argument, scaled), argument))
    head = k.choose(tiny, k.sub(head, k.like(x, 200 * math.log(2))), head)
    first, low = two_prod(k, y, k.like(y, _LGAMMA[0]))
    rest = k.fma(k.mul(y, y), estrin(k, y, _LGAMMA[2:]), k.fma(y, k.like(y, _LGAMMA[1]), low))
    signed, signed_tail = k.choose(down, k.neg(head), head), k.choose(down, k.neg(tail), tail)
    total, error = two_sum(k, first, signed)
    near = k.add(total, k.add(error, k.add(rest, signed_tail)))
    return k.choose(far, _stirling(k, x, (head, tail)), near)


def _low_factors(k: Lanes, x: Value, n: Value) -> Value:
    """Γ(2 + y) / Γ(x) for n = 0 or 1: |x (x + 1)| or x."""
    one = k.like(x, 1.0)
    return k.fabs(k.mul(x, k.choose(k.eq(n, one), one, k.add(x, one))))


def _factors(k: Lanes, x: Value, n: Value) -> Value:
    """Γ(x) / Γ(2 + y) = (x - 1) ... (x - n + 2)."""
    product = k.like(x, 1.0)
    for j in range(1, 6):
        more = k.le(k.like(x, j + 2.0), n)
        product = k.choose(more, k.mul(product, k.sub(x, k.like(x, float(j)))), product)
    return product


def _stirling(k: Lanes, x: Value, logarithm: Pair) -> Value:
    """(x - 1/2) (log x - 1) + (log(2π) - 1) / 2 + series / x."""
    inverse = k.div(k.like(x, 1.0), x)
    rest = k.fma(estrin(k, k.mul(inverse, inverse), _STIRLING), inverse, k.like(x, _HALF_LOG_2PI_E))
    factor = k.sub(x, k.like(x, 0.5))
    growth = k.sub(logarithm[0], k.like(x, 1.0))
    product, low = two_prod(k, factor, growth)
    value = k.add(product, k.add(rest, k.fma(factor, logarithm[1], low)))
    return k.choose(k.lt(product, k.like(x, float("inf"))), value, product)


def digamma(k: Lanes, x: Value) -> Value:
    """The derivative of log Γ; -inf at 0, inf at -0, NaN at -1, -2, ...

    Max error 0.51 ulp in f32, 3.2 in f64; below 0, of the larger of the two terms that the reflection subtracts.
    """
    return in_double(k, _digamma, x) if x.dtype == float32 else _digamma(k, x)


def _digamma(k: Lanes, x: Value) -> Value:
    reflect, zero, one = k.lt(x, k.like(x, -0.5)), k.like(x, 0.0), k.like(x, 1.0)
    a = k.choose(reflect, k.neg(x), x)
    direct = _digamma_right(k, a)

    def reflected() -> tuple[Value]:
        """digamma a + 1/a + π / tan πa."""
        r = k.sub(a, k.round(a))
        turn = k.div(k.like(x, math.pi), k.call("tan", k.mul(r, k.like(x, math.pi))))
        value = k.add(turn, k.add(k.div(one, a), direct))
        return (k.choose(k.eq(r, zero), k.like(x, float("nan")), value),)

    (value,) = k.patch(reflect, (direct,), reflected)
    pole = k.neg(k.div(one, x))
    return k.choose(k.lt(k.fabs(x), k.like(x, 2.0**-60)), pole, value)


def _digamma_right(k: Lanes, x: Value) -> Value:
    """For x >= -1/2: the polynomial at x + 2, x + 1, x or x - n, and the quotients between; or the series."""
    far, floor = k.le(k.like(x, 8.0), x), k.floor(k.choose(k.is_nan(x), k.like(x, 1.0), x))
    one = k.like(x, 1.0)
    shift = k.sub(one, floor)  # 2, 1, 0, -1, ..., -6
    w = k.choose(far, one, k.add(x, shift))
    numerator, denominator = _quotients(k, x, floor)
    numerator, denominator = k.choose(far, k.like(x, -0.5), numerator), k.choose(far, x, denominator)
    quotient = k.div(numerator, denominator)
    centered = k.sub(w, k.like(x, _ROOT))
    t, first = k.sub(w, k.like(x, 1.5)), k.like(x, _DIGAMMA[0])
    near, low = two_prod(k, centered, first)
    slope = k.mul(t, estrin(k, t, _DIGAMMA[2:]))
    rest = k.fma(centered, k.add(slope, k.like(x, _DIGAMMA[1])), k.fma(k.like(x, -_ROOT_LOW), k.add(first, slope), low))
    infinity = k.like(x, float("inf"))
    head, tail = log_of_float(k, k.choose(far, x, one))
    inverse = k.add(quotient, quotient)  # -1/x, if far
    u = k.mul(inverse, inverse)
    series = k.sub(tail, k.mul(u, estrin(k, u, _DIGAMMA_FAR)))
    total, error = two_sum(k, k.choose(far, head, near), quotient)
    value = k.add(total, k.add(error, k.choose(far, series, rest)))
    value = k.choose(k.eq(x, infinity), infinity, value)
    return k.choose(k.is_nan(x), x, value)


def _quotients(k: Lanes, x: Value, floor: Value) -> Pair:
    """p / q, the sum of 1 / (x - j) for j = 1 ... floor - 1, or of -1 / x, or of -1 / x - 1 / (x + 1)."""
    zero, one = k.like(x, 0.0), k.like(x, 1.0)
    p, q = zero, one
    for j in range(1, 7):
        more, factor = k.le(k.like(x, j + 1.0), floor), k.sub(x, k.like(x, float(j)))
        p, q = k.choose(more, k.fma(p, factor, q), p), k.choose(more, k.mul(q, factor), q)
    first, second = k.eq(floor, zero), k.eq(floor, k.like(x, -1.0))
    p = k.choose(first, k.like(x, -1.0), k.choose(second, k.neg(k.add(k.add(x, x), one)), p))
    q = k.choose(first, x, k.choose(second, k.mul(x, k.add(x, one)), q))
    return p, q
