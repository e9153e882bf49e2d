"""``checkpoint``: derivatives that recompute instead of store.

The primitive ``Checkpoint`` is a region: a nested Program whose inside is never merged with the outside.
Its tangent part is another region that computes the primal part anew, so that between forward and backward
only the region's inputs are kept. Recomputing gives the same bits, and cotangents are summed in the order
of the program that stores everything (docs/numerics.md, Derivatives).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import lowering, tree
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Undef, primitive
from tianyuan.errors import ArrayTypeError
from tianyuan.program import Program
from tianyuan.transforms.arguments import flat_arrays, name_of
from tianyuan.transforms.batching import at_front
from tianyuan.transforms.forward import differentiable, instantiate
from tianyuan.transforms.programs import (
    backward_program,
    batch_program,
    jvp_program,
    split_program,
    spread,
)
from tianyuan.transforms.reverse import Accumulating
from tianyuan.transforms.tracing import Extra, trace
from tianyuan.types import ArrayType, DType

Maybe = Array | None


def checkpoint(fun: Callable[..., Any], *, policy: Any = None) -> Callable[..., Any]:
    """``fun`` with derivatives that recompute its inside instead of storing it: less memory, the same bits.

    ``policy`` None stores only the arguments.
    """
    if policy is not None:
        raise ArrayTypeError("checkpoint: policies other than None are not available yet")

    @functools.wraps(fun)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        arrays, shape = flat_arrays((args, kwargs), f"checkpoint of {name_of(fun)}", "argument ")

        def flat(*xs: Array) -> Extra:
            inner, named = tree.unflatten(shape, xs)
            return Extra(*flat_arrays(fun(*inner, **named), name_of(fun), "the result"))

        traced = trace(flat, [a.type for a in arrays])
        outs = Checkpoint(traced.program)(*arrays, *traced.closed)
        return tree.unflatten(traced.extra, outs)

    return wrapped


def _no_cases(dtype: DType) -> list[Case]:
    return []  # primitives with Programs are tested as composites


@primitive
class Checkpoint(Prim, Accumulating):
    """Run ``program``; derivatives recompute it."""

    program: Program
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
        outs = Checkpoint(made)(*primals, *(t for t in tangents if t is not None))
        return list(outs[:count]), spread(outs[count:], mask)

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The region, and a region from (primals, tangents) to tangents that computes the primal part anew."""
        nonzero = [t is not None for t in tangents]
        count = len(self.program.results)
        split = split_program(self.program, nonzero, [False] * count)

        def again(*args: Array) -> Sequence[Array]:
            residuals = split.primal(*args[: len(primals)])[count:]
            return split.tangent(*args[len(primals) :], *residuals)

        kept = [t.strong for t, n in zip(self.program.in_types, nonzero, strict=True) if n]
        made = trace(again, [*self.program.in_types, *kept]).program
        out = Checkpoint(made)(*primals, *(t for t in tangents if t is not None))
        return self(*primals), spread(out, split.nonzero_out)

    def transpose_into(self, cts: Sequence[Maybe], args: Sequence[Any], running: Sequence[Maybe]) -> Sequence[Maybe]:
        """The region that computes anew and walks back, adding to the sums under way."""
        lin = [isinstance(a, Undef) and differentiable(a.type) for a in args]
        have = [ct is not None for ct in cts]
        sums = [instantiate(r, a.type) for r, a, m in zip(running, args, lin, strict=True) if m]
        others = [a for a, m in zip(args, lin, strict=True) if not m]
        made = backward_program(self.program, lin, have)
        outs = Checkpoint(made)(*others, *sums, *(ct for ct in cts if ct is not None))
        return spread(outs, lin)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The region of the batched program."""
        batched = [d is not None for d in dims]
        made, mask = batch_program(self.program, size, batched, [False] * len(self.program.results))
        moved = [at_front(x, d, size) if d is not None else x for x, d in zip(args, dims, strict=True)]
        return Checkpoint(made)(*moved), [0 if m else None for m in mask]
