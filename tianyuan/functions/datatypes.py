"""What a dtype can hold, and what becomes of several: finfo, iinfo, isdtype, can_cast, result_type."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from attrs import frozen

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError
from tianyuan.functions.operands import array, common_dtype, is_number
from tianyuan.settings import config
from tianyuan.types import (
    ALL,
    DEFAULT_COMPLEX,
    DEFAULT_FLOAT,
    DEFAULT_INT,
    DEFAULTS,
    ArrayType,
    DType,
    as_dtype,
    promote,
    real_dtype,
    weak_type,
)


@frozen
class FloatLimits:
    """The limits of a floating dtype, as Python floats; ``eps`` is the gap between 1 and the next number."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: DType


@frozen
class IntegerLimits:
    """The limits of an integer dtype, as Python ints."""

    bits: int
    max: int
    min: int
    dtype: DType


def finfo(type: Any, /) -> FloatLimits:
    """The limits of a floating dtype (of a complex one: of its parts), or of an array's."""
    dtype = real_dtype(_dtype_of("finfo", type))
    if dtype.kind != "f":
        raise ArrayTypeError(f"finfo takes floats and complex numbers, got {dtype}; iinfo is of integers")
    limits = _limits(dtype)
    least, most, normal = float(limits.min), float(limits.max), float(limits.smallest_normal)
    return FloatLimits(dtype.bits, float(limits.eps), most, least, normal, dtype)


def _limits(dtype: DType) -> Any:
    return ml_dtypes.finfo(dtype.numpy)  # pyright: ignore[reportUnknownVariableType]


def iinfo(type: Any, /) -> IntegerLimits:
    """The limits of an integer dtype, or of an array's."""
    dtype = _dtype_of("iinfo", type)
    if dtype.kind not in "iu":
        raise ArrayTypeError(f"iinfo takes integers, got {dtype}; finfo is of floats")
    limits = np.iinfo(dtype.numpy)
    return IntegerLimits(dtype.bits, int(limits.max), int(limits.min), dtype)


def _dtype_of(who: str, value: Any) -> DType:
    return array(who, value).dtype if isinstance(value, Array | np.ndarray | np.generic) else as_dtype(value)


_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: a dtype, one of the standard's words ("integral", ...), or a tuple of such."""
    if isinstance(kind, tuple):
        return any(isdtype(dtype, k) for k in kind)  # pyright: ignore[reportUnknownVariableType]
    own = as_dtype(dtype)
    if isinstance(kind, str) and kind in _KINDS:
        return own.kind in _KINDS[kind]
    if isinstance(kind, str):
        raise ArrayTypeError(f"isdtype: there is no kind {kind!r}; there are {', '.join(_KINDS)}")
    return own == as_dtype(kind)


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype that arrays, numbers and dtypes have in common. ArrayTypeError if there is none."""
    if not arrays_and_dtypes:
        raise ArrayTypeError("result_type takes at least one array, number or dtype")
    dtype, weak = common_dtype("result_type", [_type(v) for v in arrays_and_dtypes])
    return DEFAULTS[dtype.kind] if weak else dtype


def _type(value: Any) -> ArrayType:
    if is_number(value):
        return weak_type(value)
    if isinstance(value, Array):
        return value.type
    return ArrayType(_dtype_of("result_type", value))


def can_cast(from_: Any, to: Any, /) -> bool:
    """Whether promotion takes a dtype (or an array's) to another: their common dtype is ``to``."""
    given = from_.type if isinstance(from_, Array) else ArrayType(as_dtype(from_))
    try:
        return promote(given, ArrayType(as_dtype(to)))[0] == as_dtype(to)
    except ArrayTypeError:
        return False


class NamespaceInfo:
    """What ``__array_namespace_info__()`` answers (array API standard, Inspection)."""

    def capabilities(self) -> dict[str, Any]:
        """Boolean masks and shapes that depend on values work outside of traced functions; any number of axes."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": None}

    def default_device(self) -> str:
        """Where new arrays are made."""
        return config.default_device

    def devices(self) -> list[str]:
        """The devices that new arrays can be made on."""
        return [config.default_device]

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The dtypes of Python numbers."""
        return {
            "real floating": DEFAULT_FLOAT,
            "complex floating": DEFAULT_COMPLEX,
            "integral": DEFAULT_INT,
            "indexing": DEFAULT_INT,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, DType]:
        """The standard's dtypes by name, of a kind or of all."""
        return {d.name: d for d in ALL if d.bits != 16 or d.kind in "iu" if kind is None or isdtype(d, kind)}


def array_namespace_info() -> NamespaceInfo:
    """``__array_namespace_info__``: devices and dtypes of this library."""
    return NamespaceInfo()
