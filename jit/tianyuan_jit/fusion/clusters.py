"""Clusters: kernels under construction, over one domain.

A cluster's nodes live on its domain, whose ``folded`` axes its Folds reduce; a node that is constant along
those is an *outer* one. A cluster built on a contraction starts with the Tile and never folds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, evolve, field, frozen

from tianyuan.types import ArrayType
from tianyuan_jit.fusion.leaves import Ints, Leaf, row_major
from tianyuan_jit.kernels import (
    Apply,
    Contraction,
    Fold,
    Fused,
    Index,
    Kernel,
    Node,
    Operand,
    Read,
    Tile,
    View,
    Write,
)

MAX_NODES = 400
MAX_BUFFERS = 48


@frozen(eq=False)
class Member:
    """A value that a cluster computes: ``axes`` are the domain's, one for each of its own."""

    cluster: Cluster
    node: int
    type: ArrayType
    axes: Ints


@define(eq=False)
class Cluster:
    """A kernel under construction; ``index`` is its place in the program."""

    index: int
    domain: Ints
    folded: Ints | None = None  # axes that Folds reduce, once there is one
    contraction: tuple[Any, Operand, Operand, Operand] | None = None  # lowering, arguments, result
    nodes: list[Node] = field(factory=list[Node])
    writes: list[Write] = field(factory=list[Write])
    after: list[bool] = field(factory=list[bool])  # by node: whether it depends on a Fold
    buffers: set[int] = field(factory=set[int])
    lazy: dict[int, int] = field(factory=dict[int, int])  # nodes of 0-d expressions, by identity
    _known: dict[Any, int] = field(factory=dict[Any, int])

    @property
    def full(self) -> Ints:
        """All axes of the domain."""
        return tuple(range(len(self.domain)))

    @property
    def outer(self) -> Ints:
        """The axes that are not folded."""
        return tuple(a for a in self.full if a not in (self.folded or ()))

    @property
    def has_room(self) -> bool:
        """Whether more may be fused into it."""
        return len(self.nodes) < MAX_NODES and len(self.buffers) < MAX_BUFFERS

    def add(self, node: Node) -> int:
        """The number of a node, which is added unless it is there."""
        found = self._known.get(node)
        if found is None:
            found = self._known[node] = len(self.nodes)
            self.nodes.append(node)
            self.after.append(isinstance(node, Fold) or any(self.after[a] for a in getattr(node, "args", ())))
            if isinstance(node, Read):
                self.buffers.add(node.view.buffer)
        return found

    def read(self, leaf: Leaf, axes: Ints) -> int:
        """The node of a leaf whose axes are these of the domain."""
        node = leaf.node()
        if isinstance(node, Read):
            view = evolve(node.view, strides=self._spread(node.view.strides, axes))
            return self.add(evolve(node, view=view))
        if isinstance(node, Index):
            return self.add(evolve(node, strides=self._spread(node.strides, axes)))
        return self.add(node)

    def _spread(self, strides: Sequence[Any], axes: Ints) -> tuple[Any, ...]:
        """Strides over the domain: 0 along axes that the leaf does not have."""
        of_axis = dict(zip(axes, strides, strict=True))
        return tuple(of_axis.get(a, 0) for a in self.full)

    def store(self, member: Member, leaf: Leaf) -> None:
        """Write a member to all of a buffer (or, if ``leaf`` is another view of it, there)."""
        assert leaf.buffer is not None
        view = View(leaf.buffer, leaf.offset, self._spread(leaf.strides, member.axes))
        self.writes.append(Write(member.node, view))
        self.buffers.add(leaf.buffer)

    def kernel(self) -> Kernel:
        """The finished kernel: nodes that something needs, axes as few as possible."""
        nodes, writes = _needed(self.nodes, self.writes)
        if self.contraction is not None:
            how, a, b, out = self.contraction
            nodes, writes = _changed(nodes, writes, lambda s: _with_units(s, out.type.shape))
            return Contraction(how, (a, b), *_epilogue(nodes, writes, out))
        order = (*self.outer, *(self.folded or ()))
        nodes, writes = _changed(nodes, writes, lambda s: tuple(s[a] for a in order))
        kernel = Fused(tuple(self.domain[a] for a in order), len(self.folded or ()), tuple(nodes), tuple(writes))
        return collapsed(kernel)


