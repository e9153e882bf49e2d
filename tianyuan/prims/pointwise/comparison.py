"""Comparisons and select."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.cases import Case, Cases, elementwise
from tianyuan.core import Rewriting, Undef, primitive
from tianyuan.errors import ArrayTypeError
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import (
    Flat,
    Pointwise,
    Tangents,
    check_dtypes,
    common_shape,
    gathered,
    number,
    spread,
)
from tianyuan.prims.pointwise.oracles import where
from tianyuan.types import ALL, REAL, ArrayType, DType, bool_, key_dtype

ORDERED = (bool_, *REAL)


class Comparison(Flat):
    """Gives bool. NaN is unequal to everything and in no order; -0 = +0; false < true."""

    dtypes = ORDERED

    def result_dtype(self, dtype: DType) -> DType:
        """bool."""
        return bool_


@primitive
class Eq(Comparison):
    """Equality: y = (a = b). False where either is NaN."""

    dtypes = (*ALL, key_dtype)
    cases = Cases(elementwise(2), ALL)

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.eq(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.equal(a, b)


@primitive
class Ne(Comparison):
    """Inequality: y = (a ≠ b). True where either is NaN."""

    dtypes = (*ALL, key_dtype)
    cases = Cases(elementwise(2), ALL)

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.ne(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.not_equal(a, b)


@primitive
class Lt(Comparison):
    """Order: y = (a < b)."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.lt(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.less(a, b)


@primitive
class Le(Comparison):
    """Order: y = (a ≤ b)."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.le(a, b)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.less_equal(a, b)


@primitive
class Gt(Comparison):
    """Order: y = (a > b)."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.lt(b, a)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.greater(a, b)


@primitive
class Ge(Comparison):
    """Order: y = (a ≥ b)."""

    def scalar(self, k: Scalars, a: Any, b: Any) -> Any:
        return k.le(b, a)

    def oracle(self, a: Any, b: Any) -> Any:
        return np.greater_equal(a, b)


def _selects(dtype: DType) -> list[Case]:
    cases = elementwise(3)(dtype)
    return [Case((ArrayType(bool_, c.args[0].shape), *c.args[1:])) for c in cases]


@primitive
class Select(Pointwise):
    """Choice: y = a where the condition holds, else b. The condition is bool; linear in a and b."""

    dtypes = (*ALL, key_dtype)
    cases = Cases(_selects, ALL)

    def scalar(self, k: Scalars, condition: Any, a: Any, b: Any) -> Any:
        return k.select(condition, a, b)

    def types(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        """The dtype of the branches and the common shape."""
        if len(types) != 3:
            raise ArrayTypeError(f"select takes 3 arguments, got {len(types)}")
        condition, *branches = types
        if condition.dtype != bool_:
            raise ArrayTypeError(f"select takes a bool condition, got {condition}")
        check_dtypes("select", self.dtypes, branches)
        shape = common_shape("select", types)
        weak = not shape and all(t.weak for t in branches)
        return (ArrayType(branches[0].dtype, shape, weak),)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """select(condition, da, db), where a missing tangent is 0."""
        condition, y, (_, da, db) = primals[0], self(*primals), tangents
        if da is None and db is None:
            return y, None
        branches = [number(0.0, y) if d is None else spread(d, y.shape) for d in (da, db)]
        return y, select(condition, *branches)

    def transpose(self, cts: Any, condition: Any, a: Any, b: Any) -> tuple[Any, ...]:
        """select(condition, ct, 0) and select(condition, 0, ct)."""
        zero = number(0.0, cts)
        ct_a = gathered(select(condition, cts, zero), a) if isinstance(a, Undef) else None
        ct_b = gathered(select(condition, zero, cts), b) if isinstance(b, Undef) else None
        return None, ct_a, ct_b

    def simplify(self, args: Sequence[Any], rewriting: Rewriting) -> Any:
        """A choice that is known, or between equals."""
        condition, a, b = args
        known = rewriting.constant(condition)
        return a if a == b or (known is not None and known) else None if known is None else b

    def oracle(self, condition: Any, a: Any, b: Any) -> Any:
        return where(condition, a, b)


eq = Eq()
ne = Ne()
lt = Lt()
le = Le()
gt = Gt()
ge = Ge()
select = Select()
