"""e^x and log x in f64 as accurate as functions of f32 need them, to about 2^-34: what f32 functions are made of."""

from __future__ import annotations

from collections.abc import Callable

from tianyuan.types import float32, float64
from tianyuan_jit.scalars.exponential import nearest
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.logarithm import split
from tianyuan_jit.scalars.polynomials import estrin, power_of_two
from tianyuan_jit.scalars.values import Value, coefficients

# (e^r - 1 - r) / r^2 on |r| <= 1.003 ln(2)/2, relative to e^r: 2^-34.1.
_EXP = coefficients(
    "0x1.0000003b2068p-1 0x1.5555543e5e86ep-3 0x1.55548b7dd66dbp-5 0x1.111274ebe9ecfp-7 0x1.6d8f2ad39b92dp-10 "
    "0x1.9f06cd01139aap-13"
)
# (log(1+f) - f + f^2/2) / f^3 on [sqrt(1/2) - 1, sqrt(2) - 1], relative to log(1+f): 2^-35.6.
_LOG = coefficients(
    "0x1.555555b562a2fp-2 -0x1.fffffc13cc9b4p-3 0x1.9999227ae75a1p-3 -0x1.555652179a1e8p-3 0x1.24a9aba9ee9c9p-3 "
    "-0x1.ffee10b5476b2p-4 0x1.c32a74c4fc80ap-4 -0x1.968206f6ac155p-4 0x1.99207f1bb423bp-4 -0x1.93ff182699b0fp-4 "
    "0x1.b94cd0894315fp-5"
)
_LN2, _LOG2E = 0.6931471805599453, 1.4426950408889634


def in_double(k: Lanes, program: Callable[..., Value], *args: Value) -> Value:
    """``program`` of f32 values in f64, rounded once."""
    return k.convert(program(k, *(k.convert(a, float64) for a in args)), float32)


def short_exp(k: Lanes, x: Value) -> Value:
    """e^x for |x| < 700."""
    whole, n = nearest(k, x, _LOG2E)
    r = k.fma(whole, k.like(x, -_LN2), x)
    near = k.fma(estrin(k, r, _EXP), k.mul(r, r), r)
    return k.mul(k.add(near, k.like(x, 1.0)), power_of_two(k, n, float64))


def short_log(k: Lanes, x: Value) -> Value:
    """log x for normal x > 0."""
    exponent, m = split(k, x)
    e, f = k.convert(exponent, float64), k.sub(m, k.like(m, 1.0))
    square = k.mul(f, f)
    curve = k.fma(estrin(k, f, _LOG), f, k.like(f, -0.5))
    return k.fma(e, k.like(e, _LN2), k.fma(square, curve, f))
