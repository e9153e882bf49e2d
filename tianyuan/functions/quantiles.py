"""Order statistics, and functions of sorted places: median, quantile, histogram, digitize, interp."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.creation import linspace, ones_like, zeros
from tianyuan.functions.elementwise import add as add_to
from tianyuan.functions.elementwise import clip, divide, remainder, subtract, where
from tianyuan.functions.manipulation import flip
from tianyuan.functions.operands import (
    Axis,
    cast,
    check_kind,
    floating,
    in_f32,
    many_axes,
    promoted,
    rounded,
    settled,
)
from tianyuan.functions.ordering import known, searchsorted
from tianyuan.functions.statistics import max as largest
from tianyuan.functions.statistics import min as least
from tianyuan.functions.statistics import sum as total
from tianyuan.indexing import take
from tianyuan.prims import sorting
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.linear import broadcast, concatenate, expand_dims, reshape, slice_axis, transpose
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.bitwise import bitwise_and
from tianyuan.prims.pointwise.comparison import eq, ge, le, lt, select
from tianyuan.prims.pointwise.extrema import minimum
from tianyuan.prims.pointwise.products import div, sub
from tianyuan.prims.pointwise.signs import ceil, floor, round
from tianyuan.types import DEFAULT_INT, float64

METHODS = ("linear", "lower", "higher", "nearest", "midpoint")


def median(x: Any, /, axis: Axis = None, *, keepdims: bool = False) -> Array:
    """The middle of the sorted elements over ``axis``, or the mean of the two; NaN if there is one."""
    return _quantiles("median", x, 0.5, axis, "midpoint", keepdims)


def quantile(x: Any, q: Any, /, axis: Axis = None, *, method: str = "linear", keepdims: bool = False) -> Array:
    """What a share q of the elements over ``axis`` is below: the sorted elements at position q · (n - 1), in f64.

    Between two elements a and b, at the fraction t: ``linear`` a · (1 - t) + b · t, ``lower`` a, ``higher`` b,
    ``nearest`` one of them (half to even), ``midpoint`` (a + b) / 2. NaN if an element is, or q is not in [0, 1].
    Axes of q come first in the result. 16-bit floats in f32.
    """
    return _quantiles("quantile", x, q, axis, method, keepdims)


def percentile(x: Any, q: Any, /, axis: Axis = None, *, method: str = "linear", keepdims: bool = False) -> Array:
    """``quantile`` at q / 100."""
    share = div(convert(settled("percentile", q), float64), scalar(100, float64))
    return _quantiles("percentile", x, share, axis, method, keepdims)


def _quantiles(who: str, x: Any, q: Any, axis: Axis, method: str, keepdims: bool) -> Array:
    if method not in METHODS:
        raise ArrayTypeError(f"{who}: method is one of {', '.join(METHODS)}, got {method!r}")
    x = strong(floating(who, x))
    check_kind(who, x, "f")
    axes = many_axes(who, axis, x)
    kept = [a for a in range(x.ndim) if a not in axes]
    count = math.prod(x.shape[a] for a in axes)
    if not count:
        raise ShapeError(f"{who} of no elements: {x.type} over axes {axes}")
    rows = reshape(transpose(in_f32(x), (*kept, *axes)), (*(x.shape[a] for a in kept), count))
    share = convert(settled(who, q) if not isinstance(q, float) else scalar(q, float64), float64)
    y = rounded(_at_share(sorting.sort([rows], rows.ndim - 1, 1, False)[0], share, method), x)
    y = transpose(y, (*range(len(kept), y.ndim), *range(len(kept))))
    return expand_dims(y, [share.ndim + a for a in axes]) if keepdims and axes else y


def _at_share(rows: Array, q: Array, method: str) -> Array:
    """[..., n] sorted and q[*s] -> [..., *s]."""
    n = rows.shape[-1]
    ahead = rows.ndim - 1
    position = mul(q, scalar(n - 1, float64))
    position = round(position) if method == "nearest" else position
    low, high = floor(position), ceil(position)
    a, b = (take(rows, convert(i, DEFAULT_INT), axis=ahead, mode="clip") for i in (low, high))
    trailing = range(ahead, a.ndim)
    y = _between(a, b, broadcast(convert(sub(position, low), rows.dtype), a.shape, trailing), method)
    inside = bitwise_and(ge(q, scalar(0, float64)), le(q, scalar(1, float64)))
    last = take(rows, scalar(n - 1, DEFAULT_INT), axis=ahead)  # NaN if an element is
    proper = bitwise_and(broadcast(inside, a.shape, trailing), broadcast(eq(last, last), a.shape, range(ahead)))
    return select(proper, y, broadcast(scalar(math.nan, rows.dtype), a.shape, ()))


def _between(a: Array, b: Array, t: Array, method: str) -> Array:
    if method in ("lower", "nearest"):
        return a
    if method == "higher":
        return b
    one, half, zero = (scalar(v, a.dtype) for v in (1, 0.5, 0))
    whole = eq(t, zero)  # then b is not looked at, which may be infinite
    if method == "midpoint":
        return select(whole, a, add(mul(a, half), mul(b, half)))
    return select(whole, a, add(mul(a, sub(one, t)), mul(b, t)))


# ---- bins


def digitize(x: Any, bins: Any, /, right: bool = False) -> Array:
    """Which bin each x is in, i64: i with bins[i-1] <= x < bins[i] (``right``: < and <=).

    ``bins`` increase or decrease; then it is bins[i-1] > x >= bins[i] (``right``: >= and >).
    """
    x, edges = (strong(v) for v in promoted("digitize", x, bins))
    if edges.ndim != 1:
        raise ShapeError(f"digitize: bins are a vector, got {edges.type}")
    n = edges.shape[0]
    up = searchsorted(edges, x, side="left" if right else "right")
    if n < 2:
        return up
    down = sub(scalar(n, DEFAULT_INT), searchsorted(flip(edges), x, side="right" if right else "left"))
    rising = le(take(edges, 0), take(edges, n - 1))
    return select(broadcast(rising, x.shape, ()), up, down)


def bincount(x: Any, /, weights: Any = None, minlength: int = 0, *, length: int | None = None) -> Array:
    """How often each of 0, 1, .. comes in a vector of integers (or the sums of their ``weights``), i64.

    The result's extent, one more than the largest x, depends on values; ``length`` fixes it, as traced functions
    need, and leaves out what is beyond. A negative x raises OutOfBoundsError.
    """
    x = settled("bincount", x)
    if x.ndim != 1 or x.dtype.kind not in "iu":
        raise ShapeError(f"bincount takes a vector of integers, got {x.type}")
    if length is None:
        length = int(known("bincount", x, "give length=").max(initial=-1)) + 1
        length = builtins.max(length, minlength)
    w = ones_like(x, dtype=DEFAULT_INT) if weights is None else settled("bincount", weights)
    if w.shape != x.shape:
        raise ShapeError(f"bincount: weights have the shape of x, got {w.type} for {x.type}")
    place = convert(x, DEFAULT_INT)
    outside, behind = scalar(length + 1, DEFAULT_INT), scalar(length, DEFAULT_INT)
    place = select(lt(place, scalar(0, DEFAULT_INT)), outside, minimum(place, behind))
    return zeros((length + 1,), dtype=w.dtype).at[place].add(w)[:length]


def histogram(
    x: Any, /, bins: Any = 10, range: Sequence[Any] | None = None, weights: Any = None, density: bool = False
) -> tuple[Array, Array]:
    """How many elements (or the sum of their weights) each bin has, and the edges, both floats as JAX's.

    ``bins``: edges in increasing order, or the number of equal bins over ``range``, by default from the least
    element to the largest. A bin has its left edge, the last one both. ``density``: divided by the sum and widths.
    """
    x = strong(floating("histogram", x))
    x = reshape(x, (x.size,))
    edges = _edges(x, bins, range)
    count = edges.shape[0] - 1
    w = ones_like(x) if weights is None else settled("histogram", weights)
    place = searchsorted(edges, x, side="right")
    place = select(eq(x, take(edges, count)), scalar(count, DEFAULT_INT), place)
    inside = bitwise_and(ge(place, scalar(1, DEFAULT_INT)), le(place, scalar(count, DEFAULT_INT)))
    slots = select(inside, sub(place, scalar(1, DEFAULT_INT)), scalar(count, DEFAULT_INT))
    counts = zeros((count + 1,), dtype=w.dtype).at[slots].add(reshape(w, (w.size,)))[:count]
    if density:
        widths = sub(slice_axis(edges, 0, 1, count + 1), slice_axis(edges, 0, 0, count))
        counts = divide(divide(counts, total(counts)), widths)
    return counts, edges


def _edges(x: Array, bins: Any, limits: Sequence[Any] | None) -> Array:
    if not isinstance(bins, int):
        edges = convert(settled("histogram", bins), x.dtype)
        if edges.ndim != 1 or edges.shape[0] < 2:
            raise ShapeError(f"histogram: bins are a number, or a vector of at least two edges, got {edges.type}")
        return edges
    low, high = (least(x), largest(x)) if limits is None else (cast("histogram", v, x.dtype) for v in limits)
    same = eq(low, high)  # then one to both sides makes room
    half = scalar(0.5, x.dtype)
    return linspace(select(same, sub(low, half), low), select(same, add(high, half), high), bins + 1, dtype=x.dtype)


# ---- interpolation


def interp(x: Any, xp: Any, fp: Any, /, left: Any = None, right: Any = None, period: Any = None) -> Array:
    """The polygon through the points (xp, fp), xp increasing, at x: f0 + ((x - x0) / (x1 - x0)) · (f1 - f0).

    Outside it is ``left`` and ``right``, by default the first and last fp. With ``period`` x and xp count modulo it.
    """
    x, xp, fp = (strong(v) for v in promoted("interp", *(floating("interp", v) for v in (x, xp, fp))))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ShapeError(f"interp takes points as two vectors of one extent, got {xp.type} and {fp.type}")
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, cast("interp", period, x.dtype))
    n = xp.shape[0]
    if n == 1:
        inner = broadcast(reshape(fp, ()), x.shape, ())
    else:
        at = clip(searchsorted(xp, x, side="right"), 1, n - 1)
        before = sub(at, scalar(1, DEFAULT_INT))
        x0, f0 = take(xp, before), take(fp, before)
        dx, df = sub(take(xp, at), x0), sub(take(fp, at), f0)
        flat = eq(dx, scalar(0, dx.dtype))
        share = div(sub(x, x0), select(flat, scalar(1, dx.dtype), dx))
        inner = select(flat, f0, add(f0, mul(share, df)))
    if period is not None:
        return inner
    below, above = (
        cast("interp", v, fp.dtype) if v is not None else take(fp, i) for v, i in ((left, 0), (right, n - 1))
    )
    return where(lt(x, take(xp, 0)), below, where(lt(take(xp, n - 1), x), above, inner))


def _periodic(x: Array, xp: Array, fp: Array, period: Array) -> tuple[Array, Array, Array]:
    """Points sorted within one period, the last one before them and the first one behind."""
    x, xp = remainder(x, period), remainder(xp, period)
    xp, fp = sorting.sort([xp, fp], 0, 1, False)
    n = xp.shape[0]
    ends = [slice_axis(v, 0, i, i + 1) for v in (xp, fp) for i in (n - 1, 0)]
    xp = concatenate(subtract(ends[0], period), xp, add_to(ends[1], period), axis=0)
    return x, xp, concatenate(ends[2], fp, ends[3], axis=0)
