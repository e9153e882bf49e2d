"""Element-wise functions: of operands promoted to one dtype and broadcast to one shape."""

from __future__ import annotations

import builtins
import math
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.functions.datatypes import finfo
from tianyuan.functions.operands import (
    array,
    broadcast_shapes,
    cast,
    check_kind,
    common_dtype,
    elementwise,
    floating,
    floating_unary,
    floats,
    in_f32,
    is_number,
    like,
    logical,
    promoted,
    rounded,
    spread,
    together,
)
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.linear import broadcast_to
from tianyuan.prims.pointwise import arithmetic as p
from tianyuan.prims.pointwise import (
    bitwise,
    comparison,
    complexes,
    division,
    elementary,
    extrema,
    powers,
    products,
    roots,
    signs,
)
from tianyuan.prims.pointwise import special as sp
from tianyuan.types import bool_, float64, weak_type

REAL = "iuf"
ORDERED = "biuf"

# ---- arithmetic


def add(x1: Any, x2: Any, /) -> Array:
    """x1 + x2, rounded once; integers wrap."""
    return p.add(*logical(together("add", x1, x2)))


def subtract(x1: Any, x2: Any, /) -> Array:
    """x1 - x2, rounded once; integers wrap."""
    return products.sub(*logical(together("subtract", x1, x2)))


def multiply(x1: Any, x2: Any, /) -> Array:
    """x1 · x2, rounded once; integers wrap; of bools, their conjunction as integers."""
    return products.mul(*logical(together("multiply", x1, x2)))


def divide(x1: Any, x2: Any, /) -> Array:
    """x1 / x2, correctly rounded; integers are converted to the default float first."""
    return products.div(*floats("divide", x1, x2))


def floor_divide(x1: Any, x2: Any, /) -> Array:
    """The largest whole number not above x1 / x2; integers by zero give 0 (docs/numerics.md)."""
    return division.floor_divide(*logical(together("floor_divide", x1, x2)))


def remainder(x1: Any, x2: Any, /) -> Array:
    """What floor_divide leaves, with the divisor's sign; integers by zero give 0."""
    return division.remainder(*logical(together("remainder", x1, x2)))


def fmod(x1: Any, x2: Any, /) -> Array:
    """What division truncated to a whole number leaves, with the dividend's sign; exact."""
    return division.fmod(*logical(together("fmod", x1, x2)))


def pow(x1: Any, x2: Any, /) -> Array:
    """x1 to the x2 (docs/numerics.md: by the value of the exponent; a float with an integer keeps its parity)."""
    base, exponent = (v if is_number(v) else array("pow", v) for v in (x1, x2))
    types = [weak_type(v) if is_number(v) else v.type for v in (base, exponent)]
    if types[0].dtype.kind == "f" and types[1].dtype.kind in "iu":
        dtype, weak = common_dtype("pow", types)
        return powers.pow(*spread("pow", [cast("pow", base, dtype, weak), array("pow", exponent)]))
    return powers.pow(*logical(together("pow", base, exponent)))


def negative(x: Any, /) -> Array:
    """-x."""
    x = array("negative", x)
    check_kind("negative", x, "iufc")
    return p.neg(x)


def positive(x: Any, /) -> Array:
    """x."""
    x = array("positive", x)
    check_kind("positive", x, "iufc")
    return x


def abs(x: Any, /) -> Array:
    """|x|; of complex numbers their modulus."""
    x = array("abs", x)
    return x if x.dtype.kind in "bu" else signs.abs(x)


def sign(x: Any, /) -> Array:
    """-1, 0 or 1; zeros and NaN as they are; of complex numbers x / |x|."""
    x = array("sign", x)
    check_kind("sign", x, "iufc")
    return signs.sign(x)


def square(x: Any, /) -> Array:
    """x · x."""
    x = array("square", x)
    return products.mul(*logical([x, x]))


def reciprocal(x: Any, /) -> Array:
    """1 / x."""
    x = floating("reciprocal", x)
    return products.div(like(1, x), x)


maximum = elementwise(
    "maximum", extrema.maximum, "The larger of two: NaN if either is, -0 < +0 (IEEE 754-2019).", kinds=ORDERED
)
minimum = elementwise(
    "minimum", extrema.minimum, "The smaller of two: NaN if either is, -0 < +0 (IEEE 754-2019).", kinds=ORDERED
)
copysign = elementwise("copysign", sp.copysign, "The size of x1 with the sign of x2.", kinds="f", among=floats)
nextafter = elementwise("nextafter", sp.nextafter, "The next float from x1 towards x2.", kinds="f")
atan2 = elementwise("atan2", elementary.atan2, "The angle of the point (x2, x1), in [-π, π].", kinds="f", among=floats)


