"""Scans over tapes as loops that store a logarithmic number of states.

    settle : Program with scans of length ITERATIONS -> Program without

A tape holds what each iteration of a loop handed to later loops; loops run up (t = 0, 1, ..) or down. Instead of
storing tapes, entries are computed anew when they are asked for. Each loop has a *level*: even levels run up,
odd ones down, and a loop takes entries from loops of its own direction on its level or lower, of the other
direction on lower levels. The gradient of a ``while_loop`` has the loop on level 0, its reverse on level 1.

``_sweep`` runs the loops of one direction over a range [low, high). Where they take nothing from the other
direction, all go in step. Else it holds the other direction's states at boundaries, on a stack, and halves
the distance to the nearest until it is one iteration: log2(n) + 1 boundaries, n/2 · log2(n) iterations run anew
for the first derivative, a factor log2(n) for each level more [Griewank2000]. The same operations on the same
values: every bit is that of the program that stores everything (docs/numerics.md, Derivatives).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from tianyuan.array import Array
from tianyuan.control.loops import while_loop
from tianyuan.control.scanning import Scan
from tianyuan.core import Prim
from tianyuan.eager import replay, scalar
from tianyuan.errors import NoRuleError
from tianyuan.prims.linear import Broadcast, ReduceSum, Transpose, broadcast, gather, reshape, scatter
from tianyuan.prims.pointwise.arithmetic import add, sub
from tianyuan.prims.pointwise.base import Pointwise
from tianyuan.prims.pointwise.bitwise import shift_right
from tianyuan.prims.pointwise.comparison import lt
from tianyuan.program import Atom, Eqn, Lit, Program, literal
from tianyuan.transforms.tracing import trace
from tianyuan.types import DEFAULT_INT, ITERATIONS

DEPTH = 48  # boundaries on a stack: enough for 2^47 iterations
States = dict["Recurrence", list[Array]]
Entries = dict["Recurrence", list[Array]]


@functools.lru_cache(1024)
def settle(program: Program) -> Program:
    """The program with no tape left; itself if it has none."""
    if not any(isinstance(e.prim, Scan) and e.prim.unbounded for e in program.eqns):
        return program
    return trace(lambda *args: _Settling(program, args).results(), program.in_types).program


@frozen(eq=False)
class Recurrence:
    """A scan over tapes: y[t] and the next carry are ``body(consts, carry, x[t])``."""

    scan: Scan
    count: Array
    consts: list[Array]
    start: list[Array]
    xs: list[Tape]
    level: int

    def step(self, carry: list[Array], xs: list[Array]) -> tuple[list[Array], list[Array]]:
        """The next carry, and the entries for the tapes."""
        outs = self.scan.body(*self.consts, *carry, *xs)
        return list(outs[: self.scan.carries]), list(outs[self.scan.carries :])


@frozen(eq=False)
class Entry:
    """The tape of what a loop's result ``index`` was in each iteration."""

    loop: Recurrence
    index: int

    def loops(self) -> list[Recurrence]:
        """The loops that must run for an entry."""
        return [self.loop]

    def at(self, entries: Entries) -> Array:
        """The entry, from those of all loops at one t."""
        return entries[self.loop][self.index]


@frozen(eq=False)
class Slicewise:
    """A tape whose entries are ``prim`` of entries of other tapes, or of values that are the same for all."""

    prim: Prim
    args: list[Any]

    def loops(self) -> list[Recurrence]:
        """The loops of all arguments."""
        return [p for a in self.args if isinstance(a, Entry | Slicewise) for p in a.loops()]

    def at(self, entries: Entries) -> Array:
        """Apply the primitive to the entries of the arguments."""
        return self.prim(*(a.at(entries) if isinstance(a, Entry | Slicewise) else a for a in self.args))


Tape = Entry | Slicewise


def _sliced(prim: Prim) -> Prim:
    """What a primitive over whole tapes does to one entry of each."""
    if isinstance(prim, Pointwise):
        return prim
    if isinstance(prim, Transpose) and prim.permutation[0] == 0:
        return Transpose(tuple(p - 1 for p in prim.permutation[1:]))
    if isinstance(prim, Broadcast):
        return Broadcast(prim.shape[1:], tuple(d - 1 for d in prim.dims if d))
    if isinstance(prim, ReduceSum) and 0 not in prim.axes:
        return ReduceSum(tuple(a - 1 for a in prim.axes))
    raise NoRuleError(f"{prim.name} across the iterations of a loop of unknown length")


