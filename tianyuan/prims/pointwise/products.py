"""Differences, products and quotients. Floats round once, correctly; integers wrap; nothing traps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import Rewriting, Undef, at_most_one_linear, primitive
from tianyuan.errors import NoRuleError
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import (
    DIFFERENTIABLE,
    Pointwise,
    Tangents,
    gathered,
    neg,
    number,
    scale,
    spread,
    vanishes,
)
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.oracles import multiply_add, product, wide
from tianyuan.types import NUMERIC


@primitive
class Sub(Pointwise):
    """The difference: y = a - b, correctly rounded; integers wrap. Linear."""

    dtypes = NUMERIC

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.sub(a, b)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """da - db."""
        y = self(*primals)
        da, db = (None if t is None else spread(t, y.shape) for t in tangents)
        if db is None:
            return y, da
        return y, neg(db) if da is None else sub(da, db)

    def transpose(self, cts: Any, a: Any, b: Any) -> tuple[Any, ...]:
        """ct and -ct."""
        return gathered(cts, a), gathered(neg(cts), b) if isinstance(b, Undef) else None

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """x - 0.0 = x, for integers x - 0 = x."""
        a, b = args
        return a if vanishes(rewriting.constant(b), 1) else None

    def oracle(self, a: Any, b: Any) -> Any:
        return np.subtract(a, b)


@primitive
class Mul(Pointwise):
    """The product: y = a · b, correctly rounded; integers wrap; complex (ac - bd, ad + bc)."""

    dtypes = NUMERIC

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.mul(a, b)

    def partial(self, i: int, y: Array, a: Array, b: Array) -> Array | None:
        return b if i == 0 else a

    def transpose(self, cts: Any, a: Any, b: Any) -> tuple[Any, ...]:
        """The cotangent of the linear factor: ct times the other one."""
        at_most_one_linear(self, a, b)
        if isinstance(a, Undef):
            return gathered(scale(cts, b), a), None
        return None, gathered(scale(cts, a), b)

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """x · 1 = x and x · (-1) = -x, for real x; on either side."""
        for x, c in (args, args[::-1]):
            value = rewriting.constant(c)
            if value is not None and not np.iscomplexobj(value) and value in (1, -1):
                return x if value == 1 else rewriting.apply(neg, x)
        return None

    def oracle(self, a: Any, b: Any) -> Any:
        return product(a, b)


@primitive
class Div(Pointwise):
    """The quotient: y = a / b, correctly rounded; x/0 is ±inf, 0/0 NaN."""

    dtypes = DIFFERENTIABLE
    values = (0.5, 3.0)
    complex_ulp = 4.0

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.div(a, b)

    def partial(self, i: int, y: Array, a: Array, b: Array) -> Array | None:
        return div(number(1.0, b), b) if i == 0 else neg(div(y, b))  # 1/b, -y/b

    def transpose(self, cts: Any, a: Any, b: Any) -> tuple[Any, ...]:
        """Linear in the numerator: ct / b, and 0 where ct is 0, whatever b is."""
        if isinstance(b, Undef):
            raise NoRuleError("div is not linear in its denominator, so it has no transpose there")
        divisor = select(eq(cts, number(0.0, cts)), number(1.0, cts), b)
        return gathered(div(cts, divisor), a), None

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """x / 2^k = x · 2^-k, for real x, where 2^-k is a number of the dtype: both round x · 2^-k once."""
        a, b = args
        inverse = exact_inverse(rewriting.constant(b))
        return None if inverse is None else rewriting.apply(mul, a, rewriting.literal(inverse, b.type.dtype))

    def oracle(self, a: Any, b: Any) -> Any:
        return np.divide(wide(a), wide(b)) if a.dtype.kind == "c" else np.divide(a, b)


@primitive
class Fma(Pointwise):
    """Fused multiply-add: y = a · b + c with one rounding; complex numbers multiply, then add."""

    dtypes = DIFFERENTIABLE

    def scalar(self, k: Scalars, a: Any, b: Any, c: Any) -> Any:
        return k.fma(a, b, c)

    def partial(self, i: int, y: Array, a: Array, b: Array, c: Array) -> Array | None:
        return (b, a, None)[i]

    def oracle(self, a: Any, b: Any, c: Any) -> Any:
        if np.asarray(a).dtype.kind == "c":
            return np.add(product(a, b), c)
        return multiply_add(a, b, c)


def exact_inverse(constant: Any) -> Any:
    """1/c for a real c = ±2^k where that is a number of the same dtype; else None."""
    if constant is None or np.iscomplexobj(constant) or not math.isfinite(constant):
        return None
    if math.frexp(float(constant))[0] not in (0.5, -0.5):
        return None
    with np.errstate(over="ignore"):
        inverse = np.asarray(1.0 / float(constant)).astype(constant.dtype)
    return inverse if math.isfinite(inverse) and float(inverse) * float(constant) == 1.0 else None


sub = Sub()
mul = Mul()
div = Div()
fma = Fma()
