"""The names of ``jax.lax`` for those whose meaning is the same, so that code written for JAX needs a new import only.

Where JAX clamps an index into bounds, Tianyuan raises. ``div`` of integers is left out: there it truncates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tianyuan as ty

# ---- control flow, collectives, derivatives
scan, while_loop, fori_loop = ty.scan, ty.while_loop, ty.fori_loop
cond, switch, map, associative_scan = ty.cond, ty.switch, ty.map, ty.associative_scan
psum, pmean, pmax, pmin, all_gather, axis_index = ty.psum, ty.pmean, ty.pmax, ty.pmin, ty.all_gather, ty.axis_index
stop_gradient = ty.stop_gradient

# ---- elementwise, under JAX's spelling
add, sub, mul, neg, pow, integer_pow = ty.add, ty.subtract, ty.multiply, ty.negative, ty.pow, ty.pow
max, min, rem, sign, abs, square = ty.maximum, ty.minimum, ty.fmod, ty.sign, ty.abs, ty.square
eq, ne, lt, le, gt, ge = ty.equal, ty.not_equal, ty.less, ty.less_equal, ty.greater, ty.greater_equal
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = ty.bitwise_and, ty.bitwise_or, ty.bitwise_xor, ty.bitwise_invert
shift_left, population_count = ty.bitwise_left_shift, ty.popcount
exp, exp2, expm1, log, log1p = ty.exp, ty.exp2, ty.expm1, ty.log, ty.log1p
sqrt, rsqrt, cbrt, reciprocal = ty.sqrt, ty.rsqrt, ty.cbrt, ty.reciprocal
sin, cos, tan, asin, acos, atan, atan2 = ty.sin, ty.cos, ty.tan, ty.asin, ty.acos, ty.atan, ty.atan2
sinh, cosh, tanh, asinh, acosh, atanh = ty.sinh, ty.cosh, ty.tanh, ty.asinh, ty.acosh, ty.atanh
erf, erfc, erf_inv, lgamma, digamma, logistic = ty.erf, ty.erfc, ty.erfinv, ty.lgamma, ty.digamma, ty.special.expit
floor, ceil, is_finite, nextafter = ty.floor, ty.ceil, ty.isfinite, ty.nextafter
real, imag, conj = ty.real, ty.imag, ty.conj
select, select_n = ty.where, ty.select_n

# ---- arrays
dot_general, conv_general_dilated = ty.dot_general, ty.conv_general_dilated
dynamic_slice, dynamic_update_slice, top_k = ty.dynamic_slice, ty.dynamic_update_slice, ty.top_k


def clamp(min: Any, x: Any, max: Any) -> ty.Array:
    """x moved into [min, max]."""
    return ty.clip(x, min, max)


def convert_element_type(operand: Any, new_dtype: Any) -> ty.Array:
    """The operand in another dtype."""
    return ty.astype(ty.asarray(operand), new_dtype)


def complex(x: Any, y: Any) -> ty.Array:
    """x + iy."""
    return ty.asarray(x) + 1j * ty.asarray(y)


def iota(dtype: Any, size: int) -> ty.Array:
    """0, 1, ... size - 1."""
    return ty.arange(size, dtype=dtype)


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> ty.Array:
    """Each element's index along an axis."""
    line = ty.arange(shape[dimension], dtype=dtype)
    return broadcast_in_dim(line, shape, (dimension,))


