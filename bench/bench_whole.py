"""Kernels on whole arrays, eager: sort, argsort, running sums, argmax, products; medians of interleaved ratios.

    PYTHONPATH=.:jit:gpu python -m bench.bench_whole [part of a title]

Below 1: ours is faster. NumPy's BLAS is what its environment makes it: unset OPENBLAS_CORETYPE.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import tianyuan as ty
from bench.comparison import Call, compare
from tianyuan.eager import from_numpy


def rows() -> Iterator[tuple[str, Call, Call]]:
    """Title, ours, NumPy's."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64, np.int32, np.int64):
        x: Any = (rng.standard_normal(10**6) * 1e6).astype(dtype)
        a = from_numpy(x)
        yield f"sort 1e6 {np.dtype(dtype)}", lambda a=a: ty.sort(a), lambda x=x: np.sort(x)
    x = rng.standard_normal(10**6).astype(np.float32)
    a = from_numpy(x)
    yield "argsort 1e6", lambda a=a: ty.argsort(a), lambda x=x: np.argsort(x, kind="stable")
    for shape, axis in (((10**6,), 0), ((1000, 1000), 0), ((1000, 1000), 1)):
        x = rng.random(shape, np.float32)
        a = from_numpy(x)
        yield f"cumsum {shape} {axis}", lambda a=a, i=axis: ty.cumsum(a, axis=i), lambda x=x, i=axis: np.cumsum(x, i)
        yield f"argmax {shape} {axis}", lambda a=a, i=axis: ty.argmax(a, axis=i), lambda x=x, i=axis: np.argmax(x, i)
    for m, k, n in ((4, 4, 4), (64, 64, 64), (256, 256, 256), (1024, 1024, 1024), (1, 1024, 1024), (1024, 1024, 1)):
        x, y = rng.random((m, k), np.float32), rng.random((k, n), np.float32)
        a, b = from_numpy(x), from_numpy(y)
        yield f"matmul {m} {k} {n}", lambda a=a, b=b: a @ b, lambda x=x, y=y: x @ y


def main() -> None:
    """Print the table."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    for title, ours, theirs in rows():
        if part in title:
            print(compare(title, ours, {"numpy": theirs}, seconds=0.5))


if __name__ == "__main__":
    main()
