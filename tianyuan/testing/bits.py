"""Comparing trees to the bit, and arrays in units in the last place."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tianyuan as ty


def assert_same_bits(actual: Any, expected: Any) -> None:
    """AssertionError unless the trees have one structure, and their leaves the same dtypes, shapes and bits.

    All NaNs count as one value. The message names the first leaf that differs, by its path, and the first element.
    """
    got, want = ty.tree.structure(actual), ty.tree.structure(expected)
    assert got == want, f"the structures differ: {got} against {want}"
    for (path, a), b in zip(ty.tree.flatten_with_path(actual)[0], ty.tree.leaves(expected), strict=True):
        _compare(path or "the value", ty.asarray(a), ty.asarray(b))


def _compare(path: str, a: ty.Array, b: ty.Array) -> None:
    if (a.dtype, a.shape) != (b.dtype, b.shape):
        raise AssertionError(f"{path}: {a.dtype}{list(a.shape)} against {b.dtype}{list(b.shape)}")
    if ty.digest(a) == ty.digest(b):
        return
    left, right = np.asarray(a), np.asarray(b)
    index = next(i for i in np.ndindex(a.shape) if ty.digest(left[i]) != ty.digest(right[i]))
    raise AssertionError(f"{path}{list(index)}: {left[index]!r} against {right[index]!r}, at {_ulps(left, right)}")


def _ulps(a: Any, b: Any) -> str:
    return f"most {ulp_distance(a, b)} ulp apart" if a.dtype.kind == "f" else "least one bit apart"


def ulp_distance(a: Any, b: Any) -> float:
    """The largest number of floats between corresponding elements of two real arrays of one dtype.

    0 where both are NaN, infinite where one is; -0.0 and 0.0 are 0 apart. Goldberg 1991, section 1.2, counts in units
    of the last place; counting floats is the same within a binade, and needs no choice between two.
    """
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype or x.shape != y.shape:
        raise ty.ArrayTypeError(f"ulp_distance takes arrays of one type, got {x.dtype}{x.shape} and {y.dtype}{y.shape}")
    if ty.asarray(x).dtype.kind != "f":
        raise ty.ArrayTypeError(f"ulp_distance takes real floats, got {x.dtype}")
    if not x.size:
        return 0.0
    nan_x, nan_y = np.isnan(x), np.isnan(y)
    apart = np.abs(_ordinals(x) - _ordinals(y)).astype(np.float64)
    return float(np.max(np.where(nan_x | nan_y, np.where(nan_x & nan_y, 0.0, math.inf), apart)))


def _ordinals(x: Any) -> Any:
    """Integers in the order of the floats: the next float has the next integer."""
    bits: Any = x.view(f"i{x.dtype.itemsize}").astype(object if x.dtype.itemsize == 8 else np.int64)
    lowest: Any = -(2 ** (8 * x.dtype.itemsize - 1))
    ordered: Any = np.where(bits < 0, lowest - bits, bits)  # pyright: ignore[reportUnknownVariableType]
    return ordered  # pyright: ignore[reportUnknownVariableType]
