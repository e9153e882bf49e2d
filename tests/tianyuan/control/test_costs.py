"""What loops and branches cost under transformations, counted: steps of mapped loops, memory of long gradients."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tianyuan as ty


def counted(f: Any, *args: Any) -> int:
    """How often ``f(tick, *args)`` calls ``tick``."""
    calls = [0]

    def tick(_: Any) -> None:
        calls[0] += 1

    ty.block_until_ready(f(lambda x: ty.debug.callback(tick, x), *args))
    return calls[0]


@pytest.mark.parametrize("jitted", [False, True])
def test_a_mapped_loop_costs_the_sum_of_its_lanes(jitted: bool) -> None:
    """Not their number times the longest."""
    counts = ty.asarray([1, 50, 0, 3])

    def run(tick: Any, ns: Any) -> Any:
        def body(c: Any) -> Any:
            tick(c)
            return c + 1

        def lane(n: Any) -> Any:
            return ty.while_loop(lambda c: c < n, body, ty.asarray(0))

        f = ty.vmap(lane)
        return (ty.jit(f) if jitted else f)(ns)

    assert counted(run, counts) == 54


@pytest.mark.parametrize("jitted", [False, True])
def test_a_mapped_branch_runs_for_its_lanes(jitted: bool) -> None:
    """Two of five lanes take the branch that counts."""

    def run(tick: Any, xs: Any) -> Any:
        def dear(x: Any) -> Any:
            tick(x)
            return ty.sin(x)

        f = ty.vmap(lambda x: ty.cond(x > 0, dear, lambda v: v, x))
        return (ty.jit(f) if jitted else f)(xs)

    assert counted(run, ty.asarray([1.0, -1.0, 2.0, -3.0, 0.0])) == 2


LONG = """
import resource
import tianyuan as ty
def loop(x, n):
    step = lambda c: (c[0] + 1, c[1] * 0.999999)
    return ty.sum(ty.while_loop(lambda c: c[0] < n, step, (ty.asarray(0), x))[1])
x = ty.ones(256)
f = ty.jit(ty.grad(loop))
f(x, 10)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(float(f(x, 1_000_000)[0]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_gradient_of_a_million_steps_stays_small() -> None:
    """A state of 1 KiB: a million of them would be a gigabyte; 64 MB is the limit."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-c", LONG], capture_output=True, text=True, check=True, env=environment)
    slope, kilobytes = map(float, done.stdout.split())

    expected = np.float32(1)
    for _ in range(1_000_000):
        expected = expected * np.float32(0.999999)
    assert slope == expected
    assert kilobytes < 64_000
