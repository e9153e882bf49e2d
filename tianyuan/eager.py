"""The base interpreter: run a primitive now, as a one-equation program of the machine that holds its arguments."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from attrs import fields

from tianyuan.array import Array
from tianyuan.core import Interpreter, Prim, bind, install_base
from tianyuan.errors import (
    ArrayTypeError,
    DonatedArrayError,
    LeakedTracerError,
    MachineError,
    OutOfBoundsError,
)
from tianyuan.machine import machine
from tianyuan.program import REPLAY, Eqn, Lit, Program, Var
from tianyuan.settings import config
from tianyuan.sources import REPLAYED
from tianyuan.sources import user_source as user_source
from tianyuan.types import ArrayType, DType, as_dtype, bfloat16


class Evaluate(Interpreter):
    """Run primitives on concrete arrays."""

    def process(self, prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
        """Run now; errors found while running name the user's line."""
        device = None
        for a in args:
            if type(a) is not Array:
                raise leaked(a, prim)
            if a.owner is None:
                check_alive(a)
            if not a.literal:
                device = a.device_name if device is None else _common(prim, device, a.device_name)
        device = device or config.default_device
        try:
            if _holds_programs(type(prim)):
                return _compiled(prim, tuple([a.type for a in args]), device)(args)
            return machine(device).evaluate(prim, args, REPLAYED.get())
        except OutOfBoundsError as error:
            raise _located(error) from None

    def custom(self, rule: Any, args: Sequence[Array]) -> Sequence[Array]:
        """A function with a derivative of the user's is just called."""
        return rule.fun(*args)


OPTIMIZED: dict[str, Any] = {}  # ``passes.optimize``, which stands on this file and installs itself


@functools.cache
def _holds_programs(cls: type[Prim]) -> bool:
    """Whether a primitive has Programs among its fields: a loop, a branch, a region, a custom function."""
    return any("Program" in str(f.type) for f in fields(cls))


@functools.lru_cache(4096)
def _compiled(prim: Prim, types: tuple[ArrayType, ...], device: str) -> Callable[[Sequence[Array]], list[Array]]:
    """Such a primitive compiled as a program of one equation, once all transformations are over."""
    params = tuple(Var(i, t) for i, t in enumerate(types))
    outs = tuple(Var(len(types) + i, t) for i, t in enumerate(prim.types(*types)))
    return machine(device).compile(OPTIMIZED["program"](Program(params, (Eqn(outs, prim, params),), outs)))


def _common(prim: Prim, one: str, other: str) -> str:
    """The device of two arrays."""
    if one != other:
        raise MachineError(f"{prim.name} got arrays of {one} and {other}; move one with device_put")
    return one


def check_alive(a: Array) -> None:
    """Raise DonatedArrayError for an array whose bytes were given away."""
    if a.owner is None:
        raise DonatedArrayError(
            f"this array ({a.type}) was donated to a jitted call and is gone; use the call's result"
        )


def leaked(a: Any, prim: Prim) -> Exception:
    """The error for a traced value met outside its trace."""
    if not isinstance(a, Array):
        return ArrayTypeError(f"{prim.name} takes arrays, got {type(a).__name__}")
    born = getattr(a, "source", None)
    where = f" (made at {born})" if born else ""
    return LeakedTracerError(
        f"a traced value {a.type}{where} is used at {user_source()} after its transformation has ended; "
        "return it from the transformed function instead of storing it"
    )


def _located(error: OutOfBoundsError) -> OutOfBoundsError:
    if " (at " in str(error):
        return error
    return OutOfBoundsError(f"{error} (at {user_source()})")


def replay(eqn: Eqn, args: Sequence[Array]) -> Sequence[Array]:
    """Bind a recorded equation with the line it was recorded at."""
    if eqn.source is None:
        return bind(eqn.prim, args)
    token = REPLAYED.set(eqn.source)
    try:
        return bind(eqn.prim, args)
    finally:
        REPLAYED.reset(token)


def from_numpy(value: np.ndarray[Any, Any], device: str | None = None) -> Array:
    """An array with a copy of a NumPy array's elements, whatever its layout and byte order."""
    dtype = as_dtype(value.dtype)
    straight = np.ascontiguousarray(value, dtype.numpy).reshape(value.shape)
    return machine(device or config.default_device).from_numpy(straight, ArrayType(dtype, value.shape))


def to_numpy(array: Array) -> np.ndarray[Any, Any]:
    """A read-only NumPy view of a concrete array."""
    if type(array) is not Array:
        return to_numpy(array.known())
    check_alive(array)
    return machine(array.device_name).to_numpy(array)


def scalar(value: Any, dtype: DType, weak: bool = False) -> Array:
    """A 0-d literal: a Python or NumPy number rounded once to ``dtype``; what is too large is infinite."""
    return _literal(rounded(np.asarray(value), dtype).tobytes(), ArrayType(dtype, (), weak))


def rounded(number: np.ndarray[Any, Any], dtype: DType) -> np.ndarray[Any, Any]:
    """NumPy values in ``dtype``; floats rounded once, what is too large is infinite."""
    if number.dtype == dtype.numpy:
        return number
    with np.errstate(all="ignore"):
        return (_odd_single(number) if dtype == bfloat16 else number).astype(dtype.numpy)


def _odd_single(number: np.ndarray[Any, Any]) -> Any:
    """f32 rounded to odd, one rounding from bf16 (NumPy's own cast to bf16 would go through f32 to nearest)."""
    exact = number.astype(np.longdouble)
    single = exact.astype(np.float32)
    nearer = np.where(np.abs(single) > np.abs(exact), np.nextafter(single, np.float32(0)), single)
    odd = (nearer.view(np.uint32) | np.uint32(1)).view(np.float32)
    return np.where((single == exact) | (exact != exact), single, odd)


@functools.lru_cache(4096)
def _literal(bits: bytes, type: ArrayType) -> Array:
    made = machine("cpu").from_numpy(np.frombuffer(bits, type.dtype.numpy).reshape(()), type)
    made.literal = True
    return made


def literal_of(array: Array) -> Lit:
    """The literal a 0-d array stands for."""
    return Lit(to_numpy(array).tobytes(), array.type)


def _from_literal(lit: Lit) -> Array:
    return _literal(lit.bits, lit.type)


REPLAY["bind"] = replay
REPLAY["literal"] = _from_literal
install_base(Evaluate())
