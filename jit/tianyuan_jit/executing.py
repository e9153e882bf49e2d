"""A fused program as a function of arrays: memory for results, one native call, errors as exceptions."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.errors import MachineError, out_of_bounds
from tianyuan.program import Source
from tianyuan.types import ArrayType
from tianyuan_jit import engine, environment, scratch, threads
from tianyuan_jit.arena import plan
from tianyuan_jit.emission.program import ENTRY, INTERRUPTED, emit_program, words
from tianyuan_jit.emission.status import FIELDS, NO_FAILURE
from tianyuan_jit.environment import take_interrupt
from tianyuan_jit.kernels import Arg, FusedProgram, Kernel, Loop, Operand, Single
from tianyuan_jit.memory import Block, allocate
from tianyuan_jit.scalars import linked

LIBRARIES = (scratch, threads, environment, linked)  # what compiled programs call: importing registers it
NOTHING: Mapping[int, int] = {}
ALONE = 2  # references to a block that one array holds: its own, and the one under count
QUICK = 50_000  # bytes touched by a program without loops that runs while the GIL is held: about 10 us
_HOST = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_void_p))


class Executable:
    """A compiled program. Any number of threads may call it at once."""

    def __init__(
        self,
        program: FusedProgram,
        types: Sequence[ArrayType],
        isa: str,
        numbers: Sequence[int] = (),
        replaced: Mapping[int, int] = NOTHING,
    ) -> None:
        """``types`` of the results; ``numbers`` for the Args; ``replaced``: as ``arena.replaceable`` gives them."""
        self.program, self.types, self.numbers = program, tuple(types), tuple(numbers)
        self.offsets = [numbers[o.index] if isinstance(o := r.offset, Arg) else o for r in program.results]
        self.replaced = replaced
        self.shared = {i: r for i, r in enumerate(program.results) if r.buffer < program.params}
        self.bytes = [t.nbytes for t in self.types]
        self.idle: list[_Call] = []
        layout = plan(program)
        self.arena = layout.size
        self.size = words(program) + len(numbers)
        self.singles = {k.ordinal: k for k in _singles(program.kernels)}
        self.has_host = any(isinstance(k.lowering, lowering.Extern) for k in self.singles.values())
        self.entry: Any = None
        if program.kernels:
            loaded = engine.load(emit_program(program, isa, len(numbers)), name="a program", isa=isa)
            kind = ctypes.PYFUNCTYPE if self._quick() else ctypes.CFUNCTYPE
            self.entry = kind(ctypes.c_int64, ctypes.c_void_p)(loaded.address(ENTRY))

    def _quick(self) -> bool:
        """Whether a call is too short to be worth giving the GIL away."""
        if any(isinstance(k, Loop) for k in self.program.kernels):
            return False
        return sum(t.nbytes for t in self.program.buffers) + sum(self.bytes) < QUICK

    def __call__(self, arrays: Sequence[Array]) -> list[Array]:
        """The results. Raises what the program's checks and host functions raise."""
        try:
            call = self.idle.pop()
        except IndexError:
            call = _Call(self)
        words, place = call.words, 0
        for a in arrays:
            words[place] = a.address
            place += 1
        results: list[Array] = []
        for type, nbytes in zip(self.types, self.bytes, strict=True):
            if self.shared or self.replaced:
                owner, address = self._memory(len(results), nbytes, arrays)
            else:
                owner = allocate(nbytes)
                address = owner.address
            words[place] = address
            place += 1
            results.append(Array(type, owner, address))
        if self.entry is not None:
            self._run(call, place)
        self.idle.append(call)
        return results

    def _memory(self, i: int, nbytes: int, arrays: Sequence[Array]) -> tuple[Any, int]:
        """Where a result is: new memory, that of a donated param, or (part of) a param that it is the same as."""
        part = self.shared.get(i)
        if part is None:
            param = self.replaced.get(i)
            if param is not None and _is_alone(arrays[param], arrays):
                return arrays[param].owner, arrays[param].address
            block = allocate(nbytes)
            return block, block.address
        param = arrays[part.buffer]
        return param.owner, param.address + self.offsets[i] * part.type.dtype.itemsize

    def _run(self, call: _Call, place: int) -> None:
        arena = allocate(self.arena) if self.arena else None
        if arena is not None:
            call.words[place] = arena.address
        host = _Host(self.singles) if self.has_host else None
        if host is not None:
            call.words[place + 2] = host.address
        if self.entry(call.address):
            status = list(call.status)
            call.status[0] = NO_FAILURE
            raise self._failure(status, host)

    def _failure(self, status: Sequence[int], host: _Host | None) -> BaseException:
        """The exception for the first thing that went wrong."""
        ordinal, _, value, axis, size = status
        if ordinal == INTERRUPTED:
            return take_interrupt() or KeyboardInterrupt()
        if host is not None and ordinal in host.errors:
            return host.errors[ordinal]
        how = self.singles[ordinal].lowering
        if isinstance(how, lowering.Check):
            return MachineError(f"{how.message}{_at(self.program.sources[ordinal])}")
        error = out_of_bounds(value, axis, size)
        return type(error)(f"{error}{_at(self.program.sources[ordinal])}")


