"""Constants and ranges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.interchange import asarray, number
from tianyuan.functions.operands import (
    NUMBERS,
    array,
    cast,
    check_device,
    checked_number,
    checked_shape,
    common_dtype,
    is_number,
    settled,
)
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import iota
from tianyuan.prims.linear import broadcast
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.types import (
    DEFAULT_FLOAT,
    DEFAULT_INT,
    DType,
    accumulator,
    as_dtype,
    float64,
    weak_type,
)

# ---- constants


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """An array of one value; its dtype is that of the value (the default ones for Python numbers)."""
    if isinstance(fill_value, NUMBERS):  # a literal, which a trace does not close over
        return _constant("full", shape, fill_value, type(fill_value) if dtype is None else dtype, device)
    value = asarray(fill_value, dtype=dtype, device=device)
    if value.shape:
        raise ShapeError(f"full: the value is one number, got {value.type}")
    return broadcast(value, checked_shape("full", shape), ())


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros, f32 by default."""
    return _constant("zeros", shape, 0, dtype, device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Ones, f32 by default."""
    return _constant("ones", shape, 1, dtype, device)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros: there is no memory without values here."""
    return _constant("empty", shape, 0, dtype, device)


def _constant(who: str, shape: Any, value: complex, dtype: Any, device: Any) -> Array:
    check_device(who, device)
    kind = as_dtype(DEFAULT_FLOAT if dtype is None else dtype)
    return broadcast(number(who, value, kind), checked_shape(who, shape), ())


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Array:
    """One value in the shape of x, and its dtype by default."""
    x = settled("full_like", x)
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=device)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros in the shape of x, and its dtype by default."""
    return full_like(x, 0, dtype=dtype, device=device)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Ones in the shape of x, and its dtype by default."""
    return full_like(x, 1, dtype=dtype, device=device)


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Array:
    """Zeros in the shape of x."""
    return full_like(x, 0, dtype=dtype, device=device)


# ---- ranges


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Array:
    """``start + i · step`` for i = 0, 1, ... below ``stop`` (docs/numerics.md): the bounds are numbers known now.

    Integers give i64, floats f32, unless ``dtype`` says; 16-bit floats are computed in f32. Raises ArrayTypeError
    for traced bounds, ShapeError for a step of 0.
    """
    check_device("arange", device)
    if stop is None:
        start, stop = 0, start
    start, stop, step = (_bound(v) for v in (start, stop, step))
    if step == 0:
        raise ShapeError("arange: the step must not be 0")
    whole = isinstance(start, int) and isinstance(stop, int) and isinstance(step, int)
    wanted = as_dtype(dtype) if dtype is not None else DEFAULT_INT if whole else DEFAULT_FLOAT
    count = max(0, -((start - stop) // step) if whole else math.ceil((stop - start) / step))
    computed = accumulator(wanted)
    first, by = (scalar(checked_number("arange", v, wanted), computed) for v in (start, step))
    index = iota(computed, (count,), 0)
    scaled = index if step == 1 else mul(index, by)
    return convert(scaled if start == 0 and whole else add(first, scaled), wanted)


def _bound(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()  # pyright: ignore[reportUnknownVariableType]
    if is_number(value) and not isinstance(value, complex):
        return int(value) if isinstance(value, bool) else value
    got = f"a traced {value.type.strong}" if isinstance(value, Array) else f"{type(value).__name__} {value!r}"
    raise ArrayTypeError(
        f"arange: bounds are real Python or NumPy numbers, since they give the shape, got {got}; "
        "make the argument static (static_argnums), or mask a longer range"
    )


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Array:
    """``num`` numbers from start to stop: ``start + i · ((stop - start)/(num - 1))``, the last is stop.

    Without ``endpoint`` the divisor is num. ``start`` and ``stop`` are numbers (0-d). Integers are computed in f64,
    16-bit floats in f32, and converted.
    """
    check_device("linspace", device)
    count = checked_shape("linspace", num)[0]
    wanted = as_dtype(dtype) if dtype is not None else _float_of(start, stop)
    computed = accumulator(wanted) if wanted.kind in "fc" else float64
    first, last = (cast("linspace", v if is_number(v) else array("linspace", v), computed) for v in (start, stop))
    if first.shape or last.shape:
        raise ShapeError(f"linspace: start and stop are numbers (0-d), got {first.type} and {last.type}")
    return convert(_steps(first, last, count, endpoint), wanted)


def _steps(first: Array, last: Array, count: int, endpoint: bool) -> Array:
    parts = count - 1 if endpoint else count
    if parts < 1:
        return broadcast(first, (count,), ())
    step = div(sub(last, first), scalar(parts, first.dtype))
    values = add(first, mul(iota(first.dtype, (count,), 0), step))
    if not endpoint:
        return values
    at_end = eq(iota(DEFAULT_INT, (count,), 0), scalar(count - 1, DEFAULT_INT))
    return select(at_end, last, values)


def _float_of(*values: Any) -> DType:
    dtype, weak = common_dtype(
        "linspace", [weak_type(v) if is_number(v) else array("linspace", v).type for v in values]
    )
    if weak and dtype.kind == "c":
        return as_dtype(complex)
    return DEFAULT_FLOAT if weak or dtype.kind in "biu" else dtype


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Array:
    """Ones on diagonal k, zeros elsewhere: [n_rows, n_cols], f32 by default."""
    check_device("eye", device)
    shape = checked_shape("eye", (n_rows, n_rows if n_cols is None else n_cols))
    on = eq(add(iota(DEFAULT_INT, shape, 0), scalar(k, DEFAULT_INT)), iota(DEFAULT_INT, shape, 1))
    return convert(on, as_dtype(dtype or DEFAULT_FLOAT))


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Array]:
    """Coordinate arrays of a grid, by matrix (``ij``) or Cartesian (``xy``) indexing."""
    if indexing not in ("xy", "ij"):
        raise ArrayTypeError(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}")
    xs = [settled("meshgrid", a) for a in arrays]
    if any(x.ndim > 1 for x in xs):
        raise ShapeError(f"meshgrid takes vectors, got {', '.join(str(x.type) for x in xs)}")
    order = list(range(len(xs)))
    if indexing == "xy" and len(xs) > 1:
        order[:2] = [1, 0]
    shape = tuple(xs[i].size for i in order)
    return [broadcast(x, shape, (order.index(i),) if x.ndim else ()) for i, x in enumerate(xs)]
