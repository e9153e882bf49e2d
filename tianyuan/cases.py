"""What a primitive is tested on: dtypes, shapes, values and fields, as plain data.

The generic laws (tests/laws) draw their inputs from here; a primitive is tested by being defined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen

from tianyuan.types import ArrayType, DType

Shapes = tuple[tuple[int, ...], ...]


@frozen
class Case:
    """One way to call a primitive: fields by name, a type per argument."""

    args: tuple[ArrayType, ...]
    fields: dict[str, Any] = {}


@frozen(eq=False)
class Cases:
    """How to draw inputs for one primitive.

    ``values``: the interval floats are drawn from. ``sweep``: every case to try, given a dtype.
    ``draw(rng, type, i, case)``: overrides how argument ``i`` is drawn (indices, permutations, keys).
    ``differentiable``: whether finite differences make sense at random points of ``values``.
    ``complex_ulp``: the bound against the oracle for complex dtypes, in ulp of the result's modulus.
    """

    sweep: Callable[[DType], list[Case]]
    dtypes: tuple[DType, ...]
    values: tuple[float, float] = (-3.0, 3.0)
    draw: Callable[..., Any] | None = None
    differentiable: bool = True
    complex_ulp: float = 0.0
    symbolic: bool = True  # whether vmap over every argument subset is meaningful


def elementwise(arity: int) -> Callable[[DType], list[Case]]:
    """Cases of an element-wise primitive: ranks 0 to 3, distinct sides, and 0-d among full arguments."""

    def sweep(dtype: DType) -> list[Case]:
        shapes: Shapes = ((), (5,), (2, 3), (2, 1, 17), (0, 3))
        full = [Case((ArrayType(dtype, s),) * arity) for s in shapes]
        if arity == 1:
            return full
        scalar, vector = ArrayType(dtype), ArrayType(dtype, (7,))
        mixed = [tuple(scalar if i == j else vector for j in range(arity)) for i in range(arity)]
        return full + [Case(m) for m in mixed]

    return sweep
