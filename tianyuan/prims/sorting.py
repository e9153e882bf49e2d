"""Sorting: stable in both directions, -0 = +0, every NaN equal and greatest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, primitive
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear import gather, iota, moveaxis, reshape
from tianyuan.prims.linear.broadcasting import with_batch_at
from tianyuan.types import REAL, ArrayType, DType, as_dtype, bool_, int64

SORTABLE = (bool_, *REAL)


def _sorts(dtype: DType) -> list[Case]:
    made: list[Case] = []
    for shape, axis in [((7,), 0), ((40,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 5, 3), 1), ((0, 3), 1), ((2, 0), 1)]:
        x, by, index = ArrayType(dtype, shape), ArrayType(bool_, shape), ArrayType(int64, shape)
        fields = {"axis": axis, "keys": 1, "descending": axis == 1}
        made += [Case((x,), fields), Case((x, index), fields), Case((by, x, index), {**fields, "keys": 2})]
    return made


def _draw(rng: Any, type: ArrayType, argument: int, case: Case) -> Any:
    """Bool and integer keys tie often; floats are distinct, so that the order does not change nearby."""
    if type.dtype.kind == "f":
        return (rng.permutation(type.size) - type.size / 2).reshape(type.shape) / 8
    return rng.integers(0, 2 if type.dtype == bool_ else 5, type.shape)


@primitive
class Sort(Prim):
    """Sort along ``axis`` by the first ``keys`` arguments, the first of them foremost; the others go along.

    Stable: what is equal keeps its order, ``descending`` too. Keys are real numbers or bool; the other arguments
    are of any dtype. All have one shape.
    """

    axis: int
    keys: int
    descending: bool
    multiple = True
    cases = Cases(_sorts, SORTABLE, draw=_draw)

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """The types of the arguments."""
        if not 1 <= self.keys <= len(args):
            raise ArrayTypeError(f"sort takes 1 to {len(args)} keys among its {len(args)} arrays, got {self.keys}")
        for i, t in enumerate(args):
            if i < self.keys and t.dtype not in SORTABLE:
                raise ArrayTypeError(f"sort takes keys that are real numbers or bool, got {t}")
            if t.shape != args[0].shape:
                raise ShapeError(f"sort takes equal shapes, got {args[0]} and {t} (argument {i + 1})")
        if not 0 <= self.axis < args[0].ndim:
            raise ShapeError(f"sort takes an axis of {args[0]}, got {self.axis}")
        return args

    def lower(self, *types: ArrayType) -> lowering.Sort:
        """A sort."""
        return lowering.Sort(self.axis, self.keys, self.descending)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """Tangents are permuted as the values were: positions are sorted along."""
        x = primals[0]
        *ys, order = self(*primals, iota(int64, x.shape, self.axis))
        return ys, [None if t is None else along(t, order, self.axis) for t in tangents]

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batches in front."""
        made = Sort(self.axis + 1, self.keys, self.descending)
        return made(*(with_batch_at(x, d, size, 0) for x, d in zip(args, dims, strict=True))), [0] * len(args)

    def oracle(self, *args: Any) -> Any:
        """NumPy's lexsort of ranks."""
        ranks = [_ranks(k) for k in reversed(args[: self.keys])]
        order = np.lexsort([-r if self.descending else r for r in ranks], self.axis)
        return tuple(np.take_along_axis(x, order, self.axis) for x in args)


def _ranks(x: Any) -> Any:
    wide = x.astype(np.float64) if as_dtype(x.dtype).kind == "f" else x
    return np.unique(wide, return_inverse=True)[1].reshape(x.shape).astype(np.int64)


def along(x: Array, order: Array, axis: int) -> Array:
    """y[.., i, ..] = x[.., order[.., i, ..], ..]: one line after the other along ``axis``; indices in bounds."""
    last = x.ndim - 1
    lines, at = moveaxis(x, axis, last), moveaxis(order, axis, last)
    vectors = reshape(at, (*at.shape, 1))
    picked = gather(lines, vectors, batch=last, axes=(last,), sizes=(1,), collapsed=(last,), mode="promise")
    return moveaxis(picked, last, axis)


def sort(operands: Sequence[Array], axis: int, keys: int = 1, descending: bool = False) -> tuple[Array, ...]:
    """The operands sorted along ``axis`` by the first ``keys`` of them (``Sort``)."""
    return tuple(Sort(axis, keys, descending)(*operands))
