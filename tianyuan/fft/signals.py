"""The public transforms: their axes, lengths, norms and dtypes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.composing import composed
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.fft.butterflies import Pair
from tianyuan.fft.planning import checked_length
from tianyuan.fft.sides import real_forward, real_inverse
from tianyuan.fft.transforming import forward, inverse
from tianyuan.functions.operands import floating, in_f32, one_axis
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import pad, slice_axis
from tianyuan.prims.linear.broadcasting import zeros as zeros_of
from tianyuan.prims.pointwise.base import number
from tianyuan.prims.pointwise.complexes import complex_, imag, real
from tianyuan.prims.pointwise.complexes import conj as conjugate
from tianyuan.prims.pointwise.products import div

Lengths = Sequence[int] | None
NORMS = ("backward", "ortho", "forward")
SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def fft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """y_k = Σ_j x_j e^(-2πijk/n) along ``axis``, complex; x is cut or padded with zeros to ``n`` points.

    ``norm``: divided by n where "forward", by √n where "ortho". Integers count as the default float, f16 and bf16 as
    f32. The derivative of a transform is the transform. ShapeError for n < 1 or an axis that x does not have.
    """
    return _complex("fft", x, n, axis, norm, False)


def ifft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """y_k = Σ_j x_j e^(+2πijk/n) / n along ``axis``; not divided where ``norm`` is "forward". As ``fft``."""
    return _complex("ifft", x, n, axis, norm, True)


def fftn(x: Any, /, *, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Array:
    """``fft`` over ``axes`` (None: all, or as many last ones as ``s`` has lengths), the last first, divided once."""
    return _complex_many("fftn", x, s, axes, norm, False)


def ifftn(x: Any, /, *, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Array:
    """``ifft`` over ``axes`` (None: all, or as many last ones as ``s`` has lengths), the last first, divided once."""
    return _complex_many("ifftn", x, s, axes, norm, True)


def fft2(x: Any, /, *, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Array:
    """``fftn`` over two axes."""
    return _complex_many("fft2", x, s, _two("fft2", axes), norm, False)


def ifft2(x: Any, /, *, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Array:
    """``ifftn`` over two axes."""
    return _complex_many("ifft2", x, s, _two("ifft2", axes), norm, True)


def rfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """The entries 0..n//2 of ``fft`` of real x: the others are their conjugates."""
    return _real_many("rfft", x, None if n is None else (n,), (axis,), norm)


def irfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """The real signal of ``n`` points (None: 2·(m - 1) of m entries) whose ``rfft`` is x."""
    return _to_real_many("irfft", x, None if n is None else (n,), (axis,), norm)


