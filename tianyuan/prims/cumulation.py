"""Running sums, products and extrema along an axis, and the linear recurrence that differentiates products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Undef, primitive, type_of
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import full, iota, zeros
from tianyuan.prims.linear import concatenate, moveaxis, slice_axis, squeeze
from tianyuan.prims.linear.axes import check_increasing
from tianyuan.prims.linear.broadcasting import with_batch_at
from tianyuan.prims.pointwise.arithmetic import add, scale
from tianyuan.prims.pointwise.base import DIFFERENTIABLE, number
from tianyuan.prims.pointwise.comparison import ORDERED, ne, select
from tianyuan.prims.pointwise.oracles import extremum, product, wide
from tianyuan.prims.sorting import along
from tianyuan.program import Eqn, Program, Var
from tianyuan.types import NUMERIC, ArrayType, DType, accumulator, as_dtype, bool_, int64

Ints = tuple[int, ...]


def _running(longest: int) -> Any:
    shapes: list[Ints] = [(1,), (5,), (longest,), (2, 4), (2, 5, 4), (0, 4), (4, 0)]

    def sweep(dtype: DType) -> list[Case]:
        both = [{"axis": a, "reverse": r} for a in (0, 1, 2) for r in (False, True)]
        return [Case((ArrayType(dtype, s),), f) for s in shapes for f in both if f["axis"] < len(s)]

    return sweep


class Cumulation(Prim):
    """y[i] = x[0] op .. op x[i] along ``axis``; from the end with ``reverse``."""

    op: ClassVar[str]
    dtypes: ClassVar[tuple[DType, ...]]
    axis: int
    reverse: bool

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The type of x."""
        if x.dtype not in self.dtypes:
            raise ArrayTypeError(f"{self.name} does not take {x}")
        check_increasing(self.name, "an axis", (self.axis,), x.ndim)
        return (x,)

    def lower(self, *types: ArrayType) -> lowering.Cumulate:
        """A running operation."""
        return lowering.Cumulate(self.op, self.axis, self.reverse)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The same axis, counted with the batch among them."""
        (x,), (d,) = args, dims
        assert d is not None
        return CUMULATIONS[self.op](self.axis + (self.axis >= d), self.reverse)(x), d

    def oracle(self, *args: Any) -> Any:
        """One slice after the other, in more precision where that rounds."""
        rounds = self.ulp and as_dtype(args[0].dtype).kind in "fc"
        x = wide(args[0]) if rounds else args[0]
        y = np.moveaxis(x, self.axis, 0).copy()
        rows = y[::-1] if self.reverse else y
        for i in range(1, len(rows)):
            rows[i] = self.join(rows[i - 1], rows[i])
        return np.moveaxis(y, 0, self.axis).astype(args[0].dtype)

    def join(self, a: Any, b: Any) -> Any:
        """Two values into one, in NumPy."""
        raise NotImplementedError


@primitive
class Cumsum(Cumulation):
    """Running sums: chunks of 256, sequential inside, offsets by the same rule. Linear; the adjoint runs back.

    Integers wrap; 16-bit floats add in f32 and round once.
    """

    axis: int
    reverse: bool
    op = "add"
    dtypes = NUMERIC
    ulp = 24.0
    cases = Cases(_running(300), NUMERIC, (0.5, 3.0), complex_ulp=24.0)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dy = the running sums of dx."""
        (x,), (dx,) = primals, tangents
        return self(x), None if dx is None else self(dx)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct_x[j] = Σ over i ≥ j of ct[i]."""
        return (Cumsum(self.axis, not self.reverse)(cts),)

    def join(self, a: Any, b: Any) -> Any:
        return np.add(a, b)


@primitive
class Cumprod(Cumulation):
    """Running products: chunks of 256, sequential inside, offsets by the same rule.

    t_i = t_{i-1} x_i + y_{i-1} dx_i (docs/numerics.md, Sums): no division, so zeros do no harm.
    """

    axis: int
    reverse: bool
    op = "mul"
    dtypes = NUMERIC
    ulp = 24.0
    cases = Cases(_running(40), NUMERIC, (0.7, 1.4), complex_ulp=64.0)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """The recurrence along ``axis``."""
        (x,), (dx,) = primals, tangents
        if dx is None or not x.size:
            return self(x), None
        rows, moving = (moveaxis(v, self.axis, 0) for v in (x, dx))
        _, t = running_product(rows, moving, self.reverse)
        return self(x), convert(moveaxis(t, 0, self.axis), x.dtype)

    def join(self, a: Any, b: Any) -> Any:
        return product(a, b)


def running_product(x: Array, dx: Array, reverse: bool = False) -> tuple[Array, Array]:
    """The last and all tangents of the running products of x[n, ...], in the accumulator of its dtype."""
    x, dx = (convert(v, accumulator(x.dtype)) for v in (x, dx))
    y = Cumprod(0, reverse)(x)
    before = _moved_up(y, full(1, y.dtype, y.shape[1:]), reverse)
    return Recurrence(reverse)(zeros(x.type.drop((0,))), x, scale(dx, before))


def _moved_up(y: Array, first: Array, reverse: bool) -> Array:
    """y one place on: ``first`` comes first (last with ``reverse``), and the last (first) goes."""
    n = y.shape[0]
    edge = with_batch_at(first, None, 1, 0)
    rest = slice_axis(y, 0, 1, n) if reverse else slice_axis(y, 0, 0, n - 1)
    return concatenate(rest, edge, axis=0) if reverse else concatenate(edge, rest, axis=0)


class Running(Cumulation):
    """Running extremum: NaN from the first one on. The tangent is that of the first element equal to it."""

    dtypes = ORDERED

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dx at the place where y took its value."""
        (x,), (dx,) = primals, tangents
        y = self(x)
        if dx is None or not x.size:
            return y, None
        rows = moveaxis(y, self.axis, 0)
        n = rows.shape[0]
        ahead = slice_axis(rows, 0, 1, n) if self.reverse else slice_axis(rows, 0, 0, n - 1)
        behind = slice_axis(rows, 0, 0, n - 1) if self.reverse else slice_axis(rows, 0, 1, n)
        fresh, edge = ne(behind, ahead), full(True, bool_, (1, *rows.shape[1:]))
        new = concatenate(fresh, edge, axis=0) if self.reverse else concatenate(edge, fresh, axis=0)
        own = iota(int64, rows.shape, 0)
        furthest = number(n - 1 if self.reverse else 0, own)
        run = (Cummin if self.reverse else Cummax)(0, self.reverse)
        places = run(select(new, own, furthest))
        return y, along(dx, moveaxis(places, 0, self.axis), self.axis)


