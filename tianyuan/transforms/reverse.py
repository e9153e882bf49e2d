"""Reverse mode: linearize, then transpose [Radul2022].

    linearize : (a -> b) -> a -> (b, T a -o T b)
    transpose : (T a -o T b) -> (T b -o T a)

``linearize`` runs the function's primal part while recording its tangent part as a linear Program.
``backward`` walks that program from its end: a variable used several times receives its cotangents in
the order of its uses, last use first (docs/numerics.md, Derivatives).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from tianyuan.array import Array
from tianyuan.core import Interpreter, Prim, Undef, interpreting
from tianyuan.eager import replay
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.program import Atom, Eqn, Lit, Program, Var, literal
from tianyuan.transforms.forward import Forward, differentiable
from tianyuan.transforms.tracing import Stage, Staged


class MixedError(Exception):
    """A primitive that holds Programs was given tangents under way where its results may not depend on them all."""


class Recording(Interpreter):
    """Runs what depends on primals only; records what depends on a tangent.

    A loop or branch is recorded whole, so with ``strict``, for rules of the user's, one that takes primals and tangents
    together raises MixedError: its primal results would be recorded too.
    """

    def __init__(self, prev: Interpreter, stage: Stage, strict: bool = False) -> None:
        self.prev = prev
        self.stage = stage
        self.strict = strict

    def process(self, prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
        """Record if any argument is a recorded tangent, else pass down."""
        if any(isinstance(a, Staged) and a.stage is self.stage for a in args):
            if self.strict and type(prim).linearize is not Prim.linearize:
                raise MixedError
            return self.stage.process(prim, args)
        with interpreting(self.prev):
            return self.prev.process(prim, args)

    def custom(self, rule: Any, args: Sequence[Array]) -> Sequence[Array]:
        """Custom functions of primals pass down; of tangents, they are just called."""
        if any(isinstance(a, Staged) and a.stage is self.stage for a in args):
            return rule.fun(*args)
        with interpreting(self.prev):
            return self.prev.custom(rule, args)


class Linearize(Forward):
    """Forward mode whose tangents are recorded instead of computed."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.rules = Recording(self.prev, self.stage)

    def rule(self, prim: Prim) -> Callable[..., Any]:
        """Primitives that hold Programs split them into a primal and a tangent part."""
        return prim.linearize

    def custom_rule(self, rule: Any, primals: Sequence[Array], tangents: Any) -> tuple[Any, Any]:
        """Results and recorded tangents of a custom function."""
        return rule.linearize(primals, tangents)


@frozen(eq=False)
class Linear:
    """A linear map as a Program: tangents in (``nonzero_in`` of them), residuals behind, tangents out."""

    program: Program
    residuals: list[Array]
    nonzero_out: tuple[bool, ...]

    def apply(self, tangents: Sequence[Array]) -> list[Array | None]:
        """The tangents of all outputs, None where zero."""
        outs = iter(self.program(*tangents, *self.residuals))
        return [next(outs) if nonzero else None for nonzero in self.nonzero_out]

    def transpose(self, cts: Sequence[Array | None]) -> list[Array | None]:
        """The cotangents of the tangents in, from cotangents of all outputs."""
        wanted = [ct for ct, nonzero in zip(cts, self.nonzero_out, strict=True) if nonzero]
        count = len(self.program.params) - len(self.residuals)
        return backward(self.program, count, self.residuals, wanted)


def linearize_flat(
    fun: Callable[..., Sequence[Array]], primals: Sequence[Array], wanted: Sequence[bool]
) -> tuple[list[Array], Linear]:
    """Results of ``fun``, and its linear map from the tangents of the ``wanted`` arguments."""
    interpreter = Linearize()
    stage = interpreter.stage
    with interpreting(interpreter):
        tangents = [stage.param(x.type.strong) if w else None for x, w in zip(primals, wanted, strict=True)]
        outs = fun(*(interpreter.join(x, t) for x, t in zip(primals, tangents, strict=True)))
    results, out_tangents = interpreter.split(list(outs))
    atoms = [stage.atom(t) for t in out_tangents if t is not None]
    program, residuals = stage.finish(atoms)
    return results, Linear(program, residuals, tuple(t is not None for t in out_tangents))


