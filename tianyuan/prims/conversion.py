"""Conversions between dtypes, and the same bits under another dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Rewriting, primitive, type_of
from tianyuan.errors import ArrayTypeError
from tianyuan.lowering import Scalars
from tianyuan.types import (
    ALL,
    COMPLEX,
    DEFAULTS,
    FLOATS,
    INTEGERS,
    ArrayType,
    DType,
    as_dtype,
    bfloat16,
    bool_,
    complex128,
    float64,
    int64,
    real_dtype,
)

DIFFERENTIABLE = FLOATS + COMPLEX
_WEAK_RISES = {(int64, float64), (int64, complex128), (float64, complex128)}


def _conversions(dtype: DType) -> list[Case]:
    shapes = [((), dtype), ((2, 3), real_dtype(dtype)), ((0, 3), bool_), *(((5,), d) for d in ALL)]
    return [Case((ArrayType(dtype, s),), {"dtype": d}) for s, d in shapes]


@primitive
class Convert(Prim):
    """The values of x in another ``dtype``, rounded once, directly; a weak type becomes strong.

    Only from one weak type to another, of a higher kind (i64* to f64*, f64* to c128*), does it stay weak: so a
    number that a function takes as a float is still a number.

    Float to integer truncates, saturates, and takes NaN to 0; to bool is x ≠ 0; integers wrap; complex to
    real keeps the real part. Linear (over the reals) between floats and complex numbers; to or from
    integers and bool the tangent is zero. Not for keys.
    """

    dtype: DType
    cases = Cases(_conversions, ALL, differentiable=False)  # a difference quotient sees the rounding

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The shape of x, in ``dtype``."""
        for dtype in (x.dtype, self.dtype):
            if dtype.kind == "k":
                raise ArrayTypeError(f"convert takes numbers or bool, got {x} to {self.dtype}")
        return (ArrayType(self.dtype, x.shape, x.weak and (x.dtype, self.dtype) in _WEAK_RISES),)

    def lower(self, *types: ArrayType) -> lowering.Map:
        """One element at a time."""
        return lowering.Map(self.scalar)

    def scalar(self, k: Scalars, x: Any) -> Any:
        """One conversion."""
        return k.convert(x, self.dtype)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dx, converted; none to or from a dtype that has no derivative."""
        (x,), (dx,) = primals, tangents
        flat = x.dtype not in DIFFERENTIABLE or self.dtype not in DIFFERENTIABLE
        return self(x), None if flat or dx is None else convert(dx, self.dtype)

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct, converted back (to a real x: its real part)."""
        return (convert(cts, type_of(args[0]).dtype),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch stays where it is."""
        return self(args[0]), dims[0]

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """To the dtype it has: x. After a conversion that lost nothing: one conversion."""
        (x,) = args
        if x.type == x.type.with_dtype(self.dtype):
            return x
        inner, given = rewriting.definition(x)
        if not isinstance(inner, Convert) or not _passes_through(given[0].type.dtype, inner.dtype, self.dtype):
            return None
        return rewriting.apply(self, *given)

    def oracle(self, *args: Any) -> Any:
        """NumPy's casts, in a precision from which one rounding is left."""
        return converted(np.asarray(args[0]), self.dtype)


def _passes_through(a: DType, b: DType, c: DType) -> bool:
    """Whether a -> b -> c has the values of a -> c (an integer wraps on its way to another, a float saturates)."""
    wraps = a.kind in "iu" and b.kind not in "iu" and c.kind in "iu"
    return lossless(a, b) and (not wraps or lossless(a, c))


def lossless(a: DType, b: DType) -> bool:
    """Whether every value of ``a`` is one of ``b``."""
    if a == b or a.kind == "b":
        return True
    if a.kind in "iu":
        return _digits(a) <= _digits(b) and (a.kind == "u" or b.kind != "u") and b.kind != "b"
    if b.kind in "biu" or (a.kind == "c" and b.kind != "c"):
        return False
    return _digits(a) <= _digits(b) and not (a.bits == 16 and real_dtype(b).bits == 16)


def _digits(dtype: DType) -> int:
    """Bits of the magnitude (of the significand, of floats)."""
    if dtype.kind in "iub":
        return dtype.bits - (dtype.kind == "i")
    return {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}[real_dtype(dtype).name]


def converted(x: Any, dtype: DType) -> Any:
    """The NumPy array ``x`` in ``dtype``, by the rules of ``Convert``."""
    kind = as_dtype(x.dtype).kind
    if dtype == bool_:
        return x != 0
    if kind == "c" and dtype.kind != "c":
        return converted(np.real(x), dtype)
    if kind == "f" and dtype.kind in "iu":
        return _saturated(x.astype(np.longdouble), dtype)
    return _to_bfloat(x) if dtype == bfloat16 else x.astype(dtype.numpy)


def _saturated(x: Any, dtype: DType) -> Any:
    info = np.iinfo(dtype.numpy)
    inside = np.clip(np.nan_to_num(np.trunc(x), nan=0.0, posinf=1e30, neginf=-1e30), info.min, info.max)
    return inside.astype(dtype.numpy)


def _to_bfloat(x: Any) -> Any:
    """Eight bits of extended precision, ties to even (NumPy's own cast goes through f32 and rounds twice)."""
    exact = x.astype(np.longdouble)
    finite = np.where(np.isfinite(exact), exact, 0)
    quantum = np.ldexp(np.longdouble(1), np.maximum(np.frexp(finite)[1] - 8, -133))
    rounded = np.where(np.isfinite(exact), np.rint(finite / quantum) * quantum, exact)
    return rounded.astype(np.float32).astype(bfloat16.numpy)


def _bitcasts(dtype: DType) -> list[Case]:
    targets = [d for d in INTEGERS + FLOATS if d.bits == dtype.bits]
    return [Case((ArrayType(dtype, s),), {"dtype": d}) for d in targets for s in [(), (5,), (2, 3), (0, 3)]]


@primitive
class Bitcast(Prim):
    """The same bits under another ``dtype`` of the same width: integers and floats. No derivative.

    Every NaN that is read is the canonical quiet positive one (docs/numerics.md).
    """

    dtype: DType
    cases = Cases(_bitcasts, INTEGERS + FLOATS, differentiable=False)

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The shape of x, in ``dtype``; ArrayTypeError for another width."""
        fits = {x.dtype, self.dtype} <= {*INTEGERS, *FLOATS} and x.dtype.bits == self.dtype.bits
        if not fits:
            raise ArrayTypeError(f"bitcast takes integers and floats of one width, got {x} to {self.dtype}")
        return (x.with_dtype(self.dtype),)

    def lower(self, *types: ArrayType) -> lowering.Bits:
        """Another name for the bytes."""
        return lowering.Bits()

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """No tangent."""
        return self(*primals), None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch stays where it is."""
        return self(args[0]), dims[0]

    def oracle(self, *args: Any) -> Any:
        """NumPy's view, of canonical NaNs."""
        x = np.asarray(args[0])
        nan = np.array(np.nan, x.dtype) if as_dtype(x.dtype).kind == "f" else x.dtype.type(0)
        return np.where(x != x, nan, x).astype(x.dtype).view(self.dtype.numpy)


def convert(x: Array, dtype: DType) -> Array:
    """The values of ``x`` in ``dtype``; x itself where it has it already and is not weak."""
    if x.dtype != dtype:
        x = Convert(dtype)(x)
    return Convert(dtype)(x) if x.type.weak else x


def strong(x: Array) -> Array:
    """The array with a strong type: a number takes the default dtype of its kind."""
    return convert(x, DEFAULTS[x.dtype.kind]) if x.type.weak else x


def bitcast(x: Array, dtype: DType) -> Array:
    """The bits of ``x`` under another dtype of the same width; x itself where it has it and is not weak."""
    return x if x.dtype == dtype and not x.type.weak else Bitcast(dtype)(x)