def hypot(x1: Any, x2: Any, /) -> Array:
    """√(x1² + x2²), scaled so that squares neither overflow nor vanish."""
    a, b = floats("hypot", x1, x2)
    check_kind("hypot", a, "f")
    shape = broadcast_shapes("hypot", a.shape, b.shape)
    size = signs.abs(complexes.complex_(*(broadcast_to(in_f32(x), shape) for x in (a, b))))
    return rounded(size, a)


def logaddexp(x1: Any, x2: Any, /) -> Array:
    """log(e^x1 + e^x2) as m + log1p(e^-|x1 - x2|), m the larger; infinities as they should be."""
    return _log_of_sum("logaddexp", x1, x2, elementary.exp, elementary.log1p, math.log(2))


def logaddexp2(x1: Any, x2: Any, /) -> Array:
    """log2(2^x1 + 2^x2) as m + log1p(2^-|x1 - x2|) / log 2, m the larger."""
    return _log_of_sum("logaddexp2", x1, x2, elementary.exp2, _log2_1p, 1.0)


def _log_of_sum(name: str, x1: Any, x2: Any, power: Any, log1p: Any, of_two: float) -> Array:
    xs = floats(name, x1, x2)
    check_kind(name, xs[0], "f")
    a, b = map(in_f32, xs)
    top, gap = extrema.maximum(a, b), products.sub(a, b)
    tail = log1p(power(p.neg(signs.abs(gap))))
    same = comparison.eq(a, b)  # equal infinities have no gap
    return rounded(p.add(top, comparison.select(same, like(of_two, top), tail)), xs[0])


def _log2_1p(x: Array) -> Array:
    return products.div(elementary.log1p(x), like(math.log(2), x))


# ---- rounding: integers are whole already


def _rounding(name: str, prim: Any, doc: str) -> Any:
    def function(x: Any, /) -> Array:
        x = array(name, x)
        check_kind(name, x, "iuf")
        return prim(x) if x.dtype.kind == "f" else x

    function.__name__ = name
    function.__doc__ = doc
    return function


floor = _rounding("floor", signs.floor, "The largest whole number not above x.")
ceil = _rounding("ceil", signs.ceil, "The smallest whole number not below x.")
trunc = _rounding("trunc", signs.trunc, "x without its fraction.")


def round(x: Any, /, decimals: int = 0) -> Array:
    """The nearest whole number, half to even; with ``decimals``, of x · 10^d (or x / 10^-d), scaled back."""
    x = array("round", x)
    if x.dtype.kind == "c":
        return complexes.complex_(round(complexes.real(x), decimals), round(complexes.imag(x), decimals))
    if x.dtype.kind != "f":
        return x if decimals >= 0 else convert(round(convert(x, float64), decimals), x.dtype)
    if decimals == 0:
        return signs.round(x)
    power = like(10.0 ** builtins.abs(decimals), x)
    up, down = (products.mul, products.div) if decimals > 0 else (products.div, products.mul)
    return down(signs.round(up(x, power)), power)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Array:
    """x between min and max: ``minimum(maximum(x, min), max)``; either may be None."""
    x = array("clip", x)
    if min is not None:
        x = maximum(x, _like(x, min))
    return x if max is None else minimum(x, _like(x, max))


def _like(x: Array, bound: Any) -> Any:
    """A bound in x's dtype; a number is promoted with x instead (a float raises integers to floats)."""
    return bound if is_number(bound) or x.type.weak else cast("clip", array("clip", bound), x.dtype)


# ---- functions of one float

