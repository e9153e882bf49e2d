"""Arrays from nothing: counting, and constants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.prims.linear.broadcasting import broadcast
from tianyuan.prims.linear.broadcasting import zeros as zeros
from tianyuan.prims.linear.counting import Iota as Iota
from tianyuan.prims.linear.counting import iota as iota
from tianyuan.types import DType


def full(value: Any, dtype: DType, shape: Sequence[int]) -> Array:
    """A Python number, rounded once to ``dtype``, in every place of ``shape``."""
    return broadcast(scalar(value, dtype), tuple(shape), ())
