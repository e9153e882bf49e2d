"""Nothing a user passes crashes or hangs the process: each case has a defined value or one readable error."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty

BOTH = pytest.mark.parametrize("wrap", [lambda f: f, ty.jit], ids=["eager", "jitted"])
SIGNED = ["int8", "int16", "int32", "int64"]
INTEGERS = [*SIGNED, "uint8", "uint16", "uint32", "uint64"]
Wrap = Callable[..., Any]


@BOTH
@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_division_by_zero(wrap: Wrap, dtype: str) -> None:
    """``//`` and ``%`` by zero give 0."""
    x = ty.asarray(np.array([7, 0, 1, np.iinfo(dtype).max, np.iinfo(dtype).min] * 7, dtype))

    quotient, rest = wrap(lambda a, b: (a // b, a % b))(x, ty.zeros_like(x))

    assert not np.asarray(quotient).any() and not np.asarray(rest).any()


@BOTH
@pytest.mark.parametrize("dtype", SIGNED)
def test_smallest_integer_by_minus_one(wrap: Wrap, dtype: str) -> None:
    """``INT_MIN // -1`` is ``INT_MIN``, as are its negative and its absolute value; the remainder is 0."""
    low = np.iinfo(dtype).min
    x = ty.full((33,), low, dtype=getattr(ty, dtype))

    quotient, rest, negative, size = wrap(lambda a, b: (a // b, a % b, -a, abs(a)))(x, -ty.ones_like(x))

    assert {int(v) for part in (quotient, negative, size) for v in np.asarray(part)} == {low}
    assert not np.asarray(rest).any()


@BOTH
@pytest.mark.parametrize("dtype", INTEGERS)
def test_shifts_past_the_width(wrap: Wrap, dtype: str) -> None:
    """They give 0, or all sign bits; a negative count is a large unsigned one."""
    info = np.iinfo(dtype)
    x = ty.asarray(np.array([info.max, info.min, 1] * 11, dtype))

    for count in (info.bits, info.bits + 1, info.max, *([-1] if info.min else [])):
        left, right = wrap(lambda a, n: (a << n, a >> n))(x, ty.full_like(x, count))
        assert not np.asarray(left).any()
        assert np.array_equal(np.asarray(right), np.where(np.asarray(x) < 0, -1, 0))


@BOTH
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("source", ["float16", "float32", "float64"])
def test_floats_beyond_the_integers(wrap: Wrap, dtype: str, source: str) -> None:
    """Infinities and large floats go to the ends, NaN to 0."""
    info = np.iinfo(dtype)
    x = ty.asarray(np.array([np.inf, -np.inf, np.nan, np.finfo(source).max, np.finfo(source).min] * 5, source))

    found = np.asarray(wrap(lambda a: ty.astype(a, getattr(ty, dtype)))(x)[:5]).tolist()

    assert found[:3] == [info.max, info.min, 0]
    if float(np.finfo(source).max) > info.max:
        assert found[3:] == [info.max, info.min]


EMPTY: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: ty.sum(x, axis=0),
    "prod of all": ty.prod,
    "mean of rows": lambda x: ty.mean(x, axis=1),
    "sort": lambda x: ty.sort(x, axis=0),
    "argsort": lambda x: ty.argsort(x, axis=1),
    "cumsum": lambda x: ty.cumsum(x, axis=0),
    "matmul": lambda x: ty.matmul(x, ty.matrix_transpose(x)),
    "matmul over nothing": lambda x: ty.matmul(ty.matrix_transpose(x), x),
    "softmax": lambda x: ty.special.softmax(x, axis=1),
    "gather": lambda x: x[ty.zeros((0,), dtype=ty.int64)],
    "scatter": lambda x: x.at[ty.zeros((0,), dtype=ty.int64)].add(1.0),
    "reverse": lambda x: x[::-1],
    "pad": lambda x: ty.pad(x, 1),
    "concat": lambda x: ty.concat([x, x, ty.ones((2, 4))]),
    "exp": lambda x: ty.exp(x) + 1,
    "scan": lambda x: ty.scan(lambda c, r: (c + ty.sum(r), r * 2), ty.asarray(0.0), x),
    "map": lambda x: ty.map(lambda r: r * 2, x),
    "vmap": lambda x: ty.vmap(ty.sin)(x),
    "grad": lambda x: ty.grad(lambda v: ty.sum(ty.sin(v)))(x),
    "random": lambda x: ty.random.normal(ty.random.key(0), x.shape),
    "convolution": lambda x: ty.nn.conv2d(ty.zeros((0, 5, 5, 2)) + ty.sum(x), ty.ones((3, 3, 2, 4))),
    "digest": lambda x: x,
}


@BOTH
@pytest.mark.parametrize("name", EMPTY)
def test_arrays_without_elements(wrap: Wrap, name: str) -> None:
    """Every kind of kernel over nothing."""
    assert ty.digest(wrap(EMPTY[name])(ty.zeros((0, 4))))


@BOTH
@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_extreme_of_nothing(wrap: Wrap, name: str) -> None:
    """There is none: one error that says so."""
    with pytest.raises(ty.ShapeError, match="of no elements"):
        wrap(lambda x: getattr(ty, name)(x, axis=0))(ty.zeros((0, 4)))


HUGE: dict[str, Callable[[], Any]] = {
    "zeros": lambda: ty.zeros((2**40, 2**10)),
    "zeros beyond i64": lambda: ty.zeros((2**40, 2**40)),
    "broadcast": lambda: ty.broadcast_to(ty.ones(2), (2**45, 2)) + 1,
    "outer": lambda: ty.outer(ty.ones(2**22), ty.ones(2**22)),
    "normal": lambda: ty.random.normal(ty.random.key(0), (2**44,)),
    "arange": lambda: ty.arange(2**50),
}


@pytest.mark.parametrize("name", HUGE)
@pytest.mark.parametrize("jitted", [False, True])
def test_huge_shapes(name: str, jitted: bool) -> None:
    """A memory error that names the size, and the process goes on."""
    with pytest.raises((MemoryError, ty.TianyuanError), match="bytes"):
        (ty.jit(HUGE[name]) if jitted else HUGE[name])()
    assert float(ty.sum(ty.ones(3))) == 3.0


def test_fork_after_use() -> None:
    """A child computes on, with threads, what its parent has compiled and what it has not."""
    f = ty.jit(lambda x: ty.sum(ty.sin(x) * 2))
    x = ty.ones(200_000)
    with ty.config.override(num_threads=2):
        expected = ty.digest(f(x))
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            new = ty.jit(lambda v: ty.sum(ty.cos(v) * 3))
            os._exit(0 if ty.digest(f(x)) == expected and ty.digest(new(x)) == ty.digest(new(x)) else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert ty.digest(f(x)) == expected


ENDLESS = {
    "while_loop": "ty.while_loop(lambda c: c >= 0, lambda c: c * 0.5 + 1.0, x[0])",
    "fori_loop": "ty.fori_loop(0, 2**40, lambda i, c: ty.sin(c) + 1, x)",
    "scan": "ty.scan(lambda c, _: (ty.sin(c) @ ty.ones((64, 64)), None), x, None, length=2**40)[0]",
    "loop in a loop": "ty.fori_loop(0, 2**20, lambda i, c: ty.fori_loop(0, 2**30, lambda j, d: d * 0.5, c), x)",
}
INTERRUPTED = """
import sys, threading, time, os, signal
sys.path[:0] = {path!r}
import tianyuan as ty
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
x = ty.ones(64)
f = ty.jit(lambda x: {body})
threading.Timer({after}, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    f(x)
except KeyboardInterrupt:
    print("interrupted", float(ty.sum(x)))
"""


@pytest.mark.parametrize("name", ENDLESS)
def test_interrupt(name: str) -> None:
    """Ctrl-C in a jitted loop raises KeyboardInterrupt at the next chance, and Tianyuan still works."""
    script = INTERRUPTED.format(path=sys.path, body=ENDLESS[name], after=1.5)
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted 64.0\n", "")
    assert time.monotonic() - start < 30


def test_deep_trees() -> None:
    """A thousand levels of lists are one readable error, or work."""
    tree: Any = ty.ones(2)
    for _ in range(100_000):
        tree = [tree]

    with pytest.raises(ty.TianyuanError, match="deep|nest"):
        ty.jit(lambda t: t)(tree)
    while isinstance(tree, list):  # take it apart by hand: Python's own deallocator is recursive
        tree = tree.pop()


@BOTH
def test_many_arguments_and_results(wrap: Wrap) -> None:
    """Five hundred of each."""
    tree = {f"w{i}": ty.full((3,), float(i)) for i in range(500)}

    out = wrap(lambda t: ty.tree.map(lambda x: x * 2 + 1, t))(tree)

    assert [float(out[f"w{i}"][0]) for i in range(500)] == [2.0 * i + 1 for i in range(500)]


@BOTH
def test_the_same_array_twice_and_results_that_are_arguments(wrap: Wrap) -> None:
    """Aliases neither copy wrongly nor write where they must not."""
    x = ty.arange(10.0)

    a, b, c = wrap(lambda p, q: (p, p.at[0].set(9.0), q + p))(x, x)

    assert float(x[0]) == 0.0 and float(a[0]) == 0.0 and float(b[0]) == 9.0
    assert np.asarray(c).tolist() == [2.0 * i for i in range(10)]


def test_donated_memory_is_not_another_arrays() -> None:
    """A donated array whose NumPy view lives on does not change under it."""
    x = ty.arange(1000.0)
    seen = np.asarray(x)
    before = seen.copy()

    ty.jit(lambda v: v + 1, donate_argnums=0)(x)

    np.testing.assert_array_equal(seen, before)
    with pytest.raises(ty.TianyuanError, match="donated"):
        x + 1
