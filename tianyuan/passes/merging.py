"""Common subexpressions: equations with equal primitive and arguments become one.

Nothing is commuted. Checks merge with equal checks; prints and callbacks with nothing. A nested Program is a
scope of its own: nothing outside is merged with its inside, so that regions recompute what they should.
"""

from __future__ import annotations

from attrs import evolve

from tianyuan.core import Prim
from tianyuan.passes.nesting import inside
from tianyuan.program import Atom, Eqn, Lit, Program, Var, renumber

_MERGED = frozenset(("check",))


def cse(program: Program) -> Program:
    """The program with every value computed once."""
    seen: dict[tuple[Prim, tuple[Atom, ...]], tuple[Var, ...]] = {}
    names: dict[int, Atom] = {}
    eqns: list[Eqn] = []

    def used(atom: Atom) -> Atom:
        return atom if isinstance(atom, Lit) else names.get(atom.id, atom)

    for eqn in program.eqns:
        prim, args = inside(eqn.prim, cse), tuple(used(a) for a in eqn.args)
        before = seen.get((prim, args)) if prim.effects() <= _MERGED else None
        if before is not None:
            names.update((v.id, old) for v, old in zip(eqn.outs, before, strict=True))
        else:
            seen[prim, args] = eqn.outs
            eqns.append(evolve(eqn, prim=prim, args=args))
    return renumber(program.params, eqns, [used(r) for r in program.results])
