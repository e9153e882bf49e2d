"""Reductions other than the sum: along ``axes``, which are flattened in row-major order."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, primitive
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.cumulation import running_product
from tianyuan.prims.linear import broadcast, reduce_sum, reshape, transpose
from tianyuan.prims.linear.axes import check_increasing, kept, shifted, subsets
from tianyuan.prims.pointwise.arithmetic import div
from tianyuan.prims.pointwise.base import LOGICAL, number
from tianyuan.prims.pointwise.comparison import ORDERED, eq, select
from tianyuan.prims.pointwise.oracles import extremum, product, wide
from tianyuan.types import NUMERIC, ArrayType, DType, as_dtype, int64

Ints = tuple[int, ...]


def _sweep(empty: bool) -> Callable[[DType], list[Case]]:
    shapes: list[Ints] = [(), (5,), (40,), (2, 4), (2, 5, 4)] + [(0, 4)] * empty

    def sweep(dtype: DType) -> list[Case]:
        return [Case((ArrayType(dtype, s),), {"axes": axes}) for s in shapes for axes in subsets(len(s))]

    return sweep


class Reduction(Prim):
    """Reduce over ``axes`` (increasing) by ``op``, a word of ``lowering.Reduce``."""

    op: ClassVar[str]
    dtypes: ClassVar[tuple[DType, ...]]
    axes: Ints

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The type of x without ``axes``."""
        if x.dtype not in self.dtypes:
            raise ArrayTypeError(f"{self.name} does not take {x}")
        check_increasing(self.name, "axes", self.axes, x.ndim)
        return (x.strong.drop(self.axes),)

    def lower(self, *types: ArrayType) -> lowering.Reduce:
        """A reduction."""
        return lowering.Reduce(self.op, self.axes)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """No tangent."""
        return self(*primals), None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The same axes, counted with the batch among them."""
        (x,), (d,) = args, dims
        assert d is not None
        axes = shifted(self.axes, d)
        return REDUCTIONS[self.op](axes)(x), d - sum(a < d for a in axes)

    def oracle(self, *args: Any) -> Any:
        """One slice after the other."""
        (x,) = args
        rows = flat_first(x, self.axes)
        start = np.broadcast_to(self.identity(x.dtype), rows.shape[1:])
        return np.asarray(functools.reduce(self.join, rows, start) if len(rows) else start).astype(x.dtype)

    def identity(self, dtype: Any) -> Any:
        """What an empty reduction gives."""
        raise NotImplementedError

    def join(self, a: Any, b: Any) -> Any:
        """Two values into one, in NumPy."""
        raise NotImplementedError


def flat_first(x: Any, axes: Ints) -> Any:
    """A NumPy array with ``axes`` flattened into its first axis."""
    moved = np.transpose(x, (*axes, *kept(axes, x.ndim)))
    return moved.reshape(math.prod(moved.shape[: len(axes)]), *moved.shape[len(axes) :])


@primitive
class ReduceProd(Reduction):
    """The product over ``axes``, in ORDER(16, 256); 1 of nothing. Integers wrap; 16-bit floats multiply in f32.

    Its tangent is the last of the recurrence of ``cumprod``, without a division.
    """

    axes: Ints
    op = "mul"
    dtypes = NUMERIC
    ulp = 24.0
    cases = Cases(_sweep(empty=True), NUMERIC, (0.7, 1.4), complex_ulp=64.0)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """t_n, where t_i = t_{i-1} x_i + y_{i-1} dx_i and y are the running products."""
        (x,), (dx,) = primals, tangents
        if dx is None or not x.size:
            return self(x), None
        order = (*self.axes, *kept(self.axes, x.ndim))
        shape = self.types(x.type)[0].shape
        n = x.size // max(1, math.prod(shape))
        rows, moving = (reshape(transpose(v, order), (n, *shape)) for v in (x, dx))
        last, _ = running_product(rows, moving)
        return self(x), convert(last, x.dtype)

    def identity(self, dtype: Any) -> Any:
        return wide(np.ones((), dtype)) if as_dtype(dtype).kind in "fc" else np.ones((), dtype)

    def join(self, a: Any, b: Any) -> Any:
        return product(a, b.astype(a.dtype))


class ReduceExtremum(Reduction):
    """The largest or smallest over ``axes``: NaN where there is one, -0 < +0, false < true. Nothing empty.

    Its tangent is the mean of the tangents of those equal to it: each of them gets ct / count.
    """

    dtypes = ORDERED

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The type of x without ``axes``; ShapeError where nothing is left to choose from."""
        made = super().types(x)
        if 0 in (x.shape[a] for a in self.axes):
            raise ShapeError(f"{self.name} over axes {self.axes} of {x} has no element to choose; give an initial one")
        return made

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dy = Σ dx over those equal to y, divided by their number."""
        (x,), (dx,) = primals, tangents
        y = self(x)
        if dx is None:
            return y, None
        equal = eq(x, broadcast(y, x.shape, kept(self.axes, x.ndim)))
        count = reduce_sum(convert(equal, x.dtype), self.axes)
        return y, div(reduce_sum(select(equal, dx, number(0.0, x)), self.axes), count)

    def oracle(self, *args: Any) -> Any:
        """One slice after the other."""
        return functools.reduce(self.join, flat_first(args[0], self.axes))


@primitive
class ReduceMax(ReduceExtremum):
    """The largest."""

    axes: Ints
    op = "max"
    cases = Cases(_sweep(empty=False), ORDERED)

    def join(self, a: Any, b: Any) -> Any:
        return extremum(a, b, larger=True)


@primitive
class ReduceMin(ReduceExtremum):
    """The smallest."""

    axes: Ints
    op = "min"
    cases = Cases(_sweep(empty=False), ORDERED)

    def join(self, a: Any, b: Any) -> Any:
        return extremum(a, b, larger=False)


@primitive
class ReduceAnd(Reduction):
    """Bits set in all: of bool, whether all hold; all set for nothing."""

    axes: Ints
    op = "and"
    dtypes = LOGICAL
    cases = Cases(_sweep(empty=True), LOGICAL)

    def identity(self, dtype: Any) -> Any:
        return np.invert(np.zeros((), dtype))

    def join(self, a: Any, b: Any) -> Any:
        return a & b


@primitive
class ReduceOr(Reduction):
    """Bits set in any: of bool, whether any holds; 0 for nothing."""

    axes: Ints
    op = "or"
    dtypes = LOGICAL
    cases = Cases(_sweep(empty=True), LOGICAL)

    def identity(self, dtype: Any) -> Any:
        return np.zeros((), dtype)

    def join(self, a: Any, b: Any) -> Any:
        return a | b


@primitive
class ReduceXor(Reduction):
    """Bits set an odd number of times: of bool, the parity; 0 for nothing."""

    axes: Ints
    op = "xor"
    dtypes = LOGICAL
    cases = Cases(_sweep(empty=True), LOGICAL)

    def identity(self, dtype: Any) -> Any:
        return np.zeros((), dtype)

    def join(self, a: Any, b: Any) -> Any:
        return a ^ b


REDUCTIONS: dict[str, Any] = {r.op: r for r in (ReduceProd, ReduceMax, ReduceMin, ReduceAnd, ReduceOr, ReduceXor)}


# ---- where the extremum is


def _axis_cases(dtype: DType) -> list[Case]:
    shapes: list[Ints] = [(5,), (40,), (1,), (2, 4), (2, 5, 4), (0, 4)]
    return [Case((ArrayType(dtype, s),), {"axis": a}) for s in shapes for a in range(len(s)) if s[a]]


class ArgReduction(Prim):
    """The index (i64) along ``axis`` of the first NaN, else of the first equal to the extremum. No derivative."""

    op: ClassVar[str]
    axis: int

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """i64, without ``axis``; ShapeError for an axis that is empty."""
        if x.dtype not in ORDERED:
            raise ArrayTypeError(f"{self.name} takes real numbers or bool, got {x}")
        check_increasing(self.name, "an axis", (self.axis,), x.ndim)
        if not x.shape[self.axis]:
            raise ShapeError(f"{self.name} along axis {self.axis} of {x} has no element to choose")
        return (x.drop((self.axis,)).with_dtype(int64),)

    def lower(self, *types: ArrayType) -> lowering.ArgReduce:
        """A reduction that keeps the index."""
        return lowering.ArgReduce(self.op, self.axis)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """No tangent."""
        return self(*primals), None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The same axis, counted with the batch among them."""
        (x,), (d,) = args, dims
        assert d is not None
        axis = self.axis + (self.axis >= d)
        return type(self)(axis)(x), d - (axis < d)  # pyright: ignore[reportCallIssue]

    def oracle(self, *args: Any) -> Any:
        """NumPy's, of f64 (bfloat16 is not known to it): the first NaN, else the first of equals."""
        x = args[0].astype(np.float64) if as_dtype(args[0].dtype).kind == "f" else args[0]
        return (np.argmax if self.op == "max" else np.argmin)(x, self.axis)


