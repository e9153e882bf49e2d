"""A call of a function with rules of the user's: applied where it stands, or recorded as one equation.

Under tracing, function and rules are traced to Programs and recorded together, so that they print, parse and stay
inside loops and branches. ``custom_rules`` makes such calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from attrs import evolve, field, frozen

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Undef, current, interpreting, primitive
from tianyuan.errors import ArrayTypeError, NoRuleError
from tianyuan.prims.creation import zeros
from tianyuan.prims.linear import moveaxis, reduce_sum
from tianyuan.program import Eqn, Program, evaluate
from tianyuan.transforms.batching import at_front, batch_flat
from tianyuan.transforms.derivatives import settled
from tianyuan.transforms.forward import differentiable, jvp_flat
from tianyuan.transforms.programs import batch_program
from tianyuan.transforms.reverse import MixedError, Recording, linearize_flat
from tianyuan.transforms.tracing import Traced, trace
from tianyuan.types import ArrayType, DType

Flat = Callable[..., list[Array]]
Maybe = Array | None


@frozen(eq=False)
class CustomCall:
    """A call of a custom function over flat arrays: the function and its rules."""

    name: str
    fun: Flat  # (x..) -> (y..)
    forward: Flat | None  # (x.., dx..) -> (y.., dy..)
    save: Flat | None  # (x..) -> (y.., residuals..)
    pull: Flat | None  # (residuals.., dy..) -> (dx..)
    results: Callable[[], int]  # how many results, known once ``fun`` or ``save`` has been called
    key: Any = None  # of the function and its static arguments

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """Results and tangents by the user's forward rule."""
        if self.forward is None:
            if self.save is None:
                raise NoRuleError(f"{self.name}: its jvp rule goes through a function that has no forward mode")
            raise NoRuleError(
                f"{self.name} has a custom_vjp rule but no custom_jvp rule, so it has no forward mode; define one too"
            )
        outs = self.forward(*primals, *_whole(primals, tangents))
        count = len(outs) // 2
        return outs[:count], [settled(t, t.type) for t in outs[count:]]

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """Results, and tangents recorded as the transpose of the user's reverse rule."""
        if self.save is None or self.pull is None:
            return self._linearize_forward(primals, tangents)
        outs = self.save(*primals)
        count = self.results()
        results, residuals = outs[:count], outs[count:]
        tangent = CustomTangent(self.pull, len(residuals), tuple(r.type.strong for r in results))
        return results, tangent(*residuals, *_whole(primals, tangents))

    def _linearize_forward(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The forward rule, its linear part recorded; where it mixes both in a loop or branch, linearized itself."""
        recording = current()
        if not isinstance(recording, Recording):
            return self.jvp(primals, tangents)
        mark = len(recording.stage.eqns)
        try:
            with interpreting(Recording(recording.prev, recording.stage, strict=True)):
                return self.jvp(primals, tangents)
        except MixedError:
            del recording.stage.eqns[mark:]
        whole = _whole(primals, tangents)
        floats = [differentiable(t.type) for t in whole]
        forward = self.forward
        assert forward is not None
        zero = [zeros(t.type) for t in whole]
        outs, linear = linearize_flat(lambda *dots: forward(*primals, *dots), zero, floats)
        pushed = linear.apply([t for t, m in zip(whole, floats, strict=True) if m])
        count = len(outs) // 2
        return outs[:count], [settled(t, x.type) for t, x in zip(pushed[count:], outs[:count], strict=True)]

    def batched(self, size: int, dims: Sequence[int | None]) -> CustomCall:
        """The call over batched arguments; every result has its batch axis first."""
        doubled = [*dims, *dims]

        def over(fun: Flat | None, in_dims: Callable[[int], Sequence[int | None]]) -> Flat | None:
            if fun is None:
                return None

            def run(*args: Array) -> list[Array]:
                outs, out_dims = batch_flat(fun, size, args, in_dims(len(args)))
                return [at_front(x, d, size) for x, d in zip(outs, out_dims, strict=True)]

            return run

        fun, forward = over(self.fun, lambda n: dims), over(self.forward, lambda n: doubled)
        save, pull = over(self.save, lambda n: dims), over(self.pull, lambda n: [0] * n)
        assert fun is not None
        unbatched = None if pull is None else _sum_unmapped(pull, dims)
        return CustomCall(self.name, fun, forward, save, unbatched, self.results, self.key)

    def stage(self, args: Sequence[Array]) -> list[Array]:
        """Record the call as one equation: its functions as Programs over a common list of arrays closed over."""
        types = [a.type for a in args]
        call = trace(self.fun, types)
        own = self.key, tuple(types)
        if own in _RULES.get():
            return list(Again(self.name, call.program)(*args, *call.closed))
        token = _RULES.set((*_RULES.get(), own))
        try:
            return self._record(args, types, call)
        finally:
            _RULES.reset(token)

    def _record(self, args: Sequence[Array], types: list[ArrayType], call: Traced) -> list[Array]:
        outs = list(call.program.out_types)
        parts: list[Traced | None] = [call, None, None, None]
        if self.forward is not None:
            with suppress(NoRuleError):  # a rule through a function without forward mode is an error when it is used
                parts[1] = trace(self.forward, [*types, *(t.strong for t in types)])
        if self.save is not None and self.pull is not None:
            parts[2] = trace(self.save, types)
            saved = list(parts[2].program.out_types[len(outs) :])
            parts[3] = trace(self.pull, [*saved, *(t.strong for t in outs)])
        closed = {id(x): x for p in parts if p is not None for x in p.closed}
        shared = list(closed.values())
        programs = [None if p is None else _over_shared(p, shared) for p in parts]
        assert programs[0] is not None
        made = CustomFunction(self.name, programs[0], programs[1], programs[2], programs[3], len(shared))
        return list(made(*shared, *args))


_RULES: ContextVar[tuple[Any, ...]] = ContextVar("tianyuan_rules", default=())  # functions whose rules are being traced


def _whole(primals: Sequence[Array], tangents: Sequence[Maybe]) -> list[Array]:
    return [settled(t, p.type) for t, p in zip(tangents, primals, strict=True)]


def _sum_unmapped(pull: Flat, dims: Sequence[int | None]) -> Flat:
    """The cotangent of an argument shared by all entries is the sum over them, by ORDER."""

    def run(*args: Array) -> list[Array]:
        outs = pull(*args)
        return [reduce_sum(x, (0,)) if d is None else moveaxis(x, 0, d) for x, d in zip(outs, dims, strict=True)]

    return run


def _over_shared(part: Traced, shared: Sequence[Array]) -> Program:
    """The program over (shared closed-over arrays, its own arguments)."""
    own = part.program.in_types[: len(part.program.params) - len(part.closed)]
    places = {id(x): i for i, x in enumerate(shared)}

    def fun(*args: Array) -> Sequence[Array]:
        closed = [args[places[id(x)]] for x in part.closed]
        return part.program(*args[len(shared) :], *closed)

    return trace(fun, [*(x.type for x in shared), *own]).program


def no_cases(dtype: DType) -> list[Case]:
    """None."""
    return []  # primitives with Programs are tested as composites


@primitive
class CustomFunction(Prim):
    """A traced custom function: ``call`` with its rules, over (closed-over arrays, arguments)."""

    label: str
    call: Program
    forward: Program | None
    save: Program | None
    pull: Program | None
    closed: int
    multiple = True
    cases = Cases(no_cases, ())

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """Those of the function."""
        if args != self.call.in_types:
            raise ArrayTypeError(f"{self.label} takes {self.call.in_types}, got {args}")
        return self.call.out_types

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """The function itself."""
        return lowering.Call(self.call)

    def finished(self) -> Program:
        """The function itself: its rules are done with."""
        return self.call

    def effects(self) -> frozenset[str]:
        """Those of the function."""
        return self.call.effects

    def oracle(self, *args: Any) -> Any:
        """The machines run Programs themselves."""
        raise NotImplementedError

    def _as_call(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[CustomCall, int]:
        shared = primals[: self.closed]
        if any(t is not None for t in tangents[: self.closed]):
            raise NoRuleError(f"{self.label} closes over a value that is being differentiated; pass it as an argument")

        def over(program: Program | None) -> Any:
            def run(*xs: Array) -> list[Array]:
                assert program is not None
                return evaluate(self.tied(program), [*shared, *xs])

            return None if program is None else run

        return CustomCall(
            self.label,
            over(self.call),
            over(self.forward),
            over(self.save),
            over(self.pull),
            lambda: len(self.call.results),
        ), self.closed

    def tied(self, program: Program) -> Program:
        """A rule in which the function's calls of itself have its rules again."""
        if not any(self.is_own(e) for e in program.eqns):
            return program
        shared, count = program.params[: self.closed], len(self.call.params) - self.closed
        return Program(
            program.params,
            tuple(evolve(e, prim=self, args=(*shared, *e.args[:count])) if self.is_own(e) else e for e in program.eqns),
            program.results,
        )

    def is_own(self, eqn: Eqn) -> bool:
        """Whether an equation of a rule is a call of this function, at the same types."""
        if not isinstance(eqn.prim, Again) or eqn.prim.label != self.label:
            return False
        own = self.call.in_types[self.closed :]
        return tuple(a.type for a in eqn.args[: len(own)]) == own

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """By the user's forward rule."""
        call, n = self._as_call(primals, tangents)
        return call.jvp(primals[n:], tangents[n:])

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """By the user's reverse rule, or the forward one. Arrays closed over travel as residuals."""
        call, n = self._as_call(primals, tangents)
        if self.save is None or self.pull is None:
            return call.linearize(primals[n:], tangents[n:])
        outs = evaluate(self.save, primals)
        count, pull = len(self.call.results), self.pull
        residuals = [*primals[:n], *outs[count:]]
        results = tuple(t.strong for t in self.call.out_types)
        tangent = CustomTangent(lambda *xs: evaluate(pull, xs), len(residuals), results)
        return outs[:count], tangent(*residuals, *_whole(primals[n:], tangents[n:]))

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The custom function of batched programs."""
        moved = [at_front(x, d, size) if d is not None else x for x, d in zip(args, dims, strict=True)]
        mask = [d is not None for d in dims]
        n, own = self.closed, mask[self.closed :]
        if any(mask[:n]):  # a closed-over array that differs by entry becomes one for all rules
            moved[:n] = [at_front(x, d, size) for x, d in zip(args[:n], dims[:n], strict=True)]
            mask[:n] = [True] * n

        def over(program: Program | None, masks: Sequence[bool]) -> Program | None:
            if program is None:
                return None
            return batch_program(program, size, masks, [True] * len(program.results))[0]

        results = len(self.call.results)
        saved = 0 if self.save is None else len(self.save.results) - results
        pull = over(self.pull, [*mask[:n], *([True] * (saved + results))])
        made = CustomFunction(
            self.label,
            _required(over(self.call, mask)),
            over(self.forward, [*mask, *own]),
            over(self.save, mask),
            None if pull is None else _program_sum_unmapped(pull, own),
            n,
        )
        return made(*moved), [0] * results


@primitive
class Again(Prim):
    """A custom function called from its own rule: its rules are those of the call around it.

    Arguments: its own, then arrays closed over.
    """

    label: str
    call: Program
    multiple = True
    cases = Cases(no_cases, ())

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """Those of the function."""
        return self.call.out_types

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """The function itself."""
        return lowering.Call(self.call)

    def finished(self) -> Program:
        """The function itself."""
        return self.call

    def effects(self) -> frozenset[str]:
        """Those of the function."""
        return self.call.effects

    def oracle(self, *args: Any) -> Any:
        """The machines run Programs themselves."""
        raise NotImplementedError

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """Outside its rule, as the function is written."""
        return jvp_flat(lambda *xs: evaluate(self.call, xs), primals, tangents)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batched function."""
        mask = [d is not None for d in dims]
        moved = [at_front(x, d, size) if d is not None else x for x, d in zip(args, dims, strict=True)]
        made = batch_program(self.call, size, mask, [True] * len(self.call.results))[0]
        return Again(self.label, made)(*moved), [0] * len(self.call.results)


def _required(program: Program | None) -> Program:
    assert program is not None
    return program


def _program_sum_unmapped(pull: Program, mapped: Sequence[bool]) -> Program:
    def run(*args: Array) -> list[Array]:
        outs = pull(*args)
        return [x if m else reduce_sum(x, (0,)) for x, m in zip(outs, mapped, strict=True)]

    return trace(run, pull.in_types).program


@primitive
class CustomTangent(Prim):
    """The linear map whose transpose is a user's reverse rule: (residuals, tangents) -> tangents of results.

    It stands only in tangent programs that are about to be transposed; it cannot be run forwards.
    """

    pull: Flat = field(eq=False)
    residuals: int
    results: tuple[ArrayType, ...]
    multiple = True
    cases = Cases(no_cases, ())

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """Those of the function's results."""
        return self.results

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """There is none."""
        raise NoRuleError("a custom_vjp function has no forward mode (jvp, jacfwd); define a custom_jvp rule too")

    def oracle(self, *args: Any) -> Any:
        """There is none."""
        raise NotImplementedError

    def transpose(self, cts: Any, *args: Any) -> tuple[Maybe, ...]:
        """The user's reverse rule."""
        residuals = args[: self.residuals]
        whole = [settled(ct, t) for ct, t in zip(cts, self.results, strict=True)]
        given = self.pull(*residuals, *whole)
        linear = [isinstance(a, Undef) for a in args[self.residuals :]]
        return (*([None] * self.residuals), *(g if m else None for g, m in zip(given, linear, strict=True)))

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """Batched residuals and tangents, a batched rule."""
        moved = [at_front(x, d, size) for x, d in zip(args, dims, strict=True)]

        def pull(*xs: Array) -> list[Array]:
            outs, out_dims = batch_flat(self.pull, size, xs, [0] * len(xs))
            return [at_front(x, d, size) for x, d in zip(outs, out_dims, strict=True)]

        results = tuple(t.with_shape((size, *t.shape)) for t in self.results)
        return CustomTangent(pull, self.residuals, results)(*moved), [0] * len(results)
