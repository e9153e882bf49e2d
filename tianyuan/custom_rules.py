"""Functions with derivative rules of the user's: ``custom_jvp`` and ``custom_vjp``; ``stop_gradient``.

Called on values, a custom function is just called. Under differentiation its rule is called instead; under tracing
it is recorded with its rules (``custom_calls``).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import lowering, tree
from tianyuan.array import Array
from tianyuan.cases import Cases
from tianyuan.core import Prim, Rewriting, current, primitive
from tianyuan.custom_calls import CustomCall, Maybe, no_cases
from tianyuan.errors import ArrayTypeError, NoRuleError, TreeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import zeros
from tianyuan.transforms.arguments import argument_name, described, flat_arrays, name_of
from tianyuan.transforms.forward import differentiable
from tianyuan.types import ArrayType

Fun = Callable[..., Any]


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

    cases = Cases(no_cases, ())

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
