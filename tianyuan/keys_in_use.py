"""Random keys that a traced program consumes twice.

A walk over the Program that follows every key, element by element, through what only moves elements. A key is
consumed by ``Draw`` (split, bits and the samplers, not fold_in). Nothing is guessed: a key that comes from a
place the walk does not understand counts as a new one, so a warning is never a false alarm.

    loops       two iterations are walked, so a key closed over, or a carry passed on, that is consumed is reused
    branches    each starts from what was consumed before; what any of them consumes is consumed
    checkpoint  a key consumed at the same line in another region is the same drawing, replayed
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import define, evolve, field, fields, frozen

from tianyuan.control.branching import Cond
from tianyuan.control.looping import While
from tianyuan.control.recomputation import Checkpoint, Named
from tianyuan.control.scanning import Scan
from tianyuan.core import Prim
from tianyuan.custom_calls import CustomFunction
from tianyuan.custom_rules import StopGradient
from tianyuan.errors import KeyReuseError, KeyReuseWarning
from tianyuan.prims.keys import CloneKey
from tianyuan.prims.linear import Broadcast, Concatenate, Reshape, Reverse, Slice, Transpose
from tianyuan.prims.random import Draw
from tianyuan.program import Atom, Eqn, Lit, Program, Source, nested_programs
from tianyuan.settings import config
from tianyuan.types import ArrayType, key_dtype

Ids = np.ndarray[Any, Any]
MOVING = (Broadcast, Concatenate, Reshape, Reverse, Slice, Transpose, Named, StopGradient)
LARGEST = 2**16  # arrays of more keys are not followed


@frozen
class Reuse:
    """A key consumed at ``first`` is consumed again at ``second``."""

    first: Source | None
    second: Source | None

    def __str__(self) -> str:
        again = "again at the same line, in a loop" if self.first == self.second else f"again at {self.second}"
        return (
            f"the random key used at {self.first} is used {again}, so both draw the same numbers; use each key once "
            "(ty.random.split makes new ones), or say that it is meant with ty.random.clone"
        )


def check_program(program: Program) -> None:
    """Warn of (or raise for) every key that ``program`` consumes twice, as ``config.key_reuse`` says."""
    if config.key_reuse == "allow":
        return
    for reuse in find_reuse(program):
        if config.key_reuse == "error":
            raise KeyReuseError(str(reuse))
        file, line = (reuse.second.file, reuse.second.line) if reuse.second else ("<unknown>", 0)
        warnings.warn_explicit(str(reuse), KeyReuseWarning, file, line)


def find_reuse(program: Program) -> list[Reuse]:
    """Every pair of lines at which ``program`` consumes one key, each once."""
    if not any(isinstance(p, Draw) for p in _prims(program)):
        return []
    walk = _Walk()
    walk.run(program, [walk.new(t) for t in program.in_types], None)
    return list(walk.found)


def _prims(program: Program) -> Iterator[Prim]:
    for eqn in program.eqns:
        yield eqn.prim
        for nested in _nested(eqn.prim):
            yield from _prims(nested)


def _nested(prim: Prim) -> list[Program]:
    return [p for f in fields(type(prim)) for p in nested_programs(getattr(prim, f.name))]


@frozen(eq=False)
class _Value:
    """What is known of an array: equal ``number`` means equal values; of keys, a number for each element."""

    number: int
    keys: Ids | None = None


@frozen
class _Use:
    """Where a key was consumed, and in which checkpointed region."""

    source: Source | None
    region: int | None


@define(eq=False)
class _Walk:
    """The state: which keys are consumed, where."""

    used: dict[int, _Use] = field(factory=dict[int, _Use])
    uses: list[tuple[int, _Use]] = field(factory=list[tuple[int, _Use]])  # all that were met, in order
    found: dict[Reuse, None] = field(factory=dict[Reuse, None])
    count: int = 0
    known: dict[Hashable, _Value] = field(factory=dict[Hashable, _Value])

    def new(self, type: ArrayType, number: int | None = None) -> _Value:
        """A value unlike any other (but for its number, where that is given)."""
        size = type.size if type.dtype == key_dtype and type.size <= LARGEST else 0
        keys = np.arange(self.count + 1, self.count + 1 + size).reshape(type.shape) if size else None
        self.count += 1 + size
        return _Value(self.count if number is None else number, keys)

    def run(self, program: Program, args: Sequence[_Value], region: int | None) -> list[_Value]:
        """Walk a program; its results."""
        env = {p.id: a for p, a in zip(program.params, args, strict=True)}
        for eqn in program.eqns:
            outs = self._step(eqn, [self._atom(a, env) for a in eqn.args], region)
            env.update((v.id, out) for v, out in zip(eqn.outs, outs, strict=True))
        return [self._atom(r, env) for r in program.results]

    def _atom(self, atom: Atom, env: dict[int, _Value]) -> _Value:
        return self._same((atom,), atom.type) if isinstance(atom, Lit) else env[atom.id]

    def _same(self, what: Hashable, type: ArrayType) -> _Value:
        """The value known by a description, new the first time."""
        if what not in self.known:
            self.known[what] = self.new(type)
        return self.known[what]

    def _step(self, eqn: Eqn, args: list[_Value], region: int | None) -> list[_Value]:
        prim = eqn.prim
        if isinstance(prim, Scan):
            return self._scan(prim, eqn, args, region)
        if isinstance(prim, While):
            return self._while(prim, args, region)
        if isinstance(prim, Cond):
            return self._cond(prim, eqn, args, region)
        if isinstance(prim, Checkpoint):
            return self.run(prim.program, args, id(eqn))
        if isinstance(prim, CustomFunction):
            return self.run(prim.call, args, region)
        return self._plain(eqn, args, region)

    def _plain(self, eqn: Eqn, args: list[_Value], region: int | None) -> list[_Value]:
        """A primitive without programs: equal ones of equal values have equal results, but for what is consumed."""
        prim, types = eqn.prim, [v.type for v in eqn.outs]
        if isinstance(prim, Draw) and prim.consumes:
            self._consume(args[0].keys, _Use(eqn.source, region))
            return [self.new(t) for t in types]
        if isinstance(prim, CloneKey) or prim.effects() - {"check"} or _nested(prim):
            return [self.new(t) for t in types]
        numbers = tuple(a.number for a in args)
        outs = [self._same((prim, numbers, i), t) for i, t in enumerate(types)]
        keys = [a.keys for a in args]
        if isinstance(prim, MOVING) and all(k is not None for k in keys):
            return [evolve(outs[0], keys=np.asarray(prim.oracle(*keys)))]
        return outs

    def _consume(self, keys: Ids | None, use: _Use) -> None:
        for k in np.unique(keys).tolist() if keys is not None else ():
            self.uses.append((k, use))
            before = self.used.setdefault(k, use)
            replayed = before.source == use.source and before.region != use.region
            if before is not use and not replayed:
                self.found.setdefault(Reuse(before.source, use.source))

    def _scan(self, scan: Scan, eqn: Eqn, args: list[_Value], region: int | None) -> list[_Value]:
        consts, carry, xs = scan.parts(args)
        length = 2 if scan.unbounded else scan.length
        order = list(range(length))[:: -1 if scan.reverse else 1]
        slices = scan.body.in_types[scan.consts + scan.carries :]
        start = len(self.uses)
        for t in order[:2]:
            entries = [self._slice(x, t, s) for x, s in zip(xs, slices, strict=True)]
            carry = self.run(scan.body, [*consts, *carry, *entries], region)[: scan.carries]
        if length > 2:
            self._consume_rest(xs, order, dict(self.uses[start:]))
        return [*carry, *(self.new(v.type) for v in eqn.outs[scan.carries :])]

    def _slice(self, x: _Value, t: int, type: ArrayType) -> _Value:
        entry = self.new(type)
        return entry if x.keys is None else evolve(entry, keys=x.keys[t])

    def _consume_rest(self, xs: Sequence[_Value], order: Sequence[int], uses: dict[int, _Use]) -> None:
        """What an iteration consumes of its slice, the iterations that were not walked consume of theirs."""
        for keys in (x.keys for x in xs if x.keys is not None):
            for first, *rest in zip(*(keys[t].ravel().tolist() for t in (order[0], *order[2:])), strict=True):
                if first in uses:
                    self._consume(np.array(rest), uses[first])

    def _while(self, loop: While, args: list[_Value], region: int | None) -> list[_Value]:
        a, b, carry = loop.parts(args)
        for _ in range(2):
            self.run(loop.cond, [*a, *carry], region)
            carry = self.run(loop.body, [*b, *carry], region)
        return carry

    def _cond(self, cond: Cond, eqn: Eqn, args: list[_Value], region: int | None) -> list[_Value]:
        before, after = self.used, dict(self.used)
        for branch in cond.branches:
            self.used = dict(before)
            self.run(branch, args[1:], region)
            after = {**self.used, **after}
        self.used = after
        return [self.new(v.type) for v in eqn.outs]
