"""Random integers and coin flips."""

from __future__ import annotations

from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast_to
from tianyuan.prims.pointwise.arithmetic import add, mul, sub
from tianyuan.prims.pointwise.bitwise import bitwise_and
from tianyuan.prims.pointwise.comparison import eq, gt, le, lt, select
from tianyuan.prims.pointwise.division import remainder
from tianyuan.prims.pointwise.extrema import maximum, minimum
from tianyuan.random.drawing import Shape, between, parameter, raw_bits
from tianyuan.random.keys import checked_shape, one_key, split
from tianyuan.transforms.arguments import as_array
from tianyuan.types import DEFAULT_FLOAT, DEFAULT_INT, DType, as_dtype, bool_, dtype_of_name, int32


def randint(key: Array, shape: Shape, minval: Any, maxval: Any, dtype: Any = DEFAULT_INT) -> Array:
    """Integers on [minval, maxval); where maxval <= minval, minval.

    The bounds are integers, or integer arrays that broadcast to ``shape``. Twice as many random bits as the dtype
    has are reduced modulo the span, so that the bias is at most span / 2^bits.
    """
    kind, sizes = as_dtype(dtype), checked_shape("randint", shape)
    if kind.kind not in "iu":
        raise ArrayTypeError(f"randint takes an integer dtype, got {kind}")
    low, high = (_bound(b) for b in (minval, maxval))
    if kind.bits >= 32:
        return _between(key, sizes, low, high, kind)
    info = np.iinfo(kind.numpy)  # 32 random bits and more, to keep the bias small
    low, high = (_inside(_clipped(b, int32), info.min, info.max + n) for b, n in ((low, 0), (high, 1)))
    return convert(_between(key, sizes, low, high, int32), kind)


def _between(key: Array, shape: tuple[int, ...], low: Array, high: Array, dtype: DType) -> Array:
    beyond = gt(high, _clipped(scalar(np.iinfo(dtype.numpy).max, dtype), high.dtype))
    low, high = (_spread(_clipped(b, dtype), shape) for b in (low, high))
    keys, word = split(one_key("randint", key)), dtype_of_name(f"uint{dtype.bits}")
    upper, lower = (raw_bits("randint", keys[i], shape, word) for i in (0, 1))
    span = _span(low, high, _spread(beyond, shape), word)
    half = _rest(scalar(2 ** (dtype.bits // 2), word), span)
    factor = _rest(mul(half, half), span)  # 2^bits modulo the span
    offset = _rest(add(mul(_rest(upper, span), factor), _rest(lower, span)), span)
    return add(low, convert(offset, dtype))


def _bound(value: Any) -> Array:
    given = as_array(value)
    if given.dtype.kind not in "iu":
        raise ArrayTypeError(f"randint takes integers as bounds, got {given.type.strong}; for floats use uniform")
    return scalar(value, given.dtype) if isinstance(value, int) else convert(given, given.dtype)


def _clipped(value: Array, dtype: DType) -> Array:
    """An integer in another dtype, moved into its range."""
    ours, theirs = np.iinfo(value.dtype.numpy), np.iinfo(dtype.numpy)
    lowest, highest = max(int(ours.min), int(theirs.min)), min(int(ours.max), int(theirs.max))
    return convert(_inside(value, lowest, highest), dtype)


def _inside(value: Array, lowest: int, highest: int) -> Array:
    return minimum(maximum(value, scalar(lowest, value.dtype)), scalar(highest, value.dtype))


def _spread(value: Array, shape: tuple[int, ...]) -> Array:
    return broadcast_to(value, shape) if value.shape else value


def _span(low: Array, high: Array, beyond: Array, word: DType) -> Array:
    """How many integers there are; 1 where there are none, 0 where there are 2^bits."""
    one = scalar(1, word)
    empty = le(high, low)
    span = select(empty, one, convert(sub(high, low), word))
    return add(span, convert(bitwise_and(beyond, gt(high, low)), word))


def _rest(x: Array, span: Array) -> Array:
    """x modulo the span; x where the span is 0, that is 2^bits."""
    return select(eq(span, scalar(0, span.dtype)), x, remainder(x, span))


def bernoulli(key: Array, p: Any = 0.5, shape: Shape | None = None) -> Array:
    """Coin flips, true with probability ``p``: u < p, u uniform on [0, 1) in the dtype of p.

    ``shape`` is by default that of p, which broadcasts to it.
    """
    given = as_array(p)
    kind = given.dtype if given.dtype.kind == "f" and not given.type.weak else DEFAULT_FLOAT
    sizes = given.shape if shape is None else checked_shape("bernoulli", shape)
    u = between("bernoulli", key, sizes, kind, scalar(0, kind), scalar(1, kind))
    return lt(u, parameter("bernoulli", p, kind, sizes))


def rademacher(key: Array, shape: Shape = (), dtype: Any = DEFAULT_INT) -> Array:
    """-1 or 1, each as likely."""
    kind = as_dtype(dtype)
    if kind == bool_ or kind.kind in "uk":
        raise ArrayTypeError(f"rademacher takes a dtype with -1, got {kind}")
    heads = convert(bernoulli(key, 0.5, shape), kind)
    return sub(mul(scalar(2, kind), heads), scalar(1, kind))
