"""What users pass, as arrays of one dtype and shape: promotion, weak numbers, broadcasting, axes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array, NotAnOperand
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import ArrayTypeError, MachineError, NumberRangeError, ShapeError
from tianyuan.prims.conversion import Convert, convert, strong
from tianyuan.prims.linear import broadcast_to
from tianyuan.settings import config
from tianyuan.types import (
    DEFAULT_FLOAT,
    DEFAULT_INT,
    ArrayType,
    DType,
    bool_,
    complex128,
    float64,
    promote,
    weak_type,
)

Ints = tuple[int, ...]
Axis = int | Sequence[int] | None
NUMBERS = (bool, int, float, complex)


def array(who: str, value: Any) -> Array:
    """One operand as an array; Python numbers become weak 0-d values."""
    if isinstance(value, Array):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return from_numpy(np.asarray(value))
    if isinstance(value, NUMBERS):
        return scalar(checked_number(who, value, weak_type(value).dtype), weak_type(value).dtype, weak_type(value).weak)
    raise NotAnOperandError(f"{who} takes arrays and numbers, got {type(value).__name__}: {value!r}")


class NotAnOperandError(NotAnOperand, ArrayTypeError):
    """An operand that is neither an array nor a number."""


def checked_number(who: str, value: Any, dtype: DType) -> Any:
    """A Python number that the dtype can hold; OverflowError for an int out of range (of i64, beside floats)."""
    if isinstance(value, int) and not isinstance(value, bool):
        held = dtype if dtype.kind in "iu" else DEFAULT_INT
        low = -(1 << (held.bits - 1)) if held.kind == "i" else 0
        if not low <= value < low + (1 << held.bits):
            raise NumberRangeError(
                f"{who}: {value} does not fit {held}, which holds {low} to {low + (1 << held.bits) - 1}; "
                "convert the array first"
            )
    return value


def settled(who: str, value: Any) -> Array:
    """One operand as an array with a dtype of its own: a number has the default one of its kind."""
    return strong(array(who, value))


def promoted(who: str, *values: Any) -> list[Array]:
    """Operands in their common dtype (docs/numerics.md, The laws: a Python number is rounded once)."""
    found = [v if is_number(v) else array(who, v) for v in values]
    dtype, weak = common_dtype(who, [weak_type(v) if is_number(v) else v.type for v in found])
    return [cast(who, v, dtype, weak) for v in found]


def common_dtype(who: str, types: Sequence[ArrayType]) -> tuple[DType, bool]:
    """The promoted dtype of some types, and whether it is weak; ArrayTypeError that names the function."""
    try:
        return promote(*types)
    except ArrayTypeError as error:
        raise ArrayTypeError(f"{who}: {error}") from None


def is_number(value: Any) -> bool:
    """Whether a value is a Python number (NumPy's are arrays: they have a dtype)."""
    return isinstance(value, NUMBERS) and not isinstance(value, np.generic)


def cast(who: str, value: Any, dtype: DType, weak: bool = False) -> Array:
    """An array or Python number in a dtype."""
    if is_number(value):
        return scalar(checked_number(who, value, dtype), dtype, weak)
    if not weak:
        return convert(value, dtype)
    return value if value.dtype == dtype else Convert(dtype)(value)  # which stays weak


def floating(who: str, value: Any) -> Array:
    """The operand as a float or complex array: integers become the default float, numbers stay weak."""
    if is_number(value):
        dtype = complex128 if isinstance(value, complex) else float64
        return scalar(checked_number(who, value, dtype), dtype, True)
    x = array(who, value)
    if x.dtype.kind in "fc":
        return x
    return Convert(float64)(x) if x.type.weak else convert(x, DEFAULT_FLOAT)


def floats(who: str, *values: Any) -> list[Array]:
    """Promoted operands of one shape, as floats or complex numbers: integers become the default float."""
    xs = promoted(who, *values)
    return spread(who, xs if xs[0].dtype.kind in "fc" else [floating(who, x) for x in xs])


def broadcast_shapes(who: str, *shapes: Ints) -> Ints:
    """The common shape; ShapeError naming the shapes that do not fit."""
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(s)) + tuple(s) for s in shapes]
    result: list[int] = []
    for sides in zip(*padded, strict=True):
        wide = {n for n in sides if n != 1}
        if len(wide) > 1:
            listed = " and ".join(str(list(s)) for s in shapes)
            repair = "axes are aligned at the right; reshape one, or add an axis with [:, None]"
            raise ShapeError(f"{who}: shapes {listed} do not broadcast: {repair}")
        result.append(wide.pop() if wide else 1)
    return tuple(result)


def together(who: str, *values: Any) -> list[Array]:
    """Promoted operands of one shape; 0-d ones stay 0-d among others, for element-wise primitives."""
    if _alike(values):
        return list(values)
    return spread(who, promoted(who, *values))


def _alike(values: Sequence[Any]) -> bool:
    """Whether these are arrays of one type that is not weak: most are, and looking is quick."""
    first = values[0].type if isinstance(values[0], Array) else None
    if first is None or first.weak:
        return False
    return all([isinstance(v, Array) and (v.type is first or v.type == first) for v in values[1:]])


