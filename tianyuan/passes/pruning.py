"""Dead code: equations whose results nothing needs go away; effects stay, in order.

A primitive that holds Programs may drop single results and arguments by its rule ``prune``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from attrs import evolve

from tianyuan.passes.nesting import inside
from tianyuan.program import Eqn, Program, Var, renumber

T = TypeVar("T")


def dce(program: Program) -> Program:
    """The program without what does not contribute to a result or an effect. Params are kept."""
    live = {r.id for r in program.results if isinstance(r, Var)}
    kept: list[Eqn] = []
    for eqn in reversed(program.eqns):
        used = [v.id in live for v in eqn.outs]
        if any(used) or eqn.prim.effects():
            eqn = _pruned(eqn, used)
            live.update(a.id for a in eqn.args if isinstance(a, Var))
            kept.append(eqn)
    return renumber(program.params, kept[::-1], program.results)


def _pruned(eqn: Eqn, used: Sequence[bool]) -> Eqn:
    prim, args, outs = eqn.prim, eqn.args, eqn.outs
    pruned = prim.prune(args, used)
    if pruned is not None:
        prim, args = pruned[0], tuple(pruned[1])
        outs = tuple(chosen(outs, pruned[2]))
    return evolve(eqn, prim=inside(prim, dce), args=args, outs=outs)


# ---- for the rules of primitives that hold Programs


def needed(program: Program, results: Sequence[bool]) -> list[bool]:
    """Which params some results, and all effects, depend on."""
    live = {r.id for r in chosen(program.results, results) if isinstance(r, Var)}
    for eqn in reversed(program.eqns):
        if eqn.prim.effects() or any(v.id in live for v in eqn.outs):
            live.update(a.id for a in eqn.args if isinstance(a, Var))
    return [p.id in live for p in program.params]


def narrowed(program: Program, params: Sequence[bool], results: Sequence[bool]) -> Program:
    """The program from some of its params, which are all that it needs, to some of its results."""
    whole = dce(Program(program.params, program.eqns, tuple(chosen(program.results, results))))
    return renumber(chosen(whole.params, params), whole.eqns, whole.results)


def chosen(values: Sequence[T], mask: Sequence[bool]) -> list[T]:
    """The values whose mask is set."""
    return [v for v, m in zip(values, mask, strict=True) if m]
