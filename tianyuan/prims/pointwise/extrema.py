"""The smaller and the larger of two."""

from __future__ import annotations

from typing import Any

from tianyuan.array import Array
from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import (
    Pointwise,
    number,
)
from tianyuan.prims.pointwise.comparison import ORDERED, eq, lt, select
from tianyuan.prims.pointwise.oracles import extremum


class Extremum(Pointwise):
    """IEEE 754-2019: NaN propagates, -0 < +0; false < true. Equal arguments get half the tangent each."""

    dtypes = ORDERED

    def partial(self, i: int, y: Array, a: Array, b: Array) -> Array | None:
        """1 for the one chosen, 0 for the other, 1/2 for both where they are equal."""
        x, other = (a, b) if i == 0 else (b, a)
        one, half, zero = (number(v, y) for v in (1.0, 0.5, 0.0))
        return select(eq(x, other), half, select(self.prefers(x, other), one, zero))

    def prefers(self, x: Array, other: Array) -> Array:
        """Whether x is chosen over ``other``, which is not equal to it."""
        raise NotImplementedError


@primitive
class Minimum(Extremum):
    """The smaller of two."""

    def prefers(self, x: Array, other: Array) -> Array:
        """The smaller."""
        return lt(x, other)

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.minimum(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return extremum(a, b, larger=False)


@primitive
class Maximum(Extremum):
    """The larger of two."""

    def prefers(self, x: Array, other: Array) -> Array:
        """The larger."""
        return lt(other, x)

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.maximum(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return extremum(a, b, larger=True)


minimum = Minimum()
maximum = Maximum()
