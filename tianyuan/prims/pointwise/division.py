"""Division with a remainder. Integers by zero give 0; nothing traps."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import (
    Pointwise,
    neg,
)
from tianyuan.prims.pointwise.oracles import floored, single
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.pointwise.signs import Step, round
from tianyuan.types import REAL


@primitive
class FloorDivide(Step):
    """floor(a / b), the exact quotient's floor rounded once. Integers: by zero 0, INT_MIN // -1 = INT_MIN.

    Floats: by zero a / b; an infinite a gives NaN, an infinite b 0 or -1. No tangent.
    """

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.floor_divide(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.floor_divide(a, b) if np.asarray(a).dtype.kind in "iu" else floored(a, b)


class Rest(Pointwise):
    """a minus a whole multiple of b: y = a - q·b, so ∂y/∂a = 1 and ∂y/∂b = -q."""

    dtypes = REAL

    def partial(self, i: int, y: Array, a: Array, b: Array) -> Array | None:
        return None if i == 0 else neg(round(div(sub(a, y), b)))


@primitive
class Remainder(Rest):
    """a modulo b with the sign of b: fmod, plus b where signs differ; a zero takes b's sign. Integers by zero: 0."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.remainder(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.remainder(single(a), single(b))


@primitive
class Fmod(Rest):
    """a modulo b with the sign of a, exact. Integers by zero: 0; floats: NaN."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.fmod(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.fmod(single(a), single(b))


floor_divide = FloorDivide()
remainder = Remainder()
fmod = Fmod()
