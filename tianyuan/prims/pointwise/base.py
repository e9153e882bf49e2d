"""The base of element-wise primitives, and what every derivative is made of: add, neg, scale.

    y[i] = scalar(x0[i], x1[i], ...)       dy = scale(dx0, ∂y/∂x0) + scale(dx1, ∂y/∂x1) + ...

Arguments have one dtype and one shape; a 0-d argument meets every element.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from tianyuan import eager, lowering
from tianyuan.array import Array
from tianyuan.cases import Cases, elementwise
from tianyuan.core import Prim, Rewriting, Undef, bind, missing, primitive, type_of
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.lowering import Scalars
from tianyuan.prims.linear import Scatter, broadcast, moveaxis, reduce_sum
from tianyuan.prims.pointwise.oracles import product, where
from tianyuan.types import (
    ALL,
    COMPLEX,
    FLOATS,
    INTEGERS,
    NUMERIC,
    REAL,
    ArrayType,
    DType,
    bool_,
    float32,
    float64,
    key_dtype,
)

DIFFERENTIABLE = FLOATS + COMPLEX
LOGICAL = (bool_, *INTEGERS)
_WORDS: dict[tuple[DType, ...], str] = {
    INTEGERS: "integers",
    LOGICAL: "integers or bool",
    FLOATS: "floats",
    COMPLEX: "complex numbers",
    DIFFERENTIABLE: "floats or complex numbers",
    REAL: "integers or floats",
    (bool_, *REAL): "real numbers or bool",
    NUMERIC: "numbers",
    ALL: "numbers or bool",
    (*ALL, key_dtype): "numbers, bool or random keys",
    (float32, float64): "floats of 32 or 64 bits",
}

Tangents = Sequence[Array | None]


class Pointwise(Prim):
    """Derives the type rule, lowering, batch rule and derivative from ``scalar`` and ``partial``.

    ``dtypes``: those accepted. ``values``: the interval on which tests draw floats. ``complex_ulp``: the
    bound for complex dtypes, in ulp of the modulus.
    """

    dtypes: ClassVar[tuple[DType, ...]] = FLOATS
    values: ClassVar[tuple[float, float]] = (-3.0, 3.0)
    differentiable: ClassVar[bool] = True
    complex_ulp: ClassVar[float] = 0.0
    arity: ClassVar[int]

    def __init_subclass__(cls) -> None:
        cls.arity = len(inspect.signature(cls.scalar).parameters) - 2
        if "cases" not in cls.__dict__ and cls.scalar is not Pointwise.scalar:
            cls.cases = Cases(
                elementwise(cls.arity),
                cls.dtypes,
                cls.values,
                differentiable=cls.differentiable,
                complex_ulp=cls.complex_ulp,
            )

    def scalar(self, *args: Any, **kwargs: Any) -> Any:
        """``scalar(k, x, ...)``: the function of scalars, in the operations of ``k`` (``lowering.Scalars``)."""
        raise missing(self, "scalar function", "run")

    def partial(self, *args: Any, **kwargs: Any) -> Array | None:
        """``partial(i, y, x, ...)``: ∂y/∂x_i, given the result y and the arguments; None stands for 1."""
        raise missing(self, "derivative", "differentiated")

    def result_dtype(self, dtype: DType) -> DType:
        """The result's dtype from the arguments'."""
        return dtype

    def __call__(self, *args: Array) -> Array:
        """Apply to every element, under the current interpreter."""
        return bind(self, args)[0]

    def types(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        """The common shape; ArrayTypeError or ShapeError where the arguments do not fit."""
        if len(types) != self.arity:
            raise ArrayTypeError(f"{self.name} takes {count(self.arity)}, got {len(types)}")
        check_dtypes(self.name, self.dtypes, types)
        shape = common_shape(self.name, types)
        dtype = self.result_dtype(types[0].dtype)
        weak = all(t.weak for t in types) and dtype != bool_
        return (ArrayType(dtype, shape, weak),)

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """One element at a time."""
        return lowering.Map(self.scalar)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """The sum, in the order of the arguments, of scale(dx_i, ∂y/∂x_i)."""
        y = self(*primals)
        factors = ((dx, self.partial(i, y, *primals)) for i, dx in enumerate(tangents) if dx is not None)
        terms = [spread(dx, y.shape) if f is None else scale(spread(dx, y.shape), f) for dx, f in factors]
        return y, functools.reduce(add, terms)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch of the first batched argument stays where it is; the others go there."""
        aligned, dim = align(size, args, dims)
        return self(*aligned), dim


