"""The axes of a contraction in groups, and which of them can be walked as one."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from tianyuan.lowering import Contract
from tianyuan_jit.emission.monomials import ONE, ZERO, Monomial, monomial, row_major
from tianyuan_jit.kernels import Operand


@frozen
class Axis:
    """Axes walked as one: the extent, and the strides in a, in b and in the result."""

    extent: Monomial
    a: Monomial
    b: Monomial
    c: Monomial


UNIT = Axis(ONE, ZERO, ZERO, ZERO)


@frozen
class Groups:
    """The merged axes of a contraction."""

    batch: list[Axis]
    m: list[Axis]
    n: list[Axis]
    k: list[Axis]


def merged(axes: Sequence[Axis]) -> list[Axis]:
    """Neighbours that can be walked as one are one; axes of extent 1 are none."""
    result: list[Axis] = []
    for axis in axes:
        if axis.extent == ONE:
            continue
        last, n = result[-1] if result else None, axis.extent
        if last is not None and (last.a, last.b, last.c) == (axis.a * n, axis.b * n, axis.c * n):
            result[-1] = evolve(axis, extent=last.extent * n)
        else:
            result.append(axis)
    return result


class Geometry:
    """Extents by axis of a, of b and of the result; those of pairs are a's."""

    def __init__(self, how: Contract, a: Operand, b: Operand) -> None:
        self.how = how
        self.a = [monomial(n) for n in a.type.shape]
        pairs = {j: i for i, j in (*how.batch, *how.contract)}
        self.b = [self.a[pairs[j]] if j in pairs else monomial(n) for j, n in enumerate(b.type.shape)]
        gone = {i for i, _ in (*how.batch, *how.contract)}
        self.free_a = [i for i in range(len(self.a)) if i not in gone]
        self.free_b = [j for j in range(len(self.b)) if j not in pairs]
        self.batch = [self.a[i] for i, _ in how.batch]
        self.m, self.n = [self.a[i] for i in self.free_a], [self.b[j] for j in self.free_b]
        self.c = [*self.batch, *self.m, *self.n]

    def groups(self, a: Sequence[Monomial], b: Sequence[Monomial]) -> Groups:
        """The axes by group, merged, for operands of these strides."""
        strides = iter(row_major(self.c))
        batch = [Axis(self.a[i], a[i], b[j], next(strides)) for i, j in self.how.batch]
        m = [Axis(self.a[i], a[i], ZERO, next(strides)) for i in self.free_a]
        n = [Axis(self.b[j], ZERO, b[j], next(strides)) for j in self.free_b]
        k = [Axis(self.a[i], a[i], b[j], ZERO) for i, j in self.how.contract]
        return Groups(merged(batch), merged(m), merged(n), merged(k))

    def copied_order(self, which: int, strides: Sequence[Monomial]) -> list[int] | None:
        """The order of axes in which an operand has to be copied; None if it can stay as it is.

        It can if the axes of each of its groups are one (the batch two). In a copy the group comes last whose
        last axis is the operand's innermost, so that runs of memory are copied.
        """
        extents = (self.a, self.b)[which]
        batch = [p[which] for p in self.how.batch]
        free = (self.free_a, self.free_b)[which]
        k = [p[which] for p in self.how.contract]

        def count(axes: Sequence[int]) -> int:
            return len(merged([Axis(extents[i], strides[i], ZERO, ZERO) for i in axes]))

        if count(batch) <= 2 and count(free) <= 1 and count(k) <= 1:
            return None
        if free and ONE in (strides[i] for i in free):
            return [*batch, *k, *free]
        return [*batch, *free, *k]
