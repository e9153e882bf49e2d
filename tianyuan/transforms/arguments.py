"""From a user's call to flat arrays and back: leaves, argument numbers, and errors that name the argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import ArrayTypeError
from tianyuan.types import weak_type


def is_array_like(value: Any) -> bool:
    """Whether a leaf stands for an array: an Array, a NumPy array or scalar, a Python number."""
    return isinstance(value, Array | np.ndarray | np.generic | bool | int | float | complex)


def as_array(value: Any) -> Array:
    """The Array of a leaf. Python numbers become weak 0-d values."""
    if isinstance(value, Array):
        return value
    if isinstance(value, np.ndarray | np.generic):
        return from_numpy(np.asarray(value))
    if not is_array_like(value):
        raise ArrayTypeError(f"expected an array or a number, got {type(value).__name__}: {value!r}")
    kind = weak_type(value)
    if kind.dtype.kind == "i" and not -(2**63) <= value < 2**63:
        raise OverflowError(f"{value} does not fit int64")
    made = scalar(value, kind.dtype, kind.weak)
    return Array(made.type, made.owner, made.address, made.device_name)


def flat_arrays(values: Any, who: str, what: str) -> tuple[list[Array], tree.Structure]:
    """The leaves of a tree as arrays; ArrayTypeError names the path of a leaf that is none."""
    leaves, shape = tree.flatten(values)
    try:
        return [x if isinstance(x, Array) else as_array(x) for x in leaves], shape
    except ArrayTypeError:
        path, bad = next((p, x) for p, x in tree.flatten_with_path(values)[0] if not is_array_like(x))
        raise ArrayTypeError(
            f"{who}: {what}{path} must be an array or a number, got {type(bad).__name__} {bad!r}; "
            "mark it static or keep it out of the arguments"
        ) from None


def name_of(fun: Callable[..., Any]) -> str:
    """A function's name, for messages."""
    return getattr(fun, "__name__", None) or type(fun).__name__


def parameter_names(fun: Callable[..., Any]) -> list[str]:
    """Names of the positional parameters, as far as Python knows them."""
    try:
        return list(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        return []


def argument_name(fun: Callable[..., Any], position: int) -> str:
    """The name of argument ``position``, for messages."""
    names = parameter_names(fun)
    return f"argument {position} ({names[position]})" if position < len(names) else f"argument {position}"


def checked_argnums(who: str, argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    """``argnums`` as non-negative ints below ``count``."""
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for n in wanted:
        if not -count <= n < count:
            raise ArrayTypeError(f"{who}: argnums names argument {n}, but the call has {count} positional ones")
    return tuple(n % count for n in wanted)


@frozen(eq=False)
class FlatFunction:
    """A user's function over flat arrays: some positional arguments vary, the rest is fixed."""

    fun: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    argnums: tuple[int, ...]
    structure: tree.Structure
    box: list[Any]  # receives the output's structure and the auxiliary value
    has_aux: bool

    def __call__(self, *flat: Array) -> list[Array]:
        """Results as flat arrays."""
        args = list(self.args)
        for n, value in zip(self.argnums, tree.unflatten(self.structure, flat), strict=True):
            args[n] = value
        out = self.fun(*args, **self.kwargs)
        aux = None
        if self.has_aux:
            out, aux = _pair(out, name_of(self.fun))
        arrays, shape = flat_arrays(out, name_of(self.fun), "the result")
        self.box[:] = [shape, aux]
        return arrays


def _pair(out: Any, name: str) -> tuple[Any, Any]:
    if not (isinstance(out, tuple) and len(out) == 2):  # pyright: ignore[reportUnknownArgumentType]
        raise ArrayTypeError(f"{name}: with has_aux=True the function returns (value, aux), got {type(out).__name__}")
    return out  # pyright: ignore


def flat_function(
    who: str,
    fun: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    argnums: tuple[int, ...],
    has_aux: bool = False,
) -> tuple[FlatFunction, list[Array]]:
    """The function of the arguments in ``argnums``, flattened, and those arguments' arrays."""
    for n in argnums:
        flat_arrays(args[n], who, argument_name(fun, n))
    varying = tuple(args[n] for n in argnums)
    arrays, shape = flat_arrays(varying, who, "argument ")
    return FlatFunction(fun, tuple(args), kwargs, argnums, shape, [], has_aux), arrays
