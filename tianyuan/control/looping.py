"""The primitive ``While``: a loop that runs as long as a condition holds.

cond : (cond_consts, carry) -> bool[]        body : (body_consts, carry) -> carry
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.control.scanning import Scan, cut
from tianyuan.core import Prim, primitive
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, NoRuleError
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.program import Program
from tianyuan.transforms.batching import at_front, batch_name, named_axes
from tianyuan.transforms.forward import instantiate
from tianyuan.transforms.programs import batch_program, jvp_program, spread
from tianyuan.transforms.tracing import trace
from tianyuan.types import DEFAULT_INT, ArrayType, DType, bool_

Maybe = Array | None


def _no_cases(dtype: DType) -> list[Case]:
    return []  # primitives with Programs are tested as composites


@primitive
class While(Prim):
    """``while cond(carry): carry = body(carry)``; see the module docstring."""

    cond: Program
    body: Program
    cond_consts: int
    body_consts: int
    multiple = True
    cases = Cases(_no_cases, ())

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """The carry keeps its types; the condition is one bool."""
        a, b, carry = self.parts(args)
        if (*a, *carry) != self.cond.in_types or (*b, *carry) != self.body.in_types:
            raise ArrayTypeError(f"while: cond takes {self.cond.in_types}, body {self.body.in_types}, got {args}")
        if self.cond.out_types != (ArrayType(bool_),):
            raise ArrayTypeError(f"while: the condition must be bool[], got {self.cond.out_types}")
        return tuple(carry)

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """A native loop."""
        return lowering.While(self.cond, self.body, self.cond_consts, self.body_consts)

    def effects(self) -> frozenset[str]:
        """Those of both programs."""
        return self.cond.effects | self.body.effects

    def oracle(self, *args: Any) -> Any:
        """The machines run Programs themselves."""
        raise NotImplementedError

    def parts(self, values: Sequence[Any]) -> list[list[Any]]:
        """Condition's consts, body's consts, carry."""
        carry = len(values) - self.cond_consts - self.body_consts
        return cut(values, [self.cond_consts, self.body_consts, carry])

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The loop over primals and tangents; the condition sees the primals."""
        (a, b, k), (_, db, dk) = self.parts(primals), self.parts(tangents)
        nb, nk = [t is not None for t in db], [t is not None for t in dk]
        while True:
            body, mask = jvp_program(self.body, [*nb, *nk], nk)
            grown = [n or m for n, m in zip(nk, mask, strict=True)]
            if grown == nk:
                break
            nk = grown
        dk_in = [instantiate(t, x.type) for t, x, n in zip(dk, k, nk, strict=True) if n]
        cond, body = _widen(self, body, nb, nk)
        db_in = [t for t in db if t is not None]
        outs = While(cond, body, len(a), len(b) + len(db_in))(*a, *b, *db_in, *k, *dk_in)
        return list(outs[: len(k)]), spread(outs[len(k) :], nk)

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The loop, counting its iterations; the tangents are a scan of that many, run anew with its primals."""
        a, b, k = self.parts(primals)
        _, db, dk = self.parts(tangents)
        *results, count = _counting(self)(*a, *b, *k, scalar(0, DEFAULT_INT))
        return results, LINEARIZED["body"](self, [count, *b, *k], [None, *db, *dk])

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """One loop where the condition is the same for all entries, else one loop per entry."""
        ba, bb, bk = self.parts([d is not None for d in dims])
        while True:
            body, mask = batch_program(self.body, size, [*bb, *bk], bk)
            if list(mask) == bk:
                break
            bk = list(mask)
        _, cond_mask = batch_program(self.cond, size, [*ba, *bk], [False])
        if cond_mask[0]:
            return per_entry(self, size, args, dims), [0] * len(bk)
        a, b, k = self.parts(args)
        da, db, dk = self.parts(dims)
        moved = [
            at_front(x, d, size) if m else x
            for x, d, m in zip((*a, *b, *k), (*da, *db, *dk), (*ba, *bb, *bk), strict=True)
        ]
        cond, _ = batch_program(self.cond, size, [*ba, *bk], [False])
        outs = While(cond, body, self.cond_consts, self.body_consts)(*moved)
        return outs, [0 if m else None for m in bk]


LINEARIZED: dict[str, Any] = {}  # the tangents of a counted loop: installed by rerunning.py, which stands on this file


def _counting(loop: While) -> While:
    """The loop with one carry more, which counts iterations."""
    a, b, carry = loop.parts([*loop.cond.in_types[: loop.cond_consts], *loop.body.in_types])
    one = scalar(1, DEFAULT_INT)

    def cond(*args: Array) -> Sequence[Array]:
        return loop.cond(*args[:-1])

    def body(*args: Array) -> Sequence[Array]:
        return [*loop.body(*args[:-1]), add(args[-1], one)]

    counter = ArrayType(DEFAULT_INT)
    programs = trace(cond, [*a, *carry, counter]).program, trace(body, [*b, *carry, counter]).program
    return While(*programs, loop.cond_consts, loop.body_consts)


def per_entry(prim: Prim, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> list[Array]:
    """Run a primitive entry by entry in a native loop: each does only its own work.

    Every argument is given to every entry as its own slice, so that the cotangent of a shared one is a sum over
    the batch (docs/numerics.md).
    """
    name = next((n for n in named_axes(prim) if n == batch_name()), None)
    if name is not None:
        raise NoRuleError(
            f"{prim.name}: entries of the axis {name!r} take different branches or numbers of steps here, so a "
            "collective over that axis cannot run inside; move it outside"
        )
    xs = [at_front(x, d, size) for x, d in zip(args, dims, strict=True)]
    types = [x.type.drop((0,)) for x in xs]
    body = trace(lambda *entry: prim(*entry), types).program
    return list(Scan(body, size, False, 0, 0)(*xs))


def _widen(loop: While, body: Program, nb: list[bool], nk: list[bool]) -> tuple[Program, Program]:
    """Condition over (a, k, dk); body from (b, k, db, dk) to (b, db, k, dk)."""
    a, b, k = loop.parts([*loop.cond.in_types[: loop.cond_consts], *loop.body.in_types])
    db = [t.strong for t, n in zip(b, nb, strict=True) if n]
    dk = [t.strong for t, n in zip(k, nk, strict=True) if n]

    def cond(*args: Array) -> Sequence[Array]:
        return loop.cond(*args[: len(a) + len(k)])

    def swapped(*args: Array) -> Sequence[Array]:
        b_, db_, k_, dk_ = cut(args, [len(b), len(db), len(k), len(dk)])
        return body(*b_, *k_, *db_, *dk_)

    return trace(cond, [*a, *k, *dk]).program, trace(swapped, [*b, *db, *k, *dk]).program
