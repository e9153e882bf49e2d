"""Making arrays: from Python and NumPy values, constants, ranges."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import ArrayTypeError, NumberRangeError, ShapeError
from tianyuan.functions.operands import array, cast, checked_number, checked_shape, one_axis
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import iota
from tianyuan.prims.linear import broadcast, broadcast_to, concatenate, expand_dims
from tianyuan.prims.linear import reshape as reshaped
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.comparison import eq, ge, select
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.types import (
    DEFAULT_COMPLEX,
    DEFAULT_FLOAT,
    DEFAULT_INT,
    ArrayType,
    DType,
    as_dtype,
    bool_,
    promote,
    weak_type,
)

_STRONG = {"b": bool_, "i": DEFAULT_INT, "f": DEFAULT_FLOAT, "c": DEFAULT_COMPLEX}


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Array:
    """An array of a Python number, nested lists of numbers and arrays, a NumPy array or an Array.

    Python numbers take the default dtypes (i64, f32, c64), NumPy values keep theirs. ``dtype`` converts, rounding
    once. Arrays are immutable, so that nothing is copied unless ``copy`` asks for it. Raises ArrayTypeError.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    made = _nested(obj) if isinstance(obj, list | tuple) else _single(obj, wanted)
    if wanted is not None:
        made = cast("asarray", made, wanted)
    elif made.type.weak:
        made = convert(made, _STRONG[made.dtype.kind])
    if copy and type(made) is Array and made is obj:
        return from_numpy(np.asarray(made))
    return made


def _single(obj: Any, wanted: DType | None) -> Array:
    """One value; a Python number is rounded once to the dtype that it will have."""
    if isinstance(obj, bool | int | float | complex) and not isinstance(obj, np.generic):
        dtype = wanted or _STRONG[weak_type(obj).dtype.kind]
        value = checked_number("asarray", obj, dtype)
        if isinstance(obj, complex) and dtype.kind != "c":
            raise ArrayTypeError(f"asarray: {obj} does not fit {dtype}")
        return _fresh(scalar(int(value) if dtype.kind in "iu" else value, dtype))
    if hasattr(obj, "__array__") and not isinstance(obj, Array | np.ndarray | np.generic):
        return from_numpy(np.asarray(obj))
    return array("asarray", obj)


def _fresh(literal: Array) -> Array:
    """An array of its own, which a trace closes over instead of writing it down as a literal."""
    return Array(literal.type, literal.owner, literal.address, literal.device_name)


def _nested(obj: Sequence[Any]) -> Array:
    if _plain(obj):
        return _from_python(obj)
    parts = [_nested(o) if isinstance(o, list | tuple) else array("asarray", o) for o in obj]
    shapes = {p.shape for p in parts}
    if len(shapes) > 1:
        raise ShapeError(f"asarray: a list needs entries of one shape, got {', '.join(map(str, sorted(shapes)))}")
    dtype, weak = promote(*(p.type for p in parts))
    dtype = _STRONG[dtype.kind] if weak else dtype
    return concatenate(*(expand_dims(convert(p, dtype), (0,)) for p in parts), axis=0)


def _plain(obj: Any) -> bool:
    """Whether nested lists hold nothing but Python and NumPy numbers."""
    if isinstance(obj, list | tuple):
        return builtins.all(map(_plain, obj))  # pyright: ignore[reportUnknownVariableType]
    return isinstance(obj, bool | int | float | complex | np.generic)


def _from_python(obj: Sequence[Any]) -> Array:
    try:
        value = np.asarray(obj)
    except ValueError:
        raise ShapeError(f"asarray: a list needs rows of one length, got {_lengths(obj)}; pad the short ones") from None
    if value.dtype == object:
        raise NumberRangeError("asarray: an int in the list does not fit int64")
    numpy_numbers = _any_numpy(obj)
    if value.dtype.kind == "f" and not numpy_numbers:
        value = value.astype(np.float32)
    if value.dtype.kind == "c" and not numpy_numbers:
        value = value.astype(np.complex64)
    if value.dtype == np.uint64 and not numpy_numbers:
        raise NumberRangeError("asarray: an int in the list does not fit int64")
    return from_numpy(value.astype(np.float32) if value.size == 0 and not numpy_numbers else value)


