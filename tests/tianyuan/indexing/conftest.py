"""Until the functions of the package install it: how an array becomes NumPy's."""

from __future__ import annotations

from tianyuan.array import OPERATORS
from tianyuan.eager import to_numpy

OPERATORS.setdefault("to_numpy", to_numpy)
