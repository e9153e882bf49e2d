"""Transforms of 2 to 13 points, on real and imaginary parts.

A radix-4 or radix-2 butterfly is sums alone. For an odd p, with the sums t_k = x_k + x_(p-k) and differences
d_k = x_k - x_(p-k), k = 1..(p-1)/2,

    y_j, y_(p-j) = (x_0 + Σ_k t_k cos(2πjk/p)) ∓ i Σ_k d_k sin(2πjk/p),

each sum from left to right, products rounded before they are added.
"""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.array import Array
from tianyuan.fft.roots import roots_of_unity
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.products import sub

Pair = tuple[Array, Array]


def butterfly(xs: Sequence[Pair]) -> list[Pair]:
    """The transform of as many points as there are pairs: y_j = Σ_k x_k e^(-2πijk/p)."""
    return {2: _two, 4: _four}.get(len(xs), _odd)(xs)


def _plus(a: Pair, b: Pair) -> Pair:
    return add(a[0], b[0]), add(a[1], b[1])


def _minus(a: Pair, b: Pair) -> Pair:
    return sub(a[0], b[0]), sub(a[1], b[1])


def _minus_i(a: Pair, b: Pair) -> Pair:
    """a - ib."""
    return add(a[0], b[1]), sub(a[1], b[0])


def _plus_i(a: Pair, b: Pair) -> Pair:
    """a + ib."""
    return sub(a[0], b[1]), add(a[1], b[0])


def _two(xs: Sequence[Pair]) -> list[Pair]:
    a, b = xs
    return [_plus(a, b), _minus(a, b)]


def _four(xs: Sequence[Pair]) -> list[Pair]:
    a, b, c, d = xs
    even, odd, left, right = _plus(a, c), _minus(a, c), _plus(b, d), _minus(b, d)
    return [_plus(even, left), _minus_i(odd, right), _minus(even, left), _plus_i(odd, right)]


def _odd(xs: Sequence[Pair]) -> list[Pair]:
    p = len(xs)
    cos, sin = roots_of_unity(p, xs[0][0].dtype.numpy)
    halves = range(1, (p + 1) // 2)
    sums = [_plus(xs[k], xs[p - k]) for k in halves]
    differences = [_minus(xs[k], xs[p - k]) for k in halves]
    ys = [_total([xs[0], *sums])] + [xs[0]] * (p - 1)
    for j in halves:
        even = _total([xs[0], *(_times(t, cos[j * k % p]) for k, t in zip(halves, sums, strict=True))])
        odd = _total([_times(d, sin[j * k % p]) for k, d in zip(halves, differences, strict=True)])
        ys[j], ys[p - j] = _minus_i(even, odd), _plus_i(even, odd)
    return ys


def _times(a: Pair, factor: float) -> Pair:
    return mul(a[0], number(factor, a[0])), mul(a[1], number(factor, a[1]))


def _total(terms: Sequence[Pair]) -> Pair:
    total = terms[0]
    for t in terms[1:]:
        total = _plus(total, t)
    return total
