"""erf, erfc and the inverse of erf.

Far from 0, f32 erf is 1 - e^(-x - x Q(x)), one exponential and no division. erfc is e^(-x^2) times a smooth function
of q = (x - c) / (x + c), over 1 + 2x: the two quotients share a division. The inverse is a polynomial in
w = -log(1 - x^2), or in sqrt w where w is large [Giles2011].
"""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.types import float32
from tianyuan_jit.scalars import logarithm
from tianyuan_jit.scalars.exponential import exp_pair, reduce
from tianyuan_jit.scalars.hyperbolic import shifted_exp
from tianyuan_jit.scalars.in_double import in_double, short_exp
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import (
    Pair,
    below,
    estrin,
    horner,
    pair_mul,
    scale,
    two_prod,
    two_sum,
)
from tianyuan_jit.scalars.values import Value, coefficients

# erf x / x - 1 in x^2 on |x| <= 0.91, relative to erf x / x: 2^-30.1.
_NEAR32 = coefficients(
    "0x1.06eba8p-3 -0x1.81274p-2 0x1.ce2d62p-4 -0x1.b800bcp-6 0x1.544476p-8 -0x1.a5c4ap-11 0x1.4e3e1p-14"
)
# The same in f64, on |x| <= 0.91: 2^-56.3.
_NEAR64 = coefficients(
    "0x1.06eba8214db69p-3 -0x1.812746b037a25p-2 0x1.ce2f21a0458ap-4 -0x1.b82ce313515acp-6 0x1.565bcd2b28378p-8 "
    "-0x1.c02db8c44e5e1p-11 0x1.f9a3a32ef0916p-14 -0x1.f4da3e10f6611p-17 0x1.ba33d813acfb1p-20 -0x1.60f79ebc62182p-23 "
    "0x1.fe614d278d8c6p-27 -0x1.195de727dd9b7p-30"
)
# -log(erfc x) / x - 1 on [0.89, 3.95], relative to erf x: 2^-30.0.
_FAR32 = coefficients(
    "0x1.076fe6p-3 0x1.453bcp-1 0x1.b2aa86p-4 -0x1.83a5c8p-6 0x1.d70d24p-9 -0x1.45d78ap-12 0x1.5022cep-17"
)
# (1 + 2x) e^(x^2) erfc x in q = (x - 2) / (x + 2) on 0 <= x <= 10.2, relative: 2^-30.0.
_BELL32 = coefficients(
    "0x1.46e80e2757c2bp+0 -0x1.7bf5ea8025365p-4 -0x1.5407cf7ff74d1p-3 0x1.4ff9fdf2f80bep-3 -0x1.bc27000f5d08ep-5 "
    "-0x1.0727dde78f45p-7 0x1.1d609c9621126p-7 0x1.486460f2b9ca4p-10 -0x1.7468f7d9a6fbep-10 "
    "-0x1.a42f164f7de49p-12 0x1.62f2d32d2160cp-13 0x1.4cd2d56063607p-14"
)
# The same in q = (x - 3) / (x + 3) on 0 <= x <= 28, the first four coefficients pairs: 2^-56.2.
_BELL64 = coefficients(
    "0x1.40c522d7e4987p+0 0x1.be0fafd293aaap-55 -0x1.15c084bb9e8edp-3 -0x1.53726b267aff8p-59 "
    "-0x1.85a15c58aa6b6p-5 0x1.50a1c4e42d96bp-59 0x1.098366a5b43fep-3 0x1.50e1145938cd3p-58 -0x1.e88b803a476aap-4 "
    "0x1.17ca2877fda2cp-4 -0x1.8574c40c7acep-6 0x1.4b884e294e224p-9 0x1.ef1bddcbc2c7fp-10 -0x1.98db4d131086p-11 "
    "-0x1.b912aeff9fe94p-14 0x1.0659d927ceb4dp-13 0x1.4c34c7ae3c331p-18 -0x1.5130304a183p-16 "
    "-0x1.89b580ead0531p-21 0x1.d12ac0e15eff9p-19 0x1.81aa10aa5c332p-22 -0x1.450a043b7c843p-21 "
    "-0x1.31d5941ce484ap-23 0x1.82507ed6ec63ap-24 0x1.580430b493846p-25 -0x1.a1cb288cc1322p-28 "
    "-0x1.a7aa6331e675cp-28 -0x1.ffa508eff03c7p-31"
)
# erfinv x / x in w on [0, 5], relative: 2^-24.7.
_INVERSE32 = coefficients(
    "0x1.c5bf88p-1 0x1.db2a9ap-3 0x1.7a3a42p-7 -0x1.3031c8p-9 -0x1.2a65dp-13 0x1.c1b77cp-15 0x1.997ea6p-21 "
    "-0x1.604c42p-20 0x1.3ce974p-23 -0x1.747014p-28"
)
# In sqrt w - 3 on [2.2, 4.1]: 2^-25.4.
_INVERSE_FAR32 = coefficients(
    "0x1.6a9efcp+1 0x1.006dcp+0 0x1.3578bcp-7 -0x1.f435bcp-8 0x1.752ea8p-8 -0x1.da0a18p-9 0x1.81062ap-10 "
    "-0x1.c3c31cp-16 -0x1.3977aep-12 0x1.a3fdfep-14"
)
# In w on [0, 6]: 2^-54.4.
_INVERSE64 = coefficients(
    "0x1.c5bf891b4ef6bp-1 0x1.db29fb2fee4e4p-3 0x1.7a72e72c3d7aep-7 -0x1.32110263c876ap-9 -0x1.0c86b60a95732p-13 "
    "0x1.87012a1b7618fp-15 0x1.0f242d04e09d8p-19 -0x1.0fe3c260d0dc9p-20 -0x1.3cc15fac93a93p-25 "
    "0x1.8054928f01fep-26 0x1.289d8ea86a0aep-30 -0x1.89db90edfcdf8p-31 0x1.39ab17ae8b494p-34 "
    "-0x1.3d5b2ac467263p-36 0x1.1ac7a9d3b0efbp-37 -0x1.b8504b930bd67p-40 0x1.2a899f6de7954p-44 "
    "0x1.24f6881e92a93p-45 -0x1.2c58b2c62373fp-47 0x1.30a93987cf5b6p-50 -0x1.809c6d945f36bp-54 "
    "0x1.333c765481816p-58 -0x1.1e8641594f82fp-63 0x1.dd442245a69b8p-70"
)
# In sqrt w - 3.25 on [2.449, 4.05]: 2^-53.5.
_INVERSE_FARTHER64 = coefficients(
    "0x1.8abcc380d5a48p+1 0x1.0158a6d641d55p+0 0x1.5ffcfe5b6cfcap-8 -0x1.ebadabba0d37p-9 0x1.468eeca93092p-9 "
    "-0x1.ba9240d5d7c3ap-10 0x1.f3cc546528e9dp-11 -0x1.7448bd6065ae5p-12 0x1.932e84874a701p-16 "
    "0x1.1e6ace524e48ap-14 -0x1.8cf43cd8fd10dp-15 0x1.a23f287506b0fp-17 0x1.8990be9c25cf3p-19 "
    "-0x1.0b6b8f5e095d2p-18 0x1.8de89c766420dp-20 -0x1.f1bbf8cb11975p-26 -0x1.08ca104cbf079p-22 "
    "0x1.1d27840e3475fp-23 -0x1.575fdace91a02p-26 -0x1.0e997d173975cp-26 0x1.f9228594c1d77p-28"
)
# In sqrt w - 5 on [3.999, 6.05]: 2^-55.0.
_INVERSE_FAR64 = coefficients(
    "0x1.3664ddd1ad7fbp+2 0x1.02a30d1fba10ep+0 -0x1.22ea5df1c2af3p-13 -0x1.c2f36aa29850fp-13 "
    "0x1.3ebf4ef8dacebp-14 -0x1.4a348f9e54185p-16 0x1.2fbcff27779eap-18 -0x1.0a908291444e4p-20 "
    "0x1.ebe1f69e931e2p-23 -0x1.2223fc4d305d2p-24 0x1.f2a6248f8b771p-26 -0x1.062b2dd1eb012p-26 "
    "0x1.0c5655a4a71fcp-27 -0x1.dc4b04f62c7b7p-29 0x1.6d1b7d0dd2289p-30 -0x1.e4f0394ef69bep-32 "
    "0x1.13f98264284e6p-34 0x1.808f63b33961dp-35 -0x1.4b185b9d7f477p-36"
)


