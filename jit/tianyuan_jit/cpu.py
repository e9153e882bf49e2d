"""The CPU machine: what ``tianyuan.machine`` asks of a device."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from tianyuan import machine as machines
from tianyuan.array import Array
from tianyuan.core import Prim
from tianyuan.errors import MachineError
from tianyuan.program import Eqn, Program, Source, Var
from tianyuan.types import ArrayType
from tianyuan_jit import engine
from tianyuan_jit.arena import plan, replaceable
from tianyuan_jit.emission.program import emit_program
from tianyuan_jit.executing import Executable
from tianyuan_jit.fusion import fuse
from tianyuan_jit.generic import generic
from tianyuan_jit.kernels import FusedProgram
from tianyuan_jit.memory import allocate
from tianyuan_jit.printing import kernels_text, loops_text

REMEMBERED = 1 << 14  # eager operations, by primitive and types
Run = Callable[[Sequence[Array]], list[Array]]


class Cpu:
    """The machine called ``cpu``."""

    name = "cpu"

    def __init__(self) -> None:
        self._eager: OrderedDict[Hashable, Run] = OrderedDict()
        self._lock = threading.RLock()

    def compile(self, program: Program, donated: tuple[bool, ...] = ()) -> Run:
        """A function from arrays to arrays that runs ``program``, for whatever instruction set is in force."""
        fused = fuse(program)
        replaced = replaceable(fused, donated)
        made: dict[str, Executable] = {}

        def run(arrays: Sequence[Array]) -> list[Array]:
            isa = engine.isa()
            found = made.get(isa)
            if found is None:
                found = made[isa] = Executable(fused, program.out_types, isa, replaced=replaced)
            return found(arrays)

        return run

    def memory(self, program: Program, donated: tuple[bool, ...] = ()) -> machines.Memory:
        """What a call of the compiled ``program`` takes."""
        fused = fuse(program)
        given = replaceable(fused, donated)
        own = [t for i, t in enumerate(program.out_types) if _is_new(fused, i) and i not in given]
        params = sum(t.nbytes for t in fused.buffers[: fused.params])
        return machines.Memory(params, sum(t.nbytes for t in own), plan(fused).size)

    def evaluate(self, prim: Prim, args: Sequence[Array], source: Source | None) -> list[Array]:
        """Run one primitive now."""
        key = (prim, tuple([a.type for a in args]), engine.isa())
        run = self._eager.get(key)
        if run is None:
            run = self._prepare(key)
        return run(args)

    def _prepare(self, key: Any) -> Run:
        prim, types, isa = key
        out_types = prim.types(*types)
        fused = fuse(_single(prim, types, out_types))
        with self._lock:
            made = self._executable(fused, out_types, isa)
            self._eager[key] = made
            if len(self._eager) > REMEMBERED:
                self._eager.popitem(last=False)
        return made

    def _executable(self, fused: FusedProgram, out_types: Sequence[ArrayType], isa: str) -> Run:
        general = generic(fused)
        if general is None:
            return Executable(fused, out_types, isa)
        return Executable(general[0], out_types, isa, general[1])

    def from_numpy(self, value: np.ndarray[Any, Any], type: ArrayType) -> Array:
        """A new array with a copy of ``value``."""
        block = allocate(type.nbytes)
        view = np.asarray(block)[: type.nbytes].view(type.dtype.numpy).reshape(type.shape)
        view[...] = value
        return Array(type, block, block.address)

    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        """A read-only view of the array's memory, which keeps it alive."""
        start = array.address - array.owner.address
        raw = np.asarray(array.owner)[start : start + array.type.nbytes]
        view = raw.view(array.type.dtype.numpy).reshape(array.shape)
        view.flags.writeable = False
        return view

    def text(self, program: Program, stage: str) -> str:
        """``program`` at a stage of compilation: kernels, llvm, asm."""
        fused = fuse(program)
        if stage == "kernels":
            return kernels_text(fused)
        if stage == "loops":
            return loops_text(fused)
        if stage not in ("llvm", "asm"):
            raise MachineError(f"show: no stage is called {stage!r}; there are program, kernels, loops, llvm, asm")
        text = emit_program(fused, engine.isa())
        return text if stage == "llvm" else engine.assembly(text, engine.isa())


def _is_new(program: FusedProgram, result: int) -> bool:
    """Whether a result has memory of its own, and is not (part of) a param."""
    return program.results[result].buffer >= program.params


def _single(prim: Prim, types: Sequence[ArrayType], out_types: Sequence[ArrayType]) -> Program:
    """A program of one equation."""
    params = tuple(Var(i, t) for i, t in enumerate(types))
    outs = tuple(Var(len(types) + i, t) for i, t in enumerate(out_types))
    return Program(params, (Eqn(outs, prim, params),), outs)


machine = Cpu()
