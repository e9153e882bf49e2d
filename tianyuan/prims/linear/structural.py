"""The base of the primitives that are linear in their one argument and know nothing of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.core import Prim


class Linear(Prim):
    """A linear primitive of one argument: the tangent of the result is the result of the tangent."""

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """dy = A dx."""
        (x,), (dx,) = primals, tangents
        return self(x), None if dx is None else self(dx)