def erf(k: Lanes, x: Value) -> Value:
    """The error function; erf(-0) = -0. Max error 0.86 ulp in f32, 0.76 in f64."""
    return _erf32(k, x) if x.dtype == float32 else _erf64(k, x)


def _erf32(k: Lanes, x: Value) -> Value:
    size, u = k.fabs(x), k.mul(x, x)
    near = k.copysign(k.fma(horner(k, u, _NEAR32), x, x), x)  # of -0 too
    t = below(k, size, 3.95)
    slope = k.neg(horner(k, t, _FAR32))
    exponent = k.fma(slope, t, k.neg(t))
    fading = shifted_exp(k, exponent, k.fma(slope, t, k.neg(k.add(t, exponent))))
    far = k.copysign(k.sub(k.like(x, 1.0), fading), x)
    return k.choose(k.le(k.like(x, 0.9), size), far, near)


def _erf64(k: Lanes, x: Value) -> Value:
    size, u = k.fabs(x), k.mul(x, x)
    near = k.copysign(k.fma(estrin(k, u, _NEAR64), x, x), x)
    far = k.copysign(k.sub(k.like(x, 1.0), _bell64(k, below(k, size, 6.0))), x)
    return k.choose(k.le(k.like(x, 0.9), size), far, near)


def erfc(k: Lanes, x: Value) -> Value:
    """1 - erf x, accurate where it is small. Max error 0.52 ulp in f32, 0.64 in f64."""
    if x.dtype == float32:
        return in_double(k, _erfc32, x)
    head, tail = two_sum(k, k.like(x, 1.0), k.neg(x))
    near = k.add(head, k.fma(k.neg(x), estrin(k, k.mul(x, x), _NEAR64), tail))
    far = _reflected(k, x, _bell64(k, below(k, k.fabs(x), 28.0)))
    return k.choose(k.lt(k.fabs(x), k.like(x, 0.5)), near, far)


