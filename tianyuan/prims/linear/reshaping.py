"""Reshape and transpose: the same elements under other axes. Each is its own kind's adjoint."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Rewriting, primitive, type_of
from tianyuan.errors import ShapeError
from tianyuan.prims.linear.axes import check_shape, inserted, shifted
from tianyuan.prims.linear.structural import Linear
from tianyuan.types import ALL, ArrayType, DType


def _reshapes(dtype: DType) -> list[Case]:
    groups = [
        [(), (1,), (1, 1)],
        [(12,), (3, 4), (2, 6), (3, 1, 4), (2, 3, 2)],
        [(0, 3), (0,), (5, 0, 2)],
    ]
    return [Case((ArrayType(dtype, a),), {"shape": b}) for shapes in groups for a in shapes for b in shapes]


@primitive
class Reshape(Linear):
    """The same elements in row-major order, in another ``shape``. Any dtype."""

    shape: tuple[int, ...]
    rearranges = True
    cases = Cases(sweep=_reshapes, dtypes=ALL)

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The dtype of x, in ``shape``; ShapeError for another number of elements."""
        check_shape("reshape", self.shape)
        size = math.prod(self.shape)
        if size != x.size:
            raise ShapeError(f"reshape keeps the number of elements: {x} has {x.size}, {self.shape} has {size}")
        return (x.with_shape(self.shape),)

    def lower(self, *types: ArrayType) -> lowering.Reshape:
        """A change of axes."""
        return lowering.Reshape()

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """Back to the shape of x."""
        return (reshape(cts, type_of(args[0]).shape),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch stays where the old and the new shape can be cut alike, else it moves to the front."""
        (x,), (d,) = args, dims
        assert d is not None
        at = cut(x.shape[:d], x.shape[d + 1 :], self.shape)
        if at is None:
            x, at = moveaxis(x, d, 0), 0
        return reshape(x, inserted(self.shape, at, size)), at

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """A reshape of a reshape is one; to the same shape it is x."""
        (x,) = args
        if x.type.shape == self.shape:
            return x
        inner, given = rewriting.definition(x)
        return rewriting.apply(self, *given) if isinstance(inner, Reshape) else None

    def oracle(self, *args: Any) -> Any:
        """NumPy's reshape."""
        return np.reshape(args[0], self.shape)


def cut(before: Sequence[int], after: Sequence[int], shape: Sequence[int]) -> int | None:
    """Where ``shape`` splits into as many elements as ``before`` and ``after`` have; None if nowhere."""
    sizes = math.prod(before), math.prod(after)
    places = range(len(shape) + 1)
    return next((j for j in places if (math.prod(shape[:j]), math.prod(shape[j:])) == sizes), None)


def _transposes(dtype: DType) -> list[Case]:
    shapes = [(), (5,), (2, 3), (2, 3, 4), (0, 3), (2, 1, 3, 4)]
    return [Case((ArrayType(dtype, s),), {"permutation": p}) for s in shapes for p in permutations(range(len(s)))]


@primitive
class Transpose(Linear):
    """Permute axes: axis j of the result is axis ``permutation[j]`` of x. Any dtype."""

    permutation: tuple[int, ...]
    rearranges = True
    cases = Cases(sweep=_transposes, dtypes=ALL)

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The extents of x, permuted; ShapeError unless every axis occurs once."""
        if sorted(self.permutation) != list(range(x.ndim)):
            raise ShapeError(f"transpose takes each axis of {x} once, got {self.permutation}")
        return (x.with_shape(x.shape[p] for p in self.permutation),)

    def lower(self, *types: ArrayType) -> lowering.Transpose:
        """A permutation."""
        return lowering.Transpose(self.permutation)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """The inverse permutation."""
        return (transpose(cts, inverse(self.permutation)),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch becomes the first axis of the result."""
        (x,), (d,) = args, dims
        assert d is not None
        return transpose(x, (d, *shifted(self.permutation, d))), 0

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """A permutation of a permutation is one; where nothing moves it is x."""
        (x,) = args
        if self.permutation == tuple(range(x.type.ndim)):
            return x
        inner, given = rewriting.definition(x)
        if not isinstance(inner, Transpose):
            return None
        return rewriting.apply(Transpose(tuple(inner.permutation[p] for p in self.permutation)), *given)

    def oracle(self, *args: Any) -> Any:
        """NumPy's transpose."""
        return np.transpose(args[0], self.permutation)


def inverse(permutation: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes ``permutation``."""
    return tuple(sorted(range(len(permutation)), key=permutation.__getitem__))


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """The elements of ``x`` in row-major order in ``shape``; x itself where it has it already."""
    shape = tuple(shape)
    return x if x.shape == shape else Reshape(shape)(x)


def transpose(x: Array, permutation: Sequence[int]) -> Array:
    """``x`` with axis j taken from axis ``permutation[j]``; x itself where nothing moves."""
    permutation = tuple(permutation)
    return x if permutation == tuple(range(x.ndim)) else Transpose(permutation)(x)


def moveaxis(x: Array, source: int, destination: int) -> Array:
    """``x`` with one axis moved, the others in their order; both are counted from 0."""
    others = [a for a in range(x.ndim) if a != source]
    return transpose(x, inserted(others, destination, source))


def expand_dims(x: Array, axes: Sequence[int]) -> Array:
    """``x`` with axes of size 1 so that they are ``axes`` of the result (increasing)."""
    shape = x.shape
    for a in axes:
        shape = inserted(shape, a, 1)
    return reshape(x, shape)


def squeeze(x: Array, axes: Sequence[int]) -> Array:
    """``x`` without ``axes``, which have size 1; ShapeError for another extent."""
    if any(x.shape[a] != 1 for a in axes):
        raise ShapeError(f"squeeze takes axes of size 1, got {tuple(axes)} of {x.type}")
    return reshape(x, x.type.drop(axes).shape)
