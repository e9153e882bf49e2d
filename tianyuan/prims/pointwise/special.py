"""Special functions of real numbers, and functions of a float's bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import Elementary, Flat, Pointwise, Tangents, neg, number, scale, spread
from tianyuan.prims.pointwise.comparison import ne, select
from tianyuan.prims.pointwise.elementary import exp, squared
from tianyuan.prims.pointwise.oracles import of_gamma, precisely, where
from tianyuan.prims.pointwise.products import fma, mul, sub
from tianyuan.types import FLOATS, DType, bfloat16, bool_, float16, float32, float64, int16, int32, int64

_INTEGER = {float16: int16, bfloat16: int16, float32: int32, float64: int64}


@primitive
class Erf(Elementary):
    """The error function: y = 2/√π ∫ e^(-t²) dt from 0 to x. y' = 2/√π · e^(-x²)."""

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return mul(number(2 / math.sqrt(math.pi), x), bell(x))

    def oracle(self, x: Any) -> Any:
        return where(x == 0, x, precisely("erf", x))


@primitive
class Erfc(Elementary):
    """The complement: y = 1 - erf x, accurate where it is small. y' = -2/√π · e^(-x²)."""

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return mul(number(-2 / math.sqrt(math.pi), x), bell(x))

    def oracle(self, x: Any) -> Any:
        return precisely("erfc", np.clip(x, -200, 200))


@primitive
class Erfinv(Elementary):
    """The inverse of erf on (-1, 1); erfinv(±1) = ±inf, NaN outside. y' = √π/2 · e^(y²); inf at ±1."""

    ulp = 4.0
    values = (-0.95, 0.95)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return mul(number(math.sqrt(math.pi) / 2, y), exp(squared(y)))

    def oracle(self, x: Any) -> Any:
        return where(x == 0, x, precisely("erfinv", x))


