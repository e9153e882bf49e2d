"""Elementary functions, within 1 ulp over the whole range, with C99's special values.

Derivatives are written so that they do not cancel: tanh' is not 1 - tanh². Where a function is not defined
its derivative is NaN, or the formula's continuation (1/x for log); singular points are named in each class.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import DIFFERENTIABLE, Elementary, Pointwise, add, neg, number
from tianyuan.prims.pointwise.comparison import lt, select
from tianyuan.prims.pointwise.extrema import maximum, minimum
from tianyuan.prims.pointwise.oracles import precisely, wide
from tianyuan.prims.pointwise.products import div, mul, sub
from tianyuan.prims.pointwise.roots import sqrt
from tianyuan.prims.pointwise.signs import abs

LN2, LN10 = 0.6931471805599453, 2.302585092994046


@primitive
class Exp(Elementary):
    """The exponential: y = e^x. exp(-inf) = 0, overflow inf; y' = y."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return y

    def oracle(self, x: Any) -> Any:
        return np.exp(wide(x))


@primitive
class Exp2(Elementary):
    """The power of two: y = 2^x, exact for whole x. y' = y · ln 2."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return mul(number(LN2, y), y)

    def oracle(self, x: Any) -> Any:
        return np.exp2(wide(x))


@primitive
class Expm1(Elementary):
    """y = e^x - 1, accurate near 0. y' = e^x."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return exp(x)

    def oracle(self, x: Any) -> Any:
        return precisely("expm1", x) if x.dtype.kind == "c" else np.expm1(wide(x))


@primitive
class Log(Elementary):
    """The natural logarithm. log(±0) = -inf, of negative numbers NaN; y' = 1/x."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (0.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1.0, x), x)

    def oracle(self, x: Any) -> Any:
        return np.log(wide(x))


@primitive
class Log2(Elementary):
    """The logarithm to base 2, exact for powers of two. y' = 1/(x ln 2)."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (0.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1 / LN2, x), x)

    def oracle(self, x: Any) -> Any:
        return np.log2(wide(x))


@primitive
class Log10(Elementary):
    """The logarithm to base 10, exact for powers of ten. y' = 1/(x ln 10)."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (0.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1 / LN10, x), x)

    def oracle(self, x: Any) -> Any:
        return np.log10(wide(x))


@primitive
class Log1p(Elementary):
    """y = log(1 + x), accurate near 0. log1p(-1) = -inf; y' = 1/(1 + x)."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (-0.9, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1.0, x), add(number(1.0, x), x))

    def oracle(self, x: Any) -> Any:
        return precisely("log1p", x) if x.dtype.kind == "c" else np.log1p(wide(x))


@primitive
class Sin(Elementary):
    """The sine of x in radians. sin(±0) = ±0, sin(±inf) = NaN; y' = cos x."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (-30.0, 30.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return cos(x)

    def oracle(self, x: Any) -> Any:
        return np.sin(wide(x))


@primitive
class Cos(Elementary):
    """The cosine of x in radians. cos(0) = 1, cos(±inf) = NaN; y' = -sin x."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (-30.0, 30.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return neg(sin(x))

    def oracle(self, x: Any) -> Any:
        return np.cos(wide(x))


@primitive
class Tan(Elementary):
    """The tangent of x in radians. tan(±0) = ±0, tan(±inf) = NaN; y' = 1 + y²."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (-1.4, 1.4)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return add(number(1.0, y), mul(y, y))

    def oracle(self, x: Any) -> Any:
        return np.tan(wide(x))


@primitive
class Asin(Elementary):
    """The inverse sine, in [-π/2, π/2]; NaN outside [-1, 1]. y' = 1/√((1-x)(1+x)); asin'(±1) = inf."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (-0.9, 0.9)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1.0, x), semicircle(x))

    def oracle(self, x: Any) -> Any:
        return np.arcsin(wide(x))


@primitive
class Acos(Elementary):
    """The inverse cosine, in [0, π]; NaN outside [-1, 1]. y' = -1/√((1-x)(1+x)); acos'(±1) = -inf."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (-0.9, 0.9)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(-1.0, x), semicircle(x))

    def oracle(self, x: Any) -> Any:
        return np.arccos(wide(x))


@primitive
class Atan(Elementary):
    """The inverse tangent, in [-π/2, π/2]. y' = 1/(1 + x²), 0 where x² overflows."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1.0, x), add(number(1.0, x), mul(x, x)))

    def oracle(self, x: Any) -> Any:
        return np.arctan(wide(x))


