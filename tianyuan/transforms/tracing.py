"""Tracing: run a Python function on symbols and record its operations as a Program.

    trace : (a1, .., an -> b) -> types of a -> Program, values closed over

Arrays from outside (concrete, or traced by an interpreter further out) become trailing params; their
values are kept beside the Program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from attrs import frozen

from tianyuan.array import REPAIRS, Array
from tianyuan.core import Interpreter, Prim, current, interpreting
from tianyuan.eager import leaked, literal_of, user_source
from tianyuan.errors import ConcretizationError
from tianyuan.program import Atom, Eqn, Program, Var, renumber, verify
from tianyuan.sources import Source
from tianyuan.types import ArrayType


class Staged(Array):
    """A value of a trace under way: a variable."""

    __slots__ = ("stage", "variable", "source")

    def __init__(self, stage: Stage, var: Var, source: Source | None) -> None:
        self.type = var.type
        self.stage = stage
        self.variable = var
        self.source = source
        self.owner = stage
        self.literal = False
        self.device_name = "cpu"

    def known(self, need: str = "array") -> Array:
        """A traced value has no value yet."""
        made = f", made at {self.source}" if self.source else ""
        raise ConcretizationError(
            f"Python asked at {user_source()} for the {need} of a traced {self.type.strong}{made}, which has no value "
            f"under jit and inside loops and branches; {REPAIRS[need]}"
        )


class Stage(Interpreter):
    """Records equations. Variables are numbered as they come; ``finish`` renumbers them in binding order."""

    def __init__(self) -> None:
        self.open = True
        self.outer = current()
        self.params: list[Var] = []
        self.eqns: list[Eqn] = []
        self.closed: dict[int, tuple[Var, Array]] = {}  # by id: params for arrays closed over
        self._count = 0

    def new_var(self, type: ArrayType) -> Var:
        """The next variable."""
        self._count += 1
        return Var(self._count - 1, type)

    def param(self, type: ArrayType) -> Staged:
        """A new param."""
        self.params.append(self.new_var(type))
        return Staged(self, self.params[-1], user_source())

    def process(self, prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
        """Record one equation."""
        atoms = tuple(self.atom(a, prim) for a in args)
        types = prim.types(*(a.type for a in atoms))
        source = user_source()
        outs = tuple(self.new_var(t) for t in types)
        self.eqns.append(Eqn(outs, prim, atoms, source))
        return [Staged(self, v, source) for v in outs]

    def custom(self, rule: Any, args: Sequence[Array]) -> Sequence[Array]:
        """Record a function with a derivative of the user's, its rules traced to Programs."""
        return rule.stage(args)

    def atom(self, value: Array, prim: Prim | None = None) -> Atom:
        """The variable or literal that stands for ``value`` here."""
        if isinstance(value, Staged) and value.stage is self:
            return value.variable
        if type(value) is Array and value.literal:
            return literal_of(value)
        return self._close_over(value, prim)

    def _close_over(self, value: Array, prim: Prim | None) -> Var:
        if isinstance(value, Staged) and not value.stage.open:
            raise leaked(value, prim or Prim())
        found = self.closed.get(id(value))
        if found is None:
            found = self.closed[id(value)] = (self.new_var(value.type), value)
        return found[0]

    def finish(self, results: Iterable[Atom]) -> tuple[Program, list[Array]]:
        """The program (verified), and the values of its trailing params."""
        self.open = False
        closed = list(self.closed.values())
        params = [*self.params, *(v for v, _ in closed)]
        program = renumber(params, self.eqns, list(results))
        return program, [value for _, value in closed]


@frozen(eq=False)
class Traced:
    """A Program with the values of its trailing params, and whatever the function returned besides."""

    program: Program
    closed: list[Array]
    extra: Any = None


def trace(fun: Callable[..., Any], types: Sequence[ArrayType], check: bool = False) -> Traced:
    """Trace ``fun(*arrays) -> arrays`` (or ``(arrays, extra)`` marked by ``Extra``) at argument types."""
    stage = Stage()
    with interpreting(stage):
        results = fun(*(stage.param(t) for t in types))
        extra = None
        if isinstance(results, Extra):
            results, extra = results.results, results.extra
        atoms = [stage.atom(r) for r in results]
    program, closed = stage.finish(atoms)
    if check:
        verify(program)
    return Traced(program, closed, extra)


@frozen(eq=False)
class Extra:
    """Results of a traced function, with something to hand out of the trace (an output structure)."""

    results: Sequence[Array]
    extra: Any


def trace_closed(fun: Callable[..., Any], types: Sequence[ArrayType]) -> Program:
    """Trace a function that closes over nothing but its arguments."""
    traced = trace(fun, types)
    assert not traced.closed, "internal: this function must not close over arrays"
    return traced.program
