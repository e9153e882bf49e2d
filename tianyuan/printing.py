"""How arrays print: like NumPy's, with their dtype; traced values by their type."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import OPERATORS, Array


def text(x: Array) -> str:
    """``Array([1., 2.], dtype=float32)``; of a traced value ``Staged(float32[2])``."""
    if type(x) is not Array:
        return f"{type(x).__name__}({x.type})"
    if x.owner is None:
        return f"Array(donated, {x.type})"
    if x.dtype.kind == "k":
        return f"Array(keys, shape={x.shape})"
    value: Any = np.asarray(x)
    if value.dtype.kind == "V" or x.dtype.name == "bfloat16":
        value = value.astype(np.float32)
    body = np.array2string(value, separator=", ", prefix="Array(")
    return f"Array({body}, dtype={x.dtype.name})"


OPERATORS["repr"] = text
