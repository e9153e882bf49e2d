"""Reductions over windows, and convolutions of vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.convolution import window_padding
from tianyuan.functions.elementwise import conj
from tianyuan.functions.manipulation import flip
from tianyuan.functions.operands import logical, promoted, settled
from tianyuan.prims import windowing
from tianyuan.prims.conversion import strong
from tianyuan.prims.convolution import conv
from tianyuan.prims.linear import pad, reshape

Sizes = Sequence[int]
Padding = str | Sequence[tuple[int, int]]


def reduce_window_max(
    x: Any,
    window_dimensions: Sizes,
    window_strides: Sizes | None = None,
    padding: Padding = "VALID",
    base_dilation: Sizes | None = None,
    window_dilation: Sizes | None = None,
) -> Array:
    """The largest of each window over all axes; the cotangent goes to the first of equals.

    ``padding``: "SAME", "VALID" or pairs, whose places are missing, as are the holes of ``base_dilation``.
    """
    x = settled("reduce_window_max", x)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype.numpy).min if x.dtype.kind in "iu" else 0
    return _reduced(
        windowing.reduce_window_max,
        x,
        lowest,
        window_dimensions,
        window_strides,
        padding,
        base_dilation,
        window_dilation,
    )


def reduce_window_sum(
    x: Any,
    window_dimensions: Sizes,
    window_strides: Sizes | None = None,
    padding: Padding = "VALID",
    base_dilation: Sizes | None = None,
    window_dilation: Sizes | None = None,
) -> Array:
    """The sum of each window over all axes, in ORDER(16, 256); arguments as of ``reduce_window_max``."""
    x = settled("reduce_window_sum", x)
    return _reduced(
        windowing.reduce_window_sum, x, -0.0, window_dimensions, window_strides, padding, base_dilation, window_dilation
    )


def _reduced(
    reduce: Callable[..., Array],
    x: Array,
    missing: Any,
    sizes: Sizes,
    strides: Sizes | None,
    padding: Padding,
    holes: Sizes | None,
    dilation: Sizes | None,
) -> Array:
    ones = (1,) * x.ndim
    strides, holes, dilation = (tuple(v) if v is not None else ones for v in (strides, holes, dilation))
    if any(len(v) != x.ndim for v in (sizes, strides, holes, dilation)) or min((1, *holes)) < 1:
        raise ShapeError(f"windows over {x.type} take sizes, strides and dilations for each axis, got {tuple(sizes)}")
    if any(h != 1 for h in holes):
        x = pad(x, scalar(missing, x.dtype), [0] * x.ndim, [0] * x.ndim, [h - 1 for h in holes])
    pairs = window_padding("reduce_window", padding, x.shape, sizes, strides, dilation)
    return reduce(x, sizes, strides, [p[0] for p in pairs], [p[1] for p in pairs], dilation)


# ---- vectors


def convolve(x1: Any, x2: Any, /, mode: str = "full") -> Array:
    """y[n] = Σ_k x1[n - k] x2[k], each a CHAIN over the shorter vector from its end to its start.

    ``mode``: ``full`` with every overlap, ``valid`` with whole ones alone, ``same`` as long as the longer vector.
    """
    a, b = _vectors("convolve", x1, x2)
    if a.size < b.size:
        a, b = b, a
    return _slid("convolve", a, flip(b), mode)


def correlate(x1: Any, x2: Any, /, mode: str = "valid") -> Array:
    """y[n] = Σ_k x1[n + k] conj(x2[k]); ``mode`` as of ``convolve``."""
    a, b = _vectors("correlate", x1, x2)
    b = conj(b)
    return _slid("correlate", a, b, mode) if a.size >= b.size else flip(_slid("correlate", b, a, mode))


def _vectors(who: str, x1: Any, x2: Any) -> list[Array]:
    xs = logical([strong(x) for x in promoted(who, x1, x2)])
    if any(x.ndim != 1 or not x.size for x in xs):
        raise ShapeError(f"{who} takes two vectors that are not empty, got {xs[0].type} and {xs[1].type}")
    return xs


def _slid(who: str, a: Array, b: Array, mode: str) -> Array:
    """b, the shorter, moved along a."""
    k = b.size - 1
    paddings = {"full": (k, k), "same": (b.size // 2, k - b.size // 2), "valid": (0, 0)}
    if mode not in paddings:
        raise ArrayTypeError(f"{who}: mode is 'full', 'same' or 'valid', got {mode!r}")
    low, high = paddings[mode]
    image, filters = reshape(a, (1, a.size, 1)), reshape(b, (b.size, 1, 1))
    y = conv(image, filters, [1], [low], [high], [1], 1)
    return reshape(y, (y.size,))
