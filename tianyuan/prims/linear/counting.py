"""Counting: the array of indices along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, primitive
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear.axes import check_shape
from tianyuan.types import REAL, ArrayType, DType


def _counts(dtype: DType) -> list[Case]:
    shapes = [(5,), (0,), (2, 3), (2, 1, 17)]
    return [Case((), {"dtype": dtype, "shape": s, "axis": a}) for s in shapes for a in range(len(s))]


@primitive
class Iota(Prim):
    """Count along ``axis``: y[i] = i[axis], in ``dtype`` (integers wrap, floats round once)."""

    dtype: DType
    shape: tuple[int, ...]
    axis: int
    cases = Cases(_counts, REAL, differentiable=False)

    def types(self) -> tuple[ArrayType, ...]:
        """``shape`` in ``dtype``."""
        check_shape("iota", self.shape)
        if self.dtype not in REAL:
            raise ArrayTypeError(f"iota gives integers or floats, not {self.dtype}")
        if not 0 <= self.axis < len(self.shape):
            raise ShapeError(f"iota takes an axis of {self.shape}, got {self.axis}")
        return (ArrayType(self.dtype, self.shape),)

    def lower(self, *types: ArrayType) -> lowering.Iota:
        """A count."""
        return lowering.Iota(self.axis)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """No tangent."""
        return self(), None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The same for all entries."""
        return self(), None

    def oracle(self, *args: Any) -> Any:
        """NumPy's indices."""
        if not all(self.shape):
            return np.zeros(self.shape, self.dtype.numpy)
        return np.indices(self.shape)[self.axis].astype(self.dtype.numpy)


def iota(dtype: DType, shape: Sequence[int], axis: int) -> Array:
    """``shape`` filled with the index along ``axis``."""
    return Iota(dtype, tuple(shape), axis)()
