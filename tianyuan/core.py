"""Primitives, the registry, interpreters, ``bind``.

A primitive is one class that owes a fixed list of rules; its static parameters are attrs fields. An
interpreter gives primitives a meaning: run now, record, differentiate, batch. Which one is current is
a matter of context (one ContextVar), never a tag on data; a dual or batched value only names its owner,
so that nested transformations are never confused [Siskind2005].
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform

from attrs import field, frozen

from tianyuan.array import Array
from tianyuan.cases import Cases
from tianyuan.errors import NoRuleError
from tianyuan.lowering import Lowering
from tianyuan.types import ArrayType, DType

NO_EFFECTS: frozenset[str] = frozenset()


@frozen(eq=False, repr=False)
class Prim:
    """What every primitive owes. A missing rule raises NoRuleError naming it.

    Primitives without fields, most of them, are equal if they are of one class; others by their fields.
    """

    name: ClassVar[str]
    multiple: ClassVar[bool] = False  # whether calls return a tuple of results
    rearranges: ClassVar[bool] = False  # whether every element of the result is one of the only argument's
    ulp: ClassVar[float] = 0.0  # the bound against the oracle; 0 where exact
    cases: ClassVar[Cases]

    @property
    def collective_axis(self) -> str | None:
        """The named axis that a collective works over."""
        return None

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def types(self, *args: Any, **kwargs: Any) -> tuple[ArrayType, ...]:
        """Result types from argument types, or ArrayTypeError."""
        raise missing(self, "type rule", "used")

    def lower(self, *types: Any, **kwargs: Any) -> Lowering:
        """What the machine computes, for arguments of these types."""
        raise missing(self, "lowering", "run")

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """Results and their tangents; a tangent that is None is zero."""
        raise missing(self, "derivative", "differentiated")

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """As ``jvp``, while tangents are recorded; primitives that hold Programs override it."""
        return self.jvp(primals, tangents)

    def transpose(self, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """``transpose(ct, *args)``: cotangents of the linear arguments (``Undef``); None for the others."""
        raise missing(self, "transpose", "differentiated in reverse mode")

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """Results, and the axis of each that is the batch (or None), for arguments batched at ``dims``."""
        raise missing(self, "batch rule", "vmapped")

    def finished(self) -> Any:
        """What runs once all transformations are over: a primitive, or a Program to put in its place."""
        return self

    def collect(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """As ``batch``, for a collective over the axis that is the batch."""
        raise missing(self, "collective rule", "used across a named axis")

    def oracle(self, *args: Any, **kwargs: Any) -> Any:
        """The same in NumPy, SciPy or mpmath: independent mathematics, for tests only."""
        raise missing(self, "oracle", "tested")

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """An atom equal to the result for every input, to the bit; None to leave the equation (``passes``)."""
        return None

    def prune(self, args: Sequence[Any], used: Sequence[bool]) -> tuple[Prim, Sequence[Any], Sequence[bool]] | None:
        """A primitive that gives fewer results, but all that are ``used``; its arguments; which results it gives."""
        return None

    def effects(self) -> frozenset[str]:
        """Observable effects beside the results: ``check``, ``print``, ``callback``."""
        return NO_EFFECTS

    def __call__(self, *args: Array) -> Any:
        """Apply to arrays under the current interpreter."""
        results = bind(self, args)
        return tuple(results) if self.multiple else results[0]


def at_most_one_linear(prim: Prim, *args: Any) -> None:
    """NoRuleError if several arguments of a product are ``Undef``."""
    if sum(isinstance(a, Undef) for a in args) > 1:
        raise NoRuleError(f"{prim.name} is linear in one argument at a time, not in two together")


def missing(prim: Prim, rule: str, verb: str) -> NoRuleError:
    """The error for a rule that a primitive lacks."""
    return NoRuleError(f"{prim.name} has no {rule}, so it cannot be {verb}")


class Rewriting(Protocol):
    """What a ``simplify`` rule sees of the program around its equation. Atoms are ``program.Atom``."""

    def apply(self, prim: Prim, *args: Any) -> Any:
        """The result of a new equation."""
        ...

    def definition(self, atom: Any) -> tuple[Prim | None, Sequence[Any]]:
        """The primitive with one result that gives ``atom``, and its arguments; None where there is none."""
        ...

    def constant(self, atom: Any) -> Any:
        """The NumPy scalar that every element of ``atom`` is known to be, or None."""
        ...

    def literal(self, value: Any, dtype: DType) -> Any:
        """The atom of a number."""
        ...


REGISTRY: dict[str, type[Prim]] = {}
OWED = ("types", "lower", "oracle")
P = TypeVar("P", bound=type[Prim])


def _has_fields(cls: type) -> bool:
    """Whether a class declares static parameters of its own."""
    return any("ClassVar" not in str(a) for a in cls.__dict__.get("__annotations__", {}).values())


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def primitive(cls: P) -> P:
    """Freeze a Prim class, name it (``ReduceSum`` is ``reduce_sum``) and register it, once."""
    made = frozen(cls) if _has_fields(cls) else cls  # making an attrs class costs more than all the rest here
    made.name = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
    lacking = [rule for rule in OWED if getattr(made, rule) is getattr(Prim, rule)]
    lacking += [] if hasattr(made, "cases") else ["cases"]
    if lacking:
        raise TypeError(f"{cls.__name__} lacks {', '.join(lacking)}")
    if made.name in REGISTRY:
        raise TypeError(f"a primitive called {made.name} exists already")
    REGISTRY[made.name] = made
    return made


@frozen
class Undef:
    """The place of a linear argument in a transpose rule: its type, no value."""

    type: ArrayType


class Interpreter:
    """Gives primitives a meaning."""

    def process(self, prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
        """The results of ``prim`` on ``args``."""
        raise NotImplementedError

    def custom(self, rule: Any, args: Sequence[Array]) -> Sequence[Array]:
        """The results of a function with a derivative of the user's (``custom_calls.CustomCall``)."""
        raise NotImplementedError

    def below(self) -> Interpreter:
        """The interpreter that runs when this one has done its part."""
        raise NotImplementedError


_CURRENT: ContextVar[Interpreter] = ContextVar("tianyuan_interpreter")


def install_base(interpreter: Interpreter) -> None:
    """Make ``interpreter`` the one below all others (``eager.py`` installs itself)."""
    _BASE.append(interpreter)


_BASE: list[Interpreter] = []


def current() -> Interpreter:
    """The interpreter in force."""
    found = _CURRENT.get(None)
    return _BASE[-1] if found is None else found


def base() -> Interpreter:
    """The interpreter that runs primitives on values."""
    return _BASE[-1]


@contextmanager
def interpreting(interpreter: Interpreter) -> Generator[None]:
    """Run a block under ``interpreter``."""
    token = _CURRENT.set(interpreter)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def bind(prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
    """Apply a primitive under the current interpreter."""
    return current().process(prim, args)


def type_of(x: Any) -> ArrayType:
    """The type of an Array or an Undef."""
    return x.type


Rule = Callable[..., Any]
