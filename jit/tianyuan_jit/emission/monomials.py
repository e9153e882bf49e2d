"""Products of known integers and numbers given at the run: extents and strides that can be compared.

Two axes of a row-major array are one if the stride of the first is the extent times the stride of the second;
with products as values that can be seen before the numbers are known.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from tianyuan_jit.kernels import Arg
from tianyuan_jit.kernels import Extent as Number
from tianyuan_jit.text import Extent, Function


@frozen
class Monomial:
    """``factor`` times the numbers ``args`` (their indices, sorted)."""

    factor: int
    args: tuple[int, ...] = ()

    def __mul__(self, other: Monomial) -> Monomial:
        factor = self.factor * other.factor
        return Monomial(factor, tuple(sorted(self.args + other.args)) if factor else ())

    @property
    def known(self) -> int | None:
        """Its value, if that is known."""
        return None if self.args else self.factor

    def operand(self, f: Function, numbers: Sequence[str]) -> Extent:
        """Its value in a function."""
        result: Extent = self.factor
        for a in self.args:
            result = f.imul(result, numbers[a])
        return result


ZERO, ONE = Monomial(0), Monomial(1)


def monomial(value: Number) -> Monomial:
    """A number as a product."""
    return Monomial(1, (value.index,)) if isinstance(value, Arg) else Monomial(value)


def product(values: Sequence[Monomial]) -> Monomial:
    """The product of all."""
    result = ONE
    for v in values:
        result = result * v
    return result


def row_major(extents: Sequence[Monomial]) -> list[Monomial]:
    """Strides in elements."""
    return [product(extents[i + 1 :]) for i in range(len(extents))]