exp = floating_unary("exp", elementary.exp, "e^x.")
exp2 = floating_unary("exp2", elementary.exp2, "2^x.", kinds="f")
expm1 = floating_unary("expm1", elementary.expm1, "e^x - 1, accurate near 0.")
log = floating_unary("log", elementary.log, "The natural logarithm.")
log2 = floating_unary("log2", elementary.log2, "The logarithm to base 2.")
log10 = floating_unary("log10", elementary.log10, "The logarithm to base 10.")
log1p = floating_unary("log1p", elementary.log1p, "log(1 + x), accurate near 0.")
sqrt = floating_unary("sqrt", roots.sqrt, "The square root, correctly rounded.")
rsqrt = floating_unary("rsqrt", roots.rsqrt, "1 / √x.", kinds="f")
cbrt = floating_unary("cbrt", roots.cbrt, "The cube root.", kinds="f")
sin = floating_unary("sin", elementary.sin, "The sine of x in radians.")
cos = floating_unary("cos", elementary.cos, "The cosine of x in radians.")
tan = floating_unary("tan", elementary.tan, "The tangent of x in radians.")
asin = floating_unary("asin", elementary.asin, "The inverse sine, in [-π/2, π/2].")
acos = floating_unary("acos", elementary.acos, "The inverse cosine, in [0, π].")
atan = floating_unary("atan", elementary.atan, "The inverse tangent, in [-π/2, π/2].")
sinh = floating_unary("sinh", elementary.sinh, "The hyperbolic sine.")
cosh = floating_unary("cosh", elementary.cosh, "The hyperbolic cosine.")
tanh = floating_unary("tanh", elementary.tanh, "The hyperbolic tangent.")
asinh = floating_unary("asinh", elementary.asinh, "The inverse hyperbolic sine.")
acosh = floating_unary("acosh", elementary.acosh, "The inverse hyperbolic cosine.")
atanh = floating_unary("atanh", elementary.atanh, "The inverse hyperbolic tangent.")
erf = floating_unary("erf", sp.erf, "The error function: 2/√π ∫₀ˣ exp(-t²) dt.", kinds="f")
erfc = floating_unary("erfc", sp.erfc, "1 - erf(x), accurate where it is small.", kinds="f")
erfinv = floating_unary("erfinv", sp.erfinv, "The inverse of erf.", kinds="f")
lgamma = floating_unary("lgamma", sp.lgamma, "log |Γ(x)|.", kinds="f")
digamma = floating_unary("digamma", sp.digamma, "The derivative of lgamma.", kinds="f")

# ---- comparisons

equal = elementwise("equal", comparison.eq, "x1 = x2; NaN equals nothing.", kinds="biufck")
not_equal = elementwise("not_equal", comparison.ne, "x1 ≠ x2; true for NaN.", kinds="biufck")
less = elementwise("less", comparison.lt, "x1 < x2.", kinds=ORDERED)
less_equal = elementwise("less_equal", comparison.le, "x1 ≤ x2.", kinds=ORDERED)
greater = elementwise("greater", comparison.gt, "x1 > x2.", kinds=ORDERED)
greater_equal = elementwise("greater_equal", comparison.ge, "x1 ≥ x2.", kinds=ORDERED)


def isnan(x: Any, /) -> Array:
    """Whether x is NaN."""
    x = array("isnan", x)
    return comparison.ne(x, x)


def isfinite(x: Any, /) -> Array:
    """Whether x is neither NaN nor infinite."""
    x = array("isfinite", x)
    if x.dtype.kind == "c":
        return bitwise.bitwise_and(isfinite(complexes.real(x)), isfinite(complexes.imag(x)))
    if x.dtype.kind != "f":
        return comparison.eq(x, x)
    return comparison.lt(signs.abs(x), scalar(math.inf, x.dtype))


def isinf(x: Any, /) -> Array:
    """Whether x is infinite."""
    x = array("isinf", x)
    if x.dtype.kind == "c":
        return bitwise.bitwise_or(isinf(complexes.real(x)), isinf(complexes.imag(x)))
    if x.dtype.kind != "f":
        return comparison.ne(x, x)
    return comparison.eq(signs.abs(x), scalar(math.inf, x.dtype))


def signbit(x: Any, /) -> Array:
    """Whether the sign of a float is negative, zeros included."""
    return sp.signbit(floating("signbit", x))


# ---- logic and bits

bitwise_and = elementwise("bitwise_and", bitwise.bitwise_and, "x1 and x2, bit by bit.", kinds="biu")
bitwise_or = elementwise("bitwise_or", bitwise.bitwise_or, "x1 or x2, bit by bit.", kinds="biu")
bitwise_xor = elementwise("bitwise_xor", bitwise.bitwise_xor, "x1 exclusive or x2, bit by bit.", kinds="biu")
bitwise_left_shift = elementwise(
    "bitwise_left_shift", bitwise.shift_left, "x1 · 2^x2; by the width or more, 0.", kinds="iu"
)
bitwise_right_shift = elementwise(
    "bitwise_right_shift", bitwise.shift_right, "⌊x1 / 2^x2⌋; by the width or more, 0 or -1.", kinds="iu"
)


def bitwise_invert(x: Any, /) -> Array:
    """Every bit of x the other way; of bools, their negation."""
    x = array("bitwise_invert", x)
    check_kind("bitwise_invert", x, "biu")
    return bitwise.bitwise_not(x)


def popcount(x: Any, /) -> Array:
    """How many bits are 1."""
    x = array("popcount", x)
    check_kind("popcount", x, "iu")
    return bitwise.popcount(x)


