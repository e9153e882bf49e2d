"""What only transformations needed goes away (``Prim.finished``): rules of custom functions, tapes in regions."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve

from tianyuan.passes.nesting import inside
from tianyuan.program import Atom, Eqn, Lit, Program, Var, renumber


def finish(program: Program) -> Program:
    """The program as it runs: primitives finished, and Programs that stand for a primitive put in its place."""
    walk = _Walk()
    params = [walk.bound(p) for p in program.params]
    results = walk.run(program, params)
    return renumber(params, walk.eqns, results)


class _Walk:
    """The new equations, over new variables."""

    def __init__(self) -> None:
        self.eqns: list[Eqn] = []
        self.count = 0

    def bound(self, var: Var) -> Var:
        """A new variable of the same type."""
        self.count += 1
        return Var(self.count - 1, var.type)

    def run(self, program: Program, args: Sequence[Atom]) -> list[Atom]:
        """Add a program's equations; its results for these arguments."""
        names: dict[int, Atom] = {p.id: a for p, a in zip(program.params, args, strict=True)}

        def used(atom: Atom) -> Atom:
            return atom if isinstance(atom, Lit) else names[atom.id]

        for eqn in program.eqns:
            outs = self._step(eqn, tuple(used(a) for a in eqn.args))
            names.update((v.id, out) for v, out in zip(eqn.outs, outs, strict=True))
        return [used(r) for r in program.results]

    def _step(self, eqn: Eqn, args: tuple[Atom, ...]) -> Sequence[Atom]:
        finished = eqn.prim.finished()
        if isinstance(finished, Program):
            return self.run(finished, args)
        outs = tuple(self.bound(v) for v in eqn.outs)
        self.eqns.append(evolve(eqn, prim=inside(finished, finish), args=args, outs=outs))
        return outs
