"""fmod, exact for every pair of floats."""

from __future__ import annotations

from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.polynomials import as_float, as_integer, mantissa_bits
from tianyuan_jit.scalars.values import Value


def fmod(k: Lanes, x: Value, y: Value) -> Value:
    """x - trunc(x / y) y with x's sign; NaN where x is infinite or y is 0.

    A quotient below 2^(p-2) is at most one off after rounding, and its remainder is exact. Larger ones
    subtract multiples of y 2^j first, lane by lane.
    """
    a, size, zero = k.fabs(x), k.fabs(y), k.like(x, 0.0)
    invalid = k.bitor(k.bitor(k.is_nan(y), k.bitnot(k.lt(a, k.like(x, float("inf"))))), k.eq(size, zero))
    b = k.choose(invalid, k.like(y, 1.0), size)
    limit = k.like(x, 2.0 ** (mantissa_bits(x.dtype) - 2))
    large = k.lt(limit, k.div(a, b))
    rest = k.patch(large, (_small_quotient(k, a, b),), lambda: (_long_division(k, a, b, limit),))[0]
    rest = k.choose(k.lt(a, b), a, rest)
    return k.choose(invalid, k.like(x, float("nan")), k.copysign(rest, x))


def _small_quotient(k: Lanes, a: Value, b: Value) -> Value:
    """a mod b for a, b >= 0 and a / b below 2^(p-2)."""
    rest = k.fma(k.neg(k.trunc(k.div(a, b))), b, a)
    return k.choose(k.lt(rest, k.like(a, 0.0)), k.add(rest, b), rest)


def _long_division(k: Lanes, a: Value, b: Value, limit: Value) -> Value:
    """a mod b: reduce a by b 2^j, as large as keeps the quotient in range, until the quotient is small."""

    def unfinished(rest: Value) -> Value:
        ratio = k.div(rest, b)
        return k.bitand(k.lt(limit, ratio), k.lt(rest, k.like(a, float("inf"))))

    def step(rest: Value) -> tuple[Value]:
        return (_small_quotient(k, rest, _raised(k, b, rest)),)

    (rest,) = k.repeat((a,), unfinished, step)
    return _small_quotient(k, rest, b)


def _raised(k: Lanes, b: Value, rest: Value) -> Value:
    """b 2^j with rest / (b 2^j) between 2^(p-6) and 2^p: b's mantissa under a larger exponent."""
    width = mantissa_bits(b.dtype)
    tiny = k.lt(b, k.like(b, 2.0 ** (-126 if width == 23 else -1022)))
    normal = as_integer(k, k.choose(tiny, k.mul(b, k.like(b, 2.0**width)), b))
    shift, lowest = k.like(normal, width), k.like(normal, 1 << width)
    mantissa = k.bitand(normal, k.sub(lowest, k.like(normal, 1)))
    top = k.shift_left(k.shift_right(as_integer(k, rest), shift), shift)
    exponent = k.maximum(k.sub(top, k.like(normal, (width - 4) << width)), lowest)
    raised = as_float(k, k.bitor(exponent, mantissa), b.dtype)
    return k.choose(k.bitand(k.lt(b, raised), k.le(raised, rest)), raised, b)