def _truth(name: str, x: Any) -> Array:
    return convert(array(name, x), bool_)


def logical_and(x1: Any, x2: Any, /) -> Array:
    """Whether both are true (not 0)."""
    return bitwise_and(_truth("logical_and", x1), _truth("logical_and", x2))


def logical_or(x1: Any, x2: Any, /) -> Array:
    """Whether either is true (not 0)."""
    return bitwise_or(_truth("logical_or", x1), _truth("logical_or", x2))


def logical_xor(x1: Any, x2: Any, /) -> Array:
    """Whether exactly one is true (not 0)."""
    return bitwise_xor(_truth("logical_xor", x1), _truth("logical_xor", x2))


def logical_not(x: Any, /) -> Array:
    """Whether x is false (0)."""
    return bitwise.bitwise_not(_truth("logical_not", x))


# ---- complex numbers


def real(x: Any, /) -> Array:
    """The real part; of a real number, itself."""
    x = array("real", x)
    return complexes.real(x) if x.dtype.kind == "c" else x


def imag(x: Any, /) -> Array:
    """The imaginary part; of a real number, 0."""
    x = array("imag", x)
    return complexes.imag(x) if x.dtype.kind == "c" else broadcast_to(scalar(0, x.dtype), x.shape)


def conj(x: Any, /) -> Array:
    """The complex conjugate; of a real number, itself."""
    x = array("conj", x)
    return complexes.conj(x) if x.dtype.kind == "c" else x


def angle(x: Any, /) -> Array:
    """The argument of a complex number, in [-π, π]."""
    x = floating("angle", x)
    if x.dtype.kind == "c":
        return elementary.atan2(complexes.imag(x), complexes.real(x))
    return elementary.atan2(like(0, x), x)


# ---- choice


def where(condition: Any, x1: Any, x2: Any, /) -> Array:
    """x1 where the condition holds, else x2, all broadcast; the condition is bool (or true where not 0)."""
    choice = _truth("where", condition)
    a, b = promoted("where", x1, x2)
    shape = broadcast_shapes("where", choice.shape, a.shape, b.shape)
    if shape:
        a, b = strong(a), strong(b)
    return comparison.select(*(x if not x.shape else broadcast_to(x, shape) for x in (choice, a, b)))


def nan_to_num(x: Any, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """NaN and infinities replaced, infinities by the largest finite numbers unless said."""
    x = array("nan_to_num", x)
    if x.dtype.kind == "c":
        parts = (nan_to_num(part, nan, posinf, neginf) for part in (complexes.real(x), complexes.imag(x)))
        return complexes.complex_(*parts)
    if x.dtype.kind != "f":
        return x
    limits = finfo(x.dtype)
    high, low = limits.max if posinf is None else posinf, limits.min if neginf is None else neginf
    x = comparison.select(comparison.eq(x, x), x, like(nan, x))
    x = comparison.select(comparison.eq(x, like(math.inf, x)), like(high, x), x)
    return comparison.select(comparison.eq(x, like(-math.inf, x)), like(low, x), x)


# ---- more functions of NumPy's


def sinc(x: Any, /) -> Array:
    """sin(πx) / (πx), 1 at 0; 16-bit floats in f32."""
    x = floating("sinc", x)
    wide = in_f32(x)
    scaled = products.mul(like(math.pi, wide), wide)
    zero = comparison.eq(wide, like(0, wide))
    safe = comparison.select(zero, like(1, wide), scaled)
    quotient = products.div(elementary.sin(safe), safe)
    return rounded(comparison.select(zero, like(1, wide), quotient), x)


def heaviside(x1: Any, x2: Any, /) -> Array:
    """0 below 0, x2 at 0, 1 above; NaN of NaN."""
    x, h = floats("heaviside", x1, x2)
    zero, one = like(0, x), like(1, x)
    shape = broadcast_shapes("heaviside", x.shape, h.shape)
    x, h = (v if not v.shape else broadcast_to(v, shape) for v in (x, h))
    step = comparison.select(comparison.lt(x, zero), zero, comparison.select(comparison.gt(x, zero), one, x))
    return comparison.select(comparison.eq(x, zero), h, step)


deg2rad = floating_unary(
    "deg2rad", lambda x: rounded(products.mul(in_f32(x), like(math.pi / 180, in_f32(x))), x), "x · (π/180).", kinds="f"
)
rad2deg = floating_unary(
    "rad2deg", lambda x: rounded(products.mul(in_f32(x), like(180 / math.pi, in_f32(x))), x), "x · (180/π).", kinds="f"
)