def _lengths(rows: Sequence[Any]) -> str:
    """Lengths of the rows of the outermost list whose rows differ."""
    lengths = [len(r) if isinstance(r, list | tuple) else 0 for r in rows]  # pyright: ignore[reportUnknownArgumentType]
    if len(set(lengths)) > 1:
        return f"lengths {', '.join(map(str, lengths))}"
    return next((_lengths(r) for r in rows if isinstance(r, list | tuple)), "other ones")  # pyright: ignore


def _any_numpy(obj: Any) -> bool:
    return builtins.any(map(_any_numpy, obj)) if isinstance(obj, list | tuple) else isinstance(obj, np.generic)


# ---- constants


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """An array of one value; its dtype is that of the value (the default ones for Python numbers)."""
    if isinstance(fill_value, bool | int | float | complex):  # a literal, which a trace does not close over
        return _constant("full", shape, fill_value, type(fill_value) if dtype is None else dtype)
    value = asarray(fill_value, dtype=dtype)
    if value.shape:
        raise ShapeError(f"full: the value is one number, got {value.type}")
    return broadcast(value, checked_shape("full", shape), ())


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros, f32 by default."""
    return _constant("zeros", shape, 0, dtype)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Ones, f32 by default."""
    return _constant("ones", shape, 1, dtype)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros: there is no memory without values here."""
    return _constant("empty", shape, 0, dtype)


def _constant(who: str, shape: Any, value: complex, dtype: Any) -> Array:
    kind = as_dtype(DEFAULT_FLOAT if dtype is None else dtype)
    return broadcast(scalar(checked_number(who, value, kind), kind), checked_shape(who, shape), ())


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """One value in the shape of x, and its dtype by default."""
    x = array("full_like", x)
    return full(x.shape, fill_value, dtype=dtype or x.dtype)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros in the shape of x, and its dtype by default."""
    return full_like(x, 0, dtype=dtype)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Ones in the shape of x, and its dtype by default."""
    return full_like(x, 1, dtype=dtype)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros in the shape of x."""
    return full_like(x, 0, dtype=dtype)


# ---- ranges


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Array:
    """``start + i · step`` for i = 0, 1, ... below ``stop`` (docs/numerics.md): the bounds are Python numbers.

    Integers give i64, floats f32, unless ``dtype`` says. Raises ArrayTypeError for traced bounds, ShapeError for
    a step of 0.
    """
    if stop is None:
        start, stop = 0, start
    for value in (start, stop, step):
        if not isinstance(value, int | float | np.generic):
            raise ArrayTypeError(
                f"arange: bounds are Python numbers, since they give the shape, got a traced "
                f"{value.type.strong}; "
                "make the argument static (static_argnums), or mask a longer range"
            )
    if step == 0:
        raise ShapeError("arange: the step must not be 0")
    ints = builtins.all(isinstance(v, int | np.integer) for v in (start, stop, step))
    wanted = as_dtype(dtype) if dtype is not None else DEFAULT_INT if ints else DEFAULT_FLOAT
    count = max(0, int(np.ceil((stop - start) / step)))
    index = iota(wanted, (count,), 0)
    first, by = (scalar(checked_number("arange", v, wanted), wanted) for v in (start, step))
    scaled = index if step == 1 else mul(index, by)
    return scaled if start == 0 and wanted.kind in "iu" else add(first, scaled)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Array:
    """``num`` numbers from start to stop: ``start + i · ((stop - start)/(num - 1))``, the last is stop.

    Without ``endpoint`` the divisor is num. ``start`` and ``stop`` are numbers (0-d).
    """
    count = checked_shape("linspace", num)[0]
    wanted = as_dtype(dtype) if dtype is not None else _float_of(start, stop)
    first, last = (cast("linspace", array("linspace", v) if not _number(v) else v, wanted) for v in (start, stop))
    parts = count - 1 if endpoint else count
    if count == 0 or parts == 0:
        return broadcast(first, (count,), ())
    step = div(sub(last, first), scalar(parts, wanted))
    values = add(first, mul(iota(wanted, (count,), 0), step))
    if not endpoint:
        return values
    at_end = eq(iota(DEFAULT_INT, (count,), 0), scalar(count - 1, DEFAULT_INT))
    return select(at_end, last, values)


