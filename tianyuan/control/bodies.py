"""The bodies of loops and branches: user functions traced to closed Programs, checked against their carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, TreeError
from tianyuan.program import Program
from tianyuan.transforms.arguments import called, flat_arrays, name_of
from tianyuan.transforms.tracing import Extra, trace
from tianyuan.types import ArrayType


@frozen(eq=False)
class Body:
    """A traced function: ``program`` takes (its arguments, then the arrays it closes over)."""

    program: Program
    closed: list[Array]
    structure: tree.Structure  # of its results


def trace_body(who: str, fun: Callable[..., Any], structure: tree.Structure, types: Sequence[ArrayType]) -> Body:
    """Trace ``fun(*trees)``, whose arguments have ``structure`` (of a tuple) and leaves of ``types``."""

    def flat(*xs: Array) -> Extra:
        out = called(who, fun, tree.unflatten(structure, xs))
        arrays, shape = flat_arrays(out, who, f"the result of {name_of(fun)} ")
        return Extra(arrays, shape)

    traced = trace(flat, types)
    return Body(traced.program, traced.closed, traced.extra)


def check_carry(who: str, given: Any, expected: Sequence[ArrayType], body: Body, start: int = 0) -> None:
    """The carry a body returns must have the structure and types of the one it takes."""
    paths = tree.paths(given)
    got = body.program.out_types[start : start + len(expected)]
    for path, want, have in zip(paths, expected, got, strict=True):
        if want != have:
            repair = "keep its shape: write into it with .at[].set, or return slices as y"
            if want.shape == have.shape:
                repair = f"start with {have.dtype}, or return it with .astype(ty.{want.dtype})"
            raise ArrayTypeError(
                f"{who}: the carry must keep its type; carry{path} comes in as {want} and leaves as {have}; {repair}"
            )


def check_structure(who: str, what: str, expected: tree.Structure, got: tree.Structure) -> None:
    """Structures must agree."""
    if expected != got:
        raise TreeError(f"{who}: {tree.difference(expected, got, what)}")


def merge_closed(bodies: Sequence[Body], counts: Sequence[int]) -> tuple[list[Program], list[Array]]:
    """Programs over a common list of closed-over arrays: (common closed, then own arguments)."""
    common: dict[int, Array] = {}
    for b in bodies:
        common.update((id(x), x) for x in b.closed)
    shared = list(common.values())
    places = {key: i for i, key in enumerate(common)}
    programs = [_reordered(b, n, shared, places) for b, n in zip(bodies, counts, strict=True)]
    return programs, shared


def _reordered(body: Body, count: int, shared: Sequence[Array], places: dict[int, int]) -> Program:
    own = body.program.in_types[:count]

    def fun(*args: Array) -> Sequence[Array]:
        closed = [args[places[id(x)]] for x in body.closed]
        return body.program(*args[len(shared) :], *closed)

    return trace(fun, [*(x.type for x in shared), *own]).program
