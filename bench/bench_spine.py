"""The figures of the first release against JAX and NumPy: training step, chain, products, rows, calls.

    python -m bench.bench_spine [part of a name | --write]     # --write: all, and a page in bench/results

Needs the ``bench`` extra, and OPENBLAS_CORETYPE unset: NumPy's products are what the environment makes them.
On a busy machine ``taskset -c 1`` gives every library one core.
First-call time, peak memory and import time run in processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tianyuan as ty
from bench.comparison import Row, compare, table

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray[Any, Any]:
    """f32 normal numbers."""
    return RNG.standard_normal(shape).astype(np.float32)


def ready(f: Callable[..., Any], *args: Any) -> Any:
    """JAX's result, once it is there."""
    return jax.block_until_ready(f(*args))


def chain(np_like: Any, sigmoid: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """Twelve elementwise operations."""

    def f(x: Any, y: Any) -> Any:
        a = np_like.tanh(x) * y + 1.5
        b = sigmoid(a) - x * 0.25
        c = b / (np_like.abs(y) + 1.0)
        return np_like.maximum(c * c + a, b) - y

    return f


def chains() -> Iterator[Row]:
    """The 12-op chain at three sizes."""
    ours = ty.jit(chain(ty, ty.special.expit))
    theirs = jax.jit(chain(jnp, jax.nn.sigmoid))
    for n in (10_000, 1_000_000, 10_000_000):
        x, y = normal(n), normal(n)
        a, b, c, d = ty.asarray(x), ty.asarray(y), jnp.asarray(x), jnp.asarray(y)
        yield compare(f"chain of 12, {n:.0e}", partial(ours, a, b), {"jax": partial(ready, theirs, c, d)}, 2)


def products() -> Iterator[Row]:
    """f32 matrix products against OpenBLAS."""
    ours = ty.jit(lambda a, b: a @ b)
    for n in (256, 512, 1024):
        x, y = normal(n, n), normal(n, n)
        a, b = ty.asarray(x), ty.asarray(y)
        yield compare(f"matmul f32 {n}", partial(ours, a, b), {"numpy": partial(np.matmul, x, y)}, 2, 1e-2)


def rows() -> Iterator[Row]:
    """softmax and layer norm."""
    cases = [((2000, 128), (256, 1000)), ((256, 768), (4096, 768))]
    soft = (ty.jit(ty.nn.softmax), jax.jit(jax.nn.softmax))
    norm = (ty.jit(ty.nn.layer_norm), jax.jit(_jax_layer_norm))
    for (name, pair), shapes in zip((("softmax", soft), ("layer norm", norm)), cases, strict=True):
        for shape in shapes:
            x = normal(*shape)
            a, b, (f, g) = ty.asarray(x), jnp.asarray(x), pair
            yield compare(f"{name} {shape}", partial(f, a), {"jax": partial(ready, g, b)}, 1.5)


def _jax_layer_norm(x: Any) -> Any:
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)


def calls() -> Iterator[Row]:
    """A jitted call with two small arrays."""
    f, g = ty.jit(lambda x, y: x + y), jax.jit(lambda x, y: x + y)
    x = normal(16)
    a, b = ty.asarray(x), jnp.asarray(x)
    yield compare("jitted call, two arrays", partial(f, a, a), {"jax": partial(ready, g, b, b)}, 1)


SIZES = (784, 512, 512, 10)


def initial() -> dict[str, Any]:
    """The parameters of an MLP as NumPy arrays."""
    pairs = zip(SIZES[:-1], SIZES[1:], strict=True)
    return {f"{i}": {"w": normal(m, n) * (2 / m) ** 0.5, "b": normal(n) * 0} for i, (m, n) in enumerate(pairs)}


def mlp_step(lib: Any, value_and_grad: Any, tree_map: Any, relu: Any, logsumexp: Any) -> Callable[..., Any]:
    """One Adam step of the MLP, written once for both libraries."""

    def loss(p: Any, x: Any, y: Any) -> Any:
        for i in range(3):
            x = x @ p[f"{i}"]["w"] + p[f"{i}"]["b"]
            x = relu(x) if i < 2 else x
        return lib.mean(logsumexp(x) - lib.sum(x * y, axis=-1))

    def step(p: Any, m: Any, v: Any, count: Any, x: Any, y: Any) -> Any:
        value, g = value_and_grad(loss)(p, x, y)
        m = tree_map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = tree_map(lambda a, b: 0.999 * a + 0.001 * (b * b), v, g)
        c1, c2 = 1.0 - 0.9**count, 1.0 - 0.999**count
        p = tree_map(lambda a, b, c: a - 1e-3 * (b / c1) / (lib.sqrt(c / c2) + 1e-8), p, m, v)
        return p, m, v, count + 1, value

    return step


