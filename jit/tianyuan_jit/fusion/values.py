"""What a variable stands for while a program is fused: memory, a value of a kernel, or an expression of one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, evolve, frozen

from tianyuan import lowering
from tianyuan.core import Prim
from tianyuan.types import ArrayType
from tianyuan_jit.fusion.clusters import Cluster, Member
from tianyuan_jit.fusion.leaves import Ints, Leaf


@define(eq=False)
class Lazy:
    """A 0-d expression: computed wherever it is used, or stored when somebody asks.

    ``after`` is the index of the last kernel it needs, ``members`` the clusters' values it is made of, ``reads`` the
    buffers, ``depth`` the length of its longest chain.
    """

    prim: Prim
    args: tuple[Value, ...]
    type: ArrayType
    after: int
    members: tuple[Member, ...]
    reads: frozenset[int]
    depth: int
    stored: Leaf | None = None


@frozen(eq=False)
class Mapped:
    """A member under views that keep each of its axes whole: axis i is axis ``dims[i]`` of this value.

    None stands for an axis of extent 1 that a reshape dropped.
    """

    member: Member
    type: ArrayType
    dims: tuple[int | None, ...]


Value = Leaf | Member | Lazy | Mapped


def members_of(value: Value) -> Sequence[Member]:
    """The clusters' values that a value is made of."""
    if isinstance(value, Member):
        return [value]
    if isinstance(value, Mapped):
        return [value.member]
    return value.members if isinstance(value, Lazy) and value.stored is None else []


def reads_of(value: Value) -> frozenset[int]:
    """The buffers that a 0-d expression reads itself."""
    leaf = value.stored if isinstance(value, Lazy) else value
    if isinstance(leaf, Leaf):
        return frozenset(() if leaf.buffer is None else (leaf.buffer,))
    return value.reads if isinstance(value, Lazy) else frozenset()


def clusters_of(value: Value) -> list[Cluster]:
    """The clusters of those."""
    return [m.cluster for m in members_of(value)]


def mapped(value: Member | Mapped, dims: Sequence[int | None], type: ArrayType) -> Member | Mapped:
    """The value with its axis i at ``dims[i]`` of ``type``; itself where that changes nothing."""
    if isinstance(value, Mapped):
        dims = tuple(None if d is None else dims[d] for d in value.dims)
        value = value.member
    same = type.shape == value.type.shape and tuple(dims) == tuple(range(len(dims)))
    return value if same else Mapped(value, type, tuple(dims))


def spread(leaf: Leaf, dims: Sequence[int | None], type: ArrayType) -> Leaf:
    """The leaf with its axis i at ``dims[i]`` of ``type``, repeated along the other axes."""
    strides = [0] * len(type.shape)
    for d, s in zip(dims, leaf.strides, strict=True):
        if d is not None:
            strides[d] = s
    return evolve(leaf, type=type, strides=tuple(strides))


def whole_axes(how: Any, old: Ints, new: Ints) -> tuple[int | None, ...] | None:
    """Where each axis goes under a view that keeps axes whole; None for other views, or if one of size 1 goes."""
    if isinstance(how, lowering.Broadcast):
        return how.dims
    if not isinstance(how, lowering.Reshape) or [n for n in old if n != 1] != [n for n in new if n != 1]:
        return None
    places = iter(d for d, n in enumerate(new) if n != 1)
    return tuple(next(places) if n != 1 else None for n in old)