class _Settling:
    """One walk over a program: values, tapes, and final carries that are computed when asked for."""

    def __init__(self, program: Program, args: Sequence[Array]) -> None:
        self.program = program
        self.env: dict[int, Any] = {p.id: x for p, x in zip(program.params, args, strict=True)}

    def results(self) -> list[Array]:
        """The program's results."""
        for eqn in self.program.eqns:
            outs = self.meet(eqn)
            self.env.update((v.id, x) for v, x in zip(eqn.outs, outs, strict=True))
        return [self.value(r) for r in self.program.results]

    def value(self, atom: Atom) -> Any:
        """An array or a tape; a final carry is computed now."""
        if isinstance(atom, Lit):
            return literal(atom)
        found = self.env[atom.id]
        if isinstance(found, _Final):
            found = self.env[atom.id] = found.compute()
        return found

    def meet(self, eqn: Eqn) -> Sequence[Any]:
        """An equation's results."""
        if isinstance(eqn.prim, Scan) and eqn.prim.unbounded:
            return self.recurrence(eqn.prim, [self.value(a) for a in eqn.args])
        args = [self.value(a) for a in eqn.args]
        if any(ITERATIONS in v.type.shape for v in eqn.outs):
            return [Slicewise(_sliced(eqn.prim), args)]
        return replay(eqn, args)

    def recurrence(self, scan: Scan, args: list[Any]) -> list[Any]:
        """Final carries (not yet computed) and tapes."""
        consts, start, xs = scan.parts(args)
        sources = [p for x in xs for p in x.loops()]
        made = Recurrence(scan, args[0], consts, start, xs, _level(scan, sources))
        final = _Sink(made)
        tapes = [Entry(made, i) for i in range(len(scan.body.results) - scan.carries)]
        return [*(_Final(final, i) for i in range(scan.carries)), *tapes]


def _level(scan: Scan, sources: Sequence[Recurrence]) -> int:
    """The lowest level of the scan's parity on which its sources allow it to be."""
    least = max((p.level + (p.scan.reverse != scan.reverse) for p in sources), default=0)
    return least if least % 2 == int(scan.reverse) else least + 1


class _Sink:
    """The final carries of a recurrence, computed once."""

    def __init__(self, loop: Recurrence) -> None:
        self.loop = loop
        self.carries: list[Array] | None = None

    def get(self) -> list[Array]:
        """Run the loop, and those it takes entries from, over all iterations."""
        if self.carries is None:
            family = _family(self.loop)
            states = {p: p.start for p in family}
            zero = scalar(0, DEFAULT_INT)
            self.carries = _sweep(family, self.loop.level, zero, self.loop.count, states)[self.loop]
        return self.carries


@frozen(eq=False)
class _Final:
    """One final carry."""

    sink: _Sink
    index: int

    def compute(self) -> Array:
        """Its value."""
        return self.sink.get()[self.index]


def _family(loop: Recurrence) -> list[Recurrence]:
    """The loop and all that it takes entries from, directly or not, sources first."""
    found: dict[Recurrence, None] = {}

    def visit(p: Recurrence) -> None:
        if p not in found:
            for source in (q for x in p.xs for q in x.loops()):
                visit(source)
            found[p] = None

    visit(loop)
    return list(found)


# ---- running loops over a range


def _sweep(family: list[Recurrence], level: int, low: Array, high: Array, states: States) -> States:
    """Run the loops up to ``level`` that go in its direction over [low, high); their states at the far end.

    ``states``: of loops that run up at ``low``, of those that run down at ``high``.
    """
    active = [p for p in family if p.level <= level]
    own = [p for p in active if p.level % 2 == level % 2]
    if len(own) == len(active):
        return _in_step(own, level % 2 == 1, low, high, states)
    return _halving(active, own, level, low, high, states)


def _in_step(own: list[Recurrence], down: bool, low: Array, high: Array, states: States) -> States:
    """Loops that need no other direction, side by side."""
    first, last = (high, low) if down else (low, high)

    def go(state: Any) -> Any:
        t, carries = state
        at = _minus_one(t) if down else t
        after, _ = _iteration(own, _unpacked(own, carries))
        return (at if down else _plus_one(t)), _packed(own, after)

    def more(state: Any) -> Array:
        return lt(last, state[0]) if down else lt(state[0], last)

    _, carries = while_loop(more, go, (first, _packed(own, states)))
    return _unpacked(own, carries)


