"""asinh, acosh, atanh as logarithms. f32 in f64; f64 of arguments that are pairs."""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.types import float32
from tianyuan_jit.scalars.in_double import in_double, short_log
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.logarithm import log_of_pair
from tianyuan_jit.scalars.polynomials import Pair, fast_two_sum, pair_div, two_prod, two_sum
from tianyuan_jit.scalars.values import Value

_TAYLOR_ASINH, _TAYLOR_ATANH = (-1 / 6, 3 / 40), (1 / 3, 1 / 5)


def asinh(k: Lanes, x: Value) -> Value:
    """The inverse hyperbolic sine: log(|x| + sqrt(x^2 + 1)). Max error 0.51 ulp."""
    size = k.fabs(x)
    value = in_double(k, _asinh32, size) if x.dtype == float32 else _asinh64(k, size)
    return k.choose(k.is_nan(x), x, k.copysign(value, x))


def acosh(k: Lanes, x: Value) -> Value:
    """The inverse hyperbolic cosine: log(x + sqrt(x^2 - 1)); NaN below 1. Max error 0.51 ulp."""
    value = in_double(k, _acosh32, x) if x.dtype == float32 else _acosh64(k, x)
    return k.choose(k.le(k.like(x, 1.0), x), value, k.like(x, float("nan")))


def atanh(k: Lanes, x: Value) -> Value:
    """The inverse hyperbolic tangent: log((1 + |x|) / (1 - |x|)) / 2; ±inf at ±1. Max error 0.51 ulp."""
    size, one = k.fabs(x), k.like(x, 1.0)
    inside = k.choose(k.lt(size, one), size, k.like(x, 0.0))
    value = in_double(k, _atanh32, inside) if x.dtype == float32 else _atanh64(k, inside)
    outside = k.choose(k.eq(size, one), k.like(x, float("inf")), k.like(x, float("nan")))
    return k.copysign(k.choose(k.lt(size, one), value, outside), x)


def _taylor(k: Lanes, x: Value, series: Sequence[float], limit: float, otherwise: Value) -> Value:
    """x + x^3 (a + b x^2) below the limit."""
    u = k.mul(x, x)
    near = k.fma(k.mul(u, x), k.fma(u, k.like(u, series[1]), k.like(u, series[0])), x)
    return k.choose(k.lt(x, k.like(x, limit)), near, otherwise)


def _asinh32(k: Lanes, x: Value) -> Value:
    infinity = k.like(x, float("inf"))
    far = short_log(k, k.add(x, k.sqrt(k.fma(x, x, k.like(x, 1.0)))))
    return k.choose(k.eq(x, infinity), infinity, _taylor(k, x, _TAYLOR_ASINH, 2.0**-8, far))


def _acosh32(k: Lanes, x: Value) -> Value:
    infinity = k.like(x, float("inf"))
    value = short_log(k, k.add(x, k.sqrt(k.fma(x, x, k.like(x, -1.0)))))
    return k.choose(k.eq(x, infinity), infinity, value)


def _atanh32(k: Lanes, x: Value) -> Value:
    one = k.like(x, 1.0)
    far = k.mul(short_log(k, k.div(k.add(one, x), k.sub(one, x))), k.like(x, 0.5))
    return _taylor(k, x, _TAYLOR_ATANH, 2.0**-8, far)


def _with_root(k: Lanes, x: Value, one: float) -> Pair:
    """log(x + sqrt(x^2 + one)) for x > 0; beyond 2^30, log(2x)."""
    large = k.lt(k.like(x, 2.0**30), x)
    t = k.choose(large, k.like(x, 1.0), x)
    square, low = two_prod(k, t, t)
    head, tail = two_sum(k, square, k.like(x, one))
    root = _pair_root(k, (head, k.add(tail, low)))
    total, rest = two_sum(k, t, root[0])
    total, rest = fast_two_sum(k, total, k.add(rest, root[1]))
    argument = k.choose(large, x, total), k.choose(large, k.like(x, 0.0), rest)
    return log_of_pair(k, argument, k.choose(large, k.like(x, 1.0), k.like(x, 0.0)))


def _pair_root(k: Lanes, x: Pair) -> Pair:
    """The square root; (0, 0) of (0, 0)."""
    s = k.sqrt(x[0])
    residual = k.add(k.fma(k.neg(s), s, x[0]), x[1])
    zero = k.like(s, 0.0)
    return s, k.choose(k.eq(s, zero), zero, k.div(residual, k.add(s, s)))


def _asinh64(k: Lanes, x: Value) -> Value:
    infinity = k.like(x, float("inf"))
    far = k.add(*_with_root(k, x, 1.0))
    return k.choose(k.eq(x, infinity), infinity, _taylor(k, x, _TAYLOR_ASINH, 2.0**-14, far))


def _acosh64(k: Lanes, x: Value) -> Value:
    infinity = k.like(x, float("inf"))
    return k.choose(k.eq(x, infinity), infinity, k.add(*_with_root(k, x, -1.0)))


def _atanh64(k: Lanes, x: Value) -> Value:
    one = k.like(x, 1.0)
    ratio = fast_two_sum(k, *pair_div(k, fast_two_sum(k, one, x), fast_two_sum(k, one, k.neg(x))))
    far = k.mul(k.add(*log_of_pair(k, ratio, k.like(x, 0.0))), k.like(x, 0.5))
    return _taylor(k, x, _TAYLOR_ATANH, 2.0**-14, far)
