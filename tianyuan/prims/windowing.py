"""Sums and maxima over windows, composed of slices: one slice for each place in the window.

    y[p] = op over k (row-major) of x[p · strides + k · dilation - low]

Padding is missing. Nothing is materialised that a fused kernel would not read in place; and because a place's
slice is used in the order of k, an element of x gets its cotangents in row-major order of the outputs
(docs/numerics.md, Sums).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
from attrs import frozen

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.conversion import bitcast, convert
from tianyuan.prims.creation import zeros
from tianyuan.prims.linear import pad, slice
from tianyuan.prims.pointwise.arithmetic import add, maximum
from tianyuan.prims.pointwise.comparison import gt, ne, select
from tianyuan.types import NUMERIC, REAL, ArrayType, accumulator, dtype_of_name

CHUNK, LANES = 256, 16
Ints = Sequence[int]


@frozen
class Windows:
    """Windows over every axis: extents, strides, padding before and behind, dilation."""

    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    dilation: tuple[int, ...]

    @classmethod
    def over(
        cls,
        x: Array,
        sizes: Ints,
        strides: Ints | None = None,
        low: Ints | None = None,
        high: Ints | None = None,
        dilation: Ints | None = None,
    ) -> Windows:
        """Windows over x: strides and dilation 1, no padding by default; ShapeError where lengths do not fit."""
        ones, none = (1,) * x.ndim, (0,) * x.ndim
        made = cls(*(tuple(v) for v in (sizes, strides or ones, low or none, high or none, dilation or ones)))
        fields = (made.sizes, made.strides, made.low, made.high, made.dilation)
        if any(len(f) != x.ndim for f in fields) or min((1, *made.sizes, *made.strides, *made.dilation)) < 1:
            raise ShapeError(
                f"windows over {x.type} take positive sizes, strides and dilation for each axis, got {made}"
            )
        return made

    def counts(self, shape: Ints) -> tuple[int, ...]:
        """How many windows there are along each axis."""
        spans = [(k - 1) * d + 1 for k, d in zip(self.sizes, self.dilation, strict=True)]
        padded = [n + a + b for n, a, b in zip(shape, self.low, self.high, strict=True)]
        return tuple(max(0, (n - s) // t + 1) for n, s, t in zip(padded, spans, self.strides, strict=True))

    def places(self, x: Array, fill: Array) -> Iterator[Array]:
        """For each place in the window, row-major, that element of every window; ``fill`` is the padding."""
        counts = self.counts(x.shape)
        padded = pad(x, fill, self.low, self.high)
        for k in product(*map(range, self.sizes)):
            starts = [i * d for i, d in zip(k, self.dilation, strict=True)]
            stops = [s + (n - 1) * t + 1 for s, n, t in zip(starts, counts, self.strides, strict=True)]
            yield slice(padded, starts, stops, self.strides)


def reduce_window_sum(
    x: Array,
    sizes: Ints,
    strides: Ints | None = None,
    low: Ints | None = None,
    high: Ints | None = None,
    dilation: Ints | None = None,
) -> Array:
    """The sum of each window, in ORDER(16, 256) over its places. Numbers; 16-bit floats add in f32, rounded once."""
    if x.dtype not in NUMERIC:
        raise ArrayTypeError(f"reduce_window_sum takes numbers, got {x.type}")
    windows = Windows.over(x, sizes, strides, low, high, dilation)
    if 0 in windows.counts(x.shape):
        return zeros(ArrayType(x.dtype, windows.counts(x.shape)))
    wide = convert(x, accumulator(x.dtype))
    missing = scalar(-0.0 if x.dtype.kind in "fc" else 0, wide.dtype)
    return convert(in_order(list(windows.places(wide, missing)), add), x.dtype)


def in_order(terms: list[Array], join: Callable[[Array, Array], Array]) -> Array:
    """Terms joined in ORDER(16, 256): chunk by chunk, in lanes that are folded by halves."""
    while len(terms) > 1:
        terms = [_chunk(terms[i : i + CHUNK], join) for i in range(0, len(terms), CHUNK)]
    return terms[0]


def _chunk(terms: list[Array], join: Callable[[Array, Array], Array]) -> Array:
    lanes = terms[:LANES]
    for k, term in enumerate(terms[LANES:]):
        lanes[k % LANES] = join(lanes[k % LANES], term)
    width = LANES
    while width > 1:
        width //= 2
        for i in range(len(lanes) - width):
            lanes[i] = join(lanes[i], lanes[i + width])
        lanes = lanes[:width]
    return lanes[0]


def reduce_window_max(
    x: Array,
    sizes: Ints,
    strides: Ints | None = None,
    low: Ints | None = None,
    high: Ints | None = None,
    dilation: Ints | None = None,
) -> Array:
    """The largest of each window: NaN where there is one, -0 < +0; its cotangent goes to the first of equals.

    Real numbers; a window of padding alone gives -inf, or the smallest integer.
    """
    if x.dtype not in REAL:
        raise ArrayTypeError(f"reduce_window_max takes real numbers, got {x.type}")
    windows = Windows.over(x, sizes, strides, low, high, dilation)
    if 0 in windows.counts(x.shape):
        return zeros(ArrayType(x.dtype, windows.counts(x.shape)))
    smallest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype.numpy).min
    first, *others = windows.places(x, scalar(smallest, x.dtype))
    for term in others:
        first = select(_beats(term, first), term, first)
    return first


def _beats(x: Array, best: Array) -> Array:
    """Whether the larger of two is not ``best`` itself, to the bit."""
    if x.dtype.kind != "f":
        return gt(x, best)
    bits = dtype_of_name(f"uint{x.dtype.bits}")
    return ne(bitcast(maximum(best, x), bits), bitcast(best, bits))
