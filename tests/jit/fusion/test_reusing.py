"""Scatters in place: where they may be, and nowhere else."""

from __future__ import annotations

import numpy as np

from tests.laws.bits import same_bits
from tianyuan.array import Array
from tianyuan.compiling import jit
from tianyuan.eager import from_numpy
from tianyuan.prims.pointwise.arithmetic import add, mul
from tianyuan.program import Program
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, float32, int64
from tianyuan_jit.fusion import fuse
from tianyuan_jit.kernels import Single

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
