"""Checks for programs of yours: bits, derivatives, the laws; hypothesis strategies in ``ty.testing.strategies``."""

import importlib
from typing import Any

from tianyuan.testing.bits import assert_same_bits as assert_same_bits
from tianyuan.testing.bits import ulp_distance as ulp_distance
from tianyuan.testing.derivatives import check_grads as check_grads
from tianyuan.testing.laws import check_keys as check_keys
from tianyuan.testing.laws import check_laws as check_laws
from tianyuan.testing.laws import check_vmap as check_vmap


def __getattr__(name: str) -> Any:
    """The strategies need hypothesis, an extra."""
    if name != "strategies":
        raise AttributeError(f"module 'tianyuan.testing' has no attribute {name!r}")
    try:
        return importlib.import_module("tianyuan.testing.strategies")
    except ImportError:
        raise ImportError("ty.testing.strategies needs hypothesis: pip install 'tianyuan[test]'") from None
