"""Broadcast and sum, adjoint to each other: ⟨broadcast x, y⟩ = ⟨x, reduce_sum y⟩."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Rewriting, primitive, type_of
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear.axes import check_increasing, check_shape, inserted, kept, shifted, subsets
from tianyuan.prims.linear.reshaping import moveaxis, reshape
from tianyuan.prims.linear.structural import Linear
from tianyuan.types import ALL, NUMERIC, ArrayType, DType, accumulator, as_dtype


def _broadcasts(dtype: DType) -> list[Case]:
    shapes = [(), (5,), (2, 3), (2, 3, 4), (0, 3)]
    return [
        Case((ArrayType(dtype, tuple(s[d] for d in dims)),), {"shape": s, "dims": dims})
        for s in shapes
        for dims in subsets(len(s))
    ]


@primitive
class Broadcast(Linear):
    """Repeat along new axes: y[j] = x[j[dims]]. Axis i of x becomes axis ``dims[i]`` of the result.

    ``dims`` increase; extents are equal, never stretched: an axis of size 1 is squeezed away first, so
    that the adjoint is a sum and nothing else. Any dtype.
    """

    shape: tuple[int, ...]
    dims: tuple[int, ...]
    rearranges = True
    cases = Cases(sweep=_broadcasts, dtypes=ALL)

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The dtype of x, in ``shape``; ShapeError where an axis of x does not have the extent of its dim."""
        check_shape("broadcast", self.shape)
        check_increasing("broadcast", "dims", self.dims, len(self.shape))
        if x.shape != tuple(self.shape[d] for d in self.dims):
            raise ShapeError(f"broadcast to {self.shape} along dims {self.dims} does not fit {x}")
        return (x.with_shape(self.shape),)

    def lower(self, *types: ArrayType) -> lowering.Broadcast:
        """A repetition."""
        return lowering.Broadcast(self.dims)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct_x = sum of ct over the axes that repeat."""
        return (reduce_sum(cts, kept(self.dims, len(self.shape))),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch stays behind the axis it followed, so nothing is transposed."""
        (x,), (d,) = args, dims
        assert d is not None
        at = self.dims[d - 1] + 1 if d else 0
        places = inserted(shifted(self.dims, at), d, at)
        return broadcast(x, inserted(self.shape, at, size), places), at

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """A broadcast of a broadcast is one; where nothing repeats it is x."""
        (x,) = args
        if x.type.shape == self.shape:
            return x
        inner, given = rewriting.definition(x)
        if not isinstance(inner, Broadcast):
            return None
        return rewriting.apply(Broadcast(self.shape, tuple(self.dims[d] for d in inner.dims)), *given)

    def oracle(self, *args: Any) -> Any:
        """NumPy's broadcasting."""
        (x,) = args
        spread = np.expand_dims(x, kept(self.dims, len(self.shape)))
        return np.broadcast_to(spread, self.shape)


def _sums(dtype: DType) -> list[Case]:
    shapes = [(), (5,), (300,), (2, 3), (2, 3, 4), (0, 3)]
    return [Case((ArrayType(dtype, s),), {"axes": axes}) for s in shapes for axes in subsets(len(s))]


@primitive
class ReduceSum(Linear):
    """Sum over ``axes``: y[i] = Σ_k x[i, k], in ORDER(16, 256) over k in row-major order. Linear.

    Integers wrap; 16-bit floats accumulate in f32 and round once. Not for bool (convert first).
    """

    axes: tuple[int, ...]
    ulp = 8.0  # of positive numbers; where they cancel, relative to the sum of magnitudes
    cases = Cases(sweep=_sums, dtypes=NUMERIC, values=(0.5, 3.0), complex_ulp=8.0)

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The type of x without ``axes``."""
        if x.dtype.kind in "bk":
            raise ArrayTypeError(f"reduce_sum takes numbers, got {x}")
        check_increasing("reduce_sum", "axes", self.axes, x.ndim)
        return (x.drop(self.axes),)

    def lower(self, *types: ArrayType) -> lowering.Reduce:
        """A reduction."""
        return lowering.Reduce("add", self.axes)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct_x[i, k] = ct[i]."""
        shape = type_of(args[0]).shape
        return (broadcast(cts, shape, kept(self.axes, len(shape))),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The same axes, counted with the batch among them."""
        (x,), (d,) = args, dims
        assert d is not None
        axes = shifted(self.axes, d)
        return reduce_sum(x, axes), d - sum(a < d for a in axes)

    def oracle(self, *args: Any) -> Any:
        """The sum, with 16-bit floats accumulated in f32."""
        (x,) = args
        wide = accumulator(as_dtype(x.dtype)).numpy
        return np.sum(x.astype(wide), self.axes, dtype=wide).astype(x.dtype)


def broadcast(x: Array, shape: Sequence[int], dims: Sequence[int]) -> Array:
    """``x`` repeated to ``shape``, its axes at ``dims``; x itself where nothing repeats."""
    shape = tuple(shape)
    return x if x.shape == shape else Broadcast(shape, tuple(dims))(x)


def broadcast_to(x: Array, shape: Sequence[int]) -> Array:
    """``x`` stretched to ``shape`` as NumPy does: axes aligned at the right, size 1 meets every extent."""
    shape = tuple(shape)
    ahead = len(shape) - x.ndim
    fits = ahead >= 0 and all(n in (1, m) for n, m in zip(x.shape, shape[ahead:], strict=True))
    if not fits:
        repair = "axes are aligned at the right, and only those of size 1 are repeated"
        raise ShapeError(f"{x.type} does not broadcast to {shape}: {repair}")
    dims = tuple(a for a, n in enumerate(x.shape, ahead) if n == shape[a])
    return broadcast(reshape(x, tuple(shape[d] for d in dims)), shape, dims)


def reduce_sum(x: Array, axes: Sequence[int]) -> Array:
    """The sum over ``axes`` (increasing); x itself for none."""
    return ReduceSum(tuple(axes))(x) if axes else x


def zeros(type: ArrayType) -> Array:
    """Zeros of a type: a literal, broadcast."""
    return broadcast(scalar(0, type.dtype), type.shape, ())


def with_batch_at(x: Array, dim: int | None, size: int, at: int) -> Array:
    """``x`` with its batch axis moved from ``dim`` to ``at``, or repeated along a new axis there."""
    if dim is not None:
        return moveaxis(x, dim, at)
    return broadcast(x, inserted(x.shape, at, size), kept((at,), x.ndim + 1))
