"""Index vectors for gather and scatter, and the modes of an index out of bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast_to, concatenate, reshape
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.prims.pointwise.comparison import lt, select
from tianyuan.prims.pointwise.extrema import minimum
from tianyuan.types import int64, uint64

Ints = tuple[int, ...]
READING = {
    "error": "error",
    "fill": "fill",
    "drop": "fill",
    "clip": "clip",
    "promise_in_bounds": "promise",
}
WRITING = {**READING, "fill": "drop", "drop": "drop"}


def checked_mode(who: str, mode: str, modes: dict[str, str]) -> str:
    """The primitive's mode for a public one; ArrayTypeError listing those there are."""
    if mode not in modes:
        raise ArrayTypeError(f"{who}: mode is one of {', '.join(map(repr, modes))}, got {mode!r}")
    return modes[mode]


def wrapped(index: Array, size: int) -> Array:
    """The index as i64, ``size`` added once where it is negative."""
    if index.dtype.kind == "u":
        return convert(_below_2_63(index) if index.dtype == uint64 else index, int64)
    wide = convert(index, int64)
    return select(lt(wide, scalar(0, int64)), add(wide, scalar(size, int64)), wide)


def _below_2_63(index: Array) -> Array:
    """Larger numbers would turn negative; they are out of bounds either way."""
    return minimum(index, scalar(2**63 - 1, uint64))


def vectors(components: Sequence[Array], shape: Ints) -> Array:
    """i64[shape.., len(components)]: the components, broadcast to ``shape``, side by side."""
    if not components:
        return broadcast_to(scalar(0, int64), (*shape, 0))
    spread = [reshape(broadcast_to(c, shape), (*shape, 1)) for c in components]
    return concatenate(*spread, axis=len(shape))


def default_fill(dtype: Any) -> Array:
    """What an index out of bounds reads in mode fill: NaN, the most negative signed or largest unsigned, true."""
    if dtype.kind == "k":
        raise ArrayTypeError("there is no fill value for random keys; pass fill_value, or another mode")
    if dtype.kind in "fc":
        return scalar(float("nan"), dtype)
    lowest = {"i": -(2 ** (dtype.bits - 1)), "u": 2**dtype.bits - 1, "b": 1}
    return scalar(lowest[dtype.kind], dtype)
