"""Arrays from Python and NumPy values, and to and from other libraries (DLPack)."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import from_numpy, rounded, scalar, to_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.operands import array, cast, check_device, checked_number, common_dtype, is_number
from tianyuan.prims.conversion import converted, strong
from tianyuan.prims.linear import concatenate, expand_dims
from tianyuan.types import DEFAULT_FLOAT, DEFAULTS, ArrayType, DType, as_dtype, weak_type

API_VERSION = "2024.12"


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """An array of a Python number, nested lists of numbers and arrays, a NumPy array or an Array.

    Python numbers take the default dtypes (i64, f32, c64), NumPy values keep theirs. ``dtype`` converts, rounding
    once. Arrays are immutable, so that an Array is only copied if ``copy`` asks for it; other values always are.
    Raises ArrayTypeError, ShapeError for ragged lists, OverflowError, and ValueError if ``copy=False`` cannot be.
    """
    check_device("asarray", device)
    if copy is False and not isinstance(obj, Array):
        raise ValueError("asarray: copy=False is possible for an Array only; other values are copied")
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(obj, list | tuple):
        leaves = list(_leaves(obj))  # pyright: ignore[reportUnknownArgumentType]
        return _nested(obj, wanted or _common(leaves), leaves)  # pyright: ignore[reportUnknownArgumentType]
    if is_number(obj):
        return _fresh(number("asarray", obj, wanted or DEFAULTS[weak_type(obj).dtype.kind]))
    made = _array(obj)
    made = strong(made) if wanted is None else cast("asarray", _real(made, wanted), wanted)
    return from_numpy(np.asarray(made)) if copy and made is obj and type(made) is Array else made


def number(who: str, value: Any, dtype: DType) -> Array:
    """A Python number as a literal, rounded once; floats are truncated and saturate in integers, as converted."""
    checked = checked_number(who, value, dtype)
    if isinstance(value, complex) and dtype.kind not in "cb":
        raise ArrayTypeError(f"{who}: {value} does not fit {dtype}")
    if isinstance(value, float | complex) and dtype.kind in "biu":
        checked = converted(np.asarray(value), dtype)
    return scalar(checked, dtype)


def _fresh(literal: Array) -> Array:
    """An array of its own, which a trace closes over instead of writing it down as a literal."""
    return Array(literal.type, literal.owner, literal.address, literal.device_name)


def _array(obj: Any) -> Array:
    if hasattr(obj, "__array__") and not isinstance(obj, Array | np.ndarray | np.generic):
        return from_numpy(np.asarray(obj))
    return array("asarray", obj)


def _real(x: Array, wanted: DType) -> Array:
    if x.dtype.kind == "c" and wanted.kind not in "cb":
        raise ArrayTypeError(f"asarray: {x.type} to {wanted} would lose the imaginary part; take real(x) first")
    return x


# ---- lists


def _leaves(obj: Sequence[Any]) -> Iterator[Any]:
    for entry in obj:
        if isinstance(entry, list | tuple):
            yield from _leaves(entry)  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield entry


def _common(leaves: Sequence[Any]) -> DType:
    """The dtype of a list: that of its arrays, else the default of its numbers; f32 of none."""
    types = list(dict.fromkeys(map(_type, leaves)))
    if not types:
        return DEFAULT_FLOAT
    dtype, weak = common_dtype("asarray", types)
    return DEFAULTS[dtype.kind] if weak else dtype


def _type(leaf: Any) -> ArrayType:
    if is_number(leaf):
        return weak_type(leaf)
    if isinstance(leaf, np.generic):
        return ArrayType(as_dtype(leaf.dtype))  # pyright: ignore[reportUnknownMemberType]
    return ArrayType(_array(leaf).dtype)


def _nested(obj: Sequence[Any], dtype: DType, leaves: Sequence[Any]) -> Array:
    if builtins.all(is_number(v) or isinstance(v, np.generic) for v in leaves):
        return _plain(obj, dtype, leaves)
    parts = [_entry(o, dtype) for o in obj]
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise ShapeError(f"asarray: a list needs entries of one shape, got {', '.join(map(str, sorted(shapes)))}")
    return concatenate(*(expand_dims(p, (0,)) for p in parts), axis=0)


def _lengths(rows: Sequence[Any]) -> str:
    """Lengths of the rows of the outermost list whose rows differ."""
    lengths = [len(r) if isinstance(r, list | tuple) else 0 for r in rows]  # pyright: ignore[reportUnknownArgumentType]
    if len(set(lengths)) > 1:
        return f"lengths {', '.join(map(str, lengths))}"
    return next((_lengths(r) for r in rows if isinstance(r, list | tuple)), "other ones")  # pyright: ignore


def _entry(obj: Any, dtype: DType) -> Array:
    if isinstance(obj, list | tuple):
        return _nested(obj, dtype, list(_leaves(obj)))  # pyright: ignore[reportUnknownArgumentType]
    return number("asarray", obj, dtype) if is_number(obj) else cast("asarray", _real(_array(obj), dtype), dtype)


def _plain(obj: Sequence[Any], dtype: DType, leaves: Sequence[Any]) -> Array:
    """Numbers alone, by way of NumPy; each is rounded once."""
    integers = builtins.all(isinstance(v, int | np.integer | np.bool) for v in leaves)
    if integers and leaves and dtype.kind != "b":
        for extreme in (min(leaves), max(leaves)):
            checked_number("asarray", int(extreme), dtype)
    try:
        value = np.asarray(obj, dtype.numpy if integers and dtype.kind in "iu" else None)
    except ValueError:
        raise ShapeError(f"asarray: a list needs rows of one length, got {_lengths(obj)}; pad the short ones") from None
    if value.dtype.kind == "c" and dtype.kind not in "cb":
        raise ArrayTypeError(f"asarray: complex numbers do not fit {dtype}")
    if dtype.kind in "fc":
        return from_numpy(rounded(value, dtype))
    return from_numpy(value if value.dtype == dtype.numpy else converted(value, dtype))


# ---- other libraries


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Array:
    """An array with a copy of the elements of an object that speaks DLPack (NumPy, JAX, PyTorch on the CPU)."""
    check_device("from_dlpack", device)
    if copy is False:
        raise ValueError("from_dlpack: the elements are always copied, so that nobody else can change them")
    return from_numpy(np.from_dlpack(x))


def to_dlpack(x: Array, **options: Any) -> Any:
    """``x.__dlpack__``: a capsule that reads x's own bytes and keeps them alive; read-only, so DLPack 1.0 or later."""
    return to_numpy(x).__dlpack__(**options)


def dlpack_device(x: Array) -> tuple[int, int]:
    """``x.__dlpack_device__``: (1, 0), the CPU."""
    return to_numpy(x).__dlpack_device__()


def array_namespace(x: Array, *, api_version: str | None = None) -> Any:
    """``x.__array_namespace__``: the module ``tianyuan``. ValueError for a version of the standard not known here."""
    if api_version not in (None, "2021.12", "2022.12", "2023.12", API_VERSION):
        raise ValueError(f"version {api_version!r} of the array API standard is not known here; {API_VERSION} is")
    return sys.modules["tianyuan"]