@primitive
class Lgamma(Elementary):
    """The logarithm of |Γ(x)|; inf at 0, -1, -2, ... y' = digamma(x). 4 ulp, except near zeros for x < 0."""

    ulp = 4.0
    values = (0.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return digamma(x)

    def oracle(self, x: Any) -> Any:
        return where(np.isinf(x), np.inf, of_gamma("loggamma", x, np.inf, np.inf))


@primitive
class Digamma(Elementary):
    """The derivative of log Γ(x); NaN at -1, -2, ..., ∓inf at ±0. y' = trigamma(x)."""

    ulp = 4.0
    values = (0.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return trigamma(x)

    def oracle(self, x: Any) -> Any:
        return where(x == 0, -1 / x, of_gamma("digamma", x, np.nan, np.inf))


@primitive
class Trigamma(Pointwise):
    """The second derivative of log Γ(x), by recurrence, the asymptotic series and reflection; inf at 0, -1, ...

    8 ulp. Its own derivative is not defined here (NoRuleError).
    """

    ulp = 8.0
    values = (0.1, 9.0)
    differentiable = False

    def scalar(self, k: Scalars, x: Any) -> Any:
        dtype = k.dtype(x)
        wide = float64 if dtype == float64 else float32
        return k.convert(_trigamma(k, k.convert(x, wide), wide), dtype)

    def oracle(self, x: Any) -> Any:
        return of_gamma("psi", x, np.inf, 0.0, 1)


def _trigamma(k: Scalars, x: Any, dtype: Any) -> Any:
    """ψ₁(x) = π²/sin²(πx) - ψ₁(1 - x) below 1/2 [Abramowitz1964, 6.4.7]."""
    one = k.const(1.0, dtype)
    reflected = k.lt(x, k.const(0.5, dtype))
    value = _trigamma_of_large(k, k.select(reflected, k.sub(one, x), x), dtype)
    ratio = k.div(k.const(math.pi, dtype), k.call("sin", k.mul(k.const(math.pi, dtype), k.sub(x, k.round(x)))))
    return k.select(reflected, k.sub(k.mul(ratio, ratio), value), value)


# ψ₁(w) = 1/w + 1/(2w²) + Σ B_2k / w^(2k+1) [Abramowitz1964, 6.4.12]
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def _trigamma_of_large(k: Scalars, w: Any, dtype: Any) -> Any:
    """For w ≥ 1/2: ψ₁(w) = 1/w² + ψ₁(w + 1) until w ≥ 10, then the series."""
    one, ten = k.const(1.0, dtype), k.const(10.0, dtype)
    below = k.const(0.0, dtype)
    for _ in range(10):
        small, r = k.lt(w, ten), k.div(one, w)
        below = k.select(small, k.add(below, k.mul(r, r)), below)
        w = k.select(small, k.add(w, one), w)
    r = k.div(one, w)
    square, series = k.mul(r, r), k.const(0.0, dtype)
    for b in reversed(_BERNOULLI):
        series = k.fma(series, square, k.const(b, dtype))
    tail = k.fma(k.fma(series, r, k.const(0.5, dtype)), square, r)
    return k.add(below, tail)


def bell(x: Array) -> Array:
    """e^(-x²), with what the rounding of x² loses: e^(-h) (1 - l), x² = h + l."""
    h = squared(x)
    e = exp(neg(h))
    return sub(e, scale(e, fma(x, x, neg(h))))


# ---- the bits of floats, read with every NaN as the canonical one


class OfBits(Flat):
    """Of floats, through the signed integer of the same width. No tangent."""

    dtypes = FLOATS
    differentiable = False


@primitive
class Signbit(OfBits):
    """Whether the sign is minus: of -0 true, of NaN false."""

    def result_dtype(self, dtype: DType) -> DType:
        """bool."""
        return bool_

    def scalar(self, k: Scalars, x: Any) -> Any:
        bits = k.bitcast(x, _INTEGER[k.dtype(x)])
        return k.lt(bits, k.const(0, k.dtype(bits)))

    def oracle(self, x: Any) -> Any:
        return np.signbit(x) & (x == x)


@primitive
class Copysign(Pointwise):
    """x with the sign of s (of NaN: plus). ∂y/∂x = 1 where the signs agree, else -1; ∂y/∂s = 0."""

    dtypes = FLOATS

    def scalar(self, k: Scalars, x: Any, s: Any) -> Any:
        dtype = k.dtype(x)
        integer = _INTEGER[dtype]
        sign = k.const(-(2 ** (integer.bits - 1)), integer)
        magnitude = k.bitand(k.bitcast(x, integer), k.bitnot(sign))
        return k.bitcast(k.bitor(magnitude, k.bitand(k.bitcast(s, integer), sign)), dtype)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """±dx."""
        (x, s), (dx, _) = primals, tangents
        y = self(x, s)
        if dx is None:
            return y, None
        turned = ne(signbit(x), signbit(s))
        return y, scale(spread(dx, y.shape), select(turned, number(-1.0, y), number(1.0, y)))

    def oracle(self, x: Any, s: Any) -> Any:
        return where(np.signbit(s) & (s == s), -np.abs(x), np.abs(x))


@primitive
class Nextafter(OfBits):
    """The float next to a in the direction of b; b where they are equal. No tangent."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        dtype = k.dtype(a)
        integer = _INTEGER[dtype]
        zero, bits = k.const(0.0, dtype), k.bitcast(a, integer)
        one = k.const(1, integer)
        away = k.eq(k.lt(a, b), k.lt(zero, a))
        stepped = k.bitcast(k.select(away, k.add(bits, one), k.sub(bits, one)), dtype)
        least = k.bitcast(one, dtype)
        moved = k.select(k.eq(a, zero), k.select(k.lt(b, zero), k.neg(least), least), stepped)
        unordered = k.bitor(k.ne(a, a), k.ne(b, b))
        return k.select(unordered, k.add(a, b), k.select(k.eq(a, b), b, moved))

    def oracle(self, a: Any, b: Any) -> Any:
        return where(a == b, b, np.nextafter(a, b))


erf = Erf()
erfc = Erfc()
erfinv = Erfinv()
lgamma = Lgamma()
digamma = Digamma()
trigamma = Trigamma()
signbit = Signbit()
copysign = Copysign()
nextafter = Nextafter()
