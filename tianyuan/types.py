"""Dtypes and array types: ``f32[2,3]``. Promotion, and the dtypes of Python and NumPy values.

A *weak* type is that of a Python number: 0-d, 64 bits wide, printed ``f64*[]``; it takes the dtype
of whatever array it meets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import ml_dtypes
import numpy as np
from attrs import field, frozen

from tianyuan.errors import ArrayTypeError


@frozen
class DType:
    """One element type. ``name`` is the public name, ``short`` the IR's (``float32``, ``f32``)."""

    name: str
    short: str
    kind: str = field(eq=False)  # b bool, i signed, u unsigned, f floating, c complex, k random key
    bits: int = field(eq=False)

    @property
    def itemsize(self) -> int:
        """Bytes per element, in memory."""
        return max(8, self.bits) // 8

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype with the same bytes (a key is two words, seen as one uint64)."""
        return _NUMPY[self.name]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash(self.name)


bool_ = DType("bool", "bool", "b", 1)
int8, int16, int32, int64 = (DType(f"int{n}", f"i{n}", "i", n) for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (DType(f"uint{n}", f"u{n}", "u", n) for n in (8, 16, 32, 64))
float16, float32, float64 = (DType(f"float{n}", f"f{n}", "f", n) for n in (16, 32, 64))
bfloat16 = DType("bfloat16", "bf16", "f", 16)
complex64, complex128 = DType("complex64", "c64", "c", 64), DType("complex128", "c128", "c", 128)
key_dtype = DType("key", "key", "k", 64)

SIGNED = (int8, int16, int32, int64)
UNSIGNED = (uint8, uint16, uint32, uint64)
INTEGERS = SIGNED + UNSIGNED
FLOATS = (float16, bfloat16, float32, float64)
COMPLEX = (complex64, complex128)
NUMERIC = INTEGERS + FLOATS + COMPLEX
REAL = INTEGERS + FLOATS
ALL = (bool_, *NUMERIC)

DEFAULT_FLOAT, DEFAULT_INT, DEFAULT_COMPLEX = float32, int64, complex64
DEFAULTS = {"b": bool_, "i": DEFAULT_INT, "f": DEFAULT_FLOAT, "c": DEFAULT_COMPLEX}  # of Python numbers, by kind

_NUMPY: dict[str, np.dtype[Any]] = {d.name: np.dtype(d.name) for d in ALL if d not in (bfloat16,)} | {
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "key": np.dtype(np.uint64),
}
_BY_NAME = {d.name: d for d in (*ALL, key_dtype)}
_BY_SHORT = {d.short: d for d in (*ALL, key_dtype)}
_BY_NUMPY = {d.numpy: d for d in ALL}


def dtype_of_name(name: str) -> DType:
    """``float32`` or ``f32`` to its DType. Raises ArrayTypeError for any other word."""
    found = _BY_NAME.get(name) or _BY_SHORT.get(name)
    if found is None:
        raise ArrayTypeError(f"no dtype is called {name!r}; there are {', '.join(_BY_NAME)}")
    return found


def as_dtype(spec: Any) -> DType:
    """A DType from a DType, a NumPy dtype or scalar type, a name, or Python's bool/int/float/complex."""
    if isinstance(spec, DType):
        return spec
    if isinstance(spec, str):
        return dtype_of_name(spec)
    if isinstance(spec, type) and spec in _PYTHON:
        return _PYTHON[spec]
    try:
        return _BY_NUMPY[np.dtype(spec).newbyteorder("=")]
    except (TypeError, KeyError):
        raise ArrayTypeError(f"{spec!r} is not a dtype Tianyuan knows") from None


_PYTHON: dict[type, DType] = {
    bool: bool_,
    int: DEFAULT_INT,
    float: DEFAULT_FLOAT,
    complex: DEFAULT_COMPLEX,
}


class Iterations:
    """The extent of a *tape*: one entry for each iteration of a loop whose number is known only when it runs.

    Tapes exist in Programs under transformation alone; they are never stored (``control/tapes.py``).
    """

    def __lt__(self, other: int) -> bool:
        return False

    def __repr__(self) -> str:
        return "n"


ITERATIONS: Any = Iterations()


