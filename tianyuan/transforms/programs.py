"""Transformations of Programs into Programs: what primitives that hold Programs are built on.

Each traces ``evaluate(program)`` under the interpreter in question.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from tianyuan.array import Array
from tianyuan.program import Program, evaluate, renumber
from tianyuan.transforms.batching import at_front, batch_flat
from tianyuan.transforms.forward import instantiate, jvp_flat
from tianyuan.transforms.reverse import Linear, backward, linearize_flat
from tianyuan.transforms.tracing import Extra, Staged, trace
from tianyuan.types import ArrayType

Mask = tuple[bool, ...]


def jvp_program(program: Program, nonzero: Sequence[bool], force: Sequence[bool]) -> tuple[Program, Mask]:
    """(params, nonzero tangents) -> (results, nonzero result tangents), and which result tangents those are.

    ``force`` asks for tangents of results even where they are zero.
    """
    count = len(program.params)

    def fun(*args: Array) -> Extra:
        tangents = spread(args[count:], nonzero)
        outs, out_tangents = jvp_flat(lambda *xs: evaluate(program, xs), args[:count], tangents)
        full = [instantiate(t, x.type) if f else t for t, x, f in zip(out_tangents, outs, force, strict=True)]
        return Extra([*outs, *(t for t in full if t is not None)], tuple(t is not None for t in full))

    traced = trace(fun, [*program.in_types, *_tangent_types(program.in_types, nonzero)])
    assert not traced.closed
    return traced.program, traced.extra


def _tangent_types(types: Sequence[ArrayType], nonzero: Sequence[bool]) -> list[ArrayType]:
    return [t.strong for t, n in zip(types, nonzero, strict=True) if n]


def spread(values: Sequence[Array], mask: Sequence[bool]) -> list[Array | None]:
    """``values`` at the true places of ``mask``, None elsewhere."""
    rest = iter(values)
    return [next(rest) if m else None for m in mask]


@frozen
class Split:
    """A program cut in two.

    ``primal``: params -> (results, residuals). ``tangent``: (nonzero tangents, residuals) -> nonzero result
    tangents. ``same[i]``: the index of the param that residual i simply is, or None.
    """

    primal: Program
    tangent: Program
    nonzero_out: Mask
    same: tuple[int | None, ...]

    @property
    def residual_types(self) -> tuple[ArrayType, ...]:
        """Types of the residuals."""
        return self.primal.out_types[len(self.primal.results) - len(self.same) :]


def split_program(program: Program, nonzero: Sequence[bool], force: Sequence[bool]) -> Split:
    """Linearize a program in the params that ``nonzero`` marks."""

    def fun(*args: Array) -> Extra:
        outs, linear = linearize_flat(lambda *xs: evaluate(program, xs), args, nonzero)
        return Extra([*outs, *linear.residuals], (linear, [_param_index(r, args) for r in linear.residuals]))

    traced = trace(fun, program.in_types)
    linear, same = traced.extra
    assert not traced.closed, "a nested program is closed"
    primal = traced.program
    tangent, nonzero_out = _forced(linear, program, nonzero, force)
    return Split(primal, tangent, nonzero_out, tuple(same))


def _param_index(value: Array, args: Sequence[Array]) -> int | None:
    return next((i for i, a in enumerate(args) if a is value or _same_var(a, value)), None)


def _same_var(a: Array, b: Array) -> bool:
    return isinstance(a, Staged) and isinstance(b, Staged) and a.stage is b.stage and a.variable == b.variable


def _forced(linear: Linear, program: Program, nonzero: Sequence[bool], force: Sequence[bool]) -> tuple[Program, Mask]:
    """The tangent program, with zeros for results whose tangents are asked for though they are zero."""
    if all(n or not f for n, f in zip(linear.nonzero_out, force, strict=True)):
        return linear.program, linear.nonzero_out
    count = sum(nonzero)

    def fun(*args: Array) -> list[Array]:
        outs = spread(linear.program(*args), linear.nonzero_out)
        full = [instantiate(o, t) if f else o for o, t, f in zip(outs, program.out_types, force, strict=True)]
        return [o for o in full if o is not None]

    types = linear.program.in_types
    assert len(types) == count + len(linear.residuals)
    traced = trace(fun, types)
    mask = tuple(n or f for n, f in zip(linear.nonzero_out, force, strict=True))
    return traced.program, mask


def batch_program(program: Program, size: int, batched: Sequence[bool], force: Sequence[bool]) -> tuple[Program, Mask]:
    """The program over params with a leading batch axis where ``batched``; which results have one."""

    def fun(*args: Array) -> Extra:
        dims = [0 if b else None for b in batched]
        outs, out_dims = batch_flat(lambda *xs: evaluate(program, xs), size, args, dims)
        moved = [
            at_front(x, d, size) if d is not None or f else x for x, d, f in zip(outs, out_dims, force, strict=True)
        ]
        return Extra(moved, tuple(d is not None or f for d, f in zip(out_dims, force, strict=True)))

    types = [t.with_shape((size, *t.shape)) if b else t for t, b in zip(program.in_types, batched, strict=True)]
    traced = trace(fun, types)
    assert not traced.closed
    return traced.program, traced.extra


def backward_program(program: Program, lin: Sequence[bool], have: Sequence[bool]) -> Program:
    """(other arguments, sums under way, cotangents) -> sums, for a program linear in the ``lin`` params."""
    params = [p for p, m in zip(program.params, lin, strict=True) if m]
    others = [p for p, m in zip(program.params, lin, strict=True) if not m]
    ordered = renumber([*params, *others], program.eqns, program.results)
    cts = [t for t, h in zip(program.out_types, have, strict=True) if h]
    n, m = len(params), len(others)

    def fun(*args: Array) -> list[Array]:
        out = backward(ordered, n, args[:m], spread(args[m + n :], have), args[m : m + n])
        return [instantiate(o, p.type) for o, p in zip(out, params, strict=True)]

    return trace(fun, [*(p.type for p in others), *(p.type for p in params), *cts]).program
