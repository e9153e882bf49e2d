"""Program -> Program of the same bits with less to do, once, after the last transformation.

One walk forwards *finishes* primitives (a custom function becomes its Program, a checkpoint settles its tapes),
replaces results that equal an argument (``Prim.simplify``) and merges equal equations; one walk backwards drops
what nothing needs. Effects stay, in order; equal checks are merged. Programs within are optimized on their own:
nothing moves in or out.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from attrs import evolve, fields

from tianyuan.core import Prim
from tianyuan.program import Atom, Eqn, Lit, Program, Var, verify

CHECK = frozenset({"check"})


@functools.lru_cache(4096)
def optimize(program: Program) -> Program:
    """The optimized program, verified."""
    made = without_dead(_Walk(program).result())
    verify(made)
    return made


class _Walk:
    """The walk forwards: new variables, equations so far, and where old ones went."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.count = 0
        self.eqns: list[Eqn] = []
        self.seen: dict[tuple[Prim, tuple[Atom, ...]], tuple[Var, ...]] = {}

    def result(self) -> Program:
        """The new program."""
        params = tuple(self.bound(p) for p in self.program.params)
        results = self.walk(self.program, params)
        return Program(params, tuple(self.eqns), results)

    def bound(self, var: Var) -> Var:
        """A new variable of the same type."""
        self.count += 1
        return Var(self.count - 1, var.type)

    def walk(self, program: Program, args: Sequence[Atom]) -> tuple[Atom, ...]:
        """Add a program's equations; its results for these arguments."""
        env: dict[int, Atom] = {p.id: a for p, a in zip(program.params, args, strict=True)}

        def moved(atom: Atom) -> Atom:
            return atom if isinstance(atom, Lit) else env[atom.id]

        for eqn in program.eqns:
            outs = self.add(eqn, tuple(moved(a) for a in eqn.args))
            env.update((v.id, out) for v, out in zip(eqn.outs, outs, strict=True))
        return tuple(moved(r) for r in program.results)

    def add(self, eqn: Eqn, args: tuple[Atom, ...]) -> Sequence[Atom]:
        """The atoms that an equation's results have become."""
        finished = eqn.prim.finished()
        if isinstance(finished, Program):
            return self.walk(finished, args)
        same = finished.simplify(args)
        if same is not None and args[same].type == eqn.outs[0].type:
            return (args[same],)
        prim = _inside(finished)
        mergeable = prim.effects() <= CHECK
        if mergeable and (found := self.seen.get((prim, args))) is not None:
            return found
        outs = tuple(self.bound(v) for v in eqn.outs)
        self.eqns.append(evolve(eqn, outs=outs, prim=prim, args=args))
        if mergeable:
            self.seen[prim, args] = outs
        return outs


def _inside(prim: Prim) -> Prim:
    """The primitive with the Programs it holds optimized."""
    changed = {f.name: _each(value) for f in fields(type(prim)) if _holds(value := getattr(prim, f.name))}
    return evolve(prim, **changed) if changed else prim  # pyright: ignore


def _holds(value: Any) -> bool:
    return isinstance(value, Program) or (
        isinstance(value, tuple) and any(isinstance(v, Program) for v in value)  # pyright: ignore
    )


def _each(value: Any) -> Any:
    return optimize(value) if isinstance(value, Program) else tuple(optimize(v) for v in value)


def without_dead(program: Program) -> Program:
    """The program without equations that neither a result nor an effect needs; renumbered."""
    needed = {r.id for r in program.results if isinstance(r, Var)}
    kept: list[Eqn] = []
    for eqn in reversed(program.eqns):
        if eqn.prim.effects() or any(v.id in needed for v in eqn.outs):
            needed.update(a.id for a in eqn.args if isinstance(a, Var))
            kept.append(eqn)
    return _renumbered(program, kept[::-1])


def _renumbered(program: Program, eqns: Sequence[Eqn]) -> Program:
    names: dict[int, Var] = {}

    def bound(var: Var) -> Var:
        names[var.id] = Var(len(names), var.type)
        return names[var.id]

    def used(atom: Atom) -> Atom:
        return atom if isinstance(atom, Lit) else names[atom.id]

    params = tuple(bound(p) for p in program.params)
    made: list[Eqn] = []
    for e in eqns:
        args = tuple(used(a) for a in e.args)
        made.append(evolve(e, args=args, outs=tuple(bound(v) for v in e.outs)))
    return Program(params, tuple(made), tuple(used(r) for r in program.results))