@primitive
class Cummax(Running):
    """Running maximum."""

    axis: int
    reverse: bool
    op = "max"
    cases = Cases(_running(300), ORDERED)

    def join(self, a: Any, b: Any) -> Any:
        return extremum(a, b, larger=True)


@primitive
class Cummin(Running):
    """Running minimum."""

    axis: int
    reverse: bool
    op = "min"
    cases = Cases(_running(300), ORDERED)

    def join(self, a: Any, b: Any) -> Any:
        return extremum(a, b, larger=False)


CUMULATIONS: dict[str, Any] = {c.op: c for c in (Cumsum, Cumprod, Cummax, Cummin)}


# ---- linear recurrences


def _recurrences(dtype: DType) -> list[Case]:
    shapes: list[Ints] = [(1,), (6,), (2, 4), (5, 2, 4), (4, 0)]
    return [
        Case((ArrayType(dtype, s[1:]), ArrayType(dtype, s), ArrayType(dtype, s)), {"reverse": r})
        for s in shapes
        for r in (False, True)
    ]


@primitive
class Recurrence(Prim):
    """(t_n, t) with t_i = scale(t_{i-1}, a_i) + b_i from t_0: f[...], f[n, ...], f[n, ...] -> f[...], f[n, ...].

    With ``reverse`` it runs from the end: t_i = scale(t_{i+1}, a_i) + b_i. Linear in t_0 and b together.
    """

    reverse: bool
    multiple = True
    ulp = 16.0
    cases = Cases(_recurrences, DIFFERENTIABLE, (0.5, 1.2), complex_ulp=32.0)

    def types(self, start: ArrayType, a: ArrayType, b: ArrayType) -> tuple[ArrayType, ...]:
        """The types of the start and of b."""
        if len({start.dtype, a.dtype, b.dtype}) > 1 or b.dtype not in DIFFERENTIABLE:
            raise ArrayTypeError(f"recurrence takes floats or complex numbers of one dtype, got {start}, {a} and {b}")
        if a.shape != b.shape or not b.shape or start.shape != b.shape[1:]:
            raise ShapeError(f"recurrence takes t[...], a[n, ...] and b[n, ...], got {start}, {a} and {b}")
        return start.strong, b.strong

    def lower(self, *types: ArrayType) -> lowering.Scan:
        """A loop whose carry is t."""
        t = types[0].strong
        carry, a, b, product_, sum_ = (Var(i, t) for i in range(5))
        eqns = (Eqn((product_,), scale, (carry, a)), Eqn((sum_,), add, (product_, b)))
        return lowering.Scan(Program((carry, a, b), eqns, (sum_, sum_)), types[1].shape[0], self.reverse, 0, 1)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dt_i = dt_{i-1} a_i + (t_{i-1} da_i + db_i)."""
        (start, a, b), (ds, da, db) = primals, tangents
        outs = self(start, a, b)
        terms = [] if da is None else [scale(_moved_up(outs[1], start, self.reverse), da)]
        terms += [] if db is None else [db]
        into = zeros(b.type.strong) if not terms else terms[0] if len(terms) == 1 else add(*terms)
        return outs, self(zeros(start.type.strong) if ds is None else ds, a, into)

    def transpose(self, cts: Any, start: Any, a: Any, b: Any) -> tuple[Any, ...]:
        """The recurrence run the other way: s_i = s_{i+1} a_{i+1} + ct_i; ct_b = s, ct_start = s_0 a_0."""
        last, every = cts
        t = type_of(start)
        ct_last = zeros(t.strong) if last is None else last
        ct_all = zeros(type_of(b).strong) if every is None else every
        following = _moved_up(a, full(1, a.dtype, t.shape), not self.reverse)
        first, s = Recurrence(not self.reverse)(ct_last, following, ct_all)
        edge = slice_axis(a, 0, a.shape[0] - 1, a.shape[0]) if self.reverse else slice_axis(a, 0, 0, 1)
        ct_start = scale(first, squeeze(edge, (0,))) if isinstance(start, Undef) else None
        return ct_start, None, s if isinstance(b, Undef) else None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batches in front of what runs side by side."""
        (start, a, b), (d, e, f) = args, dims
        moved = with_batch_at(start, d, size, 0), with_batch_at(a, e, size, 1), with_batch_at(b, f, size, 1)
        return self(*moved), (0, 1)

    def oracle(self, *args: Any) -> Any:
        """The loop, in more precision."""
        t, a, b = (wide(v) for v in args)
        y = np.empty_like(b)
        for i in range(len(b))[:: -1 if self.reverse else 1]:
            y[i] = t = np.where(t == 0, 0, product(t, a[i])) + b[i]
        return np.asarray(t).astype(args[0].dtype), y.astype(args[0].dtype)


def cumsum(x: Array, axis: int, reverse: bool = False) -> Array:
    """Running sums along ``axis``, from its end with ``reverse``."""
    return Cumsum(axis, reverse)(x)


def cumprod(x: Array, axis: int, reverse: bool = False) -> Array:
    """Running products along ``axis``, from its end with ``reverse``."""
    return Cumprod(axis, reverse)(x)


def cummax(x: Array, axis: int, reverse: bool = False) -> Array:
    """The largest so far along ``axis``, from its end with ``reverse``."""
    return Cummax(axis, reverse)(x)


def cummin(x: Array, axis: int, reverse: bool = False) -> Array:
    """The smallest so far along ``axis``, from its end with ``reverse``."""
    return Cummin(axis, reverse)(x)
