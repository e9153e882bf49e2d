"""Is a contraction as fast as OpenBLAS? Medians of interleaved ratios, one thread.

    OPENBLAS_NUM_THREADS=1 PYTHONPATH=.:jit:gpu python bench/bench_matmul.py [isa] [dtype] [part of a name]

Columns: GF/s of ours, ours / NumPy (below 1: ours is faster), minimum and median of rounds.
"""

from __future__ import annotations

import ctypes
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.jit.native import describe, gemm

SHAPES = {  # name: batch, M, N, K, A transposed, B transposed
    **{f"square {n}": (1, n, n, n, 0, 0) for n in (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)},
    **{f"AtB {n}": (1, n, n, n, 1, 0) for n in (64, 256, 512, 1024)},
    **{f"ABt {n}": (1, n, n, n, 0, 1) for n in (64, 256, 512, 1024)},
    "dense 32x512 K=784": (1, 32, 512, 784, 0, 0),
    "head 128x10 K=512": (1, 128, 10, 512, 0, 0),
    "dW 784x512 K=32": (1, 784, 512, 32, 1, 0),
    "dX 32x784 K=512": (1, 32, 784, 512, 0, 1),
    "m=16": (1, 16, 1024, 1024, 0, 0),
    "n=16": (1, 1024, 16, 1024, 0, 0),
    "k=16": (1, 1024, 1024, 16, 0, 0),
    "m=16 ABt": (1, 16, 1024, 1024, 0, 1),
    "matvec xW": (1, 1, 1024, 1024, 0, 0),
    "matvec xWt": (1, 1, 1024, 1024, 0, 1),
    "matvec Wx": (1, 1024, 1, 1024, 0, 0),
    "dot 100000": (1, 1, 1, 100000, 0, 0),
    "outer-ish K=100000": (1, 8, 8, 100000, 1, 0),
    "K=8192": (1, 512, 512, 8192, 0, 0),
    "batch 64 32x32 K=64": (64, 32, 32, 64, 0, 0),
    "batch 96 128x128 K=64": (96, 128, 128, 64, 0, 0),
    "batch 96 q.kT": (96, 128, 128, 64, 0, 1),
    "batch 96 p.v": (96, 128, 64, 128, 0, 0),
}
NUMPY = {"f32": np.float32, "f64": np.float64}


def operands(shape: tuple[int, ...], dtype: str) -> list[Any]:
    """A, B and C with the layouts asked for."""
    batch, m, n, k, ta, tb = shape
    rng = np.random.default_rng(0)
    a = rng.standard_normal((batch, k, m) if ta else (batch, m, k)).astype(NUMPY[dtype])
    b = rng.standard_normal((batch, n, k) if tb else (batch, k, n)).astype(NUMPY[dtype])
    swap = (0, 2, 1)
    return [a.transpose(swap) if ta else a, b.transpose(swap) if tb else b, np.empty((batch, m, n), a.dtype)]


def ours(a: Any, b: Any, c: Any, dtype: str, isa: str) -> Callable[[], None]:
    """The call on these operands."""
    run = gemm(dtype, isa).function(f"ty_gemm_{dtype}_run", ctypes.c_void_p)
    d = describe(a, b, c)
    address = ctypes.c_void_p(d.ctypes.data)
    return lambda keep=(d, a, b, c): run(address)


def numpys(a: Any, b: Any) -> Callable[[], None]:
    """NumPy's call on the same operands, into its own result."""
    if a.shape[0] == 1:
        a, b = a[0], b[0]
    out = np.empty((*a.shape[:-1], b.shape[-1]), a.dtype)
    return lambda: np.matmul(a, b, out)


def interleaved(calls: list[Callable[[], None]], seconds: float = 0.6) -> np.ndarray[Any, Any]:
    """Seconds a call: one row a round, one column a function."""
    once = time.perf_counter()
    for call in calls:
        call()
    repeat = max(1, int(2e-4 / ((time.perf_counter() - once) / len(calls) + 1e-9)))
    for call in calls:
        call()
    rows: list[list[float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rows) < 5:
        rows.append([_timed(call, repeat) for call in calls])
    return np.array(rows)


def _timed(call: Callable[[], None], repeat: int) -> float:
    start = time.process_time()
    for _ in range(repeat):
        call()
    return (time.process_time() - start) / repeat


def main() -> None:
    """Print the table."""
    isa, dtype, part = (*sys.argv[1:], *("avx512", "f32", "")[len(sys.argv) - 1 :])
    for name, shape in SHAPES.items():
        if part not in name:
            continue
        a, b, c = operands(shape, dtype)
        times = interleaved([ours(a, b, c, dtype, isa), numpys(a, b)])
        least, ratio = times.min(0), np.median(times[:, 0] / times[:, 1])
        flops = 2 * np.prod(np.array(shape[:4], float)) / least[0] / 1e9
        speed = f"{flops:7.1f} GF/s {least[0] * 1e6:10.2f} us"
        print(f"{name:24s} {speed}   min {least[0] / least[1]:.2f}  median {ratio:.2f}")


if __name__ == "__main__":
    main()