def _epilogue(
    nodes: list[Node], writes: list[Write], out: Operand
) -> tuple[Operand, tuple[Node, ...], tuple[Write, ...]]:
    """Where a contraction stores, and what is left to do: nothing where the tile is stored as it is.

    If the tile itself is not wanted, it is stored where something of its dtype will replace it.
    """
    plain = all(isinstance(nodes[w.node], Tile) and w.view.buffer == out.buffer for w in writes)
    if plain:
        return out, (), ()
    if all(w.view.buffer != out.buffer for w in writes):
        wanted = View(0, 0, row_major(out.type.shape))
        same = (w for w in writes if nodes[w.node].dtype == out.type.dtype and evolve(w.view, buffer=0) == wanted)
        chosen = next(same, None)
        out = out if chosen is None else evolve(out, buffer=chosen.view.buffer)
    return out, tuple(nodes), tuple(writes)


def _with_units(strides: Any, shape: Ints) -> Any:
    """Strides over ``shape`` of those over the same without axes of extent 1; row-major ones stay so."""
    given, step, result = list(strides), 1, list[Any]()
    if len(given) == len(shape):
        return strides
    for n in reversed(shape):
        stride = step if n == 1 else given.pop()
        result.append(stride)
        step = stride * n
    return tuple(reversed(result))


def _changed(nodes: Sequence[Node], writes: Sequence[Write], change: Any) -> tuple[list[Node], list[Write]]:
    """Nodes and writes with their strides changed."""
    after = [evolve(w, view=evolve(w.view, strides=change(w.view.strides))) for w in writes]
    return [_over(n, change) for n in nodes], after


def _over(node: Node, change: Any) -> Node:
    """A node with its strides changed."""
    if isinstance(node, Read):
        return evolve(node, view=evolve(node.view, strides=change(node.view.strides)))
    return evolve(node, strides=change(node.strides)) if isinstance(node, Index) else node


def _needed(nodes: Sequence[Node], writes: Sequence[Write]) -> tuple[list[Node], list[Write]]:
    """Without nodes that no write needs, renumbered; a Tile stays first."""
    wanted = {w.node for w in writes} | {i for i, n in enumerate(nodes) if isinstance(n, Tile)}
    for i in reversed(range(len(nodes))):
        if i in wanted:
            wanted.update(arguments(nodes[i]))
    places = {old: new for new, old in enumerate(sorted(wanted))}
    return [_renumbered(nodes[i], places) for i in sorted(wanted)], [evolve(w, node=places[w.node]) for w in writes]


def arguments(node: Node) -> Ints:
    """The nodes that a node needs."""
    if isinstance(node, Apply):
        return node.args
    return (node.arg,) if isinstance(node, Fold) else ()


def _renumbered(node: Node, places: dict[int, int]) -> Node:
    if isinstance(node, Apply):
        return evolve(node, args=tuple(places[a] for a in node.args))
    return evolve(node, arg=places[node.arg]) if isinstance(node, Fold) else node


# ---- axes as few as possible


def collapsed(kernel: Fused) -> Fused:
    """Without axes of extent 1, and with neighbours merged that every view walks as one."""
    views = [n.view.strides for n in kernel.nodes if isinstance(n, Read)]
    views += [n.strides for n in kernel.nodes if isinstance(n, Index)]
    views += [w.view.strides for w in kernel.writes]
    outer = len(kernel.extents) - kernel.folded
    groups = _groups(kernel.extents, views, range(outer)) + _groups(
        kernel.extents, views, range(outer, len(kernel.extents))
    )
    if kernel.folded and groups == [g for g in groups if g[0] < outer]:
        groups.append([outer])  # a Fold of one element still is one
    extents = tuple(_product(kernel.extents[a] for a in g) for g in groups)
    last = tuple(g[-1] for g in groups)

    def pick(strides: Any) -> tuple[Any, ...]:
        return tuple(strides[a] for a in last)

    return Fused(
        extents,
        sum(g[0] >= outer for g in groups),
        *map(tuple, _changed(kernel.nodes, kernel.writes, pick)),  # pyright: ignore[reportArgumentType]
    )


def _groups(extents: Sequence[Any], views: Sequence[Any], axes: range) -> list[list[int]]:
    """The axes (of extent other than 1) in groups that can be walked as one."""
    groups: list[list[int]] = []
    for a in axes:
        if extents[a] == 1:
            continue
        if groups and all(v[groups[-1][-1]] == v[a] * extents[a] for v in views):
            groups[-1].append(a)
        else:
            groups.append([a])
    return groups


def _product(values: Any) -> Any:
    result = 1
    for v in values:
        result *= v
    return result