class Flat(Pointwise):
    """An element-wise primitive whose derivative is zero wherever it has one: its tangent is None."""

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """No tangent."""
        return self(*primals), None


class Elementary(Pointwise):
    """A function of one argument that the scalar machine knows by its name, within 1 ulp."""

    ulp = 1.0

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.call(self.name, x)


# ---- types


def count(arguments: int) -> str:
    """``1 argument``, ``2 arguments``."""
    return f"{arguments} argument" + "s" * (arguments != 1)


def check_dtypes(name: str, dtypes: tuple[DType, ...], types: Sequence[ArrayType]) -> None:
    """ArrayTypeError unless all types have one dtype, among ``dtypes``."""
    for t in types:
        if t.dtype not in dtypes:
            words = _WORDS.get(dtypes) or " or ".join(d.name for d in dtypes)
            raise ArrayTypeError(f"{name} takes {words}, got {t}")
        if t.dtype != types[0].dtype:
            raise ArrayTypeError(f"{name} takes equal dtypes, got {listed(types)}")


def common_shape(name: str, types: Sequence[ArrayType]) -> tuple[int, ...]:
    """The shape of those that are not 0-d; ShapeError if they differ."""
    shapes = {t.shape for t in types if t.shape}
    if len(shapes) > 1:
        raise ShapeError(f"{name} takes equal shapes (or 0-d arguments), got {listed(types)}")
    return shapes.pop() if shapes else ()


def listed(types: Sequence[ArrayType]) -> str:
    """``f32[3] and f64[3]``."""
    return " and ".join(map(str, types))


# ---- 0-d arguments among full ones


def spread(x: Array, shape: tuple[int, ...]) -> Array:
    """A 0-d array repeated to ``shape``; a full one as it is."""
    return x if x.shape else broadcast(x, shape, ())


def number(value: complex, like: Array) -> Array:
    """The 0-d literal ``value`` in the dtype of ``like``."""
    return eager.scalar(value, like.dtype)


def gathered(ct: Array, x: Any) -> Array | None:
    """The cotangent of argument ``x`` that met the elements of ``ct``, summed if x is 0-d; None if x is known."""
    if not isinstance(x, Undef):
        return None
    return ct if type_of(x).shape else reduce_sum(ct, range(ct.ndim))


# ---- batching


