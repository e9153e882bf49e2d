"""Machines by name. The core never imports one: it is imported here, by name, on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from attrs import frozen

from tianyuan.array import Array
from tianyuan.core import Prim
from tianyuan.errors import MachineError
from tianyuan.program import Program, Source
from tianyuan.types import ArrayType

Executable = Callable[[Sequence[Array]], list[Array]]


@frozen
class Memory:
    """Bytes that a call needs: for its parameters (arrays closed over among them), its results, temporaries.

    Results that are (part of) a parameter, or take the place of a donated one, count nothing. Not counted are
    code, and what a machine keeps from call to call, as room for packed panels of matrices.
    """

    parameters: int
    results: int
    arena: int

    @property
    def peak(self) -> int:
        """All that exists at once."""
        return self.parameters + self.results + self.arena


class Machine(Protocol):
    """What a device can do. Errors found while running (a check that failed) are raised by the call."""

    name: str

    def compile(self, program: Program, donated: tuple[bool, ...] = ()) -> Executable:
        """A function from concrete arrays to concrete arrays that runs ``program``."""
        ...

    def memory(self, program: Program, donated: tuple[bool, ...] = ()) -> Memory:
        """What a call of the compiled ``program`` takes."""
        ...

    def evaluate(self, prim: Prim, args: Sequence[Array], source: Source | None) -> list[Array]:
        """Run one primitive now: the same pipeline, generic in the sizes."""
        ...

    def from_numpy(self, value: np.ndarray[Any, Any], type: ArrayType) -> Array:
        """A new array with a copy of ``value`` (C-contiguous, of ``type.dtype.numpy``)."""
        ...

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        """A read-only view (or copy) of the bytes, which keeps them alive."""
        ...

    def text(self, program: Program, stage: str) -> str:
        """``program`` at a stage of compilation: kernels, loops, llvm, asm (or ptx)."""
        ...


MODULES = {"cpu": "tianyuan_jit.cpu", "gpu": "tianyuan_gpu.device", "gpu-emu": "tianyuan_gpu.emulation"}
_MACHINES: dict[str, Machine] = {}


def machine(name: str) -> Machine:
    """The machine called ``name``; MachineError if there is none."""
    found = _MACHINES.get(name)
    if found is None:
        found = _MACHINES[name] = _load(name)
    return found


def register_machine(name: str, made: Machine) -> None:
    """Put a machine under a name (tests use this for the oracle machine)."""
    _MACHINES[name] = made


def _load(name: str) -> Machine:
    if name not in MODULES:
        raise MachineError(f"no device is called {name!r}; there are {', '.join(MODULES)}")
    try:
        return importlib.import_module(MODULES[name]).machine
    except ImportError as error:
        raise MachineError(f"the device {name!r} cannot be used here: {error}") from error