def _reflected(k: Lanes, x: Value, value: Value) -> Value:
    """erfc x from erfc |x|."""
    return k.choose(k.lt(x, k.like(x, 0.0)), k.sub(k.like(x, 2.0), value), value)


def _erfc32(k: Lanes, x: Value) -> Value:
    size, one, two = below(k, k.fabs(x), 10.2), k.like(x, 1.0), k.like(x, 2.0)
    shifted, doubled = k.add(size, two), k.fma(size, two, one)
    inverse = k.div(one, k.mul(shifted, doubled))
    q = k.mul(k.sub(size, two), k.mul(doubled, inverse))
    value = k.mul(estrin(k, q, _BELL32), k.mul(shifted, inverse))
    return _reflected(k, x, k.mul(value, short_exp(k, k.neg(k.mul(size, size)))))


def _bell64(k: Lanes, x: Value) -> Value:
    """erfc x for 0 <= x <= 28."""
    one, three = k.like(x, 1.0), k.like(x, 3.0)
    shifted, doubled = two_sum(k, x, three), two_sum(k, k.add(x, x), one)
    inverse = k.div(one, k.mul(shifted[0], doubled[0]))
    q = _quotient(k, two_sum(k, x, k.neg(three)), shifted, k.mul(doubled[0], inverse))
    curve = _bell_curve(k, q)
    square, low = two_prod(k, x, x)
    n, r = reduce(k, k.neg(square))
    value = pair_mul(k, curve, exp_pair(k, (r[0], k.sub(r[1], low))))
    head, tail = _quotient(k, value, doubled, k.mul(shifted[0], inverse))
    return scale(k, k.add(head, tail), n)


def _quotient(k: Lanes, x: Pair, y: Pair, inverse: Value) -> Pair:
    """x / y as a pair, for an approximate 1 / y."""
    q = k.mul(x[0], inverse)
    rest = k.add(k.fma(k.neg(q), y[0], x[0]), k.fma(k.neg(q), y[1], x[1]))
    return q, k.mul(rest, inverse)


def _bell_curve(k: Lanes, q: Pair) -> Pair:
    """The polynomial, its last steps in pairs."""
    y = estrin(k, q[0], _BELL64[8:]), k.like(q[0], 0.0)
    for i in (6, 4, 2, 0):
        head, tail = two_prod(k, q[0], y[0])
        tail = k.add(tail, k.fma(q[1], y[0], k.fma(q[0], y[1], k.like(q[0], _BELL64[i + 1]))))
        head, rest = two_sum(k, k.like(q[0], _BELL64[i]), head)
        y = head, k.add(rest, tail)
    return y


def erfinv(k: Lanes, x: Value) -> Value:
    """The inverse of erf: ±inf at ±1, NaN beyond. Max error 2.5 ulp in f32, 2.2 in f64."""
    one = k.like(x, 1.0)
    w = k.neg(logarithm.log(k, k.fma(k.neg(x), x, one)))
    first, rest = _inverse32(k, w) if x.dtype == float32 else _inverse64(k, w)
    result = k.fma(x, first, k.mul(x, rest))
    infinite = k.copysign(k.like(x, float("inf")), x)
    return k.choose(k.eq(k.fabs(x), one), infinite, k.choose(k.eq(x, k.like(x, 0.0)), x, result))


def _inverse32(k: Lanes, w: Value) -> Pair:
    """erfinv x / x as the first coefficient and the rest."""
    near = k.like(w, _INVERSE32[0]), k.mul(w, horner(k, w, _INVERSE32[1:]))
    far = k.lt(k.like(w, 5.0), w)
    return _both(k.patch(far, near, lambda: _of_root(k, w, 3.0, _INVERSE_FAR32)))


def _inverse64(k: Lanes, w: Value) -> Pair:
    def rare() -> Pair:
        farther, far = _of_root(k, w, 3.25, _INVERSE_FARTHER64), _of_root(k, w, 5.0, _INVERSE_FAR64)
        last = k.lt(k.like(w, 16.0), w)
        return k.choose(last, far[0], farther[0]), k.choose(last, far[1], farther[1])

    near = k.like(w, _INVERSE64[0]), k.mul(w, estrin(k, w, _INVERSE64[1:]))
    return _both(k.patch(k.lt(k.like(w, 6.0), w), near, rare))


def _both(values: tuple[Value, ...]) -> Pair:
    return values[0], values[1]


def _of_root(k: Lanes, w: Value, center: float, series: Sequence[float]) -> Pair:
    t = k.sub(k.sqrt(w), k.like(w, center))
    return k.like(w, series[0]), k.mul(t, horner(k, t, series[1:]))
