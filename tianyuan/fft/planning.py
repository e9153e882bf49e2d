"""The plan of a Fourier transform: a function of n alone (docs/numerics.md, Contractions)."""

from __future__ import annotations

import operator
from typing import Any

from tianyuan.errors import ArrayTypeError, ShapeError

RADICES = (4, 2, 3, 5, 7, 11, 13)


def factors(n: int) -> tuple[int, ...] | None:
    """n as a product of the radices, 4 as often as it divides, then 2, 3, …; None where it is not one."""
    found: list[int] = []
    for radix in RADICES:
        while n % radix == 0:
            found.append(radix)
            n //= radix
    return tuple(found) if n == 1 else None


def convolution_length(n: int) -> int:
    """The power of two at which Bluestein's convolution of n points does not wrap: at least 2n - 1."""
    return 1 << (2 * n - 2).bit_length()


def checked_length(who: str, n: Any) -> int:
    """A number of points as a positive int."""
    try:
        length = operator.index(n)
    except TypeError:
        raise ArrayTypeError(f"{who}: a length is a Python int, got {n!r}; it cannot be traced") from None
    if length < 1:
        raise ShapeError(f"{who}: a transform has at least 1 point, got {length}")
    return length
