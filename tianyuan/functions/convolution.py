"""Convolutions in any layout, on the primitives' canonical ones (x[N, *S, C], w[*K, C, O], y[N, *P, O])."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.operands import promoted
from tianyuan.prims.conversion import strong
from tianyuan.prims.convolution import conv as canonical
from tianyuan.prims.linear import pad, reshape, transpose

Pairs = list[tuple[int, int]]


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: tuple[str, str, str] | None = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
) -> Array:
    """The convolution (cross-correlation) of lhs with the filters rhs, as JAX's.

    ``dimension_numbers`` spell the axes of lhs, rhs and the result, e.g. ("NHWC", "HWIO", "NHWC"); by default
    ("NCHW", "OIHW", "NCHW") with as many spatial letters as there are axes. ``padding``: "SAME", "VALID" or pairs.
    """
    if precision is not None:
        raise ArrayTypeError(f"conv_general_dilated: precision={precision!r} is not available; None is exact")
    x, w = (strong(v) for v in promoted("conv_general_dilated", lhs, rhs))
    rank = x.ndim - 2
    if rank < 1 or w.ndim != x.ndim:
        raise ShapeError(f"conv_general_dilated takes arrays of one rank, at least 3, got {x.type} and {w.type}")
    spec = _layouts(dimension_numbers, rank)
    x, w = _arranged(x, spec[0], "N", "C"), transpose(w, [spec[1].index(a) for a in (*spec[3], "I", "O")])
    strides, holes, spread = (_each(v, rank) for v in (window_strides, lhs_dilation, rhs_dilation))
    if any(h != 1 for h in holes):
        x = pad(x, scalar(0, x.dtype), [0] * x.ndim, [0] * x.ndim, [0, *(h - 1 for h in holes), 0])
    low_high = window_padding("conv_general_dilated", padding, x.shape[1:-1], w.shape[:-2], strides, spread)
    _check_channels(x, w, feature_group_count, batch_group_count)
    groups = feature_group_count
    if batch_group_count > 1:
        x, groups = _batch_groups(x, batch_group_count), batch_group_count
    y = canonical(x, w, strides, [p[0] for p in low_high], [p[1] for p in low_high], spread, groups)
    return transpose(y, [("N", *spec[3], "C").index(a) for a in spec[2]])


def conv(lhs: Any, rhs: Any, window_strides: Sequence[int], padding: Any, precision: Any = None) -> Array:
    """``conv_general_dilated`` in the default layout, without dilation or groups."""
    return conv_general_dilated(lhs, rhs, window_strides, padding, precision=precision)


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: tuple[str, str, str] | None = None,
) -> Array:
    """A convolution with holes of ``strides - 1`` zeros between the elements of lhs, as JAX's ``conv_transpose``."""
    x, w = (strong(v) for v in promoted("conv_transpose", lhs, rhs))
    rank = x.ndim - 2
    spec = _layouts(dimension_numbers, rank)
    spread = _each(rhs_dilation, rank)
    sizes = [(w.shape[spec[1].index(a)] - 1) * d + 1 for a, d in zip(spec[3], spread, strict=True)]
    pairs = (
        [_transposed_padding(k, s, padding) for k, s in zip(sizes, strides, strict=True)]
        if isinstance(padding, str)
        else padding
    )
    return conv_general_dilated(x, w, (1,) * rank, pairs, strides, spread, dimension_numbers)


def _transposed_padding(size: int, stride: int, padding: str) -> tuple[int, int]:
    if padding.upper() == "SAME":
        total = size + stride - 2
        low = size - 1 if stride > size - 1 else -(-total // 2)
    else:
        total = size + stride - 2 + max(size - stride, 0)
        low = size - 1
    return low, total - low


def _layouts(numbers: Any, rank: int) -> tuple[str, str, str, str]:
    """The three specifications, and the spatial letters in order."""
    letters = "HWDTUV"[:rank] if rank <= 6 else ""
    if rank == 3 and numbers is None:
        letters = "DHW"
    x, w, y = numbers or (f"NC{letters}", f"OI{letters}", f"NC{letters}")
    spatial = "".join(a for a in x if a not in "NC")
    fits = sorted(x) == sorted("NC" + spatial) and sorted(w) == sorted("IO" + spatial) and sorted(y) == sorted(x)
    if not fits or len(spatial) != rank:
        raise ShapeError(f"conv_general_dilated: {numbers!r} do not spell layouts of {rank} spatial axes")
    return x, w, y, spatial


def _arranged(x: Array, spec: str, first: str, last: str) -> Array:
    spatial = [a for a in spec if a not in (first, last)]
    return transpose(x, [spec.index(a) for a in (first, *spatial, last)])


def _each(values: Sequence[int] | None, rank: int) -> list[int]:
    given = [1] * rank if values is None else list(values)
    if len(given) != rank or any(v < 1 for v in given):
        raise ShapeError(f"conv_general_dilated: {values!r} is no positive number for each of {rank} spatial axes")
    return given


def window_padding(
    who: str,
    padding: Any,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> Pairs:
    """Pairs of padding: those given, none for "VALID", for "SAME" what makes the result ceil(size / stride)."""
    if not isinstance(padding, str):
        pairs = [(int(low), int(high)) for low, high in padding]
        if len(pairs) != len(sizes):
            raise ShapeError(f"{who}: padding {padding!r} is no pair for each of {len(sizes)} axes")
        return pairs
    if padding.upper() not in ("SAME", "VALID"):
        raise ArrayTypeError(f"{who}: padding is 'SAME', 'VALID' or pairs, got {padding!r}")
    if padding.upper() == "VALID":
        return [(0, 0)] * len(sizes)
    totals = [
        max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        for n, k, s, d in zip(sizes, kernel, strides, dilation, strict=True)
    ]
    return [(t // 2, t - t // 2) for t in totals]


def _check_channels(x: Array, w: Array, groups: int, batches: int) -> None:
    if groups < 1 or batches < 1 or (groups > 1 and batches > 1):
        raise ShapeError("conv_general_dilated: group counts are positive, and at most one is above 1")
    if x.shape[-1] != w.shape[-2] * groups or w.shape[-1] % (groups * batches) or x.shape[0] % batches:
        raise ShapeError(
            f"conv_general_dilated: {x.shape[-1]} channels of lhs need filters for {x.shape[-1]} / {groups} channels "
            f"and a multiple of {groups * batches} outputs, got {w.shape[-2]} and {w.shape[-1]}"
        )


def _batch_groups(x: Array, count: int) -> Array:
    """Groups of the batch become groups of channels."""
    n, *space, c = x.shape
    split = reshape(x, (count, n // count, *space, c))
    order = (1, *range(2, 2 + len(space)), 0, 2 + len(space))
    return reshape(transpose(split, order), (n // count, *space, count * c))