def align(size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[list[Array], int]:
    """Arguments of one shape (or 0-d and the same for all entries) with one batch axis, and that axis."""
    ranks = [x.ndim - (d is not None) for x, d in zip(args, dims, strict=True)]
    rank = max(ranks)
    if rank == 0:
        return list(args), 0
    full = [(x, d) for x, d, r in zip(args, dims, ranks, strict=True) if r]
    dim = next((d for _, d in full if d is not None), 0)
    x, d = full[0]
    shape = x.type.drop(() if d is None else (d,)).shape
    shape = (*shape[:dim], size, *shape[dim:])
    return [_aligned(x, d, dim, shape) for x, d in zip(args, dims, strict=True)], dim


def _aligned(x: Array, d: int | None, dim: int, shape: tuple[int, ...]) -> Array:
    if d is None:
        return broadcast(x, shape, [a for a in range(len(shape)) if a != dim]) if x.shape else x
    return broadcast(x, shape, (dim,)) if x.ndim == 1 else moveaxis(x, d, dim)


# ---- what derivatives are made of


@primitive
class Add(Pointwise):
    """The sum: y = a + b, correctly rounded; integers wrap. Linear."""

    dtypes = NUMERIC

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.add(a, b)

    def partial(self, i: int, y: Array, a: Array, b: Array) -> Array | None:
        return None

    def transpose(self, cts: Any, a: Any, b: Any) -> tuple[Any, ...]:
        """ct to both."""
        return gathered(cts, a), gathered(cts, b)

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """x + (-0.0) = x, for integers x + 0 = x; on either side. x + 0.0 = x where x is never -0."""
        a, b = args
        known = rewriting.constant(b)
        if vanishes(known, -1) or (vanishes(known, 1) and never_negative_zero(a, rewriting)):
            return a
        return b if vanishes(rewriting.constant(a), -1) else None

    def oracle(self, a: Any, b: Any) -> Any:
        return np.add(a, b)


@primitive
class Scale(Pointwise):
    """The product of derivatives: y = 0 where ct = 0, else ct · f. Bilinear by definition.

    A derivative is a linear map, and a linear map takes 0 to 0, whatever the factor f is, infinities and
    NaN included (numerics.md, *Derivatives*).
    """

    dtypes = DIFFERENTIABLE

    def scalar(self, k: Scalars, ct: Any, f: Any) -> Any:
        zero = k.const(0.0, k.dtype(ct))
        return k.select(k.eq(ct, zero), zero, k.mul(ct, f))

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """scale(dct, f) + scale(ct, df)."""
        (ct, f), (dct, df) = primals, tangents
        y = self(ct, f)
        terms: list[Array] = []
        if dct is not None:
            terms.append(scale(spread(dct, y.shape), f))
        if df is not None:
            terms.append(scale(ct, spread(df, y.shape)))
        return y, functools.reduce(add, terms)

    def transpose(self, cts: Any, ct: Any, f: Any) -> tuple[Any, ...]:
        """In ct: scale(g, f); in f: scale(g, ct)."""
        if isinstance(ct, Undef):
            return gathered(scale(cts, f), ct), None
        return None, gathered(scale(cts, ct), f)

    def oracle(self, ct: Any, f: Any) -> Any:
        return where(ct == 0, np.zeros_like(ct), product(ct, f))


@primitive
class Neg(Pointwise):
    """The negative: y = -x; flips the sign of a float, zeros and NaN included; integers wrap. Linear."""

    dtypes = NUMERIC

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.neg(x)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """-dx."""
        (x,), (dx,) = primals, tangents
        return self(x), None if dx is None else neg(dx)

    def transpose(self, cts: Any, x: Any) -> tuple[Any, ...]:
        """-ct."""
        return (neg(cts),)

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """-(-x) = x."""
        inner, given = rewriting.definition(args[0])
        return given[0] if isinstance(inner, Neg) else None

    def oracle(self, x: Any) -> Any:
        return np.negative(x)


def never_negative_zero(atom: Any, rewriting: Rewriting) -> bool:
    """Whether real floats are known not to be -0: sums that start from one that is not (they do not underflow)."""
    known = rewriting.constant(atom)
    if known is not None:
        return not np.iscomplexobj(known) and not vanishes(known, -1)
    prim, args = rewriting.definition(atom)
    return isinstance(prim, Scatter) and prim.op == "add" and never_negative_zero(args[0], rewriting)


def vanishes(constant: Any, sign: float) -> bool:
    """Whether a constant is a real zero; of a float, the one of ``sign``."""
    if constant is None or np.iscomplexobj(constant) or bool(constant != 0):
        return False
    return isinstance(constant, np.integer) or np.copysign(1.0, float(constant)) == sign


add = Add()
neg = Neg()
scale = Scale()
