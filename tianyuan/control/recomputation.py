"""``checkpoint``: derivatives that recompute instead of store.

The primitive ``Checkpoint`` is a region: a nested Program whose inside is never merged with the outside.
Its tangent part is another region that computes the primal part anew, so that between forward and backward
only the region's inputs are kept. Recomputing gives the same bits, and cotangents are summed in the order
of the program that stores everything (docs/numerics.md, Derivatives).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Sequence
from typing import Any

from attrs import frozen

from tianyuan import lowering, tree
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.control.looping import LINEARIZED, While, per_entry
from tianyuan.control.scanning import Scan, with_count
from tianyuan.control.tapes import settle
from tianyuan.core import Prim, Rewriting, Undef, primitive
from tianyuan.eager import replay
from tianyuan.errors import ArrayTypeError
from tianyuan.passes.pruning import chosen, narrowed, needed
from tianyuan.program import Atom, Lit, Program, Var, literal
from tianyuan.transforms.arguments import flat_arrays, name_of
from tianyuan.transforms.batching import at_front
from tianyuan.transforms.forward import differentiable, instantiate
from tianyuan.transforms.programs import (
    Split,
    backward_program,
    batch_program,
    jvp_program,
    split_program,
    spread,
)
from tianyuan.transforms.reverse import Accumulating
from tianyuan.transforms.tracing import Extra, trace
from tianyuan.types import ITERATIONS, ArrayType, DType

Maybe = Array | None


def checkpoint(fun: Callable[..., Any], *, policy: Policy | None = None) -> Callable[..., Any]:
    """``fun`` with derivatives that recompute its inside instead of storing it: less memory, the same bits.

    ``policy`` says which values are stored all the same, one of ``checkpoint_policies``; None stores only the
    arguments.
    """
    chosen = checkpoint_policies.nothing if policy is None else policy
    if not isinstance(chosen, Policy):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArrayTypeError(
            f"checkpoint: policy must be one of checkpoint_policies, got {policy!r}; "
            "for example ty.checkpoint_policies.dots"
        )

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        arrays, shape = flat_arrays((args, kwargs), f"checkpoint of {name_of(fun)}", "argument ")

        def flat(*xs: Array) -> Extra:
            inner, named = tree.unflatten(shape, xs)
            return Extra(*flat_arrays(fun(*inner, **named), name_of(fun), "the result"))

        traced = trace(flat, [a.type for a in arrays])
        outs = Checkpoint(traced.program, chosen.kind, chosen.names)(*arrays, *traced.closed)
        return tree.unflatten(traced.extra, outs)

    return wrapped


@frozen
class Policy:
    """Which values a checkpointed function stores for its derivative: a kind, and names for kind ``names``."""

    kind: str
    names: tuple[str, ...] = ()

    def stores(self, prim: Prim) -> bool:
        """Whether the results of a primitive are stored."""
        if self.kind == "names":
            return isinstance(prim, Named) and prim.label in self.names
        return self.kind == "everything" or (self.kind == "dots" and prim.name in _DOTS)


_DOTS = ("dot_general", "conv", "conv_input_grad", "conv_weight_grad")


class checkpoint_policies:
    """What ``checkpoint`` stores beside the arguments. Gradients have the same bits under all."""

    nothing = Policy("nothing")
    """Only the arguments: the least memory."""

    dots = Policy("dots")
    """Results of contractions and convolutions, which are dear to compute again."""

    everything = Policy("everything")
    """All that the derivative needs, as without ``checkpoint``."""

    @staticmethod
    def names(*names: str) -> Policy:
        """The values that ``checkpoint_name`` gave one of these names."""
        return Policy("names", names)


def checkpoint_name(x: Any, name: str) -> Any:
    """``x``, a tree, under a name that a checkpoint policy may ask for."""
    flat, shape = flat_arrays(x, "checkpoint_name", "argument ")
    return tree.unflatten(shape, [Named(name)(a) for a in flat])


def _no_cases(dtype: DType) -> list[Case]:
    return []  # primitives with Programs are tested as composites


@primitive
class Checkpoint(Prim, Accumulating):
    """Run ``program``; derivatives recompute it, but for what the policy stores."""

    program: Program
    kind: str = "nothing"
    names: tuple[str, ...] = ()
    multiple = True
    cases = Cases(_no_cases, ())

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """Those of the program."""
        if args != self.program.in_types:
            raise ArrayTypeError(f"checkpoint takes {self.program.in_types}, got {args}")
        return self.program.out_types

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """A region."""
        return lowering.Call(self.program)

    def finished(self) -> Checkpoint:
        """The region in which no tape is left."""
        return self._region(settle(self.program))

    def prune(self, args: Sequence[Any], used: Sequence[bool]) -> tuple[Prim, Sequence[Any], Sequence[bool]] | None:
        """Without the results that are not used, and the arguments that then nothing needs."""
        params = needed(self.program, used)
        if all(used) and all(params):
            return None
        return self._region(narrowed(self.program, params, used)), chosen(args, params), used

    def effects(self) -> frozenset[str]:
        """Those of the program."""
        return self.program.effects

    def oracle(self, *args: Any) -> Any:
        """The machines run Programs themselves."""
        raise NotImplementedError

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The region of the jvp."""
        nonzero = [t is not None for t in tangents]
        count = len(self.program.results)
        made, mask = jvp_program(self.program, nonzero, [False] * count)
        outs = self._region(made)(*primals, *(t for t in tangents if t is not None))
        return list(outs[:count]), spread(outs[count:], mask)

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The region, and a region from (primals, stored, tangents) to tangents that computes the rest anew."""
        split, stored = self._cut([t is not None for t in tangents])
        count = len(self.program.results)
        forward = Program(split.primal.params, split.primal.eqns, (*split.primal.results[:count], *stored))
        outs = self._region(forward)(*primals)
        return list(outs[:count]), self._anew(split, stored, [*primals, *outs[count:]], tangents)

    def tangents(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> list[Maybe]:
        """What ``linearize`` gives beside the results, where nothing is stored."""
        split, stored = self._cut([t is not None for t in tangents])
        assert not stored
        return self._anew(split, stored, primals, tangents)

    def _cut(self, nonzero: Sequence[bool]) -> tuple[Split, list[Var]]:
        """The program cut into primal and tangent part, and the variables between them that are stored."""
        count = len(self.program.results)
        split = split_program(self.program, nonzero, [False] * count)
        return split, _stored(split.primal, count, Policy(self.kind, self.names))

    def _anew(self, split: Split, stored: list[Var], known: Sequence[Array], tangents: Sequence[Maybe]) -> list[Maybe]:
        """The tangents from primals and stored values."""
        given = [t for t in tangents if t is not None]
        types = [*(p.type for p in split.primal.params), *(v.type for v in stored), *(t.type for t in given)]
        params, count = len(split.primal.params), len(self.program.results)

        def again(*args: Array) -> Sequence[Array]:
            values = dict(zip(stored, args[params:], strict=False))
            residuals = _residuals(split.primal, args[:params], values, count)
            return split.tangent(*args[params + len(stored) :], *residuals)

        out = self._region(trace(again, types).program)(*known, *given)
        return spread(out, split.nonzero_out)

    def _region(self, program: Program) -> Checkpoint:
        return Checkpoint(program, self.kind, self.names)

    def transpose_into(self, cts: Sequence[Maybe], args: Sequence[Any], running: Sequence[Maybe]) -> Sequence[Maybe]:
        """The region that computes anew and walks back, adding to the sums under way."""
        lin = [isinstance(a, Undef) and differentiable(a.type) for a in args]
        have = [ct is not None for ct in cts]
        sums = [instantiate(r, a.type) for r, a, m in zip(running, args, lin, strict=True) if m]
        others = [a for a, m in zip(args, lin, strict=True) if not m]
        made = backward_program(self.program, lin, have)
        outs = self._region(made)(*others, *sums, *(ct for ct in cts if ct is not None))
        return spread(outs, lin)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The region of the batched program; where loops end at their own time, one region an entry."""
        if any(dims[i] is not None for i in _counts(self.program)):
            return per_entry(self, size, args, dims), [0] * len(self.program.results)
        batched = [d is not None for d in dims]
        made, mask = batch_program(self.program, size, batched, [False] * len(self.program.results))
        moved = [at_front(x, d, size) if d is not None else x for x, d in zip(args, dims, strict=True)]
        return self._region(made)(*moved), [0 if m else None for m in mask]


