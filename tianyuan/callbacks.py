"""Calls to the host from inside programs: ``pure_callback``, ``debug.print``, ``debug.callback``, ``debug.breakpoint``.

A callback is one equation. Those of ``debug`` are effects: never dropped or merged, always in program order,
entry by entry under ``vmap``, iteration by iteration in loops; to differentiation they are invisible.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from tianyuan import lowering, tree
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.control.looping import per_entry
from tianyuan.core import Prim, primitive
from tianyuan.errors import ArrayTypeError, CallbackError, NoRuleError
from tianyuan.transforms.arguments import flat_arrays, name_of
from tianyuan.types import ArrayType, DType, as_dtype

Numpy = np.ndarray[Any, Any]


@frozen(eq=False)
class HostFunction:
    """A Python function over NumPy arrays; two are equal only if they are one. It cannot be parsed from text."""

    name: str
    call: Callable[..., Sequence[Numpy]]

    def __repr__(self) -> str:
        return f"<host function {self.name}>"


def _no_cases(dtype: DType) -> list[Case]:
    return []  # tested as composites


@primitive
class Callback(Prim):
    """Call ``function`` on the host with the arguments as read-only NumPy arrays."""

    function: HostFunction
    results: tuple[ArrayType, ...]
    effect: str  # "" for a pure function
    multiple = True
    cases = Cases(_no_cases, ())

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """As promised."""
        return self.results

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """A call of the host."""
        return lowering.Extern(self.function.call)

    def effects(self) -> frozenset[str]:
        """Its own, unless pure."""
        return frozenset((self.effect,)) if self.effect else frozenset()

    def oracle(self, *args: Any) -> Any:
        """The function itself."""
        return self.function.call(*args)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """Effects do not see tangents; a pure callback has no derivative that we could know."""
        if self.results:
            raise NoRuleError(
                f"pure_callback of {self.function.name} has no derivative; give a function around it a custom_jvp or "
                "custom_vjp rule"
            )
        return self(*primals), ()

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """Entry by entry, in order."""
        return per_entry(self, size, args, dims), [0] * len(self.results)


def pure_callback(callback: Callable[..., Any], result_shape_dtypes: Any, *args: Any, **kwargs: Any) -> Any:
    """``callback(*args, **kwargs)`` on the host, from eager code and from inside jit, vmap, loops and branches.

    The callback gets trees of NumPy arrays and returns a tree like ``result_shape_dtypes`` (leaves with ``shape``
    and ``dtype``). It must be a pure function: it may be called again, or not at all if its result is unused.
    Raises CallbackError if it returns something else; its own exceptions reach the caller.
    """
    wanted, out_shape = tree.flatten(result_shape_dtypes)
    types = tuple(ArrayType(as_dtype(w.dtype), tuple(w.shape)) for w in wanted)
    arrays, shape = flat_arrays((args, kwargs), "pure_callback", "argument ")
    name = name_of(callback)

    def call(*values: Numpy) -> list[Numpy]:
        given, named = tree.unflatten(shape, values)
        return _checked(name, callback(*given, **named), out_shape, types)

    return tree.unflatten(out_shape, Callback(HostFunction(name, call), types, "")(*arrays))


def _checked(name: str, value: Any, shape: tree.Structure, types: Sequence[ArrayType]) -> list[Numpy]:
    leaves, got = tree.flatten(value)
    if got != shape:
        raise CallbackError(f"pure_callback: {tree.difference(shape, got, f'the result of {name}')}")
    arrays = [np.asarray(x) for x in leaves]
    for path, a, t in zip(tree.paths(value), arrays, types, strict=True):
        if a.shape != t.shape or a.dtype != t.dtype.numpy:
            try:
                shown = str(ArrayType(as_dtype(a.dtype), a.shape))
            except ArrayTypeError:
                shown = f"{a.dtype}{list(a.shape)}"
            raise CallbackError(
                f"pure_callback: the result{path} of {name} is {shown}, expected {t} as result_shape_dtypes says; "
                f"return it as np.asarray(value, np.{t.dtype}) of shape {t.shape}"
            )
    return [np.ascontiguousarray(a) for a in arrays]


class debug:
    """Looking into programs as they run."""

    @staticmethod
    def callback(callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call ``callback`` with trees of NumPy arrays, for its effect; what it returns is ignored."""
        _effect("debug.callback", "callback", callback, args, kwargs)

    @staticmethod
    def print(text: str, *args: Any, **kwargs: Any) -> None:
        """Print ``text.format(*args, **kwargs)`` whenever the program gets here.

        ``debug.print("x = {x}", x=x)``. Raises ArrayTypeError at once if the text does not fit the arguments.
        """
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ArrayTypeError(
                f'debug.print takes a text first, got {type(text).__name__}: write debug.print("{{}}", x)'
            )
        try:
            text.format(*tree.map(lambda _: np.zeros(()), args), **tree.map(lambda _: np.zeros(()), kwargs))
        except (IndexError, KeyError) as error:
            raise ArrayTypeError(f"debug.print: the text {text!r} asks for {error}, which is not given") from None
        except (ValueError, TypeError, AttributeError):
            pass  # a format of the values themselves, which are not known yet
        _effect("debug.print", "print", lambda *a, **k: print(text.format(*a, **k), flush=True), args, kwargs)

    @staticmethod
    def breakpoint(**values: Any) -> None:
        """Stop in Python's debugger whenever the program gets here, with ``values`` as local variables."""
        _effect("debug.breakpoint", "callback", _pause, (), values)


def _pause(**values: Any) -> None:
    debugger = importlib.import_module("pdb").Pdb()  # costs more to import than all of this package
    debugger.prompt = "(tianyuan) "
    debugger.runctx("pass", {}, values)


def _effect(who: str, effect: str, callback: Callable[..., Any], args: Any, kwargs: Any) -> None:
    arrays, shape = flat_arrays((tuple(args), dict(kwargs)), who, "argument ")

    def call(*values: Numpy) -> list[Numpy]:
        given, named = tree.unflatten(shape, values)
        callback(*given, **named)
        return []

    Callback(HostFunction(name_of(callback), call), (), effect)(*arrays)
