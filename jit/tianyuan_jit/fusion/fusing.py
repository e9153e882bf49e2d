"""``fuse``: Program -> fused program, in one walk over the equations.

Element-wise equations join a kernel under construction (a *cluster*) that computes one of their arguments or
reads the same arrays, views cost nothing, reductions fold inside the cluster that makes their argument, and
whatever is needed elsewhere is written to a buffer. A value is stored only when somebody asks for it as memory.

Clusters run in the order of their index. An equation may join a cluster if what it needs beside that cluster's
own values is stored by clusters of lower index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, evolve, field

from tianyuan import lowering
from tianyuan.core import Prim
from tianyuan.program import Atom, Eqn, Program, Source, Var
from tianyuan.types import ArrayType, float32
from tianyuan_jit.emission.folding import LANES
from tianyuan_jit.emission.nodes import is_dear
from tianyuan_jit.fusion.clusters import Cluster, Member
from tianyuan_jit.fusion.leaves import Ints, Leaf, row_major, viewed, whole
from tianyuan_jit.fusion.reusing import in_loop, in_place
from tianyuan_jit.fusion.values import (
    Lazy,
    Mapped,
    Value,
    clusters_of,
    mapped,
    members_of,
    reads_of,
    spread,
    whole_axes,
)
from tianyuan_jit.kernels import (
    Apply,
    Fold,
    FusedProgram,
    Kernel,
    Loop,
    Operand,
    Single,
    Tile,
)

VIEWS = (lowering.Broadcast, lowering.Transpose, lowering.Slice, lowering.Reshape)
RESHAPE = lowering.Reshape()
LOOPS = (lowering.Scan, lowering.While, lowering.Branch, lowering.Call)
LONG_ROW = 1 << 15  # elements a row may have for its consumers to be fused: a row is walked more than once
TALL_COLUMN = 1 << 9
SHORT_ROW = 32  # elements of a row beside which one more logarithm, of a single number, would be seen
QUICK = frozenset(("div", "sqrt", "rsqrt"))  # dear ones that the CPU computes itself
DEEP = 40  # 0-d operations in a chain that are computed anew by everyone who needs them


Kept = tuple[int, int, Ints]  # a value in memory: cluster, node, axes


def fuse(program: Program) -> FusedProgram:
    """The program as kernels over buffers."""
    sources: list[Source | None] = []
    made = _Walk(program, sources).result()
    return evolve(made, sources=tuple(sources))


@define(eq=False)
class _Walk:
    """One program; ``sources`` numbers the equations that may fail, through all nested programs."""

    program: Program
    sources: list[Source | None]
    buffers: list[ArrayType] = field(factory=list[ArrayType])
    ready: dict[int, int] = field(factory=dict[int, int])  # by buffer: the index of the kernel that writes it
    kernels: list[Cluster | Kernel] = field(factory=list[Cluster | Kernel])
    env: dict[int, Value] = field(factory=dict[int, Any])
    stored: dict[Kept, Leaf] = field(factory=dict[Kept, Leaf])
    recent: dict[Ints, list[Cluster]] = field(factory=dict[Ints, list[Cluster]])

    def result(self) -> FusedProgram:
        """Walk, store the results, finish the clusters."""
        for p in self.program.params:
            self.env[p.id] = whole(self.buffer(p.type, -1), p.type.strong)
        for eqn in self.program.eqns:
            self.meet(eqn)
        results = tuple(self.operand(self.value(r)) for r in self.program.results)
        kernels = tuple(k.kernel() if isinstance(k, Cluster) else k for k in self.kernels if not _empty(k))
        return in_place(FusedProgram(tuple(self.buffers), len(self.program.params), kernels, results))

    def buffer(self, type: ArrayType, index: int) -> int:
        """A new buffer, written by kernel ``index``."""
        self.buffers.append(type.strong)
        self.ready[len(self.buffers) - 1] = index
        return len(self.buffers) - 1

    def value(self, atom: Atom) -> Value:
        """What an atom stands for."""
        if isinstance(atom, Var):
            return self.env[atom.id]
        return Leaf(atom.type.strong, (), constant=atom.bits)

    # ---- equations

    def meet(self, eqn: Eqn) -> None:
        """One equation: into a cluster, a view, or a kernel of its own."""
        how = eqn.prim.lower(*(a.type for a in eqn.args))
        args = [self.value(a) for a in eqn.args]
        if isinstance(how, lowering.Map | lowering.Bits):
            self.define(eqn, self.pointwise(eqn.prim, args, eqn.outs[0].type.strong))
        elif isinstance(how, VIEWS):
            self.define(eqn, self.view(how, args[0], eqn.outs[0].type.strong))
        elif isinstance(how, lowering.Iota):
            out = eqn.outs[0].type
            self.define(eqn, Leaf(out, tuple(int(a == how.axis) for a in range(len(out.shape)))))
        elif isinstance(how, lowering.Reduce):
            self.define(eqn, self.reduce(how, args[0], eqn.outs[0].type.strong))
        elif isinstance(how, lowering.Pad):
            self.define(eqn, self.pad(how, args, eqn.outs[0].type.strong))
        elif isinstance(how, lowering.Concatenate):
            self.define(eqn, self.concatenate(how, args, eqn.outs[0].type.strong))
        elif isinstance(how, lowering.Contract | lowering.Convolve):
            self.define(eqn, self.contract(how, args, eqn.outs[0].type.strong))
        else:
            self.alone(eqn, how, args)

    def define(self, eqn: Eqn, value: Value) -> None:
        """The one result of an equation."""
        self.env[eqn.outs[0].id] = value

    def alone(self, eqn: Eqn, how: lowering.Lowering, args: Sequence[Value]) -> None:
        """A kernel on whole arrays."""
        ins = tuple(self.operand(a) for a in args)
        index = len(self.kernels)
        outs = tuple(Operand(self.buffer(v.type, index), v.type.strong) for v in eqn.outs)
        ordinal = len(self.sources)
        self.sources.append(eqn.source)
        if isinstance(how, LOOPS):
            bodies = tuple(_Walk(p, self.sources).result() for p in _programs(how))
            self.kernels.append(Loop(how, in_loop(how, bodies), ins, outs))
        else:
            self.kernels.append(Single(how, ins, outs, ordinal))
        for v, o in zip(eqn.outs, outs, strict=True):
            self.env[v.id] = whole(o.buffer, v.type.strong)

    def contract(self, how: Any, args: Sequence[Value], type: ArrayType) -> Value:
        """A contraction, which its element-wise consumers may join."""
        a, b = (self.strided(x) if isinstance(how, lowering.Contract) else self.operand(x) for x in args)
        small = _squeezed(type)
        cluster = Cluster(len(self.kernels), small.shape)
        self.kernels.append(cluster)
        out = Operand(self.buffer(type, cluster.index), type)
        cluster.contraction = (how, a, b, out)
        member = Member(cluster, cluster.add(Tile(type.dtype)), small, cluster.full)
        self.stored[cluster.index, member.node, member.axes] = whole(out.buffer, small)
        return self.shaped(member, type)

    # ---- element-wise

    def pointwise(self, prim: Prim, args: Sequence[Value], type: ArrayType) -> Value:
        """Join the latest cluster that an argument comes from, or one over the same arrays, or begin one."""
        if not type.shape and all(not a.type.shape for a in args):
            return self.lazy(prim, args, type)
        if (small := _squeezed(type)) is not type:
            return self.shaped(self.pointwise(prim, [self.squeezed(a) for a in args], small), type)
        for cluster in self.candidates(args, type.shape):
            axes = self.placed(cluster, args, type.shape)
            if axes is not None and not self.better_in_vectors(cluster, prim, axes):
                return self.join(cluster, prim, args, type, axes)
        cluster = self.begin(type.shape)
        return self.join(cluster, prim, args, type, cluster.full)

    def lazy(self, prim: Prim, args: Sequence[Value], type: ArrayType) -> Lazy:
        """A 0-d expression; chains are cut where they get long."""
        shallow = tuple(self.settle(a) if isinstance(a, Lazy) and a.depth >= DEEP else a for a in args)
        after = max((self.available(a) for a in shallow), default=-1)
        members = {(m.cluster.index, m.node): m for a in shallow for m in members_of(a)}
        depth = 1 + max((a.depth for a in shallow if isinstance(a, Lazy)), default=0)
        reads = frozenset[int]().union(*map(reads_of, shallow))
        return Lazy(prim, shallow, type, after, tuple(members.values()), reads, depth)

    def begin(self, domain: Ints) -> Cluster:
        """A new cluster at the end of the program."""
        cluster = Cluster(len(self.kernels), domain)
        self.kernels.append(cluster)
        self.recent.setdefault(domain, []).append(cluster)
        return cluster

    def candidates(self, args: Sequence[Value], shape: Ints) -> list[Cluster]:
        """Clusters that might take an equation, best first."""
        own = {c.index: c for a in args for c in clusters_of(a)}
        found = [own[i] for i in sorted(own, reverse=True)][:1]
        read = {a.buffer for a in args if isinstance(a, Leaf) and a.buffer is not None}
        for c in reversed(self.recent.get(shape, [])[-4:]):
            if c not in found and c.index >= max(own, default=0) and (own or c.buffers & read):
                found.append(c)
        return found

    def placed(self, cluster: Cluster, args: Sequence[Value], shape: Ints) -> Ints | None:
        """The domain's axes that a result of ``shape`` would have in the cluster; None if it cannot join."""
        if not cluster.has_room or any(self.available(a) > cluster.index for a in args):
            return None
        if any(self.available(a) == cluster.index and not self.within(cluster, a) for a in args):
            return None
        if shape == cluster.domain and self.may_follow(cluster, args):
            return cluster.full if self.aligned(cluster, args, cluster.full) else None
        outer = cluster.outer
        if cluster.folded and shape == tuple(cluster.domain[a] for a in outer):
            inside = any(isinstance(a, Member) and a.cluster is cluster for a in args)
            return outer if inside and self.aligned(cluster, args, outer) else None
        return None

    def better_in_vectors(self, cluster: Cluster, prim: Prim, axes: Ints) -> bool:
        """Whether a value for each short row is dear: in a kernel over the rows, sixteen are computed at once."""
        if axes == cluster.full or prim.name in QUICK or not is_dear(Apply(prim, (), float32)):
            return False
        return _sizes(cluster, cluster.outer) >= LANES and _sizes(cluster, cluster.folded or ()) <= SHORT_ROW

    def available(self, value: Value) -> int:
        """The index of the cluster after which (or within which) a value can be had."""
        if isinstance(value, Leaf):
            return -1 if value.buffer is None else self.ready[value.buffer]
        if isinstance(value, Lazy):
            return value.after if value.stored is None else self.ready[value.stored.buffer or 0]
        member = value.member if isinstance(value, Mapped) else value
        return member.cluster.index

    def within(self, cluster: Cluster, value: Value) -> bool:
        """Whether the cluster computes the value itself."""
        if isinstance(value, Lazy):
            known = all(m.cluster is cluster or m.cluster.index < cluster.index for m in value.members)
            return value.stored is None and known and all(self.ready[b] < cluster.index for b in value.reads)
        member = value.member if isinstance(value, Mapped) else value
        return isinstance(member, Member) and member.cluster is cluster

    def may_follow(self, cluster: Cluster, args: Sequence[Value]) -> bool:
        """Whether an equation over the full domain may depend on these: after a Fold, rows must be short."""
        if not any(cluster.after[m.node] for a in args for m in members_of(a) if m.cluster is cluster):
            return True
        rows, columns = _sizes(cluster, cluster.outer), _sizes(cluster, cluster.folded or ())
        trailing = cluster.folded and cluster.folded[-1] == len(cluster.domain) - 1
        return rows > 1 and columns <= (LONG_ROW if trailing else TALL_COLUMN)

    def aligned(self, cluster: Cluster, args: Sequence[Value], axes: Ints) -> bool:
        """Whether the cluster's own values among the arguments lie as a result with ``axes`` needs them."""
        return all(self.fits(cluster, a, axes) for a in args)

    def fits(self, cluster: Cluster, value: Value, axes: Ints) -> bool:
        """Whether one argument lies so."""
        if isinstance(value, Member) and value.cluster is cluster:
            return value.axes in ((), axes)
        if isinstance(value, Mapped) and value.member.cluster is cluster:
            return value.member.axes == tuple(None if d is None else axes[d] for d in value.dims)
        return True

    def join(self, cluster: Cluster, prim: Prim, args: Sequence[Value], type: ArrayType, axes: Ints) -> Member:
        """The equation as a node of the cluster."""
        nodes = tuple(self.node(cluster, a, axes) for a in args)
        return Member(cluster, cluster.add(Apply(prim, nodes, type.dtype)), type, axes)

    def node(self, cluster: Cluster, value: Value, axes: Ints) -> int:
        """The node of an argument in the cluster, for a result with ``axes``."""
        if isinstance(value, Lazy):
            return self.lazy_node(cluster, value)
        member = value.member if isinstance(value, Mapped) else value
        if isinstance(member, Member) and member.cluster is cluster:
            return member.node
        leaf = self.leaf(value)
        return cluster.read(leaf, axes if leaf.type.shape else ())

    def lazy_node(self, cluster: Cluster, value: Lazy) -> int:
        """A 0-d expression in the cluster: read if it is stored by then, else computed."""
        if value.stored is not None and self.ready[value.stored.buffer or 0] < cluster.index:
            return cluster.read(value.stored, ())
        if id(value) not in cluster.lazy:
            inner = tuple(self.node(cluster, a, ()) for a in value.args)
            cluster.lazy[id(value)] = cluster.add(Apply(value.prim, inner, value.type.dtype))
        return cluster.lazy[id(value)]

    # ---- memory

    def leaf(self, value: Value) -> Leaf:
        """The value as something to read: stored now, if it was not."""
        if isinstance(value, Leaf):
            return value
        if isinstance(value, Mapped):
            base = self.leaf(value.member)
            return spread(base, value.dims, value.type)
        if isinstance(value, Lazy):
            return self.settle(value)
        key = value.cluster.index, value.node, value.axes  # a node may stand for values of several shapes
        if key not in self.stored:
            self.stored[key] = whole(self.buffer(value.type, value.cluster.index), value.type)
            value.cluster.store(value, self.stored[key])
        elif value.cluster.contraction is not None and self.stored[key].buffer == value.cluster.contraction[3].buffer:
            self.keep(value, self.stored[key])
        return self.stored[key]

    def keep(self, value: Member, leaf: Leaf) -> None:
        """A contraction's own result, wanted beside what its epilogue makes of it: a write like the others."""
        if all(w.view.buffer != leaf.buffer for w in value.cluster.writes):
            value.cluster.store(value, leaf)

    def settle(self, value: Lazy) -> Leaf:
        """Store a 0-d expression: where its latest argument is computed, or in a small kernel."""
        if value.stored is None:
            cluster = self.home(value)
            node = self.node(cluster, value, ())
            value.stored = whole(self.buffer(value.type, cluster.index), value.type)
            cluster.store(Member(cluster, node, value.type, ()), value.stored)
        return value.stored

    def home(self, value: Lazy) -> Cluster:
        """A cluster that may compute a 0-d value."""
        last = value.after
        cluster = self.kernels[last] if last >= 0 else None
        if isinstance(cluster, Cluster) and cluster.contraction is None and cluster.has_room:
            scalars = all(m.axes == () for m in value.members if m.cluster is cluster)
            if self.within(cluster, value) and scalars and (cluster.outer == () or not cluster.domain):
                return cluster
        for c in reversed(self.recent.get((), [])[-2:]):
            if c.index > last and c.has_room:
                return c
        return self.begin(())

    def operand(self, value: Value) -> Operand:
        """The value as a whole, contiguous array."""
        leaf = self.leaf(value)
        return leaf.operand() if leaf.contiguous else self.copy(leaf).operand()

    def strided(self, value: Value) -> Operand:
        """The value as an array that may be walked with any strides."""
        leaf = self.leaf(value)
        if leaf.buffer is None:
            return self.copy(leaf).operand()
        return Operand(leaf.buffer, leaf.type.strong, leaf.offset, leaf.strides)

    def copy(self, leaf: Leaf) -> Leaf:
        """The leaf's elements in a buffer of their own."""
        if not leaf.type.shape:
            cluster = next((c for c in reversed(self.recent.get((), [])) if self.available(leaf) < c.index), None)
            cluster = cluster or self.begin(())
        else:
            cluster = self.begin(leaf.type.shape)
        made = whole(self.buffer(leaf.type, cluster.index), leaf.type)
        cluster.store(Member(cluster, cluster.read(leaf, cluster.full), leaf.type, cluster.full), made)
        return made

    # ---- views, pads, concatenations

    def shaped(self, value: Value, type: ArrayType) -> Value:
        """A value with axes of extent 1 more or less."""
        return self.view(RESHAPE, value, type) if value.type.shape != type.shape else value

    def squeezed(self, value: Value) -> Value:
        """A value without axes of extent 1, so that it may meet others in a cluster whichever way it was shaped."""
        return self.shaped(value, _squeezed(value.type))

    def view(self, how: Any, value: Value, type: ArrayType) -> Value:
        """A value under a view."""
        if isinstance(value, Lazy):
            value = self.settle(value) if type.shape else value
        if value.type.shape == type.shape and isinstance(how, lowering.Reshape):
            return value
        if isinstance(value, Member | Mapped) and (dims := whole_axes(how, value.type.shape, type.shape)) is not None:
            return mapped(value, dims, type)
        leaf = self.leaf(value)
        made = viewed(leaf, how, type)
        return made if made is not None else viewed(self.copy(leaf), how, type) or self.unreachable()

    def unreachable(self) -> Leaf:
        """A contiguous leaf can be reshaped."""
        raise AssertionError

    def pad(self, how: lowering.Pad, args: Sequence[Value], type: ArrayType) -> Value:
        """The pad value everywhere, then the elements in their places."""
        x, value = args
        filler, index = self.leaf(value), len(self.kernels)
        fill = self.begin(type.shape)
        out = whole(self.buffer(type, index), type)
        fill.store(Member(fill, fill.read(filler, ()), type, fill.full), out)
        places = _places(type, how.low, tuple(i + 1 for i in how.interior), out.buffer or 0, x.type)
        self.write_into(x, places, after=index)
        return out

    def concatenate(self, how: lowering.Concatenate, args: Sequence[Value], type: ArrayType) -> Value:
        """Each argument in its place."""
        buffer, start = self.buffer(type, -1), 0
        for x in args:
            low = tuple(start if a == how.axis else 0 for a in range(len(type.shape)))
            self.write_into(x, _places(type, low, (1,) * len(low), buffer, x.type), after=-1)
            start += x.type.shape[how.axis]
        return whole(buffer, type)

    def write_into(self, value: Value, places: Leaf, after: int) -> None:
        """Store a value in part of a buffer, by a kernel behind the one of index ``after``."""
        small = viewed(places, RESHAPE, _squeezed(places.type))
        assert small is not None
        value, places = self.squeezed(value), small
        member = value if isinstance(value, Member) else None
        if member is None or member.cluster.contraction is not None or member.cluster.index <= after:
            leaf = self.leaf(value)
            cluster = self.begin(leaf.type.shape)
            member = Member(cluster, cluster.read(leaf, cluster.full), leaf.type, cluster.full)
        member.cluster.store(member, places)
        buffer = places.buffer or 0
        self.ready[buffer] = max(self.ready[buffer], member.cluster.index)

    # ---- reductions

    def reduce(self, how: lowering.Reduce, value: Value, type: ArrayType) -> Value:
        """A Fold in the cluster that computes the argument, or in one that reads it."""
        if all(value.type.shape[a] == 1 for a in how.axes):
            return self.shaped(value, type)  # every element is the only one of its sum
        if (small := _squeezed(value.type)) is not value.type:
            axes = _after_squeezing(how.axes, value.type.shape)
            return self.shaped(self.reduce(evolve(how, axes=axes), self.squeezed(value), small.drop(axes)), type)
        if isinstance(value, Member) and self.may_fold(value.cluster, value, how.axes):
            member, axes = value, how.axes
        else:
            member, axes = self.read_for(self.leaf(value), how.axes)
        cluster = member.cluster
        cluster.folded = axes
        node = cluster.add(Fold(how.op, member.node, type.dtype))
        return Member(cluster, node, type, cluster.outer)

    def may_fold(self, cluster: Cluster, value: Member, axes: Ints) -> bool:
        """Whether a cluster may fold these axes of one of its values."""
        if cluster.contraction is not None or not cluster.has_room or value.axes != cluster.full:
            return False
        if value.node < len(cluster.after) and cluster.after[value.node] and not self.may_follow(cluster, [value]):
            return False
        return cluster.folded == axes or (cluster.folded is None and _adjacent(axes))

    def read_for(self, leaf: Leaf, axes: Ints) -> tuple[Member, Ints]:
        """A value of a cluster that reads the leaf, and the axes to fold, which lie side by side."""
        for c in reversed(self.recent.get(leaf.type.shape, [])[-4:]):
            reads = leaf.buffer is not None and leaf.buffer in c.buffers
            if (
                c.index > self.available(leaf)
                and reads
                and self.may_fold(c, Member(c, len(c.after), leaf.type, c.full), axes)
            ):
                return Member(c, c.read(leaf, c.full), leaf.type, c.full), axes
        if not _adjacent(axes):
            leaf, axes = _folded_last(leaf, axes)
        cluster = self.begin(leaf.type.shape)
        return Member(cluster, cluster.read(leaf, cluster.full), leaf.type, cluster.full), axes