def _is_alone(array: Array, arrays: Sequence[Array]) -> bool:
    """Whether all of a block of memory is this array's and nobody else sees it: no view, no other argument."""
    mine = type(array.owner) is Block and array.address == array.owner.address
    return mine and sys.getrefcount(array.owner) == ALONE and sum(a.address == array.address for a in arrays) == 1


class _Call:
    """The words of one call under way: pointers, then numbers; and its status."""

    def __init__(self, executable: Executable) -> None:
        size, numbers = executable.size, executable.numbers
        self.status = (ctypes.c_int64 * len(FIELDS))(NO_FAILURE)
        self.words = (ctypes.c_int64 * size)()
        first = size - len(numbers)
        self.words[first - 2] = ctypes.addressof(self.status)
        self.words[first:] = numbers
        self.address = ctypes.addressof(self.words)


def _at(source: Source | None) -> str:
    return f" (at {source})" if source is not None else ""


def _singles(kernels: Sequence[Kernel]) -> list[Single]:
    found: list[Single] = []
    for kernel in kernels:
        if isinstance(kernel, Single):
            found.append(kernel)
        elif isinstance(kernel, Loop):
            found += [s for body in kernel.bodies for s in _singles(body.kernels)]
    return found


class _Host:
    """Host functions for one run: a table of callbacks by ordinal, and what they raised."""

    def __init__(self, singles: dict[int, Single]) -> None:
        self.errors: dict[int, BaseException] = {}
        externs = {n: k for n, k in singles.items() if isinstance(k.lowering, lowering.Extern)}
        self.address = 0
        if externs:
            self.table = (ctypes.c_void_p * (max(externs) + 1))()
            self.kept = {n: _HOST(self._caller(n, k)) for n, k in externs.items()}
            for n, callback in self.kept.items():
                self.table[n] = ctypes.cast(callback, ctypes.c_void_p).value
            self.address = ctypes.addressof(self.table)

    def _caller(self, ordinal: int, kernel: Single) -> Any:
        def call(pointers: Any) -> int:
            try:
                _call_host(kernel, pointers)
            except BaseException as error:  # whatever the user's function raises reaches the caller later
                self.errors[ordinal] = error
                return 1
            return 0

        return call


def _call_host(kernel: Single, pointers: Any) -> None:
    """Run a host function on copies of its arguments, and copy its results back."""
    assert isinstance(kernel.lowering, lowering.Extern)
    views = [_view(pointers[i], o) for i, o in enumerate((*kernel.ins, *kernel.outs))]
    given = [v.copy() for v in views[: len(kernel.ins)]]
    for v in given:
        v.flags.writeable = False
    for target, value in zip(views[len(kernel.ins) :], kernel.lowering.call(*given), strict=True):
        target[...] = value


def _view(address: int | None, operand: Operand) -> np.ndarray[Any, Any]:
    nbytes = operand.type.nbytes
    raw: Any = (ctypes.c_uint8 * nbytes).from_address(address or 0) if nbytes else bytearray()
    return np.frombuffer(raw, operand.type.dtype.numpy).reshape(operand.type.shape)