def _number(value: Any) -> bool:
    return isinstance(value, bool | int | float | complex) and not isinstance(value, np.generic)


def _float_of(*values: Any) -> DType:
    dtype, weak = promote(*(weak_type(v) if _number(v) else array("linspace", v).type for v in values))
    return DEFAULT_FLOAT if weak or dtype.kind in "biu" else dtype


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Array:
    """Ones on diagonal k, zeros elsewhere: [n_rows, n_cols], f32 by default."""
    shape = checked_shape("eye", (n_rows, n_rows if n_cols is None else n_cols))
    on = eq(add(iota(DEFAULT_INT, shape, 0), scalar(k, DEFAULT_INT)), iota(DEFAULT_INT, shape, 1))
    return convert(on, as_dtype(dtype or DEFAULT_FLOAT))


def tril(x: Any, /, *, k: int = 0) -> Array:
    """The lower triangle of matrices [..., m, n], up to diagonal k; zeros elsewhere."""
    return _triangle("tril", x, k, True)


def triu(x: Any, /, *, k: int = 0) -> Array:
    """The upper triangle of matrices [..., m, n], from diagonal k on; zeros elsewhere."""
    return _triangle("triu", x, k, False)


def _triangle(who: str, x: Any, k: int, lower: bool) -> Array:
    x = array(who, x)
    if x.ndim < 2:
        raise ShapeError(f"{who} takes matrices, got {x.type}")
    rows, columns = (iota(DEFAULT_INT, x.shape[-2:], a) for a in (0, 1))
    bound = add(rows, scalar(k, DEFAULT_INT))
    keep = ge(bound, columns) if lower else ge(columns, bound)
    return select(broadcast_to(keep, x.shape), x, scalar(0, x.dtype))


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of a grid, by matrix (``ij``) or Cartesian (``xy``) indexing."""
    if indexing not in ("xy", "ij"):
        raise ArrayTypeError(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}")
    xs = [array("meshgrid", a) for a in arrays]
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = [1, 0]
    shape = tuple(xs[i].shape[0] for i in order)
    return [broadcast(x, shape, (order.index(i),)) for i, x in enumerate(xs)]


def diag(x: Any, /, *, k: int = 0) -> Array:
    """A matrix with x on diagonal k, or the diagonal k of a matrix."""
    x = array("diag", x)
    if x.ndim == 1:
        n = x.shape[0] + abs(k)
        padded = concatenate(x, broadcast(scalar(0, x.dtype), (abs(k),), ()), axis=0)
        spread = broadcast(padded, (n, n), (0,) if k >= 0 else (1,))
        return select(eye(n, n, k=k, dtype=bool_), spread, scalar(0, x.dtype))
    return diagonal(x, offset=k)


def diagonal(x: Any, /, *, offset: int = 0) -> Array:
    """The diagonals of matrices [..., m, n]: [..., length]."""
    x = array("diagonal", x)
    if x.ndim < 2:
        raise ShapeError(f"diagonal takes matrices, got {x.type}")
    m, n = x.shape[-2:]
    start = max(offset, 0) if offset >= 0 else -offset * n
    length = max(0, min(m, n - offset) if offset >= 0 else min(m + offset, n))
    from_flat = reshaped(x, (*x.shape[:-2], m * n))
    axis = one_axis("diagonal", -1, from_flat.ndim)
    stop = start + (length - 1) * (n + 1) + 1 if length else start
    return from_flat[(*[slice(None)] * axis, slice(start, stop, n + 1))]


def result_type(*values: Any) -> DType:
    """The dtype that operands have in common."""
    dtype, weak = promote(*map(_type, values))
    return _STRONG[dtype.kind] if weak else dtype


def _type(value: Any) -> ArrayType:
    if isinstance(value, DType):
        return ArrayType(value)
    return weak_type(value) if _number(value) else array("result_type", value).type
