"""Scatters in place: where they may be, and nowhere else."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits
from tests.oracle_machine import install, uninstall
from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.compiling import jit
from tianyuan.eager import from_numpy
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.program import Program
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, float32, int64
from tianyuan_jit.fusion import fuse
from tianyuan_jit.kernels import Loop, Single

X, INDICES = ArrayType(float32, (50,)), ArrayType(int64, (4,))


def fresh(x: Array, i: Array) -> list[Array]:
    """Nobody else needs what is overwritten, twice."""
    return [add(mul(x, x).at[i].add(1.0).at[i].multiply(x[:4]), x)]


def param(x: Array, i: Array) -> list[Array]:
    """A param is the caller's."""
    return [x.at[i].set(0.0)]


def read_later(x: Array, i: Array) -> list[Array]:
    """The array is read after the scatter."""
    y = mul(x, x)
    z = y.at[i].set(0.0)
    return [add(z, y.at[i].max(z[:4]))]


def returned(x: Array, i: Array) -> list[Array]:
    """The array is a result too."""
    y = mul(x, x)
    return [y, y.at[i].min(-1.0)]


def its_own_updates(x: Array, i: Array) -> list[Array]:
    """The updates are a part of the array itself."""
    y = mul(x, x)
    return [y.at[i].add(y[1:5])]


def counts(fun: object) -> list[bool]:
    """For each scatter, whether it is in place."""
    program: Program = trace(fun, [X, INDICES]).program  # pyright: ignore
    scatters = [k for k in fuse(program).kernels if isinstance(k, Single) and "Scatter" in str(k.lowering)]
    return [k.ins[0].buffer == k.outs[0].buffer for k in scatters]


def test_where() -> None:
    """Only what nobody reads afterwards is overwritten."""
    assert counts(fresh) == [True, True]
    assert counts(param) == [False]
    assert counts(read_later) == [False, True]
    assert counts(returned) == [False]
    assert counts(its_own_updates) == [False]


def test_values() -> None:
    """As without."""
    x, i = from_numpy(np.linspace(-1, 2, 50, dtype=np.float32)), from_numpy(np.array([3, -1, 3, 0]))
    for fun in (fresh, param, read_later, returned, its_own_updates):
        for got, want in zip(jit(fun)(x, i), fun(x, i), strict=True):
            same_bits(got, want)
        assert float(np.asarray(x)[3]) == np.float32(np.linspace(-1, 2, 50, dtype=np.float32)[3])


def bodies(fun: object, *args: ty.Array) -> list[list[bool]]:
    """For every loop, which carries stay where they are."""
    program: Program = trace(fun, [a.type for a in args]).program  # pyright: ignore
    loops = [k for k in fuse(program).kernels if isinstance(k, Loop)]
    found: list[list[bool]] = []
    for loop in loops:
        body, how = loop.bodies[-1], loop.lowering
        first = how.consts if isinstance(how, lowering.Scan) else how.body_consts  # pyright: ignore
        carries = how.carries if isinstance(how, lowering.Scan) else len(body.results)
        found.append([r.buffer == first + k for k, r in enumerate(body.results[:carries])])
    return found


def updated(x: ty.Array) -> list[ty.Array]:
    """Read, then updated twice; a part of the new value is stacked too."""

    def step(carry: ty.Array, t: ty.Array) -> tuple[ty.Array, ty.Array]:
        changed = carry.at[t].add(carry[t + 1]).at[t].multiply(2.0)
        return changed, changed[:2]

    return list(ty.scan(step, x, ty.arange(4)))


def read_afterwards(x: ty.Array) -> list[ty.Array]:
    """The old value is needed behind the update."""

    def step(t: ty.Array, carry: tuple[ty.Array, ty.Array]) -> tuple[ty.Array, ty.Array]:
        return carry[0].at[t].add(1.0), carry[1] + carry[0] * 3.0

    return list(ty.fori_loop(0, 3, step, (x, x)))


def exchanged(x: ty.Array) -> list[ty.Array]:
    """The carries change places."""

    def step(t: ty.Array, carry: tuple[ty.Array, ty.Array]) -> tuple[ty.Array, ty.Array]:
        return carry[1], carry[0].at[t].add(1.0)

    return list(ty.fori_loop(0, 3, step, (x, x * 2)))


def passed_on(x: ty.Array) -> list[ty.Array]:
    """One carry does not change, in a loop without a known number of iterations."""

    def step(carry: tuple[ty.Array, ty.Array]) -> tuple[ty.Array, ty.Array]:
        return carry[0].at[0].add(carry[1][0]), carry[1]

    return list(ty.while_loop(lambda c: c[0][0] < 9, step, (x, x + 1)))


def inside(x: ty.Array) -> list[ty.Array]:
    """A loop in a loop."""

    def row(i: ty.Array, carry: ty.Array) -> ty.Array:
        return ty.fori_loop(0, 3, lambda j, c: c.at[j].add(c[i]), carry)

    return [ty.fori_loop(0, 3, row, x)]


LOOPS = {
    updated: [[True]],
    read_afterwards: [[False, False]],
    exchanged: [[False, False]],
    passed_on: [[True, True]],
    inside: [[False]],
}


@pytest.mark.parametrize("fun", LOOPS)
def test_loops(fun: object) -> None:
    """Carries are overwritten where only their next value needs them; values are those of the oracles' loop."""
    values = np.linspace(0.5, 2, 6, dtype=np.float32)
    install()
    expected = [np.array(y) for y in fun(from_numpy(values))]  # pyright: ignore
    uninstall()
    x = from_numpy(values)
    states = [s[-len(want) :] for s, want in zip(bodies(fun, x), LOOPS[fun], strict=True)]  # pyright: ignore

    assert states == LOOPS[fun]  # pyright: ignore
    for form in (fun, jit(fun)):  # pyright: ignore
        for got, want in zip(form(x), expected, strict=True):  # pyright: ignore
            same_bits(got, want)
    same_bits(x, values)


def test_a_loop_of_updates_costs_the_updates() -> None:
    """A thousand updates of a large array take less than copying it a hundred times."""
    x = ty.zeros(1_000_000)
    updates = jit(lambda x: ty.fori_loop(0, 1000, lambda i, c: c.at[i].set(2.0), x))
    copies = jit(lambda x: ty.fori_loop(0, 100, lambda i, c: c + 1.0, x))

    seconds = [min(_seconds(f, x) for _ in range(3)) for f in (updates, copies)]

    assert seconds[0] < seconds[1]


def _seconds(f: Any, x: ty.Array) -> float:
    f(x)
    start = time.perf_counter()
    f(x)
    return time.perf_counter() - start
