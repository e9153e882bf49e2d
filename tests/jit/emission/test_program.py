"""Loops and branches as native code: any mix of carries, slices and stacked results, as the same loop in NumPy."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits

Step = Callable[[Any, Any], tuple[Any, Any]]
RNG = np.random.default_rng(0)
K = RNG.standard_normal((7,)).astype(np.float32)  # closed over


def normal(*shape: int) -> Any:
    """f32 values."""
    return RNG.standard_normal(shape).astype(np.float32)


def scanned(step: Step, init: Any, xs: Any, reverse: bool) -> tuple[Any, list[Any]]:
    """``ty.scan`` over a non-empty array, in Python."""
    carry, ys = init, [None] * len(xs)
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        carry, ys[t] = step(carry, xs[t])
    return carry, [np.stack(parts) for parts in zip(*ys, strict=True)]


STEPS: dict[str, tuple[Step, Any]] = {
    "one carry": (lambda c, x: (c * 0.5 + x, (c, c - x)), normal(7)),
    "no carry": (lambda c, x: ((), (x * 2.0,)), ()),
    "exchanged": (lambda c, x: ((c[1], c[0] + x), (c[0],)), (normal(7), normal(7))),
    "rotated": (lambda c, x: ((c[2], c[0], c[1]), (c[0] - c[1],)), (normal(7), normal(7), normal(7))),
    "doubled": (lambda c, x: ((c[0] - x, c[0] - x), (c[1],)), (normal(7), normal(7))),
    "kept": (lambda c, x: ((c[0], c[1] + c[0]), (c[1] * x,)), (normal(7), normal(7))),
    "replaced by the slice": (lambda c, x: (x, (c,)), normal(7)),
    "replaced by what is closed over": (lambda c, x: (x * 0.0 + K, (c,)), normal(7)),
    "stacked as it is": (lambda c, x: (c + x, (c, x)), normal(7)),
    "the next value stacked": (lambda c, x: ((d := c + x), (d, d[::-1])), normal(7)),
    "numbers": (lambda c, x: ((c[0] + x[3], c[1] * 0.5), (c[0] * c[1],)), (np.float32(1), np.float64(8))),
    "a constant": (lambda c, x: (c - x * K, (K * c,)), normal(7)),
}


@pytest.mark.parametrize("length", [1, 2, 3, 63, 64, 65, 130])
@pytest.mark.parametrize("name", STEPS)
def test_scan(name: str, length: int) -> None:
    """Forth and back, with carries in one place, two, or none."""
    step, init = STEPS[name]
    xs = normal(length, 7)
    for reverse in (False, True):
        run = ty.jit(lambda c, xs, r=reverse: ty.scan(step, c, xs, reverse=r))
        carry, ys = run(ty.tree.map(ty.asarray, init), ty.asarray(xs))
        want, stacked = scanned(step, init, xs, reverse)

        for a, b in zip(ty.tree.leaves(carry), ty.tree.leaves(want), strict=True):
            same_bits(a, b)
        for a, b in zip(ys, stacked, strict=True):
            same_bits(a, b)


def test_scan_of_nothing() -> None:
    """The carry as it was, and empty results."""
    f = ty.jit(lambda c, xs: ty.scan(lambda c, x: (c + x, c), c, xs))
    carry, ys = f(ty.asarray(K), ty.zeros((0, 7)))

    same_bits(carry, K)
    same_bits(ys, np.zeros((0, 7), np.float32))


def test_the_first_carry_is_not_overwritten() -> None:
    """It may be an argument, used again behind the loop, or the start of two carries."""

    def f(x: ty.Array) -> Any:
        double = x * 2.0
        a, b = ty.fori_loop(0, 3, lambda t, c: (c[0].at[t].add(c[1][t]), c[1].at[0].set(5.0)), (double, double))
        only = ty.fori_loop(0, 4, lambda t, c: c.at[t].set(9.0), x)
        return a, b, double, only

    x = ty.asarray(K)
    found = ty.jit(f)(x)
    a, b, double = K * 2, K * 2, K * 2
    for t in range(3):
        a[t], b[0] = a[t] + b[t], 5.0
    only = K.copy()
    only[:4] = 9

    for y, want in zip(found, (a, b, double, only), strict=True):
        same_bits(y, want)
    same_bits(x, K)


@pytest.mark.parametrize("limit", [-1.0, 0.0, 3.0, 1e3])
def test_while(limit: float) -> None:
    """From no iteration on; the condition and the body close over different things."""
    f = ty.jit(lambda x, m: ty.while_loop(lambda c: c[0] < m, lambda c: (c[0] + 1.5, c[1] * 0.5 + x), (0.0, x)))
    count, y = f(ty.asarray(K), limit)
    n, want = 0.0, K
    while n < limit:
        n, want = n + 1.5, want * np.float32(0.5) + K

    assert float(count) == n
    same_bits(y, want)


def test_bounds_that_are_values() -> None:
    """A loop whose bounds are known when it runs alone."""
    f = ty.jit(lambda low, high, x: ty.fori_loop(low, high, lambda t, c: c + x * t.astype(ty.float32), x))
    for low, high in ((0, 0), (3, 1), (2, 5), (-2, 2)):
        want = K
        for t in range(low, high):
            want = want + K * np.float32(t)
        same_bits(f(low, high, ty.asarray(K)), want)


BRANCHES: list[Callable[[Any, Any], Any]] = [
    lambda x, y: (x + y, x),
    lambda x, y: (y, x),
    lambda x, y: (x, x),
    lambda x, y: (K * 1.0 + x * 0.0, y - x),
]


@pytest.mark.parametrize("which", range(4))
def test_branches(which: int) -> None:
    """Results computed, passed on, exchanged, repeated."""
    x, y = normal(7), normal(7)
    chosen = ty.jit(lambda i, x, y: ty.switch(i, BRANCHES, x, y))(which, ty.asarray(x), ty.asarray(y))

    for a, b in zip(chosen, BRANCHES[which](x, y), strict=True):
        same_bits(a, b)


def test_branches_in_loops() -> None:
    """A branch an iteration, whose results are the carries; a loop in one of them."""

    def step(carry: Any, x: Any) -> Any:
        a, b = carry
        looped = lambda a, b: ty.fori_loop(0, 3, lambda _, c: (c[1], c[0] + x), (a, b))  # noqa: E731
        return ty.cond(ty.sum(x) > 0, looped, lambda a, b: (b, a - x), a, b), a

    def plain(carry: Any, x: Any) -> Any:
        a, b = carry
        if np.asarray(ty.sum(ty.asarray(x))) > 0:
            for _ in range(3):
                a, b = b, a + x
            return (a, b), (carry[0],)
        return (b, a - x), (a,)

    init, xs = (normal(7), normal(7)), normal(40, 7)
    (a, b), ys = ty.jit(lambda c, xs: ty.scan(step, c, xs))(ty.tree.map(ty.asarray, init), ty.asarray(xs))
    want, stacked = scanned(plain, init, xs, False)

    same_bits(a, want[0])
    same_bits(b, want[1])
    same_bits(ys, stacked[0])


@pytest.mark.parametrize("threads", [1, 2])
def test_large_carries(threads: int) -> None:
    """Kernels in a loop run on all threads."""
    x, xs = normal(1 << 18), normal(5)
    with ty.config.override(num_threads=threads):
        f = ty.jit(lambda c, xs: ty.scan(lambda c, t: ((c[1] * t, ty.sin(c[0]) + t), ty.sum(c[0])), (c, c), xs))
        (a, b), sums = f(ty.asarray(x), ty.asarray(xs))
        p = q = ty.asarray(x)
        for t, s in zip(xs, sums, strict=True):
            same_bits(s, ty.sum(p))
            p, q = q * t, ty.sin(p) + t

    same_bits(a, p)
    same_bits(b, q)


def test_one_temporary_for_every_result() -> None:
    """Results that are one value, an argument, a part of one, a constant."""
    f = ty.jit(lambda x: (x * 2.0, (x * 2.0)[2:5], x, x[1:3], ty.reshape(x, (7, 1)), ty.full(3, 2.5), x * 2.0))
    want = (K * 2, (K * 2)[2:5], K, K[1:3], K.reshape(7, 1), np.full(3, 2.5, np.float32), K * 2)

    for a, b in zip(f(ty.asarray(K)), want, strict=True):
        same_bits(a, b)