def spread(who: str, xs: Sequence[Array]) -> list[Array]:
    """Arrays broadcast against each other, but for 0-d ones among others."""
    shapes = {x.shape for x in xs}
    if len(shapes) == 1 or len(shapes - {()}) == 1:
        return list(xs)
    shape = broadcast_shapes(who, *(x.shape for x in xs))
    return [x if not x.shape else broadcast_to(x, shape) for x in xs]


def elementwise(
    name: str,
    prim: Callable[..., Array],
    doc: str,
    *,
    kinds: str = "biufc",
    among: Callable[..., list[Array]] = together,
) -> Callable[[Any, Any], Array]:
    """A public function of two operands, promoted and broadcast (``among=floats``: integers as floats)."""

    def function(x1: Any, x2: Any, /) -> Array:
        xs = among(name, x1, x2)
        check_kind(name, xs[0], kinds)
        return prim(*xs)

    return named(function, name, doc)


def floating_unary(name: str, prim: Callable[..., Array], doc: str, *, kinds: str = "fc") -> Callable[[Any], Array]:
    """A public function of one float (integers become the default float)."""

    def function(x: Any, /) -> Array:
        value = floating(name, x)
        check_kind(name, value, kinds)
        return prim(value)

    return named(function, name, doc)


def named(function: Any, name: str, doc: str) -> Any:
    """The function with its public name and docstring."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    function.__module__ = "tianyuan"
    return function


_KINDS = {
    "b": "bool",
    "i": "signed integers",
    "u": "unsigned integers",
    "f": "floats",
    "c": "complex numbers",
    "k": "random keys",
}


def check_kind(who: str, x: Array, kinds: str) -> None:
    """ArrayTypeError unless the array's kind is among ``kinds``."""
    if x.dtype.kind not in kinds:
        raise ArrayTypeError(f"{who} takes {', '.join(_KINDS[k] for k in kinds)}, got {x.type}; convert it with astype")


# ---- axes


def one_axis(who: str, axis: Any, x: Array | int) -> int:
    """An axis of an array (or of a number of axes) counted from the front; ShapeError where there is none."""
    ndim = x if isinstance(x, int) else x.ndim
    try:
        number = operator.index(axis)
    except TypeError:
        raise ArrayTypeError(f"{who}: an axis is an int, got {axis!r}") from None
    if not -ndim <= number < ndim:
        what = f"an array with {ndim} axes" if isinstance(x, int) else x.type
        raise ShapeError(f"{who}: axis {number} is out of range for {what}")
    return number % ndim


def many_axes(who: str, axis: Axis, x: Array | int) -> Ints:
    """Axes counted from the front, increasing; all for None. ShapeError for one named twice."""
    if axis is None:
        return tuple(range(x if isinstance(x, int) else x.ndim))
    given = axis if isinstance(axis, Iterable) else (axis,)
    found = [one_axis(who, a, x) for a in given]
    if len(set(found)) < len(found):
        raise ShapeError(f"{who}: axis {axis!r} names one axis twice")
    return tuple(sorted(found))


def checked_shape(who: str, shape: Any) -> Ints:
    """A shape from an int or a sequence of ints; ShapeError for negative extents."""
    given: list[Any] = list(shape) if isinstance(shape, Iterable) else [shape]  # pyright: ignore
    try:
        found = tuple(operator.index(n) for n in given)
    except TypeError:
        raise ArrayTypeError(f"{who}: a shape is made of Python ints, got {_listed(given)}; {_STATIC}") from None
    if any(n < 0 for n in found):
        raise ShapeError(f"{who}: extents must not be negative, got {found}")
    return found


_STATIC = "a shape cannot depend on traced values: make the argument static (static_argnums), or take it from x.shape"


def _listed(sizes: Sequence[Any]) -> str:
    return f"({', '.join(f'a traced {n.type.strong}' if isinstance(n, Array) else repr(n) for n in sizes)})"


def in_f32(x: Array) -> Array:
    """A 16-bit float as f32: functions of several operations convert at entry and round once at exit."""
    return convert(x, DEFAULT_FLOAT) if x.dtype.kind == "f" and x.dtype.bits == 16 else x


def rounded(y: Array, x: Array) -> Array:
    """A result computed in f32 (``in_f32``) in the operand's dtype."""
    return y if y.dtype == x.dtype else convert(y, x.dtype)


def like(value: complex, x: Array) -> Array:
    """A Python number in x's dtype, weak if x is."""
    return scalar(value, x.dtype, x.type.weak)


def logical(xs: list[Array]) -> list[Array]:
    """Operands of arithmetic: bools count as integers."""
    return [convert(x, DEFAULT_INT) for x in xs] if xs[0].dtype == bool_ else xs


def check_device(who: str, device: Any) -> None:
    """MachineError for a ``device`` that new arrays are not made on."""
    if device is not None and str(device) != config.default_device:
        raise MachineError(
            f"{who}: device={device!r} is not the default device, {config.default_device!r}; set config.default_device"
        )