@primitive
class Sinh(Elementary):
    """The hyperbolic sine. y' = cosh x."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return cosh(x)

    def oracle(self, x: Any) -> Any:
        return np.sinh(wide(x))


@primitive
class Cosh(Elementary):
    """The hyperbolic cosine. y' = sinh x."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return sinh(x)

    def oracle(self, x: Any) -> Any:
        return np.cosh(wide(x))


@primitive
class Tanh(Elementary):
    """The hyperbolic tangent. y' = 1/cosh² x."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return squared(div(number(1.0, x), cosh(x)))

    def oracle(self, x: Any) -> Any:
        return np.tanh(wide(x))


@primitive
class Asinh(Elementary):
    """The inverse hyperbolic sine. y' = 1/√(1 + x²), which does not overflow."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1.0, x), hyperbola(x))

    def oracle(self, x: Any) -> Any:
        return np.arcsinh(wide(x))


@primitive
class Acosh(Elementary):
    """The inverse hyperbolic cosine, of x ≥ 1. y' = 1/(√(x-1) √(x+1)); acosh'(1) = inf."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (1.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        one = number(1.0, x)
        return div(one, mul(sqrt(sub(x, one)), sqrt(add(x, one))))

    def oracle(self, x: Any) -> Any:
        return np.arccosh(wide(x))


@primitive
class Atanh(Elementary):
    """The inverse hyperbolic tangent; atanh(±1) = ±inf. y' = 1/((1-x)(1+x)); atanh'(±1) = inf."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (-0.9, 0.9)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        one = number(1.0, x)
        return div(one, mul(sub(one, x), add(one, x)))

    def oracle(self, x: Any) -> Any:
        return np.arctanh(wide(x))


@primitive
class Logistic(Elementary):
    """The sigmoid: y = 1/(1 + e^-x). y' = y · logistic(-x)."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return mul(y, logistic(neg(x)))

    def oracle(self, x: Any) -> Any:
        return 1 / (1 + np.exp(-wide(x)))


@primitive
class Atan2(Pointwise):
    """The angle of the point (x, y), in [-π, π], with the signs of C99's atan2(y, x).

    ∂/∂y = x/(x² + y²) and ∂/∂x = -y/(x² + y²), where nothing overflows; NaN at the origin.
    """

    ulp = 1.0

    def scalar(self, k: Scalars, y: Any, x: Any) -> Any:
        return k.call("atan2", y, x)

    def partial(self, i: int, z: Array, y: Array, x: Array) -> Array | None:
        steep = lt(abs(x), abs(y))
        larger, smaller = select(steep, y, x), select(steep, x, y)
        slope, one = div(smaller, larger), number(1.0, z)
        size = add(larger, mul(smaller, slope))  # (x² + y²) / larger
        return div(select(steep, slope, one), size) if i == 0 else neg(div(select(steep, one, slope), size))

    def oracle(self, y: Any, x: Any) -> Any:
        return np.arctan2(wide(y), wide(x))


def squared(x: Array) -> Array:
    """x²."""
    return mul(x, x)


def semicircle(x: Array) -> Array:
    """√((1-x)(1+x)), the principal branches of complex numbers included."""
    one = number(1.0, x)
    return mul(sqrt(sub(one, x)), sqrt(add(one, x)))


def hyperbola(x: Array) -> Array:
    """√(1 + x²): of a real x scaled by the larger of 1 and |x|; of a complex one √(1 - ix) √(1 + ix)."""
    one = number(1.0, x)
    if x.dtype.kind == "c":
        return semicircle(mul(number(1j, x), x))
    size = abs(x)
    larger = maximum(size, one)
    return mul(larger, sqrt(add(one, squared(div(minimum(size, one), larger)))))


exp = Exp()
exp2 = Exp2()
expm1 = Expm1()
log = Log()
log2 = Log2()
log10 = Log10()
log1p = Log1p()
sin = Sin()
cos = Cos()
tan = Tan()
asin = Asin()
acos = Acos()
atan = Atan()
sinh = Sinh()
cosh = Cosh()
tanh = Tanh()
asinh = Asinh()
acosh = Acosh()
atanh = Atanh()
logistic = Logistic()
atan2 = Atan2()
