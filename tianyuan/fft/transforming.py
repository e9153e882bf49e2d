"""The discrete Fourier transform along one axis, on real and imaginary parts: y_k = Σ_j x_j e^(-2πijk/n).

Mixed radix: the stages of the self-sorting algorithm of Stockham [VanLoan1992, section 1.7], in the order of the
plan's factors; before a stage of radix r the array is [before, r, m, done · after], where ``done`` points of each
transform are finished. Lengths with a prime factor above 13 are a convolution with a chirp [Bluestein1970].
Derivatives are transforms again: the map is linear, and its adjoint on (re, im) is the inverse, unscaled.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import base, interpreting
from tianyuan.custom_rules import custom_jvp
from tianyuan.eager import from_numpy
from tianyuan.fft.butterflies import Pair, butterfly
from tianyuan.fft.planning import convolution_length, factors
from tianyuan.fft.roots import roots_of_unity
from tianyuan.prims.linear import broadcast, concatenate, pad, reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.products import sub


def _forward(axis: int, re: Array, im: Array) -> Pair:
    shape, n = re.shape, re.shape[axis]
    flat = (math.prod(shape[:axis]), n, math.prod(shape[axis + 1 :]))
    x = reshape(re, flat), reshape(im, flat)
    plan = factors(n)
    re, im = _chirped(x) if plan is None else _staged(x, plan)
    return reshape(re, shape), reshape(im, shape)


forward = custom_jvp(_forward, nondiff_argnums=(0,))
"""``forward(axis, re, im)``: the transform of re + i·im along an axis, as a pair."""
forward.__name__ = "fourier"


def inverse(axis: int, re: Array, im: Array) -> Pair:
    """The transform with e^(+2πijk/n), unscaled: the forward one with the parts exchanged."""
    y_im, y_re = forward(axis, im, re)
    return y_re, y_im


@forward.defjvp
def _forward_rule(axis: int, primals: Pair, tangents: Pair) -> tuple[Pair, Pair]:
    return forward(axis, *primals), forward(axis, *tangents)


def _saving(axis: int, re: Array, im: Array) -> tuple[Pair, tuple[()]]:
    return forward(axis, re, im), ()


def _adjoint(axis: int, _: tuple[()], ct: Pair) -> Pair:
    return inverse(axis, *ct)


forward.defvjp(_saving, _adjoint)


# ---- mixed radix


def _staged(x: Pair, plan: tuple[int, ...]) -> Pair:
    before, n, after = x[0].shape
    done = 1
    for radix in plan:
        rows = n // (done * radix)
        shape = (before, radix, rows, done * after)
        parts = [reshape(p, shape) for p in x]
        ys = butterfly([_row(parts, j) for j in range(radix)])
        if rows > 1:
            ys = [ys[0], *(_twiddled(y, j, rows, n, done) for j, y in enumerate(ys[1:], 1))]
        x = _stacked([y[0] for y in ys]), _stacked([y[1] for y in ys])
        done *= radix
    return reshape(x[0], (before, n, after)), reshape(x[1], (before, n, after))


def _row(parts: list[Array], j: int) -> Pair:
    b, _, rows, width = parts[0].shape
    re, im = (reshape(slice_axis(p, 1, j, j + 1), (b, rows, width)) for p in parts)
    return re, im


def _twiddled(y: Pair, j: int, rows: int, n: int, done: int) -> Pair:
    """y times e^(-2πi jp/(n/done)), p along the rows."""
    cos, sin = roots_of_unity(n, y[0].dtype.numpy)
    at = (j * done * np.arange(rows)) % n
    return times(y, cos[at], -sin[at], 1)


def times(y: Pair, re: Any, im: Any, axis: int) -> Pair:
    """The product with a table of complex numbers along an axis."""
    c, s = (broadcast(from_numpy(np.ascontiguousarray(t)), y[0].shape, (axis,)) for t in (re, im))
    return product(y, (c, s))


def product(a: Pair, b: Pair) -> Pair:
    """(a + ib)(c + id) = (ac - bd) + i(ad + bc)."""
    return sub(mul(a[0], b[0]), mul(a[1], b[1])), add(mul(a[0], b[1]), mul(a[1], b[0]))


def _stacked(ys: list[Array]) -> Array:
    """[before, rows, width] each: one array [before, rows, radix, width]."""
    b, rows, width = ys[0].shape
    return concatenate(*(reshape(y, (b, rows, 1, width)) for y in ys), axis=2)


# ---- Bluestein


def _chirped(x: Pair) -> Pair:
    """With w_k = e^(-πik²/n): y_k = w_k Σ_j (x_j w_j) conj(w_(k-j)), a circular convolution at a power of two."""
    n, dtype = x[0].shape[1], x[0].dtype
    length = convolution_length(n)
    plan = factors(length)
    assert plan is not None
    cos, sin = _chirp(n, dtype.numpy)
    wide = [pad(p, number(0, p), (0, 0, 0), (0, length - n, 0)) for p in times(x, cos, -sin, 1)]
    spectrum = _staged((wide[0], wide[1]), plan)
    filtered = times(spectrum, *_filter(n, dtype.numpy), 1)
    im, re = _staged((filtered[1], filtered[0]), plan)  # the inverse: parts exchanged
    re, im = (slice_axis(p, 1, 0, n) for p in (re, im))
    return times((re, im), cos, -sin, 1)


def _chirp(n: int, dtype: Any) -> tuple[Any, Any]:
    """cos and sin of πk²/n."""
    cos, sin = roots_of_unity(2 * n, dtype)
    squares = np.arange(n, dtype=np.int64) ** 2 % (2 * n)
    return cos[squares], sin[squares]


@functools.lru_cache(16)
def _filter(n: int, dtype: Any) -> tuple[Any, Any]:
    """The transform of the chirp conj(w), by the stages above, divided by their length (a power of two: exact)."""
    length = convolution_length(n)
    plan = factors(length)
    assert plan is not None
    parts: list[Any] = []
    for table in _chirp(n, dtype):
        wrapped = np.zeros(length, dtype)
        wrapped[:n] = table
        wrapped[length - n + 1 :] = table[:0:-1]
        parts.append(wrapped.reshape(1, length, 1))
    with interpreting(base()):
        spectrum = _staged((from_numpy(parts[0]), from_numpy(parts[1])), plan)
    re, im = (np.asarray(p).reshape(length) / np.asarray(length, dtype) for p in spectrum)
    return re, im
