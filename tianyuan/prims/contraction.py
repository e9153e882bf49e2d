"""Contractions: C[b, i, j] = Σ_k A[b, i, k] B[b, k, j], in CHAIN(256, 16) over k (docs/numerics.md, Contractions)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from string import ascii_letters
from typing import Any

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Undef, at_most_one_linear, primitive, type_of
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear import broadcast, moveaxis, transpose
from tianyuan.prims.linear.axes import kept
from tianyuan.prims.linear.reshaping import inverse
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.oracles import contracted, wide
from tianyuan.types import NUMERIC, ArrayType, DType, as_dtype

Pairs = tuple[tuple[int, int], ...]
Shape = tuple[int, ...]


def _contractions(dtype: DType) -> list[Case]:
    def case(a: Shape, b: Shape, batch: Pairs, contract: Pairs) -> Case:
        return Case((ArrayType(dtype, a), ArrayType(dtype, b)), {"batch_pairs": batch, "contract": contract})

    return [
        case((5,), (5,), (), ((0, 0),)),
        case((2, 5), (5,), (), ((1, 0),)),
        case((5,), (5, 4), (), ((0, 0),)),
        case((2, 5), (5, 4), (), ((1, 0),)),
        case((5, 2), (4, 5), (), ((0, 1),)),
        case((2, 5, 4), (4, 6, 5), (), ((2, 0), (1, 2))),
        case((2, 5, 4), (4, 6, 5), (), ((1, 2), (2, 0))),
        case((6, 2, 5), (6, 5, 4), ((0, 0),), ((2, 1),)),
        case((2, 6, 5), (5, 4, 6), ((1, 2),), ((2, 0),)),
        case((6, 5), (6, 5), ((0, 0),), ((1, 1),)),
        case((2, 6, 5), (5, 2, 6), ((1, 2), (0, 1)), ((2, 0),)),
        case((4, 2, 1, 5), (5, 6), (), ((3, 0),)),
        case((2, 0), (0, 4), (), ((1, 0),)),
        case((0, 5), (5, 4), (), ((1, 0),)),
    ]


@primitive
class DotGeneral(Prim):
    """The contraction over pairs (axis of A, axis of B); k is row-major over the ordered list ``contract``.

    f[b.., i.., k..], f[b.., k.., j..] -> f[b.., i.., j..], ``batch`` pairs first, then A's free axes, then B's.
    One dtype, of numbers: integers wrap; 16-bit floats accumulate in f32 and round once; complex products are
    four real contractions. K = 0 gives +0. Bilinear:

        dA contracts ct with B over B's free axes, dB contracts A with ct over A's free axes, in the order of
        the result's axes; where there are none to contract over, it is a product.
    """

    batch_pairs: Pairs
    contract: Pairs
    ulp = 16.0  # of positive terms, K below 300
    cases = Cases(_contractions, NUMERIC, (0.5, 3.0), complex_ulp=16.0)

    def types(self, a: ArrayType, b: ArrayType) -> tuple[ArrayType, ...]:
        """Batch axes, then free axes; ArrayTypeError or ShapeError where the pairs do not fit."""
        if a.dtype != b.dtype or a.dtype not in NUMERIC:
            raise ArrayTypeError(f"dot_general takes numbers of one dtype, got {a} and {b}")
        if not self.contract:
            raise ShapeError("dot_general contracts at least one pair of axes; without one it is a product (mul)")
        pairs = (*self.batch_pairs, *self.contract)
        for side, t in enumerate((a, b)):
            named = [p[side] for p in pairs]
            if len(set(named)) != len(named) or any(not 0 <= n < t.ndim for n in named):
                raise ShapeError(f"dot_general takes each axis of {t} at most once, got axes {named}")
        for i, j in pairs:
            if a.shape[i] != b.shape[j]:
                raise ShapeError(f"dot_general takes axes of one extent, got axis {i} of {a} with axis {j} of {b}")
        shape = [a.shape[i] for i, _ in self.batch_pairs]
        shape += [a.shape[i] for i in self.free(0, a.ndim)] + [b.shape[j] for j in self.free(1, b.ndim)]
        return (ArrayType(a.dtype, tuple(shape)),)

    def free(self, side: int, ndim: int) -> Shape:
        """The axes of A (0) or B (1) that are in no pair."""
        return kept((p[side] for p in (*self.batch_pairs, *self.contract)), ndim)

    def lower(self, *types: ArrayType) -> lowering.Contract:
        """A contraction."""
        return lowering.Contract(self.batch_pairs, self.contract)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dC = dA · B + A · dB."""
        (a, b), (da, db) = primals, tangents
        terms = [] if da is None else [self(da, b)]
        terms += [] if db is None else [self(a, db)]
        return self(a, b), functools.reduce(add, terms) if terms else None

    def transpose(self, cts: Any, a: Any, b: Any) -> tuple[Any, ...]:
        """The cotangent of the operand that is linear."""
        at_most_one_linear(self, a, b)
        return (self._of_a(cts, a, b), None) if isinstance(a, Undef) else (None, self._of_b(cts, a, b))

    def _of_a(self, ct: Array, a: Any, b: Array) -> Array:
        n, free, other = len(self.batch_pairs), self.free(0, type_of(a).ndim), self.free(1, b.ndim)
        batch = [(i, j) for i, (_, j) in enumerate(self.batch_pairs)]
        given = dot_general(ct, b, batch, [(n + len(free) + i, j) for i, j in enumerate(other)])
        back = {j: i for i, j in self.contract}
        order = [*(i for i, _ in self.batch_pairs), *free, *(back[j] for j in sorted(back))]
        return transpose(given, inverse(order))

    def _of_b(self, ct: Array, a: Array, b: Any) -> Array:
        n, free, other = len(self.batch_pairs), self.free(1, type_of(b).ndim), self.free(0, a.ndim)
        batch = [(i, k) for k, (i, _) in enumerate(self.batch_pairs)]
        given = dot_general(a, ct, batch, [(i, n + k) for k, i in enumerate(other)])
        back = dict(self.contract)
        order = [*(j for _, j in self.batch_pairs), *(back[i] for i in sorted(back)), *free]
        return transpose(given, inverse(order))

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """Two mapped axes are a batch pair; one is a free axis, in front of those of its operand."""
        (a, b), (d, e) = args, dims
        if d is not None and e is not None:
            pairs = self._shifted(d, e)
            return DotGeneral(((d, e), *pairs.batch_pairs), pairs.contract)(a, b), 0
        n = len(self.batch_pairs)
        if d is not None:
            return self._shifted(0, None)(moveaxis(a, d, 0), b), n
        assert e is not None
        return self._shifted(None, 0)(a, moveaxis(b, e, 0)), n + len(self.free(0, a.ndim))

    def _shifted(self, d: int | None, e: int | None) -> DotGeneral:
        """The same pairs where A has one axis more, at d, and B one at e."""

        def up(pairs: Pairs) -> Pairs:
            return tuple((i + (d is not None and i >= d), j + (e is not None and j >= e)) for i, j in pairs)

        return DotGeneral(up(self.batch_pairs), up(self.contract))

    def oracle(self, *args: Any) -> Any:
        """NumPy's einsum, of floats in more precision."""
        a, b = args
        left, names = list(ascii_letters[: a.ndim]), list(ascii_letters[a.ndim : a.ndim + b.ndim])
        for i, j in (*self.batch_pairs, *self.contract):
            names[j] = left[i]
        out = [left[i] for i, _ in self.batch_pairs] + [left[i] for i in self.free(0, a.ndim)]
        out += [names[j] for j in self.free(1, b.ndim)]
        spec = f"{''.join(left)},{''.join(names)}->{''.join(out)}"
        exact = as_dtype(a.dtype).kind in "iu"
        return contracted(spec, *(args if exact else map(wide, args))).astype(a.dtype)


def dot_general(a: Array, b: Array, batch: Sequence[tuple[int, int]], contract: Sequence[tuple[int, int]]) -> Array:
    """A and B contracted over ``contract``, entry by entry of ``batch``, lists of (axis of A, axis of B).

    Result axes: batch pairs, A's free axes, B's free axes. Without a pair to contract, the product of elements.
    """
    batch = tuple(batch)
    return DotGeneral(batch, tuple(contract))(a, b) if contract else outer(a, b, batch)


def outer(a: Array, b: Array, batch: Pairs) -> Array:
    """Every free element of A times every free element of B."""
    free = kept((i for i, _ in batch), a.ndim), kept((j for _, j in batch), b.ndim)
    a = transpose(a, (*(i for i, _ in batch), *free[0]))
    b = transpose(b, (*(j for _, j in batch), *free[1]))
    n, m = len(batch), a.ndim
    shape = (*a.shape, *b.shape[n:])
    return mul(broadcast(a, shape, range(m)), broadcast(b, shape, (*range(n), *range(m, len(shape)))))