def our_step() -> tuple[Callable[..., Any], list[Any]]:
    """The jitted step in Tianyuan with its arguments."""
    f = ty.jit(mlp_step(ty, ty.value_and_grad, ty.tree.map, ty.nn.relu, lambda x: ty.special.logsumexp(x, axis=-1)))
    return f, _arguments(ty.asarray, lambda t: ty.tree.map(ty.asarray, t))


def jax_step() -> tuple[Callable[..., Any], list[Any]]:
    """The jitted step in JAX with its arguments."""
    f = mlp_step(jnp, jax.value_and_grad, jax.tree.map, jax.nn.relu, lambda x: jax.nn.logsumexp(x, axis=-1))
    return jax.jit(f), _arguments(jnp.asarray, lambda t: jax.tree.map(jnp.asarray, t))


def _arguments(array: Any, tree: Any) -> list[Any]:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((128, 784)).astype(np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)]
    p = tree(initial())
    zeros = tree({k: {n: a * 0 for n, a in v.items()} for k, v in initial().items()})
    return [p, zeros, zeros, array(np.float32(1)), array(x), array(y)]


def steps() -> Iterator[Row]:
    """MLP 784-512-512-10, batch 128, one Adam step."""
    (f, a), (g, b) = our_step(), jax_step()
    a[0], b[0] = ty.tree.map(ty.asarray, START), jax.tree.map(jnp.asarray, START)
    yield compare("MLP step", partial(f, *a), {"jax": partial(ready, g, *b)}, 4, 1e-2)


START = initial()
FIRST = """
import re, time
from bench import bench_spine as s
def memory(field): return int(re.search(field + r":\\s+(\\d+)", open("/proc/self/status").read()).group(1)) / 1024
f, a = s.{which}_step()
before = memory("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here
t = time.process_time()
s.jax.block_until_ready(f(*a)) if "{which}" == "jax" else f(*a)
print(time.process_time() - t)
for _ in range(3): s.jax.block_until_ready(f(*a)) if "{which}" == "jax" else f(*a)
print(memory("VmHWM") - before)
"""
WARM = """
import numpy as np, tianyuan as ty
x = ty.asarray(np.ones((8, 8), np.float32))
ty.jit(lambda x: ty.special.logsumexp(x @ x) + ty.sum(ty.sqrt(x) ** 0.5))(x)
"""


def first_calls() -> Iterator[Row]:
    """First call of the step (trace, compile, run) in a fresh process, and the memory it adds.

    Once with an empty disk cache, so that our library of contractions is compiled too, as once a machine; and
    once with the library there, but not the program.
    """
    with tempfile.TemporaryDirectory() as cold, tempfile.TemporaryDirectory() as warm:
        _process(WARM, TIANYUAN_CACHE_DIR=warm)
        first, m = _process(FIRST.format(which="our"), TIANYUAN_CACHE_DIR=cold)
        t, _ = _process(FIRST.format(which="our"), TIANYUAN_CACHE_DIR=warm)
        again, _ = _process(FIRST.format(which="our"), TIANYUAN_CACHE_DIR=warm)
        u, n = _process(FIRST.format(which="jax"))
    yield Row("first call of the MLP step (CPU time)", t, (("jax", u, t / u),), "s")
    yield Row("the same, first on this machine", first, (("jax", u, first / u),), "s")
    yield Row("the same, in a second process", again, (("jax", u, again / u),), "s")
    yield Row("memory added by the MLP step", m, (("jax", n, m / n),), "MiB")


def imports() -> Iterator[Row]:
    """Import time (wall), the best of five processes that find compiled bytecode, as every process but the first."""
    code = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    with tempfile.TemporaryDirectory() as bytecode:
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
        names = ("tianyuan", "jax", "numpy")
        ours, *theirs = (min(_process(code.format(n), **compiled)[0] for _ in range(6)) for n in names)
    yield Row("import", ours * 1e3, tuple((n, t * 1e3, ours / t) for n, t in zip(names[1:], theirs, strict=True)), "ms")


def _process(code: str, **changes: str) -> list[float]:
    environment = {**os.environ, **changes}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return [float(line) for line in done.stdout.split()]


QUESTIONS = (imports, calls, chains, products, rows, steps, first_calls)
PAGE = Path(__file__).parent / "results" / f"spine-{ty.config.num_threads}-threads.md"


def main() -> None:
    """Print the table, and write it if asked."""
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    found: list[Row] = []
    for question in QUESTIONS:
        if part == "--write" or part in question.__name__:
            for row in question():
                print(row, flush=True)
                found.append(row)
    if part == "--write":
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(table(found, "python -m bench.bench_spine --write"))


if __name__ == "__main__":
    main()
