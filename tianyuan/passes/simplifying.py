"""Simplification, where exact for every input: NaN, infinities and signed zeros included (docs/numerics.md).

The rules stand with the primitives (``Prim.simplify``). Constants are folded by running the equation on the
machine, so that they are rounded by our own kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.core import NO_EFFECTS, Prim, base
from tianyuan.eager import literal_of
from tianyuan.passes.nesting import inside
from tianyuan.program import Atom, Eqn, Lit, Program, Source, Var, literal, renumber
from tianyuan.types import ArrayType, DType


def simplify(program: Program, fold: bool = True) -> Program:
    """The program with every rule applied, in one walk; with ``fold``, 0-d equations of literals are run now."""
    rewriting = _Rewriting(program, fold)
    for eqn in program.eqns:
        rewriting.step(eqn)
    return renumber(program.params, rewriting.eqns, [rewriting.atom(r) for r in program.results])


class _Rewriting:
    """A walk under way: the new equations, what defines each new variable, the new atoms of old variables."""

    def __init__(self, program: Program, fold: bool) -> None:
        self.fold = fold
        self.eqns: list[Eqn] = []
        self.definitions: dict[int, Eqn] = {}
        self.names: dict[int, Atom] = {}
        self.source: Source | None = None
        self._count = len(program.params)

    def atom(self, old: Atom) -> Atom:
        """What stands for an atom of the old program."""
        return old if isinstance(old, Lit) else self.names.get(old.id, old)

    def step(self, eqn: Eqn) -> None:
        """Rewrite one equation."""
        self.source = eqn.source
        prim = inside(eqn.prim, lambda p: simplify(p, self.fold))
        outs = self.process(prim, tuple(self.atom(a) for a in eqn.args))
        self.names.update((v.id, out) for v, out in zip(eqn.outs, outs, strict=True))

    def process(self, prim: Prim, args: tuple[Atom, ...]) -> Sequence[Atom]:
        """Atoms for the results of an equation: simpler ones, or those of the equation itself."""
        types = prim.types(*(a.type for a in args))
        if len(types) == 1:
            found = self._folded(prim, args, types[0]) or prim.simplify(args, self)
            if found is not None and found.type == types[0]:
                return (found,)
        return self._append(prim, args, types)

    def _append(self, prim: Prim, args: tuple[Atom, ...], types: Sequence[ArrayType]) -> Sequence[Atom]:
        outs = tuple(Var(self._count + i, t) for i, t in enumerate(types))
        self._count += len(outs)
        self.eqns.append(Eqn(outs, prim, args, self.source))
        self.definitions.update((v.id, self.eqns[-1]) for v in outs)
        return outs

    def _folded(self, prim: Prim, args: tuple[Atom, ...], type: ArrayType) -> Lit | None:
        if not self.fold or not args or type.shape or prim.multiple or prim.effects() != NO_EFFECTS:
            return None
        if not all(isinstance(a, Lit) for a in args):
            return None
        return literal_of(base().process(prim, [literal(a) for a in args if isinstance(a, Lit)])[0])

    # ---- what rules may ask (core.Rewriting)

    def apply(self, prim: Prim, *args: Any) -> Any:
        """The result of a new equation, simplified in its turn."""
        return self.process(prim, args)[0]

    def definition(self, atom: Atom) -> tuple[Prim | None, Sequence[Atom]]:
        """The primitive with one result that gives ``atom``, and its arguments."""
        found = None if isinstance(atom, Lit) else self.definitions.get(atom.id)
        return (None, ()) if found is None or len(found.outs) != 1 else (found.prim, found.args)

    def constant(self, atom: Atom) -> Any:
        """The value of a literal, or of one that is repeated."""
        prim, args = self.definition(atom)
        while prim is not None and prim.rearranges:
            atom = args[0]
            prim, args = self.definition(atom)
        return atom.value if isinstance(atom, Lit) else None

    def literal(self, value: Any, dtype: DType) -> Lit:
        """A strong literal."""
        return Lit(np.asarray(value).astype(dtype.numpy).tobytes(), ArrayType(dtype))
