"""CHAIN(256, 16) of docs/numerics.md in NumPy, for the tests of contractions and convolutions."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Any

import ml_dtypes
import numpy as np

Array = np.ndarray[Any, Any]
NUMPY = {name: np.dtype(f"int{name[1:]}") for name in ("i8", "i16", "i32", "i64")} | {
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
}

libm = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
libm.fma.argtypes, libm.fma.restype = [ctypes.c_double] * 3, ctypes.c_double
libm.fmaf.argtypes, libm.fmaf.restype = [ctypes.c_float] * 3, ctypes.c_float
_fma64 = np.frompyfunc(lambda a, b, c: libm.fma(a, b, c), 3, 1)


def fma32(a: Array, b: Array, c: Array) -> Array:
    """f32 fma: the product is exact in f64, the sum is rounded to odd there, then once to f32."""
    with np.errstate(all="ignore"):
        p, c = a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)
        s = p + c
        back = s - p
        error = (p - (s - back)) + (c - back)
        bits = s.view(np.int64)
        inexact = np.isfinite(s) & (error != 0) & (bits & 1 == 0)
        toward = np.where((error > 0) == (s > 0), 1, -1)
        return np.where(inexact, bits + toward, bits).view(np.float64).astype(np.float32)


def fma(a: Array, b: Array, c: Array) -> Array:
    """a*b + c, rounded once; modulo 2^w for integers."""
    if c.dtype.kind == "i":
        return a * b + c
    return fma32(a, b, c) if c.dtype == np.float32 else _fma64(a, b, c).astype(np.float64)


def chain(a: Array, b: Array) -> Array:
    """c[..., m, n] = sum of a[..., m, k] b[..., k, n]: blocks of 256, segments of 16 blocks, rounded once."""
    dtype = a.dtype
    acc = np.dtype(np.float32) if dtype in (NUMPY["f16"], NUMPY["bf16"]) else dtype
    a, b = a.astype(acc), b.astype(acc)
    zero = np.zeros((*a.shape[:-1], b.shape[-1]), acc)
    total = segment = None
    with np.errstate(all="ignore"):
        for index, k0 in enumerate(range(0, a.shape[-1], 256)):
            s = zero
            for k in range(k0, min(k0 + 256, a.shape[-1])):
                s = fma(*np.broadcast_arrays(a[..., k : k + 1], b[..., k : k + 1, :]), s)
            if index % 16 == 0:
                total, segment = (segment if total is None else total + segment), s
            else:
                segment = segment + s
        if segment is not None:
            total = segment if total is None else total + segment
        return (zero if total is None else total).astype(dtype)


def same_bits(x: Array, y: Array) -> bool:
    """Equal bits; all NaNs count as one value."""
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    assert x.dtype == y.dtype and x.shape == y.shape
    raw = np.dtype(f"i{x.itemsize}")
    nan = (x != x) & (y != y)
    return bool(np.all(nan | (x.view(raw) == y.view(raw))))


def values(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    """Numbers over a few binades, with zeros of both signs among them; all values for integers."""
    kind = NUMPY[dtype]
    if kind.kind == "i":
        info = np.iinfo(kind)
        return rng.integers(info.min, info.max, shape, kind, endpoint=True)
    x = rng.standard_normal(shape) * 2.0 ** rng.integers(-3, 4, shape)
    x[rng.random(shape) < 0.05] = -0.0
    return x.astype(kind)
