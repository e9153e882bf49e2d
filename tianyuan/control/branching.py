"""``cond`` and ``switch``: run one of several functions, and the primitive ``Cond`` behind them.

branches[i] : operands -> results, all of one type
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import lowering, tree
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.control.bodies import Body, check_structure, merge_closed, trace_body
from tianyuan.control.looping import per_entry
from tianyuan.core import Prim, Undef, primitive
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError
from tianyuan.passes.pruning import chosen, narrowed, needed
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.creation import iota, zeros
from tianyuan.prims.linear import gather, reshape
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.prims.pointwise.comparison import lt, select
from tianyuan.program import Program
from tianyuan.transforms.arguments import as_array, described, flat_arrays, name_of
from tianyuan.transforms.batching import at_front
from tianyuan.transforms.forward import differentiable, instantiate
from tianyuan.transforms.programs import (
    Split,
    backward_program,
    batch_program,
    jvp_program,
    split_program,
    spread,
)
from tianyuan.transforms.reverse import Accumulating
from tianyuan.transforms.tracing import trace
from tianyuan.types import DEFAULT_INT, ArrayType, DType, bool_

Maybe = Array | None


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """``true_fun(*operands) if pred else false_fun(*operands)``; only the branch taken runs.

    ``pred`` is a bool[] (or a number: true where not 0). Both functions return trees of one structure, with
    equal types leaf by leaf. Raises TreeError or ArrayTypeError naming the leaf.
    """
    predicate = as_array(pred)
    if predicate.shape:
        raise ArrayTypeError(
            f"cond: the predicate must be one bool, bool[], got {predicate.type}; reduce it with ty.any or ty.all, or "
            "choose element by element with ty.where"
        )
    chosen = convert(convert(predicate, bool_), DEFAULT_INT)
    return _select("cond", chosen, (false_fun, true_fun), operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``; only the branch taken runs.

    ``index`` is an integer[]; out of bounds it raises OutOfBoundsError.
    """
    chosen = as_array(index)
    if chosen.shape or chosen.dtype.kind not in "iu":
        raise ArrayTypeError(f"switch: the index must be one integer, got {described(index)}; convert it with astype")
    if not branches:
        raise ArrayTypeError("switch takes at least one branch, got an empty sequence")
    return _select("switch", _checked(convert(chosen, DEFAULT_INT), len(branches)), branches, operands)


def _checked(index: Array, count: int) -> Array:
    """The index, wrapped once if negative; a gather from 0, 1, .. raises when it is out of bounds."""
    wrapped = select(lt(index, scalar(0, DEFAULT_INT)), add(index, scalar(count, DEFAULT_INT)), index)
    table = iota(DEFAULT_INT, (count,), 0)
    return gather(table, reshape(wrapped, (1,)), batch=0, axes=(0,), sizes=(1,), collapsed=(0,), mode="error")


def _select(who: str, index: Array, functions: Sequence[Callable[..., Any]], operands: Sequence[Any]) -> Any:
    arrays, structure = flat_arrays(tuple(operands), who, "operand ")
    arrays = [strong(a) for a in arrays]
    types = [a.type for a in arrays]
    bodies = [_strong_body(trace_body(who, f, structure, types)) for f in functions]
    for i, body in enumerate(bodies[1:], 1):
        _check_same(who, _branch(who, 0, functions), bodies[0], _branch(who, i, functions), body)
    programs, closed = merge_closed(bodies, [len(types)] * len(bodies))
    outs = Cond(tuple(programs))(index, *closed, *arrays)
    return tree.unflatten(bodies[0].structure, outs)


def _strong_body(body: Body) -> Body:
    """A body whose results are strong: the branches of a cond agree on dtypes."""
    if not any(t.weak for t in body.program.out_types):
        return body
    program = trace(lambda *xs: [strong(r) for r in body.program(*xs)], body.program.in_types).program
    return Body(program, body.closed, body.structure)


def _branch(who: str, i: int, functions: Sequence[Callable[..., Any]]) -> str:
    """What a branch is called in messages."""
    place = ("false_fun", "true_fun")[i] if who == "cond" else f"branch {i}"
    name = name_of(functions[i])
    return place if name in ("<lambda>", place) else f"{place} ({name})"


def _check_same(who: str, first: str, a: Body, other: str, b: Body) -> None:
    check_structure(who, f"the result of {other}, as that of {first},", a.structure, b.structure)
    paths = tree.paths(tree.unflatten(a.structure, range(a.structure.size)))
    for path, want, got in zip(paths, a.program.out_types, b.program.out_types, strict=True):
        if want != got:
            repair = "broadcast or reduce one"
            if want.shape == got.shape:
                repair = f"convert one, for example with .astype(ty.{want.dtype})"
            raise ArrayTypeError(
                f"{who}: all branches must return one type; result{path} of {first} is {want}, of {other} it is {got}; "
                f"{repair}"
            )


def _no_cases(dtype: DType) -> list[Case]:
    return []  # primitives with Programs are tested as composites


