"""What transformations cost: tracing by program size, reverse mode through loops in time and memory, mapped loops.

    python -m bench.bench_transformations [--write]

Needs the ``bench`` extra. Times of tracing are CPU times of one call on a function not seen before.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tianyuan as ty
from bench.comparison import Row, interleaved, table

SIZES = (100, 1000, 10_000)


def long(lib: Any, n: int) -> Callable[[Any], Any]:
    """n elementwise operations, one after the other."""

    def f(x: Any) -> Any:
        for i in range(n):
            x = lib.sin(x) if i % 3 == 0 else x * x if i % 3 == 1 else x + 1.0
        return x

    return f


def summed(lib: Any, n: int) -> Callable[[Any], Any]:
    """Their sum."""
    f = long(lib, n)
    return lambda x: lib.sum(f(x))


def _jaxpr(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return jax.make_jaxpr(f)


def cpu(make: Callable[[], Callable[[], Any]], repeats: int = 5) -> float:
    """The median CPU time of a call of what ``make`` makes, made anew each time."""
    times: list[float] = []
    for _ in range(repeats):
        call = make()
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def tracing() -> Iterator[Row]:
    """Milliseconds to trace; to trace the gradient; to trace the vmap: by number of operations."""
    x, y = ty.ones(3), jnp.ones(3)
    for n in SIZES:
        repeats = 5 if n < SIZES[-1] else 2
        kinds: dict[str, tuple[Any, Any]] = {
            "trace": (
                lambda n=n: partial(ty.make_program(long(ty, n)), x),
                lambda n=n: partial(_jaxpr(long(jnp, n)), y),
            ),
            "trace of grad": (
                lambda n=n: partial(ty.make_program(ty.grad(summed(ty, n))), x),
                lambda n=n: partial(_jaxpr(jax.grad(summed(jnp, n))), y),
            ),
            "trace of vmap": (
                lambda n=n: partial(ty.make_program(ty.vmap(long(ty, n))), x),
                lambda n=n: partial(_jaxpr(jax.vmap(long(jnp, n))), y),
            ),
        }
        for kind, (ours, theirs) in kinds.items():
            t, u = cpu(ours, repeats) * 1e3, cpu(theirs, repeats) * 1e3
            yield Row(f"{kind}, {n} operations", t, (("jax", u, t / u),), "ms")


WHILE = """
import resource, time
import tianyuan as ty
def loop(x):
    step = lambda c: (c[0] + 1, c[1] * 0.999999 + 1e-6 * ty.sin(c[1]))
    return ty.sum(ty.while_loop(lambda c: c[0] < {n}, step, (ty.asarray(0), x))[1])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
x, f, g = ty.ones(256), ty.jit(loop), ty.jit(ty.grad(loop))
f(x), ty.jit(ty.grad(lambda v: ty.sum(ty.sin(v))))(x)
def timed(h):
    t = time.perf_counter(); h(x); return time.perf_counter() - t
before = peak()
g(x)
print(peak() - before, timed(f), timed(g))
"""


def reverse_loops() -> Iterator[str]:
    """Reverse mode through a ``while_loop`` of unknown length, whose state is 1 KiB: memory, and forward passes."""
    for n in (1000, 100_000, 1_000_000):
        done = subprocess.run([sys.executable, "-c", WHILE.format(n=n)], capture_output=True, text=True, check=True)
        memory, forward, both = map(float, done.stdout.split())
        bound = 3 * math.log2(n)
        yield (
            f"gradient of a while_loop of {n} steps: {memory:.1f} MiB beside the program's own, {both:.3f} s, "
            f"{both / forward:.1f} forward passes (3 log2 n = {bound:.1f})"
        )


def mapped_loops() -> Iterator[str]:
    """``vmap(while_loop)`` over 64 lanes: all long, against one long and 63 short."""

    def count(n: Any) -> Any:
        return ty.while_loop(
            lambda c: c[0] < n, lambda c: (c[0] + 1, ty.sin(c[1]) + 1.0), (ty.asarray(0), ty.asarray(0.5))
        )

    f = ty.jit(ty.vmap(count))
    even, uneven = (ty.asarray(np.array(v)) for v in ([1000] * 64, [64_000] + [1] * 63))
    rounds = interleaved([partial(f, even), partial(f, uneven)], 1.0)
    ratio = statistics.median(r[1] / r[0] for r in rounds)
    yield f"64 lanes of a mapped while_loop, the same work in one lane as in all: {ratio:.2f} of the time"


def main() -> None:
    """Print everything; with ``--write`` keep it in ``bench/results``."""
    rows: list[Row] = []
    for row in tracing():
        print(row, flush=True)
        rows.append(row)
    lines: list[str] = []
    for line in (*reverse_loops(), *mapped_loops()):
        print(line, flush=True)
        lines.append(f"- {line}")
    if "--write" in sys.argv:
        page = Path(__file__).parent / "results" / "transformations.md"
        page.write_text(table(rows, "python -m bench.bench_transformations --write") + "\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
