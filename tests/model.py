"""docs/numerics.md as slow, plain NumPy: an executable reading of its order definitions.

Nothing here is fast. Each function is written from the text alone, element by element, so that an implementation
can be compared with it bit for bit on small inputs. Where text and code differ, the text is the law.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

CHUNK, LANES, BLOCK, SEGMENT = 256, 16, 256, 16

_libm = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
_libm.fma.argtypes = [ctypes.c_double] * 3
_libm.fma.restype = ctypes.c_double
_libm.fmaf.argtypes = [ctypes.c_float] * 3
_libm.fmaf.restype = ctypes.c_float

Op = Callable[[Any, Any], Any]


def fma(a: Any, b: Any, c: Any, dtype: Any) -> Any:
    """a*b + c with one rounding, for float32 and float64 scalars."""
    f = _libm.fma if np.dtype(dtype) == np.float64 else _libm.fmaf
    return np.dtype(dtype).type(f(float(a), float(b), float(c)))


def accumulator(dtype: Any) -> Any:
    """float16 and bfloat16 accumulate in float32; everything else in itself."""
    d = np.dtype(dtype)
    return np.dtype(np.float32) if d.itemsize == 2 and d.kind not in "iu" else d


# ---- ORDER(16, 256)


def order(values: Any, op: Op = np.add) -> Any:
    """The canonical reduction of a 1-d sequence; None for an empty one."""
    x = list(values)
    if not x:
        return None
    while True:
        x = [_chunk(x[i : i + CHUNK], op) for i in range(0, len(x), CHUNK)]
        if len(x) == 1:
            return x[0]


def _chunk(x: Sequence[Any], op: Op) -> Any:
    lanes: list[Any] = [None] * LANES
    for k, v in enumerate(x):
        lanes[k % LANES] = _join(lanes[k % LANES], v, op)
    width = LANES
    while width > 1:
        width //= 2
        for i in range(width):
            lanes[i] = _join(lanes[i], lanes[i + width], op)
    return lanes[0]


def _join(a: Any, b: Any, op: Op) -> Any:
    """Missing elements are skipped."""
    return b if a is None else a if b is None else op(a, b)


def reduce(x: Any, axes: Sequence[int], op: Op = np.add, identity: float = 0.0) -> Any:
    """The reduction of an array over ``axes``, flattened in row-major order; 16-bit floats through float32."""
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = x.transpose(kept + sorted(axes)).reshape([x.shape[a] for a in kept] + [-1])
    out = np.zeros(rows.shape[:-1], x.dtype)
    for i in np.ndindex(*out.shape):
        value = order(rows[i].astype(accumulator(x.dtype)), op)
        out[i] = identity if value is None else value
    return out


# ---- running operations


def cumulate(x: Any, op: Op = np.add) -> Any:
    """Inclusive running results of a 1-d sequence: chunks of 256, sequential inside; offsets by the same rule."""
    acc = accumulator(x.dtype)
    return np.array(_running([acc.type(v) for v in x], op), acc).astype(x.dtype)


def _running(x: list[Any], op: Op) -> list[Any]:
    local: list[list[Any]] = []
    for start in range(0, len(x), CHUNK):
        run: list[Any] = []
        for v in x[start : start + CHUNK]:
            run.append(op(run[-1], v) if run else v)
        local.append(run)
    if len(local) <= 1:
        return local[0] if local else []
    offsets = _running([run[-1] for run in local], op)
    return local[0] + [op(offsets[j - 1], v) for j in range(1, len(local)) for v in local[j]]


# ---- CHAIN(256, 16)


def chain(a: Any, b: Any, dtype: Any) -> Any:
    """Σ_k a[k] b[k] for two 1-d sequences, in the accumulator of ``dtype``."""
    acc = accumulator(dtype)
    total = segment = None
    for block, k0 in enumerate(range(0, len(a), BLOCK)):
        s = acc.type(0)
        for k in range(k0, min(k0 + BLOCK, len(a))):
            s = fma(a[k], b[k], s, acc)
        if block % SEGMENT == 0:
            total, segment = _join(total, segment, np.add), s
        else:
            segment = segment + s
    total = _join(total, segment, np.add)
    return acc.type(0) if total is None else total


def matmul(a: Any, b: Any) -> Any:
    """C[i,j] = Σ_k a[i,k] b[k,j] for 2-d floating arrays of one dtype."""
    out = np.empty((a.shape[0], b.shape[1]), a.dtype)
    for i, j in np.ndindex(*out.shape):
        out[i, j] = chain(a[i], b[:, j], a.dtype)
    return out


def conv2d(x: Any, w: Any, stride: Sequence[int], padding: Sequence[tuple[int, int]]) -> Any:
    """NHWC by HWIO: k runs over kernel row, kernel column, input channel; padding zeros take part."""
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    kh, kw = w.shape[:2]
    oh, ow = ((x.shape[1 + d] - w.shape[d]) // stride[d] + 1 for d in (0, 1))
    out = np.empty((x.shape[0], oh, ow, w.shape[3]), x.dtype)
    for n, i, j, o in np.ndindex(*out.shape):
        patch = x[n, i * stride[0] : i * stride[0] + kh, j * stride[1] : j * stride[1] + kw]
        out[n, i, j, o] = chain(patch.ravel(), w[..., o].ravel(), x.dtype)
    return out


def scatter_add(x: Any, index: Any, updates: Any) -> Any:
    """x.at[index].add(updates) for a 1-d x: updates in order, 16-bit types through float32."""
    out = x.astype(accumulator(x.dtype))
    for i, u in zip(np.ravel(index), np.ravel(updates), strict=True):
        out[i] = out[i] + out.dtype.type(u)
    return out.astype(x.dtype)