def broadcast_in_dim(operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> ty.Array:
    """The operand's axes become ``broadcast_dimensions`` of ``shape``, in order; it is repeated along the others."""
    x = ty.asarray(operand)
    sides = [1] * len(shape)
    for axis, size in zip(broadcast_dimensions, x.shape, strict=True):
        sides[axis] = size
    return ty.broadcast_to(ty.reshape(x, tuple(sides)), tuple(shape))


def broadcast(operand: Any, sizes: Sequence[int]) -> ty.Array:
    """New axes of ``sizes`` before the operand's."""
    x = ty.asarray(operand)
    return ty.broadcast_to(x, (*sizes, *x.shape))


def concatenate(operands: Sequence[Any], dimension: int) -> ty.Array:
    """One behind the other along an axis."""
    return ty.concat(operands, axis=dimension)


def reshape(operand: Any, new_sizes: Sequence[int]) -> ty.Array:
    """The same elements in another shape."""
    return ty.reshape(operand, tuple(new_sizes))


def expand_dims(array: Any, dimensions: Sequence[int]) -> ty.Array:
    """New axes of size 1 at ``dimensions`` of the result."""
    return ty.expand_dims(array, axis=tuple(dimensions))


def squeeze(array: Any, dimensions: Sequence[int]) -> ty.Array:
    """Without the axes, which have size 1."""
    return ty.squeeze(array, axis=tuple(dimensions))


def transpose(operand: Any, permutation: Sequence[int]) -> ty.Array:
    """Axes in another order."""
    return ty.permute_dims(operand, tuple(permutation))


def rev(operand: Any, dimensions: Sequence[int]) -> ty.Array:
    """Backwards along the axes."""
    return ty.flip(operand, axis=tuple(dimensions))


def slice_in_dim(
    operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0
) -> ty.Array:
    """A slice along one axis."""
    return ty.asarray(operand)[(*[slice(None)] * axis, slice(start_index, limit_index, stride))]


def dynamic_slice_in_dim(operand: Any, start_index: Any, slice_size: int, axis: int = 0) -> ty.Array:
    """``slice_size`` entries along an axis, from an index that may be traced; outside it raises."""
    x = ty.asarray(operand)
    starts, sizes = [0] * x.ndim, list(x.shape)
    starts[axis], sizes[axis] = start_index, slice_size
    return ty.dynamic_slice(x, starts, sizes)


def dynamic_index_in_dim(operand: Any, index: Any, axis: int = 0, keepdims: bool = True) -> ty.Array:
    """One entry along an axis, at an index that may be traced; outside it raises."""
    found = dynamic_slice_in_dim(operand, index, 1, axis)
    return found if keepdims else ty.squeeze(found, axis=axis)


def dynamic_update_slice_in_dim(operand: Any, update: Any, start_index: Any, axis: int) -> ty.Array:
    """The operand with ``update`` written from an index along an axis; outside it raises."""
    x = ty.asarray(operand)
    starts: list[Any] = [0] * x.ndim
    starts[axis] = start_index
    return ty.dynamic_update_slice(x, update, starts)


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> ty.Array:
    """Running sums along an axis, from its end with ``reverse``, in the operand's dtype."""
    x = ty.asarray(operand)
    return ty.flip(cumsum(ty.flip(x, axis=axis), axis), axis=axis) if reverse else ty.cumsum(x, axis, dtype=x.dtype)


def sort(operand: Any, dimension: int = -1) -> ty.Array:
    """In increasing order along an axis; stable, NaN last."""
    return ty.sort(operand, axis=dimension)


def reduce_sum(operand: Any, axes: Sequence[int]) -> ty.Array:
    """The sum over axes, in the operand's dtype."""
    x = ty.asarray(operand)
    return ty.sum(x, axis=tuple(axes), dtype=x.dtype)


def reduce_prod(operand: Any, axes: Sequence[int]) -> ty.Array:
    """The product over axes, in the operand's dtype."""
    x = ty.asarray(operand)
    return ty.prod(x, axis=tuple(axes), dtype=x.dtype)


def reduce_max(operand: Any, axes: Sequence[int]) -> ty.Array:
    """The largest over axes."""
    return ty.max(operand, axis=tuple(axes))


def reduce_min(operand: Any, axes: Sequence[int]) -> ty.Array:
    """The smallest over axes."""
    return ty.min(operand, axis=tuple(axes))


def reduce_and(operand: Any, axes: Sequence[int]) -> ty.Array:
    """Whether all are true, of bools."""
    return ty.all(operand, axis=tuple(axes))


def reduce_or(operand: Any, axes: Sequence[int]) -> ty.Array:
    """Whether any is true, of bools."""
    return ty.any(operand, axis=tuple(axes))
