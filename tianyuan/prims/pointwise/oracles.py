"""Independent mathematics for the tests: functions in more precision than their results have."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from tianyuan.types import as_dtype


def wide(x: Any) -> Any:
    """The values in a dtype of more precision: f64 for narrower floats, extended for f64; complex alike."""
    x = np.asarray(x)
    if x.dtype.kind == "c":
        return x.astype(np.complex128 if x.dtype.itemsize == 8 else np.clongdouble)
    return x.astype(np.longdouble if x.dtype == np.float64 else np.float64)


def single(x: Any) -> Any:
    """16-bit floats in f32, from which they are rounded once; all else as it is."""
    x = np.asarray(x)
    return x.astype(np.float32) if x.dtype.itemsize == 2 and as_dtype(x.dtype).kind == "f" else x


where: Any = np.where  # typed as Any, for arrays of any dtype


def product(x: Any, y: Any) -> Any:
    """The product; of complex numbers (ac - bd, ad + bc), where each part rounds three times."""
    if np.asarray(x).dtype.kind != "c":
        return np.multiply(x, y)
    a, b, c, d = np.real(x), np.imag(x), np.real(y), np.imag(y)
    return joined(a * c - b * d, a * d + b * c)


def joined(re: Any, im: Any) -> Any:
    """The complex numbers with these parts, none of which is touched."""
    re, im = np.broadcast_arrays(re, im)
    dtype = np.result_type(re.dtype, np.complex64)
    return np.stack((re, im), -1).view(dtype)[..., 0]


def contracted(spec: str, a: Any, b: Any) -> Any:
    """NumPy's einsum of two arrays without its kernels, which spoil memory for extended complex numbers."""
    names, out = spec.split("->")
    left, right = names.split(",")
    labels = out + "".join(c for c in dict.fromkeys(left + right) if c not in out)

    def spread(x: Any, own: str) -> Any:
        moved = np.transpose(x, [own.index(c) for c in labels if c in own])
        return moved.reshape([x.shape[own.index(c)] if c in own else 1 for c in labels])

    return np.sum(spread(a, left) * spread(b, right), tuple(range(len(out), len(labels))))


def extremum(a: Any, b: Any, larger: bool) -> Any:
    """IEEE 754-2019 minimum or maximum: NaN propagates, -0 < +0."""
    wins = a > b if larger else a < b
    tied = where(np.signbit(a.astype(np.float64)) != larger, a, b)
    chosen = where(a == b, tied, where(wins, a, b))
    nan = as_dtype(a.dtype).kind == "f" and np.array(np.nan, a.dtype)
    return where((a != a) | (b != b), nan, chosen).astype(a.dtype)


# ---- exact arithmetic, element by element


def exactly(formula: Callable[..., Any], otherwise: Any, *args: Any) -> Any:
    """``formula`` of finite arguments in rational numbers, rounded once (16-bit: to f32); else ``otherwise``.

    A result of zero, whose sign rational numbers do not know, is ``otherwise``'s too.
    """
    arrays = np.broadcast_arrays(*map(single, args), otherwise)
    out = np.array(arrays[-1]).astype(arrays[0].dtype)
    for i in np.ndindex(out.shape):
        values = [float(a[i]) for a in arrays[:-1]]
        if all(map(math.isfinite, values)):
            exact = formula(*map(Fraction, values))
            out[i] = nearest(exact, out.dtype) if exact else out[i]
    return out


def nearest(exact: Fraction, dtype: Any) -> float:
    """A rational number rounded once to f32 or f64, ties to even."""
    try:
        double = float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
    if dtype == np.float64:
        return math.copysign(double, 1 if exact > 0 else -1)
    quantum = Fraction(2) ** (max(math.frexp(double)[1] - 1, -126) - 23)
    return math.copysign(float(round(exact / quantum) * quantum), 1 if exact > 0 else -1)


def floored(a: Any, b: Any) -> Any:
    """floor(a / b) of floats; a / b where b = 0; NaN for infinite a; 0 or -1 for infinite b."""
    a, b = np.broadcast_arrays(single(a), single(b))
    quotient = np.where(b == 0, a / b, np.where(np.isfinite(a), np.floor(a / b), np.nan)).astype(a.dtype)
    quotient = np.where(np.isinf(b) & np.isfinite(a) & (a != 0) & ((a < 0) != (b < 0)), -1, quotient)
    zero = np.where(b == 0, quotient, np.copysign(0, a / b)).astype(a.dtype)
    inside = np.where((b == 0) | ~np.isfinite(a) | ~np.isfinite(b), quotient, zero).astype(a.dtype)
    return exactly(_floor_of_ratio, inside, a, b)


def _floor_of_ratio(a: Fraction, b: Fraction) -> Fraction:
    return Fraction(math.floor(a / b)) if b else Fraction(0)


def multiply_add(a: Any, b: Any, c: Any) -> Any:
    """a · b + c with one rounding."""
    return exactly(_multiply_add, wide(a) * wide(b) + wide(c), a, b, c)


def _multiply_add(a: Fraction, b: Fraction, c: Fraction) -> Fraction:
    return a * b + c


def precisely(name: str, *args: Any) -> Any:
    """mpmath's function ``name`` in 40 digits, element by element, as extended real or complex numbers."""
    mp = importlib.import_module("mpmath")
    arrays = np.broadcast_arrays(*map(wide, args))
    out = np.empty(arrays[0].shape, np.clongdouble if arrays[-1].dtype.kind == "c" else np.longdouble)
    with mp.workdps(40):
        for i in np.ndindex(out.shape):
            out[i] = _precise(mp, name, [_number(mp, a[i]) for a in arrays], out.dtype)
    return out


def of_gamma(name: str, x: Any, pole: float, infinite: float, *orders: int) -> Any:
    """mpmath's ``name`` with values for 0, -1, -2, ... and for infinity; NaN at minus infinity."""
    poles = (x <= 0) & (x == np.floor(x)) & np.isfinite(x)
    plain = where(poles | ~np.isfinite(x), np.ones_like(x), x)
    values = where(np.isfinite(x), precisely(name, *orders, plain), where(x == np.inf, infinite, np.nan))
    return where(poles, pole, values)


def _number(mp: Any, value: Any) -> Any:
    digits = [np.format_float_scientific(v, unique=False, precision=25) for v in (value.real, value.imag)]
    return mp.mpc(*digits) if np.iscomplexobj(value) else mp.mpf(digits[0])


def _precise(mp: Any, name: str, values: list[Any], dtype: Any) -> Any:
    try:
        y = getattr(mp, name)(*values)
    except (ValueError, ZeroDivisionError, OverflowError):  # a pole, or infinity
        return np.nan
    re, im = _extended(mp, mp.re(y)), _extended(mp, mp.im(y))
    return joined(re, im)[()] if dtype.kind == "c" else re


def _extended(mp: Any, y: Any) -> Any:
    if not mp.isfinite(y):
        return np.longdouble(float(y))
    mantissa, exponent = mp.frexp(y)
    return np.ldexp(np.longdouble(mp.nstr(mantissa, 25)), int(max(min(exponent, 20000), -20000)))