@primitive
class Cond(Prim, Accumulating):
    """Run ``branches[index]`` on the operands; index i64[] in bounds."""

    branches: tuple[Program, ...]
    multiple = True
    cases = Cases(_no_cases, ())

    def types(self, index: ArrayType, *operands: ArrayType) -> tuple[ArrayType, ...]:
        """The results of any branch."""
        for b in self.branches:
            if b.in_types != operands or b.out_types != self.branches[0].out_types:
                raise ArrayTypeError(f"cond: a branch takes {b.in_types} and gives {b.out_types}, got {operands}")
        return self.branches[0].out_types

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """A native branch."""
        return lowering.Branch(self.branches)

    def prune(self, args: Sequence[Any], used: Sequence[bool]) -> tuple[Prim, Sequence[Any], Sequence[bool]] | None:
        """Without the results that are not used, and the operands that then no branch needs."""
        params = self._union(lambda b: needed(b, used))
        if all(used) and all(params):
            return None
        made = tuple(narrowed(b, params, used) for b in self.branches)
        return Cond(made), [args[0], *chosen(args[1:], params)], used

    def effects(self) -> frozenset[str]:
        """Those of all branches."""
        return frozenset[str]().union(*(b.effects for b in self.branches))

    def oracle(self, index: Any, *operands: Any) -> Any:
        """The machines run Programs themselves."""
        raise NotImplementedError

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """The same branch of the jvps."""
        nonzero = [t is not None for t in tangents[1:]]
        force = self._union(lambda b: jvp_program(b, nonzero, [False] * len(b.results))[1])
        made = tuple(jvp_program(b, nonzero, force)[0] for b in self.branches)
        outs = Cond(made)(*primals, *(t for t in tangents[1:] if t is not None))
        count = len(force)
        return list(outs[:count]), spread(outs[count:], force)

    def _union(self, mask: Callable[[Program], Sequence[bool]]) -> list[bool]:
        return [any(column) for column in zip(*(mask(b) for b in self.branches), strict=True)]

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """A cond that also returns what the tangents need (of the other branches: zeros), a cond of tangents."""
        nonzero = [t is not None for t in tangents[1:]]
        results = len(self.branches[0].results)
        force = self._union(lambda b: split_program(b, nonzero, [False] * results).nonzero_out)
        splits = [split_program(b, nonzero, force) for b in self.branches]
        outs = Cond(tuple(_with_residuals(splits, i, results) for i in range(len(splits))))(*primals)
        tangent = Cond(tuple(_tangent_branch(splits, i, sum(nonzero)) for i in range(len(splits))))
        given = [t for t in tangents[1:] if t is not None]
        out_tangents = tangent(primals[0], *outs[results:], *given)
        return list(outs[:results]), spread(out_tangents, force)

    def transpose_into(self, cts: Sequence[Maybe], args: Sequence[Any], running: Sequence[Maybe]) -> Sequence[Maybe]:
        """The transpose of the branch taken; sums under way go in and come out."""
        lin = [isinstance(a, Undef) and differentiable(a.type) for a in args[1:]]
        have = [ct is not None for ct in cts]
        sums = [instantiate(r, a.type) for r, a, m in zip(running[1:], args[1:], lin, strict=True) if m]
        others = [a for a, m in zip(args[1:], lin, strict=True) if not m]
        made = tuple(backward_program(b, lin, have) for b in self.branches)
        outs = Cond(made)(args[0], *others, *sums, *(ct for ct in cts if ct is not None))
        return [None, *spread(outs, lin)]

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """One cond where the index is the same for all entries, else one per entry."""
        if dims[0] is not None:
            return per_entry(self, size, args, dims), [0] * len(self.branches[0].results)
        batched = [d is not None for d in dims[1:]]
        force = self._union(lambda b: batch_program(b, size, batched, [False] * len(b.results))[1])
        made = tuple(batch_program(b, size, batched, force)[0] for b in self.branches)
        moved = [at_front(x, d, size) if d is not None else x for x, d in zip(args, dims, strict=True)]
        return Cond(made)(*moved), [0 if f else None for f in force]


def _with_residuals(splits: Sequence[Split], taken: int, results: int) -> Program:
    """The primal branch, returning the residuals of all branches: zeros for those not its own."""

    def fun(*args: Array) -> list[Array]:
        outs = splits[taken].primal(*args)
        saved: list[Array] = []
        for i, s in enumerate(splits):
            saved += outs[results:] if i == taken else [zeros(t) for t in s.residual_types]
        return [*outs[:results], *saved]

    return trace(fun, splits[taken].primal.in_types).program


def _tangent_branch(splits: Sequence[Split], taken: int, count: int) -> Program:
    """(residuals of all branches, tangents) -> tangents."""
    sizes = [len(s.same) for s in splits]
    start = sum(sizes[:taken])
    residuals = [t for s in splits for t in s.residual_types]
    tangents = splits[taken].tangent.in_types[:count]

    def fun(*args: Array) -> Sequence[Array]:
        own = args[start : start + sizes[taken]]
        return splits[taken].tangent(*args[len(residuals) :], *own)

    return trace(fun, [*residuals, *tangents]).program
