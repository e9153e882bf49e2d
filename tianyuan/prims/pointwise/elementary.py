"""Elementary functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import DIFFERENTIABLE, Pointwise, neg
from tianyuan.prims.pointwise.oracles import wide


class Elementary(Pointwise):
    """A function of one argument that the scalar machine knows by its name, within 1 ulp."""

    ulp = 1.0

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.call(self.name, x)


@primitive
class Exp(Elementary):
    """The exponential: y = e^x. exp(-inf) = 0, overflow inf; y' = y."""

    dtypes = DIFFERENTIABLE
    complex_ulp = 4.0

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return y

    def oracle(self, x: Any) -> Any:
        return np.exp(wide(x))


@primitive
class Sin(Elementary):
    """The sine of x in radians: y = sin x. sin(±0) = ±0, sin(±inf) = NaN; y' = cos x."""

    values = (-30.0, 30.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return cos(x)

    def oracle(self, x: Any) -> Any:
        return np.sin(wide(x))


@primitive
class Cos(Elementary):
    """The cosine of x in radians: y = cos x. cos(0) = 1, cos(±inf) = NaN; y' = -sin x."""

    values = (-30.0, 30.0)

    def partial(self, i: int, y: Array, x: Array) -> Array | None:
        return neg(sin(x))

    def oracle(self, x: Any) -> Any:
        return np.cos(wide(x))


exp = Exp()
sin = Sin()
cos = Cos()
