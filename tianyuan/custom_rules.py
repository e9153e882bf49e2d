"""Functions with derivative rules of the user's: ``custom_jvp`` and ``custom_vjp``; ``stop_gradient``.

Called on values, a custom function is just called. Under differentiation its rule is called instead;
under tracing, function and rules are traced to Programs and recorded as one equation, so that they print,
parse and stay inside loops and branches.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from attrs import evolve, field, frozen

from tianyuan import lowering, tree
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Rewriting, Undef, current, interpreting, primitive
from tianyuan.errors import ArrayTypeError, NoRuleError, TreeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import zeros
from tianyuan.prims.linear import moveaxis, reduce_sum
from tianyuan.program import Eqn, Program, evaluate
from tianyuan.transforms.arguments import argument_name, described, flat_arrays, name_of
from tianyuan.transforms.batching import at_front, batch_flat
from tianyuan.transforms.derivatives import settled
from tianyuan.transforms.forward import differentiable, jvp_flat
from tianyuan.transforms.programs import batch_program
from tianyuan.transforms.reverse import MixedError, Recording, linearize_flat
from tianyuan.transforms.tracing import Traced, trace
from tianyuan.types import ArrayType, DType

Fun = Callable[..., Any]
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


def _no_cases(dtype: DType) -> list[Case]:
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
    cases = Cases(_no_cases, ())

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
    cases = Cases(_no_cases, ())

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
    cases = Cases(_no_cases, ())

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


# ---- what users call


def _key(owner: Any, fixed: Sequence[Any]) -> Any:
    """A function and its static arguments (by identity where they cannot be hashed)."""
    return id(owner), tuple(id(x) if getattr(type(x), "__hash__", None) is None else x for x in fixed)


class _Custom:
    """A function that carries derivative rules of the user's; see ``custom_jvp`` and ``custom_vjp``."""

    __name__: str
    fun: Fun
    rule: Fun | None = None
    fwd: Fun | None = None
    bwd: Fun | None = None
    missing = ""  # how to give the rule that the decorator promises

    def __init__(self, fun: Fun, nondiff_argnums: Sequence[int] = ()) -> None:
        functools.update_wrapper(self, fun)  # pyright: ignore[reportArgumentType]
        if isinstance(fun, _Custom):  # one decorator on the other: the function keeps its rules
            self.rule, self.fwd, self.bwd = fun.rule, fun.fwd, fun.bwd
            nondiff_argnums = tuple(nondiff_argnums) or fun.nondiff_argnums
        self.fun = fun.fun if isinstance(fun, _Custom) else fun
        self.nondiff_argnums = tuple(nondiff_argnums)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        bound: Any = self
        return self if instance is None else functools.partial(bound, instance)

    def defjvp(self, rule: Fun) -> Fun:
        """Set the forward rule; returns it, so that it can be used as a decorator."""
        self.rule = rule
        return rule

    def defvjp(self, fwd: Fun, bwd: Fun) -> None:
        """Set the reverse rules."""
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = name_of(self.fun)
        reverse = self.fwd is not None and self.bwd is not None
        if self.rule is None and not reverse:
            raise NoRuleError(f"{name} has no derivative rule yet; define it with {self.missing.format(name)}")
        fixed, free = self._split(self._positional(args, kwargs))
        arrays, shape = flat_arrays(free, name, "argument ")
        flat = _FlatCall(self, name, fixed, shape, tuple(x.type for x in arrays))
        forward = None if self.rule is None else flat.forward
        save, pull = (flat.save, flat.pull) if reverse else (None, None)
        call = CustomCall(name, flat.call, forward, save, pull, lambda: flat.out.size, _key(self, fixed))
        outs = current().custom(call, arrays)
        return tree.unflatten(flat.out, outs)

    def _positional(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not kwargs:
            return tuple(args)
        bound = inspect.signature(self.fun).bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args

    def _split(self, args: Sequence[Any]) -> tuple[list[Any], tuple[Any, ...]]:
        fixed = [args[n] for n in self.nondiff_argnums]
        return fixed, tuple(a for n, a in enumerate(args) if n not in self.nondiff_argnums)

    def joined(self, fixed: Sequence[Any], free: Sequence[Any]) -> list[Any]:
        """All positional arguments, from the static and the other ones."""
        rest = iter(free)
        static = dict(zip(self.nondiff_argnums, fixed, strict=True))
        return [static[n] if n in static else next(rest) for n in range(len(fixed) + len(free))]


class custom_jvp(_Custom):
    """A function whose forward derivative the user gives (and by transposition the reverse one).

    ``f.defjvp(rule)``: ``rule(*nondiff, primals, tangents) -> (value, tangent)``, linear in the tangents.
    With ``f.defvjp(fwd, bwd)`` (see ``custom_vjp``) as well, reverse mode uses those.
    """

    missing = "@{0}.defjvp"


class custom_vjp(_Custom):
    """A function whose reverse derivative the user gives.

    ``f.defvjp(fwd, bwd)``: ``fwd(*args) -> (value, residuals)``; ``bwd(*nondiff, residuals, ct) -> cotangents``,
    a tuple with one entry per argument (None is zero). With ``f.defjvp(rule)`` (see ``custom_jvp``) as well,
    it has a forward mode.
    """

    missing = "{0}.defvjp(fwd, bwd)"


class _FlatCall:
    """The functions of one call of a custom function, over flat arrays."""

    def __init__(
        self, owner: _Custom, name: str, fixed: list[Any], shape: tree.Structure, types: tuple[ArrayType, ...]
    ) -> None:
        self.owner, self.name, self.fixed, self.shape, self.types = owner, name, fixed, shape, types
        self.out = self.residual_shape = tree.LEAF

    def _args(self, xs: Sequence[Array]) -> list[Any]:
        return self.owner.joined(self.fixed, tree.unflatten(self.shape, xs))

    def call(self, *xs: Array) -> list[Array]:
        flat, self.out = flat_arrays(self.owner.fun(*self._args(xs)), self.name, "the result")
        return flat

    def forward(self, *xs: Array) -> list[Array]:
        rule, n = self.owner.rule, len(xs) // 2
        assert rule is not None
        given = rule(*self.fixed, tree.unflatten(self.shape, xs[:n]), tree.unflatten(self.shape, xs[n:]))
        value, tangent = _pair(given, f"the jvp rule of {self.name} must return (value, tangent)")
        flat, self.out = flat_arrays(value, self.name, "the result")
        derivative, got = flat_arrays(tangent, self.name, "the tangent")
        _check_tangents(self.name, flat, self.out, derivative, got)
        return [*flat, *derivative]

    def save(self, *xs: Array) -> list[Array]:
        assert self.owner.fwd is not None
        given = self.owner.fwd(*self._args(xs))
        value, residuals = _pair(given, f"the fwd rule of {self.name} must return (value, residuals)")
        flat, self.out = flat_arrays(value, self.name, "the result")
        saved, self.residual_shape = flat_arrays(residuals, self.name, "the residuals")
        return [*flat, *saved]

    def pull(self, *xs: Array) -> list[Array]:
        assert self.owner.bwd is not None
        n = self.residual_shape.size
        residuals, ct = tree.unflatten(self.residual_shape, xs[:n]), tree.unflatten(self.out, xs[n:])
        return self._cotangents(self.owner.bwd(*self.fixed, residuals, ct))

    def _cotangents(self, given: Any) -> list[Array]:
        """One array for each of the function's arrays, in its type."""
        count = len(self.shape.children)
        if not isinstance(given, tuple | list) or len(given) != count:  # pyright: ignore
            ending = "s, one for each argument" if count > 1 else ": write (ct,)"
            got = described(given) if not isinstance(given, tuple | list) else f"{len(given)}"  # pyright: ignore
            raise TreeError(f"the bwd rule of {self.name} must return a tuple of {count} cotangent{ending}; got {got}")
        types, flat = iter(self.types), list[Array]()
        for n, (part, child) in enumerate(zip(given, self.shape.children, strict=True)):  # pyright: ignore
            own = [next(types) for _ in range(child.size)]
            flat += [zeros(t.strong) for t in own] if part is None else self._like_argument(n, part, child, own)
        return flat

    def _like_argument(self, n: int, part: Any, child: tree.Structure, types: Sequence[ArrayType]) -> list[Array]:
        """The leaves of the cotangent of argument n, which has its structure and types."""
        free = [k for k in range(n + len(self.fixed) + 1) if k not in self.owner.nondiff_argnums]
        what = f"the cotangent of {argument_name(self.owner.fun, free[n])}"
        arrays, got = flat_arrays(part, f"the bwd rule of {self.name}", what)
        if got != child:
            raise TreeError(f"the bwd rule of {self.name}: {tree.difference(child, got, what)}, like the argument")
        paths = tree.paths(part)
        return [self._fitted(f"{what}{path}", x, t) for path, x, t in zip(paths, arrays, types, strict=True)]

    def _fitted(self, what: str, x: Array, type: ArrayType) -> Array:
        if not differentiable(type):
            return zeros(type.strong)
        if type.weak or (x.type.weak and not x.shape):
            x = convert(x, type.dtype)  # a Python number takes the dtype of what it meets
        if x.type.strong != type.strong:
            raise ArrayTypeError(
                f"the bwd rule of {self.name}: {what} must be {type.strong} like the argument, got {x.type}; "
                "broadcast, reduce or convert it"
            )
        return x


def _pair(value: Any, rule: str) -> tuple[Any, Any]:
    if not isinstance(value, tuple | list) or len(value) != 2:  # pyright: ignore[reportUnknownArgumentType]
        raise TreeError(f"{rule}, a pair; got {described(value)}")
    first, second = value  # pyright: ignore[reportUnknownVariableType]
    return first, second  # pyright: ignore[reportUnknownVariableType]


def _check_tangents(name: str, flat: list[Array], shape: Any, derivative: list[Array], got: Any) -> None:
    if got != shape:
        raise TreeError(f"the jvp rule of {name}: {tree.difference(shape, got, 'the tangent')}, like the value")
    for path, x, t in zip(tree.paths(tree.unflatten(shape, flat)), flat, derivative, strict=True):
        if x.type.strong != t.type.strong:
            raise ArrayTypeError(
                f"the jvp rule of {name}: tangent{path} must be {x.type.strong} like the value, got {described(t)}; "
                "do not reduce or convert it"
            )


@primitive
class StopGradient(Prim):
    """The identity, with derivative zero."""

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
        """The tangent is zero."""
        return self(*primals), None

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The identity."""
        return self(*args), dims[0]


def stop_gradient(x: Any) -> Any:
    """``x``, a tree, as a constant to differentiation."""
    flat, shape = flat_arrays(x, "stop_gradient", "argument ")
    return tree.unflatten(shape, [StopGradient()(a) for a in flat])
