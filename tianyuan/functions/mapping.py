"""Functions of slices or elements, mapped over arrays: apply_along_axis, vectorize."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.operands import broadcast_shapes, one_axis, settled
from tianyuan.prims.linear import moveaxis, squeeze
from tianyuan.transforms.mapping import vmap


def apply_along_axis(function: Callable[..., Any], axis: int, x: Any, *args: Any, **options: Any) -> Any:
    """``function(vector, *args, **options)`` of every vector along ``axis``; its results' axes stand there."""
    x = settled("apply_along_axis", x)
    at = one_axis("apply_along_axis", axis, x)

    def mapped(vector: Array) -> Any:
        return function(vector, *args, **options)

    for _ in range(x.ndim - 1):
        mapped = vmap(mapped)
    results = mapped(moveaxis(x, at, x.ndim - 1))
    return tree.map(lambda y: _ahead(y, x.ndim - 1, at), results)


def _ahead(y: Array, count: int, at: int) -> Array:
    """The axes behind the first ``count`` moved to ``at``."""
    for i in range(y.ndim - count):
        y = moveaxis(y, count + i, at + i)
    return y


_SIGNATURE = re.compile(r"^\(([\w,]*)\)(,\([\w,]*\))*->\([\w,]*\)(,\([\w,]*\))*$")


def vectorize(function: Callable[..., Any], *, excluded: Iterable[int] = (), signature: str | None = None) -> Any:
    """``function``, mapped over the leading axes of its arguments, which broadcast.

    ``signature``, as of NumPy's generalised functions (``"(n),(n)->()"``), names the axes that it takes itself; by
    default none. Arguments numbered in ``excluded``, and keywords, are passed as they are.
    """
    fixed = frozenset(excluded)

    @functools.wraps(function)
    def mapped(*args: Any, **options: Any) -> Any:
        places = [i for i in range(len(args)) if i not in fixed]
        arrays = [settled("vectorize", args[i]) for i in places]
        ranks = _core_ranks(signature, len(places))
        for x, rank in zip(arrays, ranks, strict=True):
            if x.ndim < rank:
                raise ShapeError(f"vectorize: {signature!r} takes {rank} axes of an argument, got {x.type}")

        def inner(*xs: Array) -> Any:
            whole = list(args)
            for i, x in zip(places, xs, strict=True):
                whole[i] = x
            return function(*whole, **options)

        return _over_leading(inner, arrays, ranks)

    return mapped


def _core_ranks(signature: str | None, count: int) -> list[int]:
    if signature is None:
        return [0] * count
    spelled = signature.replace(" ", "")
    if not _SIGNATURE.match(spelled):
        raise ArrayTypeError(f"vectorize: {signature!r} is no signature such as '(n),(n)->()'")
    groups = re.findall(r"\(([\w,]*)\)", spelled.split("->")[0])
    if len(groups) != count:
        raise ArrayTypeError(f"vectorize: {signature!r} is of {len(groups)} arguments, got {count}")
    return [len([name for name in g.split(",") if name]) for g in groups]


def _over_leading(inner: Callable[..., Any], arrays: Sequence[Array], ranks: Sequence[int]) -> Any:
    """``inner`` mapped once for each leading axis of the broadcast shape; axes of extent 1 are not repeated."""
    loops = [x.shape[: x.ndim - r] for x, r in zip(arrays, ranks, strict=True)]
    shape = broadcast_shapes("vectorize", *loops)
    wide = [(1,) * (len(shape) - len(loop)) + loop for loop in loops]
    mapped: Any = inner
    for d in reversed(range(len(shape))):
        mapped = vmap(mapped, tuple(0 if loop[d] != 1 else None for loop in wide), axis_size=shape[d])
    ones = [[i for i, n in enumerate(loop) if n == 1] for loop in loops]
    return mapped(*(squeeze(x, axes) for x, axes in zip(arrays, ones, strict=True)))