def _counts(program: Program) -> list[int]:
    """The params that say how many iterations a scan over tapes makes."""
    ids = {a.id for e in program.eqns if isinstance(e.prim, Scan) and e.prim.unbounded for a in e.args[:1]}  # pyright: ignore
    return [i for i, p in enumerate(program.params) if p.id in ids]


def loop_tangents(loop: While, primals: Sequence[Array], tangents: Sequence[Maybe]) -> list[Maybe]:
    """Tangents of a loop's last carry, from (its number of iterations, the body's consts, the first carry)."""
    consts = 1 + loop.body_consts
    body = with_count(loop.body)
    scan = Scan(body, ITERATIONS, False, consts, len(primals) - consts)
    program = trace(lambda *xs: scan(*xs), body.in_types).program
    return Checkpoint(program).tangents(primals, tangents)


LINEARIZED["body"] = loop_tangents


def _stored(primal: Program, count: int, policy: Policy) -> list[Var]:
    """The variables that residuals (the results from ``count`` on) need and the policy stores."""
    approved = {v.id for e in primal.eqns if policy.stores(e.prim) for v in e.outs}
    needed = _needed(primal, count, approved)
    return [v for e in primal.eqns for v in e.outs if v.id in approved and v.id in needed]


def _needed(primal: Program, count: int, known: Container[int]) -> set[int]:
    """The variables from which residuals are computed, not looking behind ``known`` ones."""
    needed = {r.id for r in primal.results[count:] if isinstance(r, Var)}
    for eqn in reversed(primal.eqns):
        if any(v.id in needed and v.id not in known for v in eqn.outs):
            needed.update(a.id for a in eqn.args if isinstance(a, Var))
    return needed


def _residuals(primal: Program, params: Sequence[Array], known: dict[Var, Array], count: int) -> list[Array]:
    """The residuals from params and stored values, computing only what is missing."""
    env = dict(zip((p.id for p in primal.params), params, strict=True))
    env.update((v.id, x) for v, x in known.items())
    stored = {v.id for v in known}
    needed = _needed(primal, count, stored)

    def value(atom: Atom) -> Array:
        return literal(atom) if isinstance(atom, Lit) else env[atom.id]

    for eqn in primal.eqns:
        if any(v.id in needed and v.id not in stored for v in eqn.outs):
            outs = replay(eqn, [value(a) for a in eqn.args])
            env.update((v.id, x) for v, x in zip(eqn.outs, outs, strict=True) if v.id not in stored)
    return [value(r) for r in primal.results[count:]]


@primitive
class Named(Prim):
    """The identity, with a name for checkpoint policies. Linear."""

    label: str
    cases = Cases(_no_cases, ())

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """That of the argument."""
        return (x,)

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """A copy."""
        return lowering.Map(lambda k, x: x)

    def oracle(self, x: Any) -> Any:
        """Itself."""
        return x

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """x."""
        return args[0]

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The tangent as it is."""
        return self(*primals), tangents[0]

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The identity."""
        return self(*args), dims[0]
