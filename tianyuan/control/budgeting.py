"""``scan`` with a memory budget for its derivative: a recursive checkpoint schedule.

Reverse mode stores what every iteration hands to the way back: n · r bytes. Cut into segments that are run anew,
a scan stores the carry before each segment, s bytes, and the r bytes of one segment's iterations; segments of
segments store less again, each level for one more forward pass [Griewank2000]. No schedule changes a bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.control import loops
from tianyuan.control.recomputation import checkpoint
from tianyuan.control.scanning import Scan
from tianyuan.errors import ArrayTypeError
from tianyuan.prims.conversion import strong
from tianyuan.prims.linear import concatenate, reshape, slice_axis
from tianyuan.program import Program
from tianyuan.transforms.arguments import flat_arrays
from tianyuan.transforms.forward import differentiable
from tianyuan.transforms.programs import split_program
from tianyuan.transforms.tracing import trace

Fun = Callable[..., Any]
State = tuple[list[Array], list[Array]]


def scan(
    f: Fun,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
    memory: int | None = None,
) -> tuple[Any, Any]:
    """Fold ``f : (carry, x) -> (carry, y)`` over the leading axis of ``xs``; ``(last carry, stacked ys)``.

    ``length`` is needed when ``xs`` is None. With ``reverse`` the last slice comes first, and ys[t] still
    belongs to xs[t]. ``unroll`` is a hint. The carry keeps its structure and types. ``memory``, in bytes, bounds
    what reverse mode stores between iterations (more passes forward, the same bits); where no schedule is small
    enough, the smallest is taken. Raises ShapeError, TreeError or ArrayTypeError naming the leaf.
    """
    if memory is None:
        return loops.scan(f, init, xs, length, reverse, unroll)
    if not isinstance(memory, int) or memory < 0:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArrayTypeError(f"scan: memory is a number of bytes, got {memory!r}")
    run = _Budgeted(f, init, xs, length, reverse, unroll)
    return run.within(memory)


class _Budgeted:
    """One call: the loop traced once without a budget, to know its sizes, then in segments."""

    def __init__(self, f: Fun, init: Any, xs: Any, length: int | None, reverse: bool, unroll: int) -> None:
        self.f, self.reverse, self.unroll = f, reverse, unroll
        carry, self.carry_shape = flat_arrays(init, "scan", "init")
        self.carry = [strong(c) for c in carry]
        self.xs, self.xs_shape = flat_arrays(xs, "scan", "xs")
        self.box: list[Any] = []
        traced = trace(lambda *args: self.probe(args, length), [x.type for x in (*self.carry, *self.xs)])
        self.loop: Scan = next(e.prim for e in reversed(traced.program.eqns) if isinstance(e.prim, Scan))

    def probe(self, args: Sequence[Array], length: int | None) -> list[Array]:
        """The plain loop, which checks everything and tells its sizes."""
        count = len(self.carry)
        init = tree.unflatten(self.carry_shape, args[:count])
        xs = tree.unflatten(self.xs_shape, args[count:])
        last, ys = loops.scan(self.f, init, xs, length, self.reverse, self.unroll)
        flat, self.ys_shape = tree.flatten(ys)
        return [*tree.leaves(last), *flat]

    def within(self, memory: int) -> tuple[Any, Any]:
        """Run in segments that keep within ``memory`` bytes."""
        plan = schedule(self.loop.length, _carry_bytes(self.loop), _residual_bytes(self.loop), memory)
        last, ys = self.run((self.carry, self.xs), self.loop.length, plan)
        return tree.unflatten(self.carry_shape, last), tree.unflatten(self.ys_shape, ys)

    def run(self, state: State, length: int, plan: Sequence[int]) -> State:
        """A scan of ``length`` by the levels of ``plan``, the innermost last."""
        if len(plan) == 1:
            return self.plain(state, length)
        carry, xs = state
        each = math.prod(plan[1:])
        whole = length - length % each
        first, rest = [slice_axis(x, 0, 0, whole) for x in xs], [slice_axis(x, 0, whole, length) for x in xs]

        def segments(carry: list[Array]) -> State:
            blocks = [reshape(x, (whole // each, each, *x.shape[1:])) for x in first]
            inside = checkpoint(lambda c, x: self.run((c, x), each, plan[1:]))
            last, ys = loops.scan(inside, carry, blocks, whole // each, self.reverse)
            return last, [reshape(y, (whole, *y.shape[2:])) for y in ys]

        def remainder(carry: list[Array]) -> State:
            return checkpoint(lambda c, x: self.run((c, x), length - whole, plan[1:]))(carry, rest)

        if whole == length:
            return segments(carry)
        parts: list[list[Array]] = []
        for part in (remainder, segments) if self.reverse else (segments, remainder):
            carry, ys = part(carry)
            parts.append(ys)
        ordered = parts[::-1] if self.reverse else parts
        return carry, [concatenate(a, b, axis=0) for a, b in zip(*ordered, strict=True)]

    def plain(self, state: State, length: int) -> State:
        """The loop as it is."""

        def step(carry: list[Array], x: list[Array]) -> tuple[list[Array], list[Array]]:
            c, y = self.f(tree.unflatten(self.carry_shape, carry), tree.unflatten(self.xs_shape, x))
            return flat_arrays(c, "scan", "the carry")[0], flat_arrays(y, "scan", "y")[0]

        return loops.scan(step, state[0], state[1], length, self.reverse, self.unroll)


def schedule(length: int, carry: int, residuals: int, memory: int) -> list[int]:
    """Segments on each level, outermost first, whose product is at least ``length``; bytes per iteration given.

    ``carry`` bytes are stored for every segment but the innermost level's, ``residuals`` for each of its iterations.
    """
    if length * residuals <= memory:
        return [max(length, 1)]
    inner = max(1, min(length, memory // (2 * max(residuals, 1))))
    outer = -(-length // inner)
    for levels in range(1, max(outer, 2).bit_length() + 1):
        side = max(2, math.ceil(outer ** (1 / levels)))
        if levels * side * carry + inner * residuals <= memory or side == 2:
            return [side] * levels + [inner]
    raise AssertionError("a side of 2 is always reached")


def _carry_bytes(loop: Scan) -> int:
    return sum(t.nbytes for t in loop.body.out_types[: loop.carries])


def _residual_bytes(loop: Scan) -> int:
    """What the way back needs of one iteration, if everything differentiable is differentiated."""
    body: Program = loop.body
    nonzero = [differentiable(t) for t in body.in_types]
    split = split_program(body, nonzero, [False] * len(body.results))
    varying = [i is None or loop.consts <= i < loop.consts + loop.carries for i in split.same]
    return sum(t.nbytes for t, v in zip(split.residual_types, varying, strict=True) if v)
