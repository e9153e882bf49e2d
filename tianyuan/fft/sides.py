"""Transforms of real input and to real output: half a complex transform where n is even.

With h = n/2 and z_j = x_(2j) + i x_(2j+1), Z its transform of h points and R_k = conj(Z_(h-k)):
X_k = (Z_k + R_k)/2 + e^(-2πik/n) (Z_k - R_k)/(2i) [Press2007, section 12.3]; the inverse undoes it.
"""

from __future__ import annotations

from tianyuan.array import Array
from tianyuan.fft.butterflies import Pair
from tianyuan.fft.roots import roots_of_unity
from tianyuan.fft.transforming import forward, inverse, times
from tianyuan.prims.linear import concatenate, pad, reshape, reverse, slice_axis
from tianyuan.prims.linear.broadcasting import zeros as zeros_of
from tianyuan.prims.pointwise.arithmetic import add, mul, neg
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.products import sub


def real_forward(axis: int, x: Array) -> Pair:
    """The first n//2 + 1 entries of the transform of real x."""
    n = x.shape[axis]
    if n % 2:
        re, im = (slice_axis(p, axis, 0, n // 2 + 1) for p in forward(axis, x, zeros_of(x.type.strong)))
        return re, im
    evens, odds = _pairs(x, axis)
    z = [_closed(p, axis) for p in forward(axis, evens, odds)]
    mirrored = [reverse(p, (axis,)) for p in z]
    half = number(0.5, x)
    even = mul(add(z[0], mirrored[0]), half), mul(sub(z[1], mirrored[1]), half)
    odd = mul(add(z[1], mirrored[1]), half), mul(sub(mirrored[0], z[0]), half)
    turned = _turned(odd, axis, n, -1)
    return add(even[0], turned[0]), add(even[1], turned[1])


def real_inverse(axis: int, n: int, re: Array, im: Array) -> Array:
    """n real points from n//2 + 1 entries, unscaled; what a real signal cannot have (the imaginary part of entry 0,
    and of entry n/2) is not read."""
    h = n // 2
    inner = slice_axis(im, axis, 1, h if n % 2 == 0 else h + 1)
    if n % 2:
        im = _padded(inner, axis, 1, 0)
        re = concatenate(re, reverse(slice_axis(re, axis, 1, h + 1), (axis,)), axis=axis)
        im = concatenate(im, neg(reverse(inner, (axis,))), axis=axis)
        return inverse(axis, re, im)[0]
    im = _padded(inner, axis, 1, 1)
    mirrored = reverse(re, (axis,)), neg(reverse(im, (axis,)))
    even = add(re, mirrored[0]), add(im, mirrored[1])
    odd = _turned((sub(re, mirrored[0]), sub(im, mirrored[1])), axis, n, 1)
    z = [slice_axis(p, axis, 0, h) for p in (sub(even[0], odd[1]), add(even[1], odd[0]))]
    return _interleaved(*inverse(axis, z[0], z[1]), axis)


def _padded(x: Array, axis: int, low: int, high: int) -> Array:
    lows, highs = ([k if a == axis else 0 for a in range(x.ndim)] for k in (low, high))
    return pad(x, number(0, x), lows, highs)


def _pairs(x: Array, axis: int) -> Pair:
    """The even and the odd places."""
    shape = x.shape
    x = reshape(x, (*shape[:axis], shape[axis] // 2, 2, *shape[axis + 1 :]))
    half = (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])
    return reshape(slice_axis(x, axis + 1, 0, 1), half), reshape(slice_axis(x, axis + 1, 1, 2), half)


def _interleaved(evens: Array, odds: Array, axis: int) -> Array:
    shape = evens.shape
    parted = (*shape[: axis + 1], 1, *shape[axis + 1 :])
    both = concatenate(reshape(evens, parted), reshape(odds, parted), axis=axis + 1)
    return reshape(both, (*shape[:axis], 2 * shape[axis], *shape[axis + 1 :]))


def _closed(x: Array, axis: int) -> Array:
    """x with its first entry again at the end."""
    return concatenate(x, slice_axis(x, axis, 0, 1), axis=axis)


def _turned(y: Pair, axis: int, n: int, sign: int) -> Pair:
    """y_k e^(±2πik/n), k = 0..n/2."""
    cos, sin = (t[: n // 2 + 1] for t in roots_of_unity(n, y[0].dtype.numpy))
    return times(y, cos, sign * sin, axis)
