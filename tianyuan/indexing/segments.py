"""Reductions of the rows that share an id: ``segment_sum`` and its like."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ConcretizationError, DataDependentShapeError, ShapeError
from tianyuan.indexing.updating import At
from tianyuan.prims.creation import full
from tianyuan.transforms.arguments import as_array
from tianyuan.types import DType


def segment_sum(data: Any, segment_ids: Any, num_segments: int | None = None, *, mode: str = "error") -> Array:
    """y[s] = the sum of ``data[i]`` over the i with ``segment_ids[i] == s``, in order; 0 where there are none.

    ``data`` is T[n, ...], ``segment_ids`` an integer array of shape (n,); the result is T[num_segments, ...]
    (None: one more than the largest id, which must be known). Negative ids wrap once; ids out of bounds raise
    unless ``mode`` says otherwise.
    """
    start, ids, rows = _start("segment_sum", data, segment_ids, num_segments, 0)
    return At(start)[ids].add(rows, mode=mode)


def segment_prod(data: Any, segment_ids: Any, num_segments: int | None = None, *, mode: str = "error") -> Array:
    """The product over each segment, 1 where there is nothing; as ``segment_sum``."""
    start, ids, rows = _start("segment_prod", data, segment_ids, num_segments, 1)
    return At(start)[ids].multiply(rows, mode=mode)


def segment_max(data: Any, segment_ids: Any, num_segments: int | None = None, *, mode: str = "error") -> Array:
    """The largest of each segment, the lowest value of the dtype where there is nothing; as ``segment_sum``."""
    lowest = _extreme(as_array(data).dtype, -1)
    start, ids, rows = _start("segment_max", data, segment_ids, num_segments, lowest)
    return At(start)[ids].max(rows, mode=mode)


def segment_min(data: Any, segment_ids: Any, num_segments: int | None = None, *, mode: str = "error") -> Array:
    """The smallest of each segment, the highest value of the dtype where there is nothing; as ``segment_sum``."""
    highest = _extreme(as_array(data).dtype, 1)
    start, ids, rows = _start("segment_min", data, segment_ids, num_segments, highest)
    return At(start)[ids].min(rows, mode=mode)


def _extreme(dtype: DType, sign: int) -> Any:
    """The highest (sign 1) or lowest value of a dtype."""
    if dtype.kind not in "iuf":
        raise ArrayTypeError(f"segment_max and segment_min take real numbers, got {dtype}")
    if dtype.kind == "f":
        return sign * float("inf")
    info = np.iinfo(dtype.numpy)
    return info.max if sign > 0 else info.min


def _start(who: str, data: Any, ids: Any, count: int | None, value: Any) -> tuple[Array, Array, Array]:
    rows, at = as_array(data), as_array(ids)
    if at.ndim != 1 or at.dtype.kind not in "iu" or rows.shape[:1] != at.shape:
        raise ShapeError(f"{who} takes one integer id for each row of the data, got {at.type} for {rows.type}")
    size = _count(who, at) if count is None else count
    return full(value, rows.dtype, (size, *rows.shape[1:])), at, rows


def _count(who: str, ids: Array) -> int:
    try:
        return int(np.max(np.asarray(ids), initial=-1)) + 1
    except ConcretizationError:
        raise DataDependentShapeError(f"{who}: pass num_segments, which is not known while tracing") from None
