"""Are gathers, scatters, sorts and random numbers as fast as JAX's? Medians of interleaved ratios.

    python -m bench.bench_indexing [part of a name]

Needs the ``bench`` extra. Scatters and their gradients add in the order of docs/numerics.md, on one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tianyuan as ty
from bench.comparison import compare

jax.config.update("jax_enable_x64", True)
RNG = np.random.default_rng(0)
Case = tuple[str, Callable[..., Any], Callable[..., Any], list[Any]]


def ready(f: Callable[..., Any], *args: Any) -> Any:
    """JAX's result, once it is there."""
    return jax.block_until_ready(f(*args))


def indexed() -> Iterator[Case]:
    """Reading and updating by index arrays."""
    table = RNG.standard_normal((20_000, 64)).astype(np.float32)
    rows, weights = RNG.integers(0, 20_000, 8192), RNG.standard_normal((8192, 64)).astype(np.float32)
    line, places = RNG.standard_normal(1_000_000).astype(np.float32), RNG.integers(0, 1_000_000, 1_000_000)
    yield "gather 8192 rows of 64", lambda t, i: t[i], lambda t, i: t[i], [table, rows]
    yield "gather 1e6 numbers", lambda t, i: t[i], lambda t, i: t[i], [line, places]
    yield "add at 1e6 places", lambda t, i: t.at[i].add(t), lambda t, i: t.at[i].add(t), [line, places]
    ours = ty.grad(lambda t, i, w: ty.sum(t[i] * w))
    yield "gradient of an embedding", ours, jax.grad(lambda t, i, w: (t[i] * w).sum()), [table, rows, weights]
    yield "set one row", lambda t, w: t.at[5].set(w), lambda t, w: t.at[5].set(w), [table, table[0]]
    ours_loop = partial(_updates, ty.fori_loop)
    yield "1000 updates in a loop", ours_loop, partial(_updates, jax.lax.fori_loop), [line]


def _updates(loop: Callable[..., Any], x: Any) -> Any:
    return loop(0, 1000, lambda i, x: x.at[i].set(i * 2.0), x)


def ordered() -> Iterator[Case]:
    """Sorting."""
    for n in (1000, 1_000_000):
        yield f"sort {n:.0e}", ty.sort, jnp.sort, [RNG.standard_normal(n).astype(np.float32)]


def drawn() -> Iterator[Case]:
    """Random numbers from the same keys."""
    for n in (1000, 1_000_000):
        yield f"bits {n:.0e}", _draw(ty, "bits", n, "uint32"), _draw(jax, "bits", n, np.uint32), []
        yield f"uniform {n:.0e}", _draw(ty, "uniform", n, "float32"), _draw(jax, "uniform", n, np.float32), []
        yield f"normal {n:.0e}", _draw(ty, "normal", n, "float32"), _draw(jax, "normal", n, np.float32), []
        yield f"permutation {n:.0e}", _draw(ty, "permutation", n), _draw(jax, "permutation", n), []


def _draw(library: Any, name: str, n: int, *dtype: Any) -> Callable[[], Any]:
    sampler = getattr(library.random, name)
    if name == "permutation":
        return lambda: sampler(library.random.key(0), n)
    return lambda: sampler(library.random.key(0), (n,), *dtype)


def main() -> None:
    """Print the table."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    for cases in (indexed(), ordered(), drawn()):
        for name, ours, theirs, args in cases:
            if part in name:
                a, b = [ty.asarray(x) for x in args], [jnp.asarray(x) for x in args]
                peer = {"jax": partial(ready, jax.jit(theirs), *b)}
                print(compare(name, partial(ty.jit(ours), *a), peer, 1.0, 1e-3), flush=True)


if __name__ == "__main__":
    main()
