"""``einsum``, contracted pair by pair along a path of our own (docs/numerics.md, Contractions)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from tianyuan.array import Array
from tianyuan.errors import ShapeError
from tianyuan.functions.operands import promoted
from tianyuan.functions.triangles import diagonals
from tianyuan.prims.contraction import dot_general
from tianyuan.prims.conversion import strong
from tianyuan.prims.linear import broadcast, moveaxis, reduce_sum, squeeze, transpose
from tianyuan.prims.pointwise.products import mul

EXACT = 10  # operands up to which every path is tried


@frozen(eq=False)
class _Term:
    """An array with a label for each axis."""

    labels: str
    value: Array


def einsum(subscripts: str, /, *operands: Any) -> Array:
    """The sum of products that ``subscripts`` spell: ``"ij,jk->ik"`` is a matrix product.

    Diagonals first, then labels of one operand alone are summed, then pairs are contracted, their labels in the
    order of the left subscript. ``...`` stands for leading axes that broadcast. Raises ShapeError.
    """
    xs = [strong(x) for x in promoted("einsum", *operands)]
    inputs, output, sizes = _parsed(subscripts.replace(" ", ""), xs)
    stretched = [_squeezed(s, x, sizes) for s, x in zip(inputs, xs, strict=True)]
    inputs = [t.labels for t in stretched]
    terms = [_prepared(t.labels, t.value, output, inputs, i) for i, t in enumerate(stretched)]
    for i, j in path(tuple(t.labels for t in terms), output, tuple(sizes.items())):
        a, b = terms[i], terms[j]
        rest = [t for k, t in enumerate(terms) if k not in (i, j)]
        kept = set(output).union(*(set(t.labels) for t in rest))
        terms = [*rest, _combined(a, b, kept)]
    (last,) = terms
    return transpose(last.value, [last.labels.index(c) for c in output])


def _squeezed(labels: str, x: Array, sizes: dict[str, int]) -> _Term:
    """Without the axes of extent 1 that broadcast: they are not repeated."""
    gone = [i for i, (c, n) in enumerate(zip(labels, x.shape, strict=True)) if n == 1 and sizes[c] != 1]
    return _Term("".join(c for i, c in enumerate(labels) if i not in gone), squeeze(x, gone) if gone else x)


def _parsed(subscripts: str, xs: Sequence[Array]) -> tuple[list[str], str, dict[str, int]]:
    """Subscripts of the operands and the result with ``...`` spelled out, and extents by label."""
    left, arrow, right = subscripts.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(xs):
        raise ShapeError(f"einsum: {subscripts!r} names {len(inputs)} operands, got {len(xs)}")
    spare = [c for c in map(chr, range(0x3B1, 0x3B1 + 64)) if c not in subscripts]
    rank = max((x.ndim - len(s.replace("...", "")) for s, x in zip(inputs, xs, strict=True) if "..." in s), default=0)
    ahead = "".join(spare[:rank])
    spelled = [_spelled(s, x, ahead, subscripts) for s, x in zip(inputs, xs, strict=True)]
    if not arrow:
        every = "".join(spelled)
        right = ahead + "".join(sorted(c for c in set(every) if every.count(c) == 1 and c not in ahead))
    output = right.replace("...", ahead)
    sizes: dict[str, int] = {}
    for s, x in zip(spelled, xs, strict=True):
        for c, n in zip(s, x.shape, strict=True):
            if sizes.setdefault(c, n) != n and 1 not in (sizes[c], n):
                found = f"label {c!r} of {subscripts!r} has extents {sizes[c]} and {n}"
                raise ShapeError(f"einsum: {found}; transpose an operand, or rename a label")
            sizes[c] = max(sizes[c], n) if 0 not in (sizes[c], n) else 0
    if len(set(output)) != len(output) or any(c not in sizes for c in output):
        raise ShapeError(f"einsum: the result of {subscripts!r} needs distinct labels that operands have")
    return spelled, output, sizes


def _spelled(s: str, x: Array, ahead: str, subscripts: str) -> str:
    own = x.ndim - len(s.replace("...", ""))
    spelled = s.replace("...", ahead[len(ahead) - own :] if own > 0 else "")
    if len(spelled) != x.ndim:
        raise ShapeError(
            f"einsum: {s!r} of {subscripts!r} names {len(spelled)} axes, but its operand {x.type} has {x.ndim}"
        )
    return spelled


def _prepared(labels: str, x: Array, output: str, inputs: Sequence[str], own: int) -> _Term:
    """Diagonals of repeated labels; sums over labels that nobody else has."""
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            i = labels.index(c)
            j = labels.index(c, i + 1)
            x = moveaxis(diagonals("einsum", moveaxis(moveaxis(x, i, x.ndim - 1), j - 1, x.ndim - 1)), x.ndim - 2, i)
            labels = labels[:j] + labels[j + 1 :]
    others = set(output).union(*(set(s) for k, s in enumerate(inputs) if k != own))
    return _summed(_Term(labels, x), others)


def _summed(term: _Term, kept: set[str]) -> _Term:
    axes = [i for i, c in enumerate(term.labels) if c not in kept]
    return _Term("".join(c for c in term.labels if c in kept), reduce_sum(term.value, axes)) if axes else term


def _combined(a: _Term, b: _Term, kept: set[str]) -> _Term:
    """Two terms contracted over the labels that are theirs alone; a product where there is none."""
    shared = [c for c in a.labels if c in b.labels]
    gone = [c for c in shared if c not in kept]
    batch = [c for c in shared if c in kept]
    own = [c for c in a.labels if c not in shared], [c for c in b.labels if c not in shared]
    labels = "".join([*batch, *own[0], *own[1]])
    if not gone:
        return _Term(labels, _product(a, b, labels))
    pairs = [[(a.labels.index(c), b.labels.index(c)) for c in names] for names in (batch, gone)]
    return _Term(labels, dot_general(a.value, b.value, *pairs))


def _product(a: _Term, b: _Term, labels: str) -> Array:
    sizes = dict([*zip(a.labels, a.value.shape, strict=True), *zip(b.labels, b.value.shape, strict=True)])
    shape = [sizes[c] for c in labels]
    wide: list[Array] = []
    for term in (a, b):
        order = sorted(range(len(term.labels)), key=lambda i, t=term: labels.index(t.labels[i]))
        moved = transpose(term.value, order)
        wide.append(broadcast(moved, shape, [labels.index(term.labels[i]) for i in order]))
    return mul(*wide)


# ---- paths


@functools.lru_cache(1024)
def path(inputs: tuple[str, ...], output: str, extents: tuple[tuple[str, int], ...]) -> list[tuple[int, int]]:
    """Which two terms to contract, step by step; the result of a step goes to the end of the list.

    Fewest multiply-adds: exactly up to ten operands, then greedily; of equals the leftmost.
    """
    terms, sizes = [frozenset(s) for s in inputs], dict(extents)
    return _best(terms, frozenset(output), sizes) if len(terms) <= EXACT else _greedy(terms, frozenset(output), sizes)


def _cost(a: frozenset[str], b: frozenset[str], sizes: dict[str, int]) -> int:
    return math.prod(sizes[c] for c in a | b)


def _after(terms: Sequence[frozenset[str]], i: int, j: int, output: frozenset[str]) -> list[frozenset[str]]:
    rest = [t for k, t in enumerate(terms) if k not in (i, j)]
    kept = output.union(*rest)
    return [*rest, (terms[i] | terms[j]) & kept]


def _best(terms: list[frozenset[str]], output: frozenset[str], sizes: dict[str, int]) -> list[tuple[int, int]]:
    """The cheapest tree over subsets of the operands, as a path (dynamic programming over subsets)."""
    count = len(terms)
    everything = (1 << count) - 1
    kept = [frozenset[str]()] * (everything + 1)
    for s in range(1, everything + 1):
        inside = frozenset[str]().union(*(terms[i] for i in range(count) if s >> i & 1))
        outside = output.union(*(terms[i] for i in range(count) if not s >> i & 1))
        kept[s] = inside & outside
    cost = [0] * (everything + 1)
    cut = [0] * (everything + 1)
    for s in range(1, everything + 1):
        if s & (s - 1):
            low = s & -s
            rest = s ^ low
            best: tuple[int, int] | None = None
            part = rest
            while True:
                a = low | (rest ^ part)
                b = s ^ a
                if b:
                    total = cost[a] + cost[b] + _cost(_inner(terms, kept, a), _inner(terms, kept, b), sizes)
                    if best is None or total < best[0]:
                        best = total, a
                if part == 0:
                    break
                part = (part - 1) & rest
            assert best is not None
            cost[s], cut[s] = best
    return _as_path(cut, count)


def _inner(terms: Sequence[frozenset[str]], kept: Sequence[frozenset[str]], s: int) -> frozenset[str]:
    return kept[s] if s & (s - 1) else terms[s.bit_length() - 1]


def _as_path(cut: Sequence[int], count: int) -> list[tuple[int, int]]:
    """The tree as pairs of places in a list whose end receives each result."""
    steps: list[tuple[int, int]] = []
    order: list[int] = [1 << i for i in range(count)]

    def visit(s: int) -> None:
        if not s & (s - 1):
            return
        a, b = cut[s], s ^ cut[s]
        visit(a)
        visit(b)
        i, j = sorted((order.index(a), order.index(b)))
        steps.append((i, j))
        order[:] = [x for k, x in enumerate(order) if k not in (i, j)] + [s]

    if count:
        visit((1 << count) - 1)
    return steps


def _greedy(terms: list[frozenset[str]], output: frozenset[str], sizes: dict[str, int]) -> list[tuple[int, int]]:
    steps: list[tuple[int, int]] = []
    while len(terms) > 1:
        pairs = [(i, j) for i in range(len(terms)) for j in range(i + 1, len(terms))]
        i, j = min(pairs, key=lambda p: (_cost(terms[p[0]], terms[p[1]], sizes), p))
        steps.append((i, j))
        terms = _after(terms, i, j, output)
    return steps