def _empty(kernel: Cluster | Kernel) -> bool:
    return isinstance(kernel, Cluster) and not kernel.writes and kernel.contraction is None


def _programs(how: Any) -> tuple[Program, ...]:
    if isinstance(how, lowering.Scan):
        return (how.body,)
    if isinstance(how, lowering.While):
        return how.cond, how.body
    return how.programs if isinstance(how, lowering.Branch) else (how.program,)


def _sizes(cluster: Cluster, axes: Ints) -> int:
    size = 1
    for a in axes:
        size *= cluster.domain[a]
    return size


def _squeezed(type: ArrayType) -> ArrayType:
    """The type without axes of extent 1; as it is if it has none, or nothing else."""
    shape = tuple(n for n in type.shape if n != 1)
    return type.with_shape(shape) if shape and shape != type.shape else type


def _after_squeezing(axes: Ints, shape: Ints) -> Ints:
    """The axes of extents other than 1, numbered without those."""
    return tuple(a - shape[:a].count(1) for a in axes if shape[a] != 1)


def _adjacent(axes: Ints) -> bool:
    return axes[-1] - axes[0] == len(axes) - 1


def _folded_last(leaf: Leaf, axes: Ints) -> tuple[Leaf, Ints]:
    """The leaf with ``axes`` behind the others, and what they are then."""
    rank = len(leaf.type.shape)
    order = (*(a for a in range(rank) if a not in axes), *axes)
    type = leaf.type.with_shape(leaf.type.shape[a] for a in order)
    return evolve(leaf, type=type, strides=tuple(leaf.strides[a] for a in order)), tuple(range(rank - len(axes), rank))


def _places(type: ArrayType, low: Ints, steps: Ints, buffer: int, part: ArrayType) -> Leaf:
    """Where the elements of ``part`` go in a buffer of ``type``: from ``low``, ``steps`` apart."""
    strides = row_major(type.shape)
    offset = sum(a * s for a, s in zip(low, strides, strict=True))
    return Leaf(part.strong, tuple(a * s for a, s in zip(steps, strides, strict=True)), offset, buffer)
