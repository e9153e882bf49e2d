"""From a user's call to flat arrays and back: leaves, argument numbers, and errors that name the argument."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from attrs import frozen

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import ArrayTypeError, NumberRangeError
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
        raise ArrayTypeError(f"expected an array or a number, got {described(value)}")
    kind = weak_type(value)
    if kind.dtype.kind == "i" and not -(2**63) <= value < 2**63:
        raise NumberRangeError(f"{value} does not fit int64")
    made = scalar(value, kind.dtype, kind.weak)
    return Array(made.type, made.owner, made.address, made.device_name)


def flat_arrays(values: Any, who: str, what: str | Callable[[str], str]) -> tuple[list[Array], tree.Structure]:
    """The leaves of a tree as arrays; ArrayTypeError names the path of a leaf that is none."""
    leaves, shape = tree.flatten(values)
    try:
        return [x if isinstance(x, Array) else as_array(x) for x in leaves], shape
    except ArrayTypeError:
        path, bad = next((p, x) for p, x in tree.flatten_with_path(values)[0] if not is_array_like(x))
        where = what(path) if callable(what) else what + path
        given = name_of(bad) if callable(bad) else repr(bad)
        repair = (
            "return arrays only" if "result" in where else "make it static (jit's static_argnums), or close over it"
        )
        raise ArrayTypeError(
            f"{who}: {where} must be an array or a number, got the {type(bad).__name__} {given}; {repair}"
        ) from None


def described(value: Any) -> str:
    """What a value is, for messages: the type of an array, a Python number, a container."""
    if isinstance(value, Array):
        weak = {"i": "int", "f": "float", "c": "complex number", "b": "bool"}
        return f"the Python {weak[value.dtype.kind]}" if value.type.weak and not value.shape else str(value.type)
    if isinstance(value, int | float | complex):
        return f"the Python {type(value).__name__} {value!r}"
    return "None" if value is None else f"a {type(value).__name__}"


def called(who: str, fun: Callable[..., Any], args: Sequence[Any], kwargs: Any = MappingProxyType({})) -> Any:
    """``fun(*args, **kwargs)``; ArrayTypeError where that is no function of such arguments."""
    try:
        return fun(*args, **kwargs)
    except TypeError as error:
        trace = error.__traceback__
        if isinstance(error, ArrayTypeError) or trace is None or trace.tb_next is not None:
            raise  # from inside the function
        if not callable(fun):
            raise ArrayTypeError(f"{who} takes functions, got {described(fun)}") from None
        given = f"{len(args) + len(kwargs)} argument{'s' if len(args) + len(kwargs) != 1 else ''}"
        names = ", ".join(parameter_names(fun))
        raise ArrayTypeError(f"{who} calls {name_of(fun)}({names}) with {given}, which it does not take") from None


def path_in_call(fun: Callable[..., Any], path: str) -> str:
    """A path into ``(args, kwargs)`` as an argument's: ``[0][1]['w']`` is ``argument 1 (params)['w']``."""
    found = re.match(r"\[0\]\[(\d+)\](.*)", path, re.DOTALL)
    if found is not None:
        return argument_name(fun, int(found[1])) + found[2]
    return f"argument {path.removeprefix('[1]')}"


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
            raise ArrayTypeError(
                f"{who}: argnums names argument {n}, but the call has {count} positional ones, 0 to {count - 1}"
            )
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
        raise ArrayTypeError(
            f"{name}: with has_aux=True the function returns a pair (value, aux), got {described(out)}"
        )
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
