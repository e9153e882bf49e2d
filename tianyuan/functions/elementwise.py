"""Element-wise functions: of operands promoted to one dtype and broadcast to one shape."""

from __future__ import annotations

import math
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.functions.operands import (
    array,
    broadcast_shapes,
    cast,
    check_kind,
    elementwise,
    floating,
    floating_unary,
    in_f32,
    is_bool,
    promoted,
    spread,
    together,
)
from tianyuan.prims.conversion import convert
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
from tianyuan.types import DEFAULT_INT, bool_

REAL = "iuf"
ORDERED = "biuf"

# ---- arithmetic


def _logical(name: str, xs: list[Array]) -> list[Array]:
    """bool operands of arithmetic count as integers."""
    return [convert(x, DEFAULT_INT) for x in xs] if is_bool(xs[0]) else xs


def add(x1: Any, x2: Any, /) -> Array:
    """x1 + x2, rounded once; integers wrap."""
    return p.add(*_logical("add", together("add", x1, x2)))


def subtract(x1: Any, x2: Any, /) -> Array:
    """x1 - x2, rounded once; integers wrap."""
    return products.sub(*_logical("subtract", together("subtract", x1, x2)))


def multiply(x1: Any, x2: Any, /) -> Array:
    """x1 · x2, rounded once; integers wrap; of bools, their conjunction as integers."""
    return products.mul(*_logical("multiply", together("multiply", x1, x2)))


def divide(x1: Any, x2: Any, /) -> Array:
    """x1 / x2, correctly rounded; integers are converted to the default float first."""
    xs = promoted("divide", x1, x2)
    if xs[0].dtype.kind not in "fc":
        xs = promoted("divide", *(floating("divide", v) for v in (x1, x2)))
    return products.div(*spread("divide", xs))


def floor_divide(x1: Any, x2: Any, /) -> Array:
    """The largest whole number not above x1 / x2; integers by zero give 0 (docs/numerics.md)."""
    return division.floor_divide(*_logical("floor_divide", together("floor_divide", x1, x2)))


def remainder(x1: Any, x2: Any, /) -> Array:
    """What floor_divide leaves, with the divisor's sign; integers by zero give 0."""
    return division.remainder(*_logical("remainder", together("remainder", x1, x2)))


def fmod(x1: Any, x2: Any, /) -> Array:
    """What division truncated to a whole number leaves, with the dividend's sign; exact."""
    return division.fmod(*_logical("fmod", together("fmod", x1, x2)))


def pow(x1: Any, x2: Any, /) -> Array:
    """x1 to the x2 (docs/numerics.md: by the value of the exponent; a float with an integer keeps its parity)."""
    integer = isinstance(x2, int) and not isinstance(x2, bool)
    base = array("pow", x1) if not isinstance(x1, int | float | complex) else None
    if integer and base is not None and base.dtype.kind in "fc":
        return powers.pow(base, scalar(x2, DEFAULT_INT) if base.dtype.kind == "f" else cast("pow", x2, base.dtype))
    exponent = x2 if isinstance(x2, int | float | complex) else array("pow", x2)
    if base is not None and isinstance(exponent, Array) and base.dtype.kind == "f" and exponent.dtype.kind in "iu":
        return powers.pow(*spread("pow", [base, exponent]))
    return powers.pow(*_logical("pow", together("pow", x1, x2)))


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
    return products.mul(*_logical("square", [x, x]))


def reciprocal(x: Any, /) -> Array:
    """1 / x."""
    x = floating("reciprocal", x)
    return products.div(scalar(1, x.dtype), x)


maximum = elementwise(
    "maximum", extrema.maximum, "The larger of two: NaN if either is, -0 < +0 (IEEE 754-2019).", kinds=ORDERED
)
minimum = elementwise(
    "minimum", extrema.minimum, "The smaller of two: NaN if either is, -0 < +0 (IEEE 754-2019).", kinds=ORDERED
)
copysign = elementwise("copysign", sp.copysign, "The size of x1 with the sign of x2.", kinds="f")
nextafter = elementwise("nextafter", sp.nextafter, "The next float from x1 towards x2.", kinds="f")
atan2 = elementwise("atan2", elementary.atan2, "The angle of the point (x2, x1), in [-π, π].", kinds="f")


def hypot(x1: Any, x2: Any, /) -> Array:
    """√(x1² + x2²), scaled so that squares neither overflow nor vanish."""
    a, b = together("hypot", floating("hypot", x1), floating("hypot", x2))
    check_kind("hypot", a, "f")
    shape = broadcast_shapes("hypot", a.shape, b.shape)
    size = signs.abs(complexes.complex_(*(broadcast_to(in_f32(x), shape) for x in (a, b))))
    return convert(size, a.dtype)


def logaddexp(x1: Any, x2: Any, /) -> Array:
    """log(e^x1 + e^x2) as m + log1p(e^-|x1 - x2|), m the larger; infinities as they should be."""
    a, b = together("logaddexp", floating("logaddexp", x1), floating("logaddexp", x2))
    dtype = a.dtype
    a, b = in_f32(a), in_f32(b)
    top, gap = extrema.maximum(a, b), products.sub(a, b)
    tail = elementary.log1p(elementary.exp(p.neg(signs.abs(gap))))
    same = comparison.eq(a, b)  # equal infinities have no gap
    sum_ = p.add(top, comparison.select(same, scalar(math.log(2), top.dtype), tail))
    return convert(sum_, dtype) if dtype != top.dtype else sum_


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
    """The nearest whole number, half to even; with ``decimals``, x · 10^d rounded and divided again."""
    x = array("round", x)
    if x.dtype.kind == "c":
        return complexes.complex_(round(complexes.real(x), decimals), round(complexes.imag(x), decimals))
    if x.dtype.kind != "f":
        return x
    if decimals == 0:
        return signs.round(x)
    power = scalar(10.0**decimals, x.dtype)
    return products.div(signs.round(products.mul(x, power)), power)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Array:
    """x between min and max: ``minimum(maximum(x, min), max)``; either may be None."""
    x = array("clip", x)
    if min is not None:
        x = maximum(x, _like(x, min))
    return x if max is None else minimum(x, _like(x, max))


def _like(x: Array, bound: Any) -> Any:
    return bound if isinstance(bound, int | float) else cast("clip", array("clip", bound), x.dtype)


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
    return elementary.atan2(imag(floating("angle", x)), real(floating("angle", x)))


# ---- choice


def where(condition: Any, x1: Any, x2: Any, /) -> Array:
    """x1 where the condition holds, else x2, all broadcast; the condition is bool (or true where not 0)."""
    choice = _truth("where", condition)
    a, b = promoted("where", x1, x2)
    shape = broadcast_shapes("where", choice.shape, a.shape, b.shape)
    return comparison.select(*(x if not x.shape else broadcast_to(x, shape) for x in (choice, a, b)))


def nan_to_num(x: Any, /, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Array:
    """NaN and infinities replaced, infinities by the largest finite numbers unless said."""
    x = array("nan_to_num", x)
    if x.dtype.kind != "f":
        return x
    largest = float(_largest(x))
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    x = where(isnan(x), scalar(nan, x.dtype), x)
    x = where(comparison.eq(x, scalar(math.inf, x.dtype)), scalar(high, x.dtype), x)
    return where(comparison.eq(x, scalar(-math.inf, x.dtype)), scalar(low, x.dtype), x)


_LARGEST = {"f16": 65504.0, "bf16": 3.3895313892515355e38, "f32": 3.4028234663852886e38, "f64": 1.7976931348623157e308}


def _largest(x: Array) -> float:
    return _LARGEST[x.dtype.short]