@primitive
class Argmax(ArgReduction):
    """The index of the largest."""

    axis: int
    op = "max"
    cases = Cases(_axis_cases, ORDERED)


@primitive
class Argmin(ArgReduction):
    """The index of the smallest."""

    axis: int
    op = "min"
    cases = Cases(_axis_cases, ORDERED)


def reduce_prod(x: Array, axes: Sequence[int]) -> Array:
    """The product over ``axes`` (increasing); x itself for none."""
    return ReduceProd(tuple(axes))(x) if axes else x


def reduce_max(x: Array, axes: Sequence[int]) -> Array:
    """The largest over ``axes`` (increasing); x itself for none."""
    return ReduceMax(tuple(axes))(x) if axes else x


def reduce_min(x: Array, axes: Sequence[int]) -> Array:
    """The smallest over ``axes`` (increasing); x itself for none."""
    return ReduceMin(tuple(axes))(x) if axes else x


def reduce_and(x: Array, axes: Sequence[int]) -> Array:
    """Bits set in all over ``axes`` (increasing), integers or bool; x itself for none."""
    return ReduceAnd(tuple(axes))(x) if axes else x


def reduce_or(x: Array, axes: Sequence[int]) -> Array:
    """Bits set in any over ``axes`` (increasing), integers or bool; x itself for none."""
    return ReduceOr(tuple(axes))(x) if axes else x


def reduce_xor(x: Array, axes: Sequence[int]) -> Array:
    """Bits set an odd number of times over ``axes`` (increasing), integers or bool; x itself for none."""
    return ReduceXor(tuple(axes))(x) if axes else x


def argmax(x: Array, axis: int) -> Array:
    """Where the first NaN is along ``axis``, else the first of the largest, i64."""
    return Argmax(axis)(x)


def argmin(x: Array, axis: int) -> Array:
    """Where the first NaN is along ``axis``, else the first of the smallest, i64."""
    return Argmin(axis)(x)
