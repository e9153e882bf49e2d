"""Elementary functions of complex numbers, by real functions of the parts.

complex64 is computed in f64 and rounded once. The results are within a few ulp of their modulus; branch cuts,
the signs of zeros on them, infinities and NaN are C99's (Annex G). Inverse functions follow [Kahan1987].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tianyuan.errors import ArrayTypeError
from tianyuan.lowering import Scalars
from tianyuan.types import complex64, complex128, float64


def call(k: Scalars, name: str, *args: Any) -> Any:
    """The function ``name`` of complex values of one dtype; ArrayTypeError where it is one of real numbers."""
    dtype = k.dtype(args[0])
    if name not in FUNCTIONS:
        raise ArrayTypeError(f"{name} takes floats, got {dtype}")
    if dtype == complex64:
        wide = FUNCTIONS[name](k, *(k.convert(a, complex128) for a in args))
        result = k.convert(wide, complex64)
    else:
        result = FUNCTIONS[name](k, *args)
    return _powers_by_value(k, result, *args) if name == "pow" else result


# ---- small pieces


def _number(k: Scalars, value: float) -> Any:
    return k.const(value, float64)


def _parts(k: Scalars, x: Any) -> tuple[Any, Any]:
    return k.real(x), k.imag(x)


def _scaled(k: Scalars, x: Any, factor: float) -> Any:
    """x times a real constant."""
    a, b = _parts(k, x)
    return k.complex(k.mul(a, _number(k, factor)), k.mul(b, _number(k, factor)))


def _turned(k: Scalars, x: Any) -> Any:
    """i x."""
    a, b = _parts(k, x)
    return k.complex(k.neg(b), a)


def _turned_back(k: Scalars, x: Any) -> Any:
    """-i x."""
    a, b = _parts(k, x)
    return k.complex(b, k.neg(a))


def _one(k: Scalars) -> Any:
    return k.const(1.0, complex128)


def _real_plus(k: Scalars, value: float, x: Any) -> Any:
    """value + x, the imaginary part untouched."""
    a, b = _parts(k, x)
    return k.complex(k.add(_number(k, value), a), b)


def _real_minus(k: Scalars, value: float, x: Any) -> Any:
    """value - x."""
    a, b = _parts(k, x)
    return k.complex(k.sub(_number(k, value), a), k.neg(b))


def _weighted(k: Scalars, weight: Any, part: Any) -> Any:
    """weight · part, ±0 where the part is: an infinite or unknown weight makes no more of it."""
    sign = k.select(k.ne(weight, weight), _number(k, 1.0), k.sign(weight))
    return k.mul(k.select(k.eq(part, _number(k, 0.0)), sign, weight), part)


def _crossed(k: Scalars, x: Any, y: Any) -> Any:
    """x · y, ±0 where either is."""
    return k.select(k.eq(x, _number(k, 0.0)), _weighted(k, y, x), _weighted(k, x, y))


def _infinite(k: Scalars, x: Any) -> Any:
    return k.eq(k.abs(x), _number(k, math.inf))


def _endless(k: Scalars, x: Any) -> Any:
    """Whether a complex number is infinite: a part of it is."""
    return k.bitor(*(_infinite(k, part) for part in _parts(k, x)))


def _broken(k: Scalars, x: Any) -> Any:
    """Whether a real number is infinite or NaN."""
    return k.bitnot(k.lt(k.abs(x), _number(k, math.inf)))


def _circle(k: Scalars, a: Any, b: Any) -> tuple[Any, Any]:
    """cos b and sin b; where b has none, 1 and NaN beside an infinite a, 1 and 0 beside a = -inf."""
    unknown = k.bitand(_infinite(k, a), _broken(k, b))
    vanishing = k.bitand(unknown, k.lt(a, _number(k, 0.0)))
    c = k.select(unknown, _number(k, 1.0), k.call("cos", b))
    return c, k.select(vanishing, _number(k, 0.0), k.call("sin", b))


def _with_sign(k: Scalars, size: Any, sign: Any) -> Any:
    """size ≥ 0 with the sign of ``sign``, zeros included."""
    return k.select(_minus(k, sign), k.neg(size), size)


def _minus(k: Scalars, x: Any) -> Any:
    """Whether the sign of a real x is minus, of -0 too."""
    zero = _number(k, 0.0)
    return k.select(k.eq(x, zero), k.lt(k.div(_number(k, 1.0), x), zero), k.lt(x, zero))


# ---- exponential and logarithm


def exp(k: Scalars, x: Any) -> Any:
    """e^a cos b + i e^a sin b, in two factors where e^a alone overflows."""
    a, b = _parts(k, x)
    large = k.lt(_number(k, 700.0), a)
    rest = k.select(large, k.sub(a, _number(k, 700.0)), a)
    size, top = k.call("exp", rest), k.select(large, _number(k, math.exp(700.0)), _number(k, 1.0))
    re, im = (_weighted(k, top, _weighted(k, size, part)) for part in _circle(k, a, b))
    return k.complex(re, im)


def expm1(k: Scalars, x: Any) -> Any:
    """expm1(a) cos b - 2 sin²(b/2) + i e^a sin b."""
    a, b = _parts(k, x)
    c, s = _circle(k, a, b)
    half = k.select(_infinite(k, a), _number(k, 0.0), k.call("sin", k.mul(b, _number(k, 0.5))))
    re = k.sub(_weighted(k, k.call("expm1", a), c), k.mul(_number(k, 2.0), k.mul(half, half)))
    return k.complex(re, _weighted(k, k.call("exp", a), s))


def log(k: Scalars, x: Any) -> Any:
    """log |x| + i arg x; near the unit circle log |x| = log1p(|x|² - 1) / 2."""
    a, b = _parts(k, x)
    p, q = k.abs(a), k.abs(b)
    larger, smaller = k.maximum(p, q), k.minimum(p, q)
    one, half = _number(k, 1.0), _number(k, 0.5)
    down, up = k.lt(_number(k, 2.0**1000), larger), k.lt(larger, _number(k, 2.0**-900))
    factor = k.select(down, half, k.select(up, _number(k, 2.0**200), one))
    tiny = k.select(up, _number(k, -200 * math.log(2.0)), _number(k, 0.0))
    extra = k.select(down, _number(k, math.log(2.0)), tiny)
    modulus = k.abs(k.complex(k.mul(a, factor), k.mul(b, factor)))
    far = k.add(k.call("log", modulus), extra)
    excess = k.fma(k.sub(larger, one), k.add(larger, one), k.mul(smaller, smaller))
    near = k.bitand(k.lt(half, modulus), k.lt(modulus, _number(k, 2.0)))
    re = k.select(k.bitand(near, k.bitnot(k.bitor(down, up))), k.mul(half, k.call("log1p", excess)), far)
    return k.complex(re, k.call("atan2", b, a))


def log1p(k: Scalars, x: Any) -> Any:
    """log(1 + x); for small x, log1p(2a + a² + b²) / 2 + i arg(1 + x)."""
    a, b = _parts(k, x)
    half = _number(k, 0.5)
    excess = k.fma(k.add(_number(k, 2.0), a), a, k.mul(b, b))
    near = k.mul(half, k.call("log1p", excess))
    whole = log(k, _real_plus(k, 1.0, x))
    small = k.lt(k.maximum(k.abs(a), k.abs(b)), half)
    return k.complex(k.select(small, near, k.real(whole)), k.imag(whole))


def sqrt(k: Scalars, x: Any) -> Any:
    """With t = √((|x| + |a|) / 2): t + i b/(2t), the parts exchanged for a < 0. Large and tiny x are scaled."""
    a, b = _parts(k, x)
    zero, one, infinity = _number(k, 0.0), _number(k, 1.0), _number(k, math.inf)
    larger = k.maximum(k.abs(a), k.abs(b))
    huge, tiny = k.lt(_number(k, 2.0**1000), larger), k.lt(larger, _number(k, 2.0**-900))
    down = k.select(huge, _number(k, 2.0**-4), k.select(tiny, _number(k, 2.0**200), one))
    up = k.select(huge, _number(k, 4.0), k.select(tiny, _number(k, 2.0**-100), one))
    p, q = k.abs(k.mul(a, down)), k.abs(k.mul(b, down))
    t = k.sqrt(k.mul(_number(k, 0.5), k.add(k.abs(k.complex(p, q)), p)))
    other = k.select(k.eq(t, zero), zero, k.div(q, k.mul(_number(k, 2.0), t)))
    left = k.lt(a, zero)
    re, im = k.select(left, other, t), k.select(left, t, other)
    endless = k.eq(k.abs(b), infinity)
    re, im = k.select(endless, infinity, k.mul(re, up)), k.select(endless, infinity, k.mul(im, up))
    return k.complex(re, _with_sign(k, im, b))


def rsqrt(k: Scalars, x: Any) -> Any:
    """1 / √x."""
    return k.div(_one(k), sqrt(k, x))


def logistic(k: Scalars, x: Any) -> Any:
    """1 / (1 + e^-x), where that sum may cancel (1 + tanh(x/2)) / 2."""
    near = _scaled(k, _real_plus(k, 1.0, tanh(k, _scaled(k, x, 0.5))), 0.5)
    far = k.div(_one(k), _real_plus(k, 1.0, exp(k, k.neg(x))))
    return k.select(k.lt(k.abs(k.real(x)), _number(k, 1.0)), near, far)


def power(k: Scalars, x: Any, y: Any) -> Any:
    """e^(y log x); 0 for x = 0 and Re y > 0."""
    zero = k.const(0.0, complex128)
    vanishes = k.bitand(k.eq(x, zero), k.lt(_number(k, 0.0), k.real(y)))
    return k.select(vanishes, zero, exp(k, k.mul(y, log(k, x))))


def _powers_by_value(k: Scalars, general: Any, x: Any, y: Any) -> Any:
    """The products that small whole exponents stand for (docs/numerics.md)."""
    dtype = k.dtype(x)
    one, square = k.const(1.0, dtype), k.mul(x, x)
    products = {0: one, 1: x, 2: square, 3: k.mul(square, x), 4: k.mul(square, square)}
    products |= {-1: k.div(one, x), -2: k.div(one, square)}
    for n, product in products.items():
        general = k.select(k.eq(y, k.const(float(n), dtype)), product, general)
    return general


# ---- trigonometric and hyperbolic functions: each is another one turned by i


def sinh(k: Scalars, x: Any) -> Any:
    """sinh a cos b + i cosh a sin b."""
    a, b = _parts(k, x)
    s, c, top = _grown(k, a)
    p, q = _circle(k, k.abs(a), b)
    re, im = _crossed(k, s, p), _crossed(k, c, q)
    return k.complex(_weighted(k, top, re), _weighted(k, top, im))


def cosh(k: Scalars, x: Any) -> Any:
    """cosh a cos b + i sinh a sin b."""
    a, b = _parts(k, x)
    s, c, top = _grown(k, a)
    p, q = _circle(k, k.abs(a), b)
    re, im = _crossed(k, c, p), _crossed(k, s, q)
    return k.complex(_weighted(k, top, re), _weighted(k, top, im))


def _grown(k: Scalars, a: Any) -> tuple[Any, Any, Any]:
    """sinh a, cosh a, both over a third number that is 1 until they overflow."""
    size = k.abs(a)
    large = k.lt(_number(k, 700.0), size)
    half = k.mul(_number(k, 0.5), k.call("exp", k.sub(size, _number(k, 700.0))))
    top = k.select(large, _number(k, math.exp(700.0)), _number(k, 1.0))
    s = k.select(large, _with_sign(k, half, a), k.call("sinh", a))
    return s, k.select(large, half, k.call("cosh", a)), top


def tanh(k: Scalars, x: Any) -> Any:
    """With t = tan b, s = sinh a, β = 1 + t²: (β s √(1 + s²) + i t) / (1 + β s²)."""
    a, b = _parts(k, x)
    one = _number(k, 1.0)
    far = k.lt(_number(k, 22.0), k.abs(a))
    t, s = k.call("tan", b), k.call("sinh", k.select(far, one, a))
    beta = k.fma(t, t, one)
    size = k.fma(k.mul(beta, s), s, one)
    re = k.div(k.mul(k.mul(beta, s), k.sqrt(k.fma(s, s, one))), size)
    fading = k.call("exp", k.mul(_number(k, -2.0), k.abs(a)))
    far_im = _weighted(k, fading, k.mul(_number(k, 4.0), k.mul(k.call("sin", b), k.call("cos", b))))
    zero, unknown = _number(k, 0.0), _broken(k, b)
    far_im = k.select(k.bitand(_infinite(k, a), unknown), zero, far_im)
    re, im = k.select(far, _with_sign(k, one, a), re), k.select(far, far_im, k.div(t, size))
    re = k.select(k.bitand(unknown, k.bitnot(_infinite(k, a))), _number(k, math.nan), re)
    return k.complex(k.select(k.eq(a, zero), a, re), k.select(k.eq(b, zero), b, im))


def sin(k: Scalars, x: Any) -> Any:
    """-i sinh(i x)."""
    return _turned_back(k, sinh(k, _turned(k, x)))


def cos(k: Scalars, x: Any) -> Any:
    """cosh(i x)."""
    return cosh(k, _turned(k, x))


def tan(k: Scalars, x: Any) -> Any:
    """-i tanh(i x)."""
    return _turned_back(k, tanh(k, _turned(k, x)))


# ---- inverse functions


def asin(k: Scalars, x: Any) -> Any:
    """With s = √(1-x), t = √(1+x): atan2(a, Re s t) + i asinh(Im(conj(s) t))."""
    (p, q), (u, v) = _parts(k, sqrt(k, _real_minus(k, 1.0, x))), _parts(k, sqrt(k, _real_plus(k, 1.0, x)))
    a, b = _parts(k, x)
    re = k.call("atan2", a, k.sub(k.mul(p, u), k.mul(q, v)))
    near = k.complex(k.select(k.eq(a, _number(k, 0.0)), a, re), k.call("asinh", k.sub(k.mul(p, v), k.mul(q, u))))
    far = k.complex(k.call("atan2", a, k.abs(b)), _with_sign(k, _number(k, math.inf), b))
    return k.select(_endless(k, x), far, near)


def acos(k: Scalars, x: Any) -> Any:
    """With s = √(1-x), t = √(1+x): 2 atan2(Re s, Re t) + i asinh(Im(conj(t) s))."""
    (p, q), (u, v) = _parts(k, sqrt(k, _real_minus(k, 1.0, x))), _parts(k, sqrt(k, _real_plus(k, 1.0, x)))
    re = k.mul(_number(k, 2.0), k.call("atan2", p, u))
    near = k.complex(_upright(k, x, re), k.call("asinh", k.sub(k.mul(u, q), k.mul(v, p))))
    a, b = _parts(k, x)
    far = k.complex(k.call("atan2", k.abs(b), a), k.neg(_with_sign(k, _number(k, math.inf), b)))
    return k.select(_endless(k, x), far, near)


def acosh(k: Scalars, x: Any) -> Any:
    """With s = √(x-1), t = √(x+1): asinh(Re(conj(s) t)) + 2i atan2(Im s, Re t)."""
    (p, q), (u, v) = _parts(k, sqrt(k, _real_plus(k, -1.0, x))), _parts(k, sqrt(k, _real_plus(k, 1.0, x)))
    im = k.mul(_number(k, 2.0), k.call("atan2", q, u))
    near = k.complex(k.call("asinh", k.add(k.mul(p, u), k.mul(q, v))), _upright(k, x, im))
    a, b = _parts(k, x)
    return k.select(_endless(k, x), k.complex(_number(k, math.inf), k.call("atan2", b, a)), near)


def _upright(k: Scalars, x: Any, angle: Any) -> Any:
    """The angle; π/2 of ±0 + i NaN."""
    a, b = _parts(k, x)
    unknown = k.bitand(k.eq(a, _number(k, 0.0)), k.ne(b, b))
    return k.select(unknown, _number(k, math.pi / 2), angle)


def asinh(k: Scalars, x: Any) -> Any:
    """-i asin(i x)."""
    return _turned_back(k, asin(k, _turned(k, x)))


def atanh(k: Scalars, x: Any) -> Any:
    """log1p(4a / ((1-a)² + b²)) / 4 + i/2 atan2(2b, (1-a)(1+a) - b²), for |a|; odd in a. Far away 1/x ± i π/2."""
    a, b = _parts(k, x)
    one, size, zero = _number(k, 1.0), k.abs(a), _number(k, 0.0)
    gap = k.sub(one, size)
    ratio = k.div(k.mul(_number(k, 4.0), size), k.fma(gap, gap, k.mul(b, b)))
    edge = k.mul(_number(k, 0.5), k.sub(_number(k, math.log(2.0)), k.call("log", k.abs(b))))
    beside = k.bitand(k.eq(gap, zero), k.lt(k.abs(b), _number(k, 2.0**-500)))
    re = k.select(beside, edge, k.mul(_number(k, 0.25), k.call("log1p", ratio)))
    height = k.fma(gap, k.add(one, size), k.neg(k.mul(b, b)))
    im = k.mul(_number(k, 0.5), k.call("atan2", k.mul(_number(k, 2.0), b), height))
    limit = _number(k, 2.0**60)
    far = k.bitor(k.lt(limit, size), k.lt(limit, k.abs(b)))
    re, im = (
        k.select(far, _inverse(k, size, k.abs(b)), re),
        k.select(far, _with_sign(k, _number(k, math.pi / 2), b), im),
    )
    re, im = k.select(_endless(k, x), zero, re), k.select(k.ne(b, b), b, im)
    im = k.select(k.bitor(k.eq(a, a), _infinite(k, b)), im, a)
    return k.complex(_with_sign(k, k.select(k.eq(a, zero), zero, re), a), im)


def _inverse(k: Scalars, a: Any, b: Any) -> Any:
    """a / (a² + b²) of positive numbers, without overflow."""
    larger = k.maximum(a, b)
    p, q = k.div(a, larger), k.div(b, larger)
    return k.div(k.div(p, k.fma(p, p, k.mul(q, q))), larger)


def atan(k: Scalars, x: Any) -> Any:
    """-i atanh(i x)."""
    return _turned_back(k, atanh(k, _turned(k, x)))


_LN2, _LN2_REST = 0.6931471805599453, 2.3190468138462996e-17


def exp2(k: Scalars, x: Any) -> Any:
    """2^a (cos + i sin)(b ln 2), the product kept in two parts h + l: cos h - l sin h, sin h + l cos h."""
    a, b = _parts(k, x)
    ln2 = _number(k, _LN2)
    h = k.mul(b, ln2)
    rest = k.fma(b, _number(k, _LN2_REST), k.fma(b, ln2, k.neg(h)))
    rest = k.select(k.lt(k.abs(h), _number(k, 2.0**27)), rest, _number(k, 0.0))  # beyond, it is no small angle
    c, s, size = k.call("cos", h), k.call("sin", h), k.call("exp2", a)
    re, im = k.fma(k.neg(rest), s, c), k.fma(rest, c, s)
    return k.complex(_weighted(k, size, re), _weighted(k, size, im))


def _log2(k: Scalars, x: Any) -> Any:
    return _scaled(k, log(k, x), 1.0 / math.log(2.0))


def _log10(k: Scalars, x: Any) -> Any:
    return _scaled(k, log(k, x), 1.0 / math.log(10.0))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log2": _log2,
    "log10": _log10,
    "log1p": log1p,
    "sqrt": sqrt,
    "rsqrt": rsqrt,
    "logistic": logistic,
    "pow": power,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "sinh": sinh,
    "cosh": cosh,
    "tanh": tanh,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
}