def _iteration(loops: list[Recurrence], states: States) -> tuple[States, Entries]:
    """One iteration of every loop, sources first: states after it, entries of it."""
    after: States = {}
    entries: Entries = {}
    for p in loops:
        after[p], entries[p] = p.step(states[p], [x.at(entries) for x in p.xs])
    return after, entries


def _halving(
    active: list[Recurrence], own: list[Recurrence], level: int, low: Array, high: Array, states: States
) -> States:
    """Loops that take entries from the other direction, whose states wait at boundaries on a stack."""
    down = level % 2 == 1
    others = [p for p in active if p not in own]
    near, far = (high, low) if down else (low, high)
    stack = _Stack.of(far, _packed(others, states))
    zero = scalar(0, DEFAULT_INT)

    def advance(state: Any) -> Any:
        """Bring a boundary next to ``at``, run the iteration between, drop the boundary."""
        at, top, bounds, saved, carries = state
        mine = _unpacked(own, carries)

        def apart(s: Any) -> Array:
            gap = sub(at, _read(s[1], s[0])) if down else sub(_read(s[1], s[0]), at)
            return lt(scalar(1, DEFAULT_INT), gap)

        def halve(s: Any) -> Any:
            top_, bounds_, saved_ = s
            bound = _read(bounds_, top_)
            middle = shift_right(add(at, bound), scalar(1, DEFAULT_INT))
            ends = (bound, at) if down else (at, bound)
            known = {**mine, **_unpacked(others, [_read(x, top_) for x in saved_])}
            there = _reach(active, level - 1, ends[0], middle, ends[1], known)
            top_ = _plus_one(top_)
            pushed = [_write(x, top_, v) for x, v in zip(saved_, _packed(others, there), strict=True)]
            return top_, _write(bounds_, top_, middle), pushed

        top, bounds, saved = while_loop(apart, halve, (top, bounds, saved))
        both = {**mine, **_unpacked(others, [_read(x, top) for x in saved])}
        after, _ = _iteration(active, both)
        return (_minus_one(at) if down else _plus_one(at)), _minus_one(top), bounds, saved, _packed(own, after)

    def more(state: Any) -> Array:
        return lt(far, state[0]) if down else lt(state[0], far)

    start = (near, zero, stack.bounds, stack.saved, _packed(own, states))
    return _unpacked(own, while_loop(more, advance, start)[4])


def _reach(active: list[Recurrence], level: int, low: Array, middle: Array, high: Array, known: States) -> States:
    """States at ``middle`` of all loops up to ``level``, from those at ``low`` (up) and ``high`` (down)."""
    there: States = {}
    for i in range(level + 1):
        if any(p.level == i for p in active):
            ends = (middle, high) if i % 2 else (low, middle)
            given = {p: (known if p.level % 2 == i % 2 else there)[p] for p in active if p.level <= i}
            there.update(_sweep(active, i, *ends, given))
    return there


# ---- states as flat lists, and stacks of them


def _packed(loops: list[Recurrence], states: States) -> list[Array]:
    return [x for p in loops for x in states[p]]


def _unpacked(loops: list[Recurrence], flat: Sequence[Array]) -> States:
    rest = iter(flat)
    return {p: [next(rest) for _ in p.start] for p in loops}


@frozen(eq=False)
class _Stack:
    """Boundaries and the states at them, the first in place 0."""

    bounds: Array
    saved: list[Array]

    @classmethod
    def of(cls, bound: Array, states: list[Array]) -> _Stack:
        """A stack of one: the others hold copies, which are never read."""
        return cls(_repeated(bound), [_repeated(x) for x in states])


def _repeated(x: Array) -> Array:
    return broadcast(x, (DEPTH, *x.shape), range(1, x.ndim + 1))


def _read(stack: Array, place: Array) -> Array:
    return gather(stack, reshape(place, (1,)), **_one(stack))


def _write(stack: Array, place: Array, value: Array) -> Array:
    return scatter(stack, reshape(place, (1,)), value, op="set", **_one(stack))


def _one(stack: Array) -> dict[str, Any]:
    return {"batch": 0, "axes": (0,), "sizes": (1, *stack.shape[1:]), "collapsed": (0,), "mode": "promise"}


def _plus_one(x: Array) -> Array:
    return add(x, scalar(1, DEFAULT_INT))


def _minus_one(x: Array) -> Array:
    return sub(x, scalar(1, DEFAULT_INT))