def rfftn(x: Any, /, *, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Array:
    """``rfft`` over the last of ``axes``, then ``fft`` over the others."""
    return _real_many("rfftn", x, s, axes, norm)


def irfftn(x: Any, /, *, s: Lengths = None, axes: Lengths = None, norm: str = "backward") -> Array:
    """The real signal whose ``rfftn`` is x: ``ifft`` over all axes but the last, ``irfft`` over that."""
    return _to_real_many("irfftn", x, s, axes, norm)


def rfft2(x: Any, /, *, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Array:
    """``rfftn`` over two axes."""
    return _real_many("rfft2", x, s, _two("rfft2", axes), norm)


def irfft2(x: Any, /, *, s: Lengths = None, axes: Sequence[int] = (-2, -1), norm: str = "backward") -> Array:
    """``irfftn`` over two axes."""
    return _to_real_many("irfft2", x, s, _two("irfft2", axes), norm)


def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """``fft``, real and of ``n`` points, of a signal with conj(x_j) = x_(n-j) given by its first n//2 + 1 points."""
    value = conjugate(_complex_input("hfft", x))
    return _to_real_many("hfft", value, None if n is None else (n,), (axis,), _other("hfft", norm))


def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """The inverse of ``hfft``: the entries 0..n//2 of ``ifft`` of real x."""
    return conjugate(_real_many("ihfft", x, None if n is None else (n,), (axis,), _other("ihfft", norm)))


# ---- arguments


def _other(who: str, norm: str) -> str:
    return SWAPPED[_checked_norm(who, norm)]


def _checked_norm(who: str, norm: Any) -> str:
    if norm not in NORMS:
        raise ArrayTypeError(f"{who}: norm must be 'backward', 'ortho' or 'forward', got {norm!r}")
    return norm


def _two(who: str, axes: Sequence[int]) -> Sequence[int]:
    if len(axes) != 2:
        raise ShapeError(f"{who} takes two axes, got {axes!r}; use {who[:-1]}n for more or fewer")
    return axes


def _float_input(who: str, value: Any) -> Array:
    x = in_f32(floating(who, value))
    return convert(x, x.dtype)  # strong


def _complex_input(who: str, value: Any) -> Array:
    x = _float_input(who, value)
    return x if x.dtype.kind == "c" else complex_(x, zeros_of(x.type))


def _real_input(who: str, value: Any) -> Array:
    x = _float_input(who, value)
    if x.dtype.kind == "c":
        raise ArrayTypeError(f"{who} takes real numbers, got {x.type}; use fft, or take the real part")
    return x


def _places(who: str, x: Array, s: Lengths, axes: Lengths) -> tuple[tuple[int, ...], list[int | None]]:
    """The axes, counted from the front, and the length of each where it is given."""
    if axes is None:
        count = x.ndim if s is None else len(s)
        if count > x.ndim:
            raise ShapeError(f"{who}: s has {count} lengths, more than the axes of {x.type}")
        axes = range(x.ndim - count, x.ndim)
    found = tuple(one_axis(who, a, x.ndim) for a in axes)
    if len(set(found)) < len(found) or not found:
        raise ShapeError(f"{who}: axes must name different axes, at least one, got {tuple(axes)}")
    if s is not None and len(s) != len(found):
        raise ShapeError(f"{who}: s and axes must have one length, got {tuple(s)} and {tuple(axes)}")
    return found, [None] * len(found) if s is None else [checked_length(who, n) for n in s]


def _fitted(x: Array, axis: int, n: int) -> Array:
    """Cut, or padded with zeros, to n points."""
    have = x.shape[axis]
    if have >= n:
        return slice_axis(x, axis, 0, n) if have > n else x
    return pad(x, number(0, x), [0] * x.ndim, [n - have if a == axis else 0 for a in range(x.ndim)])


# ---- transforms of given axes and lengths


def _complex(who: str, value: Any, n: int | None, axis: int, norm: str, back: bool) -> Array:
    return _complex_many(who, value, None if n is None else (n,), (axis,), norm, back)


def _complex_many(who: str, value: Any, s: Lengths, axes: Lengths, norm: str, back: bool) -> Array:
    x = _complex_input(who, value)
    at, lengths = _places(who, x, s, axes)
    sizes = tuple(checked_length(who, x.shape[a] if n is None else n) for a, n in zip(at, lengths, strict=True))
    return _run_complex(x, at=at, sizes=sizes, back=back, norm=_checked_norm(who, norm))


def _real_many(who: str, value: Any, s: Lengths, axes: Lengths, norm: str) -> Array:
    x = _real_input(who, value)
    at, lengths = _places(who, x, s, axes)
    sizes = tuple(checked_length(who, x.shape[a] if n is None else n) for a, n in zip(at, lengths, strict=True))
    return _run_real(x, at=at, sizes=sizes, norm=_checked_norm(who, norm))


def _to_real_many(who: str, value: Any, s: Lengths, axes: Lengths, norm: str) -> Array:
    x = _complex_input(who, value)
    at, lengths = _places(who, x, s, axes)
    natural = [*(x.shape[a] for a in at[:-1]), 2 * (x.shape[at[-1]] - 1)]
    sizes = tuple(checked_length(who, m if n is None else n) for m, n in zip(natural, lengths, strict=True))
    return _run_to_real(x, at=at, sizes=sizes, norm=_checked_norm(who, norm))


@composed
def _run_complex(x: Array, *, at: tuple[int, ...], sizes: tuple[int, ...], back: bool, norm: str) -> Array:
    for a, n in zip(at, sizes, strict=True):
        x = _fitted(x, a, n)
    re, im = _over(inverse if back else forward, at, (real(x), imag(x)))
    return complex_(*_scaled((re, im), sizes, norm, back))


@composed
def _run_real(x: Array, *, at: tuple[int, ...], sizes: tuple[int, ...], norm: str) -> Array:
    for a, n in zip(at, sizes, strict=True):
        x = _fitted(x, a, n)
    parts = _over(forward, at[:-1], real_forward(at[-1], x))
    return complex_(*_scaled(parts, sizes, norm, False))


@composed
def _run_to_real(x: Array, *, at: tuple[int, ...], sizes: tuple[int, ...], norm: str) -> Array:
    for a, n in zip(at, [*sizes[:-1], sizes[-1] // 2 + 1], strict=True):
        x = _fitted(x, a, n)
    re, im = _over(inverse, at[:-1], (real(x), imag(x)))
    y = real_inverse(at[-1], sizes[-1], re, im)
    return _scaled((y,), sizes, norm, True)[0]


def _over(transform: Callable[[int, Array, Array], Pair], axes: Sequence[int], parts: Pair) -> Pair:
    for a in reversed(axes):
        parts = transform(a, *parts)
    return parts


def _scaled(parts: Sequence[Array], sizes: Sequence[int], norm: str, back: bool) -> list[Array]:
    """Divided, once, by the number of points, by its root, or not at all."""
    if norm == ("forward" if back else "backward"):
        return list(parts)
    points = math.prod(sizes)
    divisor = number(math.sqrt(points) if norm == "ortho" else points, parts[0])
    return [div(p, divisor) for p in parts]
