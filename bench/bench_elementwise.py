"""Are the elementary functions as fast as NumPy's and JAX's, which are less accurate? Medians of interleaved ratios.

    OPENBLAS_NUM_THREADS=1 PYTHONPATH=.:jit:gpu taskset -c 0 python -m bench.bench_elementwise [name...]

One thread. Results are compared first. Each line: our time a call, the peers', and ours / theirs (below 1: ours is
faster); of JAX in f32 only. A call includes its dispatch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

import tianyuan as ty
from bench.comparison import compare

RNG = np.random.default_rng(0)
SIZES = (10_000, 1_000_000)
sp: Any = special

# name: ours, NumPy's or SciPy's, JAX's, arguments from low to high
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any], float, float]] = {
    "exp": (ty.exp, np.exp, jnp.exp, -10, 10),
    "expm1": (ty.expm1, np.expm1, jnp.expm1, -2, 2),
    "log": (ty.log, np.log, jnp.log, 0.01, 10),
    "log1p": (ty.log1p, np.log1p, jnp.log1p, -0.5, 10),
    "log2": (ty.log2, np.log2, jnp.log2, 0.01, 10),
    "sin": (ty.sin, np.sin, jnp.sin, -10, 10),
    "cos": (ty.cos, np.cos, jnp.cos, -10, 10),
    "tan": (ty.tan, np.tan, jnp.tan, -10, 10),
    "atan": (ty.atan, np.arctan, jnp.arctan, -5, 5),
    "asin": (ty.asin, np.arcsin, jnp.arcsin, -1, 1),
    "sinh": (ty.sinh, np.sinh, jnp.sinh, -3, 3),
    "tanh": (ty.tanh, np.tanh, jnp.tanh, -3, 3),
    "asinh": (ty.asinh, np.arcsinh, jnp.arcsinh, -5, 5),
    "cbrt": (ty.cbrt, np.cbrt, jnp.cbrt, -5, 5),
    "rsqrt": (ty.rsqrt, lambda x: 1 / np.sqrt(x), jax.lax.rsqrt, 0.1, 10),
    "logistic": (ty.special.expit, sp.expit, jax.nn.sigmoid, -5, 5),
    "erf": (ty.special.erf, sp.erf, jax.scipy.special.erf, -3, 3),
    "erfc": (ty.special.erfc, sp.erfc, jax.scipy.special.erfc, -3, 5),
    "erfinv": (ty.special.erfinv, sp.erfinv, jax.scipy.special.erfinv, -0.99, 0.99),
    "lgamma": (ty.special.lgamma, sp.gammaln, jax.scipy.special.gammaln, 0.1, 12),
}


def ready(f: Callable[..., Any], x: Any) -> Any:
    """JAX's result, once it is there."""
    return jax.block_until_ready(f(x))


def lines(names: list[str]) -> Iterator[str]:
    """Every function, dtype and size."""
    for name, (ours, numpys, jaxs, low, high) in FUNCTIONS.items():
        if names and name not in names:
            continue
        compiled, theirs = ty.jit(ours), jax.jit(jaxs)
        for dtype in (np.float32, np.float64):
            for n in SIZES:
                x = RNG.uniform(low, high, n).astype(dtype)
                peers: dict[str, Callable[[], Any]] = {"numpy": partial(numpys, x)}
                if dtype == np.float32:
                    peers["jax"] = partial(ready, theirs, jnp.asarray(x))
                yield compare(f"{name} {np.dtype(dtype)} {n:.0e}", partial(compiled, ty.asarray(x)), peers, 0.4)


def main() -> None:
    """Print the table."""
    for line in lines(sys.argv[1:]):
        print(line, flush=True)


if __name__ == "__main__":
    main()
