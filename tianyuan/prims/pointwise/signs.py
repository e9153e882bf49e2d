"""Signs, magnitudes and neighbouring integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import (
    Flat,
    Pointwise,
    Tangents,
    number,
    scale,
)
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.complexes import complex_, conj, imag, real
from tianyuan.prims.pointwise.oracles import where, wide
from tianyuan.prims.pointwise.products import div
from tianyuan.types import NUMERIC, REAL, DType, real_dtype


@primitive
class Sign(Pointwise):
    """The sign: y = -1, 0 or 1; zeros and NaN as they are; complex x / |x|.

    y' = 0 for real x. For complex x, d(x/|x|) = i · y · Im(conj(y) dx) / |x|, and 0 at 0.
    """

    dtypes = NUMERIC
    complex_ulp = 4.0

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.sign(x)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """No tangent for real x; for complex x the turn of the direction."""
        (x,), (dx,) = primals, tangents
        y = self(x)
        if x.dtype.kind != "c" or dx is None:
            return y, None
        turn = div(imag(scale(dx, conj(y))), abs(x))
        turn = select(eq(y, number(0.0, y)), number(0.0, turn), turn)
        return y, scale(complex_(number(0.0, turn), turn), y)

    def oracle(self, x: Any) -> Any:
        if x.dtype.kind != "c":
            return where((x == 0) | (x != x), x, where(x > 0, 1, -1).astype(x.dtype))
        return where(x == 0, x, wide(x) / where(x == 0, 1, np.abs(wide(x))))


@primitive
class Abs(Pointwise):
    """The magnitude: y = |x|; of a complex number a real one; abs(INT_MIN) = INT_MIN. abs'(0) = 0."""

    dtypes = NUMERIC
    complex_ulp = 2.0

    def result_dtype(self, dtype: DType) -> DType:
        """That of the real part."""
        return real_dtype(dtype)

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.abs(x)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """sign x · dx; of a complex number Re(conj(sign x) · dx)."""
        (x,), (dx,) = primals, tangents
        if dx is None or x.dtype.kind != "c":
            return self(x), None if dx is None else scale(dx, sign(x))
        return self(x), real(scale(dx, conj(sign(x))))

    def oracle(self, x: Any) -> Any:
        return np.abs(wide(x) if np.asarray(x).dtype.kind == "c" else x)


class Step(Flat):
    """A function that is constant between steps: no tangent."""

    dtypes = REAL


@primitive
class Floor(Step):
    """The largest integer not above x, as a float; integers as they are."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.floor(x)

    def oracle(self, x: Any) -> Any:
        return np.floor(x)


@primitive
class Ceil(Step):
    """The smallest integer not below x, as a float; integers as they are."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.ceil(x)

    def oracle(self, x: Any) -> Any:
        return np.ceil(x)


@primitive
class Trunc(Step):
    """x without its fraction; integers as they are."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.trunc(x)

    def oracle(self, x: Any) -> Any:
        return np.trunc(x)


@primitive
class Round(Step):
    """The nearest integer, half to even; integers as they are."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.round(x)

    def oracle(self, x: Any) -> Any:
        return x if np.asarray(x).dtype.kind in "iu" else np.rint(x)


sign = Sign()
abs = Abs()
floor = Floor()
ceil = Ceil()
trunc = Trunc()
round = Round()