@frozen(cache_hash=True)
class ArrayType:
    """The type of an array: dtype, shape, and whether it is weak (a Python number's type)."""

    dtype: DType
    shape: tuple[int, ...] = ()
    weak: bool = False

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return self.size * self.dtype.itemsize

    def with_shape(self, shape: Iterable[int]) -> ArrayType:
        """The same dtype, another shape; a weak type stays weak only as a 0-d one."""
        shape = tuple(shape)
        return ArrayType(self.dtype, shape, self.weak and not shape)

    def with_dtype(self, dtype: DType) -> ArrayType:
        """The same shape, another dtype, never weak."""
        return ArrayType(dtype, self.shape)

    def drop(self, axes: Iterable[int]) -> ArrayType:
        """The type without ``axes``."""
        gone = set(axes)
        return self.with_shape(n for a, n in enumerate(self.shape) if a not in gone)

    @property
    def strong(self) -> ArrayType:
        """The same type, not weak."""
        return ArrayType(self.dtype, self.shape) if self.weak else self

    def __str__(self) -> str:
        star = "*" if self.weak else ""
        return f"{self.dtype.short}{star}[{','.join(map(str, self.shape))}]"

    def __repr__(self) -> str:
        return str(self)


def weak_type(value: Any) -> ArrayType:
    """The weak type of a Python number: bool is strong, int i64, float f64, complex c128."""
    if isinstance(value, bool):
        return ArrayType(bool_)
    if isinstance(value, int):
        return ArrayType(int64, (), True)
    if isinstance(value, float):
        return ArrayType(float64, (), True)
    if isinstance(value, complex):
        return ArrayType(complex128, (), True)
    raise ArrayTypeError(f"{value!r} is not a Python number")


def promote(*types: ArrayType) -> tuple[DType, bool]:
    """The common dtype of array types, and whether the result is weak (when all of them are).

    In-kind as the array API standard; int with float gives the float; f16 with bf16 gives f32.
    Raises ArrayTypeError for u64 with a signed integer, and for keys with anything else.
    """
    strong = [t.dtype for t in types if not t.weak]
    weak = [t.dtype for t in types if t.weak]
    if not strong:
        return _fold(weak), True
    dtype = _fold(strong)
    for w in weak:
        dtype = _meet_weak(dtype, w)
    return dtype, False


def _fold(dtypes: list[DType]) -> DType:
    result = dtypes[0]
    for d in dtypes[1:]:
        result = _promote_pair(result, d)
    return result


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def _meet_weak(dtype: DType, weak: DType) -> DType:
    if "k" in (dtype.kind, weak.kind):
        raise ArrayTypeError("a random key does not mix with numbers; draw from it, or derive keys with fold_in")
    if _RANK[weak.kind] <= _RANK[dtype.kind]:
        return dtype
    if weak.kind == "i":
        return DEFAULT_INT
    if weak.kind == "f":
        return DEFAULT_FLOAT
    return complex128 if dtype == float64 else complex64


def _promote_pair(a: DType, b: DType) -> DType:
    if a == b:
        return a
    if "k" in (a.kind, b.kind):
        raise ArrayTypeError(f"{a} and {b} have no common dtype")
    if _RANK[a.kind] > _RANK[b.kind]:
        a, b = b, a
    if b.kind == "c":
        return complex128 if b.bits == 128 or a == float64 else complex64
    if _RANK[a.kind] < _RANK[b.kind]:
        return b
    if a.kind == b.kind:
        if a.bits == b.bits:  # f16 with bf16
            return float32
        return a if a.bits > b.bits else b
    return _signed_with_unsigned(a, b)


def _signed_with_unsigned(a: DType, b: DType) -> DType:
    signed, unsigned = (a, b) if a.kind == "i" else (b, a)
    if signed.bits > unsigned.bits:
        return signed
    if unsigned.bits == 64:
        raise ArrayTypeError(f"{a} and {b} have no common dtype; convert one with astype")
    return dtype_of_name(f"int{2 * unsigned.bits}")


def accumulator(dtype: DType) -> DType:
    """The dtype in which sums of ``dtype`` are accumulated: f32 for 16-bit floats, else itself."""
    return float32 if dtype in (float16, bfloat16) else dtype


def real_dtype(dtype: DType) -> DType:
    """The dtype of the real part: f32 of c64, f64 of c128, else itself."""
    return {complex64: float32, complex128: float64}.get(dtype, dtype)
