"""Is a convolution as fast as a matrix product of its size, and as JAX's? Medians of interleaved ratios.

    OPENBLAS_NUM_THREADS=1 PYTHONPATH=.:jit:gpu taskset -c 0 python bench/bench_convolution.py [isa]

One thread, f32. Columns: GF/s of ours; ours / NumPy's product of the same three sizes (im2col not
counted); ours / JAX, where it is installed.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.bench_matmul import interleaved, numpys
from tests.jit.native import convolutions
from tests.jit.test_convolution import MODELS, Convolution, operands, prepared


def same(size: tuple[int, ...], side: int, channels: int, outputs: int, **more: int) -> Convolution:
    """Windows of ``side`` centred on every ``stride``-th position."""
    ones, stride, batch = (1,) * len(size), more.get("stride", 1), more.get("batch", 8)
    out = tuple(-(-n // stride) for n in size)
    windows = (size, (side,) * len(size), out, (stride,) * len(size), (side // 2,) * len(size), ones)
    return Convolution(*windows, batch, more.get("groups", 1), channels, outputs)


SHAPES = {
    "3x3 N8 32x32 64 to 64": same((32, 32), 3, 64, 64),
    "3x3 /2 N8 32x32 64 to 128": same((32, 32), 3, 64, 128, stride=2),
    "1x1 N8 32x32 64 to 256": same((32, 32), 1, 64, 256),
    "7x7 /2 N2 112x112 3 to 64": same((112, 112), 7, 3, 64, stride=2, batch=2),
    "5x5 N16 28x28 1 to 32": same((28, 28), 5, 1, 32, batch=16),
    "1d 3 N8 256 128 to 128": same((256,), 3, 128, 128),
    "3d 3x3x3 N1 16^3 32 to 32": same((16, 16, 16), 3, 32, 32, batch=1),
    "depthwise 3x3 N2 32x32 64": same((32, 32), 3, 1, 1, batch=2, groups=64),
}


def product(v: Convolution, which: str) -> tuple[int, int, int]:
    """M, N, K of one group, without holes."""
    rows, taps = v.batch * int(np.prod(v.out)), int(np.prod(v.kernel))
    if which == "weight":
        return taps * v.channels, v.outputs, rows
    if which == "forward":
        return rows, v.outputs, taps * v.channels
    return rows, v.channels, taps * v.outputs


def jaxs(v: Convolution, which: str, arrays: dict[str, Any]) -> list[Callable[[], Any]]:
    """JAX's call, if it is there (forward only)."""
    if which != "forward" or importlib.util.find_spec("jax") is None:
        return []
    jax = importlib.import_module("jax")
    letters = "DHW"[3 - len(v.size) :]
    numbers = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    spans = zip(v.size, v.kernel, v.out, v.stride, v.low, v.dilation, strict=True)
    pads = [(lo, (p - 1) * t + (k - 1) * d + 1 - n - lo) for n, k, p, t, lo, d in spans]
    call = jax.jit(
        lambda x, w: jax.lax.conv_general_dilated(
            x,
            w,
            v.stride,
            pads,
            rhs_dilation=v.dilation,
            dimension_numbers=numbers,
            feature_group_count=v.groups,
        )
    )
    x, w = jax.numpy.array(arrays["x"]), jax.numpy.array(arrays["w"])
    return [lambda: call(x, w).block_until_ready()]


def main() -> None:
    """Print the table."""
    isa = sys.argv[1] if len(sys.argv) > 1 else "avx512"
    convolutions("f32", isa).threads(1)
    for name, v in SHAPES.items():
        for which in MODELS:
            arrays = operands(v, "f32", 0)
            m, n, k = product(v, which)
            a, b = np.ones((v.groups, m, k), np.float32), np.ones((v.groups, k, n), np.float32)
            calls = [prepared(which, "f32", isa, v, arrays), numpys(a, b), *jaxs(v, which, arrays)]
            times = interleaved(calls)
            least = times.min(0)
            ratios = "  ".join(f"{np.median(times[:, 0] / times[:, i]):6.2f}" for i in range(1, len(calls)))
            speed = f"{2 * m * n * k * v.groups / least[0] / 1e9:7.1f} GF/s {least[0] * 1e6:9.1f} us"
            print(f"{name:28s} {which:8s} {speed}  {ratios}", flush=True)


if __name__ == "__main__":
    main()
