"""A machine that runs primitives by their oracles: transformations are tested before, and without, a compiler.

machine = install()            # what "cpu" was compiled by is now the oracle, until uninstall()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tianyuan import eager, lowering
from tianyuan.array import OPERATORS, Array
from tianyuan.core import Prim
from tianyuan.errors import OutOfBoundsError
from tianyuan.machine import _MACHINES, register_machine
from tianyuan.program import Eqn, Lit, Program, Source
from tianyuan.types import ArrayType

Value = np.ndarray[Any, Any]


class OracleMachine:
    """Arrays own NumPy arrays; every primitive is its oracle, rounded to the type its rule gives.

    Control flow, which holds Programs, is run equation by equation. Wrong shapes are assertion errors.
    """

    name = "oracle"

    def compile(self, program: Program, donated: tuple[bool, ...] = ()) -> Callable[[Sequence[Array]], list[Array]]:
        """A function that runs ``program``."""

        def run_now(args: Sequence[Array]) -> list[Array]:
            values = run(program, [self.to_numpy(a) for a in args])
            return [self.array(v, t) for v, t in zip(values, program.out_types, strict=True)]

        return run_now

    def evaluate(self, prim: Prim, args: Sequence[Array], source: Source | None) -> list[Array]:
        """The results of one primitive."""
        types = prim.types(*(a.type for a in args))
        values = apply(prim, [a.type for a in args], [self.to_numpy(a) for a in args])
        return [self.array(v, t) for v, t in zip(values, types, strict=True)]

    def array(self, value: Value, type: ArrayType) -> Array:
        """An array that owns ``value``."""
        return Array(type, value, value.ctypes.data, self.name)

    def from_numpy(self, value: Value, type: ArrayType) -> Array:
        """A new array with a copy."""
        return self.array(np.array(value, type.dtype.numpy).reshape(type.shape), type)

    def to_numpy(self, array: Array) -> Value:
        """The array's own elements (of a literal: whatever machine made it)."""
        if not isinstance(array.owner, np.ndarray):
            return _MACHINES[array.device_name].to_numpy(array)
        return array.owner

    def text(self, program: Program, stage: str) -> str:
        """There is only the program."""
        return str(program)


def install() -> OracleMachine:
    """Put the oracle under the names ``oracle`` and ``cpu``; ``uninstall`` undoes it."""
    _REPLACED.append(_MACHINES.get("cpu"))
    made = OracleMachine()
    OPERATORS.setdefault("to_numpy", eager.to_numpy)
    register_machine("oracle", made)
    register_machine("cpu", made)
    eager._literal.cache_clear()
    return made


def uninstall() -> None:
    """Give ``cpu`` back to the machine that had the name before ``install``."""
    before = _REPLACED.pop()
    if before is None:
        del _MACHINES["cpu"]
    else:
        register_machine("cpu", before)
    eager._literal.cache_clear()


_REPLACED: list[Any] = []


# ---- evaluation


def apply(prim: Prim, types: Sequence[ArrayType], args: Sequence[Value]) -> list[Value]:
    """Results of a primitive on NumPy arrays, with the types that its rule gives."""
    lowered = prim.lower(*types)
    structural = _STRUCTURAL.get(type(lowered))
    with np.errstate(all="ignore"):
        if structural:
            return [_rounded(v, t) for v, t in zip(structural(lowered, args), prim.types(*types), strict=True)]
        results = prim.oracle(*args)
        values = results if prim.multiple else (results,)
        return [_rounded(v, t) for v, t in zip(values, prim.types(*types), strict=True)]


def _rounded(value: Any, type: ArrayType) -> Value:
    """More precision than the type has is rounded once; another shape or kind is a mistake."""
    value = np.asarray(value)
    assert value.shape == type.shape, f"the oracle gave shape {value.shape} for {type}"
    assert value.dtype == type.dtype.numpy or {value.dtype.kind, type.dtype.kind} <= {"f", "c", "V"}
    return np.ascontiguousarray(value.astype(type.dtype.numpy)).reshape(type.shape)


def run(program: Program, args: Sequence[Value]) -> list[Value]:
    """Results of a program on NumPy arrays."""
    env: dict[int, Value] = {p.id: a for p, a in zip(program.params, args, strict=True)}

    def value(atom: Any) -> Value:
        return np.asarray(atom.value) if isinstance(atom, Lit) else env[atom.id]

    for eqn in program.eqns:
        outs = _located(eqn, [value(a) for a in eqn.args])
        env.update((v.id, out) for v, out in zip(eqn.outs, outs, strict=True))
    return [value(r) for r in program.results]


def _located(eqn: Eqn, args: Sequence[Value]) -> list[Value]:
    """The results of an equation; an index out of bounds names the user's line."""
    try:
        return apply(eqn.prim, [a.type for a in eqn.args], args)
    except OutOfBoundsError as error:
        if " (at " in str(error):
            raise
        raise OutOfBoundsError(f"{error} (at {eqn.source})") from None


def _scan(s: lowering.Scan, args: Sequence[Value]) -> list[Value]:
    first = s.consts + s.carries
    consts, carries, xs = args[: s.consts], list(args[s.consts : first]), args[first:]
    types = s.body.out_types[s.carries :]
    ys = [np.zeros((s.length, *t.shape), t.dtype.numpy) for t in types]
    for t in reversed(range(s.length)) if s.reverse else range(s.length):
        outs = run(s.body, [*consts, *carries, *(x[t] for x in xs)])
        carries = outs[: s.carries]
        for y, out in zip(ys, outs[s.carries :], strict=True):
            y[t] = out
    return [*carries, *ys]


def _while(s: lowering.While, args: Sequence[Value]) -> list[Value]:
    middle = s.cond_consts + s.body_consts
    cond_consts, body_consts = args[: s.cond_consts], args[s.cond_consts : middle]
    carry = list(args[middle:])
    while run(s.cond, [*cond_consts, *carry])[0]:
        carry = run(s.body, [*body_consts, *carry])
    return carry


def _branch(s: lowering.Branch, args: Sequence[Value]) -> list[Value]:
    return run(s.programs[int(args[0])], args[1:])


def _call(s: lowering.Call, args: Sequence[Value]) -> list[Value]:
    return run(s.program, args)


def _extern(s: lowering.Extern, args: Sequence[Value]) -> list[Value]:
    return list(s.call(*args))


def _check(s: lowering.Check, args: Sequence[Value]) -> list[Value]:
    if not np.all(args[0]):
        raise OutOfBoundsError(s.message)
    return []


_STRUCTURAL: dict[type, Callable[[Any, Sequence[Value]], list[Value]]] = {
    lowering.Scan: _scan,
    lowering.While: _while,
    lowering.Branch: _branch,
    lowering.Call: _call,
    lowering.Extern: _extern,
    lowering.Check: _check,
}