# ---- transposition

Cotangents = dict[int, Array]


def backward(
    program: Program,
    count: int,
    others: Sequence[Array],
    cts: Sequence[Array | None],
    running: Sequence[Array | None] = (),
) -> list[Array | None]:
    """Cotangents of the first ``count`` params of a program linear in them, given those of its results.

    ``others`` are the values of the remaining params; equations that depend on them alone are run
    forwards. ``running`` are sums under way to which the params' cotangents are added one by one.
    """
    walk = _Backward(program, count, others)
    for i in range(count):
        if i < len(running) and (start := running[i]) is not None:
            walk.ct[program.params[i].id] = start
    for atom, ct in zip(reversed(program.results), reversed(cts), strict=True):
        walk.give(atom, ct)
    for eqn in reversed(walk.linear_eqns):
        walk.step(eqn)
    return [walk.ct.get(p.id) for p in program.params[:count]]


class _Backward:
    """The state of one backward walk: which variables are linear, values of the others, cotangents."""

    def __init__(self, program: Program, count: int, others: Sequence[Array]) -> None:
        self.ct: Cotangents = {}
        self.linear = {p.id for p in program.params[:count] if differentiable(p.type)}
        params = program.params[count:]
        self.values: dict[int, Array] = {p.id: x for p, x in zip(params, others, strict=True)}
        self.linear_eqns: list[Eqn] = []
        for eqn in program.eqns:
            self._forward(eqn)

    def _forward(self, eqn: Eqn) -> None:
        if any(self.is_linear(a) for a in eqn.args):
            self.linear.update(v.id for v in eqn.outs)
            self.linear_eqns.append(eqn)
        else:
            outs = replay(eqn, [self.value(a) for a in eqn.args])
            self.values.update((v.id, x) for v, x in zip(eqn.outs, outs, strict=True))

    def is_linear(self, atom: Atom) -> bool:
        return isinstance(atom, Var) and atom.id in self.linear

    def value(self, atom: Atom) -> Array:
        return literal(atom) if isinstance(atom, Lit) else self.values[atom.id]

    def give(self, atom: Atom, ct: Array | None) -> None:
        """Add a cotangent behind those that came before it."""
        if ct is None or not self.is_linear(atom):
            return
        assert isinstance(atom, Var)
        before = self.ct.get(atom.id)
        self.ct[atom.id] = ct if before is None else add(before, ct)

    def step(self, eqn: Eqn) -> None:
        """Transpose one equation."""
        cts = [self.ct.pop(v.id, None) for v in eqn.outs]
        if all(ct is None for ct in cts):
            return
        args = [Undef(a.type) if self.is_linear(a) else self.value(a) for a in eqn.args]
        if isinstance(eqn.prim, Accumulating):
            self._accumulate(eqn, eqn.prim, cts, args)
            return
        given = eqn.prim.transpose(cts if eqn.prim.multiple else cts[0], *args)
        for atom, ct in zip(reversed(eqn.args), reversed(given), strict=True):
            self.give(atom, ct)

    def _accumulate(self, eqn: Eqn, prim: Accumulating, cts: Any, args: Any) -> None:
        """A region adds its uses one by one to the sums under way, and gives them back."""
        seen: set[int] = set()
        running: list[Array | None] = []
        for a in eqn.args:
            first = isinstance(a, Var) and self.is_linear(a) and a.id not in seen
            seen.update([a.id] if isinstance(a, Var) else [])
            running.append(self.ct.pop(a.id, None) if first and isinstance(a, Var) else None)
        given = prim.transpose_into(cts, args, running)
        for atom, ct in zip(eqn.args, given, strict=True):
            self.give(atom, ct)


class Accumulating:
    """A primitive that holds Programs: its transpose takes the sums under way as inputs.

    ``transpose_into(cts, args, running)`` returns, for each linear argument, ``running`` (None is zero) plus
    the cotangents of its uses inside, last use first.
    """

    def transpose_into(
        self, cts: Sequence[Array | None], args: Sequence[Any], running: Sequence[Array | None]
    ) -> Sequence[Array | None]:
        """See the class."""
        raise NotImplementedError
