"""Roots."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import (
    DIFFERENTIABLE,
    Elementary,
    Pointwise,
    number,
)
from tianyuan.prims.pointwise.oracles import single, wide
from tianyuan.prims.pointwise.products import div, mul
from tianyuan.prims.pointwise.signs import abs


@primitive
class Sqrt(Pointwise):
    """The square root, correctly rounded. sqrt(-0) = -0, of negative numbers NaN. y' = 1/(2y); sqrt'(±0) = inf."""

    dtypes = DIFFERENTIABLE
    values = (0.1, 9.0)
    complex_ulp = 4.0

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.sqrt(x)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(0.5, y), y if y.dtype.kind == "c" else abs(y))

    def oracle(self, x: Any) -> Any:
        return np.sqrt(wide(x) if np.asarray(x).dtype.kind == "c" else single(x))


@primitive
class Rsqrt(Elementary):
    """The reciprocal square root: y = x^(-1/2). rsqrt(±0) = ±inf; y' = -y/(2x)."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 8.0
    values = (0.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(mul(number(-0.5, y), y), x)

    def oracle(self, x: Any) -> Any:
        return 1 / np.sqrt(wide(x))


@primitive
class Cbrt(Elementary):
    """The real cube root, of negative numbers too. y' = 1/(3y²); cbrt'(0) = inf."""

    values = (0.1, 9.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return div(number(1.0, y), mul(number(3.0, y), mul(y, y)))

    def oracle(self, x: Any) -> Any:
        return np.cbrt(wide(x))


sqrt = Sqrt()
rsqrt = Rsqrt()
cbrt = Cbrt()
