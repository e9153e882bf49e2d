"""``digest``: the fingerprint of a tree of arrays, to compare results by (docs/numerics.md, Keeping the promise)."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.prims.keys import key_words
from tianyuan.transforms.arguments import as_array
from tianyuan.types import float64

_HEADER = b"tianyuan-digest-1\0"


def digest(value: Any) -> str:
    """SHA-256 of a tree: per leaf in flatten order its path, dtype name, rank, dims, and row-major bytes.

    Strings are length-prefixed and dims u64, little-endian; NaNs are canonical. Numbers count as 0-d arrays.
    """
    made = hashlib.sha256(_HEADER)
    for path, leaf in tree.flatten_with_path(value)[0]:
        x = as_array(leaf)
        for text in (path, x.dtype.name):
            made.update(_number(len(text.encode())) + text.encode())
        made.update(_number(x.ndim) + b"".join(map(_number, x.shape)))
        made.update(_bytes(x))
    return made.hexdigest()


def _number(n: int) -> bytes:
    return n.to_bytes(8, "little")


def _bytes(x: Array) -> bytes:
    """Row-major little-endian bytes with canonical NaNs; a key is its two words."""
    if x.dtype.kind == "k":
        words = [np.asarray(w) for w in key_words(x)]
        return np.stack(words, -1).astype("<u4").tobytes()
    value: Any = np.asarray(x)
    if x.dtype.kind in "fc":
        value = _canonical(value)
    return value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes()


def _canonical(value: Any) -> Any:
    """NaNs (in complex numbers: NaN parts) as the quiet positive one."""
    if value.dtype.kind == "c":
        parts = np.atleast_1d(value).view(value.real.dtype)
        return np.where(np.isnan(parts), np.array(np.nan, parts.dtype), parts)
    nan = np.array(float64.numpy.type("nan")).astype(value.dtype)
    wide = value.astype(np.float64) if value.dtype.itemsize == 2 else value
    return np.where(np.isnan(wide), np.abs(nan), value)
