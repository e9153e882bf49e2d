"""Random bits, and uniform floats made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.conversion import bitcast, convert
from tianyuan.prims.linear import broadcast_to
from tianyuan.prims.pointwise.arithmetic import add, mul, sub
from tianyuan.prims.pointwise.bitwise import bitwise_or, shift_right
from tianyuan.prims.pointwise.extrema import maximum
from tianyuan.prims.random import draw
from tianyuan.random.keys import checked_shape, counters, one_key
from tianyuan.transforms.arguments import as_array
from tianyuan.types import (
    DEFAULT_FLOAT,
    DType,
    as_dtype,
    bfloat16,
    float16,
    float32,
    float64,
    promote,
    uint8,
    uint16,
    uint32,
    uint64,
)

Shape = int | Sequence[int]
_UNSIGNED = {8: uint8, 16: uint16, 32: uint32, 64: uint64}
MANTISSA = {float16: 10, bfloat16: 7, float32: 23, float64: 52}
_DRAWN = {float16: 16, bfloat16: 8, float32: 32, float64: 64}  # how many random bits make one float


def bits(key: Array, shape: Shape = (), dtype: Any = uint64) -> Array:
    """Random bits: unsigned integers of a shape, every value as likely as any other."""
    kind = as_dtype(dtype)
    if kind.kind != "u":
        raise ArrayTypeError(f"bits takes an unsigned dtype, got {kind}")
    return raw_bits("bits", key, shape, kind)


def raw_bits(who: str, key: Array, shape: Shape, dtype: DType) -> Array:
    """As ``bits``, for a sampler called ``who``: the pair of words, or their exclusive or cut to the width."""
    words = counters(who, shape)
    return convert(draw("pair" if dtype == uint64 else "xor", one_key(who, key), *words), dtype)


def float_dtype(who: str, dtype: Any) -> DType:
    """A real floating dtype; ArrayTypeError naming the sampler."""
    kind = as_dtype(dtype)
    if kind.kind != "f":
        raise ArrayTypeError(f"{who} takes a floating dtype, got {kind}; for integers use randint")
    return kind


def unit(who: str, key: Array, shape: Shape, dtype: Any) -> Array:
    """Uniform floats on [0, 1): random bits behind the leading one of a number in [1, 2), less 1."""
    kind = float_dtype(who, dtype)
    width, drawn, mantissa = kind.bits, _DRAWN[kind], MANTISSA[kind]
    word = _UNSIGNED[width]
    random = convert(raw_bits(who, key, shape, _UNSIGNED[drawn]), word)
    fraction = shift_right(random, scalar(drawn - mantissa, word))
    one = ((1 << (width - 2 - mantissa)) - 1) << mantissa  # the bits of 1.0: the exponent's bias
    return sub(bitcast(bitwise_or(fraction, scalar(one, word)), kind), scalar(1, kind))


def uniform(key: Array, shape: Shape = (), dtype: Any = DEFAULT_FLOAT, minval: Any = 0.0, maxval: Any = 1.0) -> Array:
    """Uniform floats on [minval, maxval): ``max(minval, u·(maxval - minval) + minval)``, two roundings.

    The bounds are numbers, or arrays that broadcast to ``shape``.
    """
    return between("uniform", key, shape, dtype, minval, maxval)


def between(who: str, key: Array, shape: Shape, dtype: Any, minval: Any, maxval: Any) -> Array:
    """As ``uniform``, for a sampler called ``who``."""
    kind, sizes = float_dtype(who, dtype), checked_shape(who, shape)
    low, high = (parameter(who, b, kind, sizes) for b in (minval, maxval))
    return maximum(low, add(mul(unit(who, key, sizes, kind), sub(high, low)), low))


def parameter(who: str, value: Any, dtype: DType, shape: Sequence[int]) -> Array:
    """A sampler's parameter in its dtype: 0-d, or broadcast to the shape of the samples."""
    given = as_array(value)
    if given.dtype != dtype and promote(given.type, scalar(0, dtype).type)[0] != dtype:
        raise ArrayTypeError(f"{who}: a parameter of {given.type} does not fit samples of {dtype}")
    if isinstance(value, int | float):
        return scalar(value, dtype)
    converted = convert(given, dtype)
    if not given.shape:
        return converted
    try:
        return broadcast_to(converted, shape)
    except ShapeError:
        raise ShapeError(
            f"{who}: a parameter of {given.type} does not broadcast to {tuple(shape)}; axes are aligned at the right"
        ) from None
