"""Integer semantics against Python ints: floors, wraps, never traps."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.jit.scalars.compiled import compiled
from tianyuan.types import INTEGERS, DType, bool_


def interesting(dtype: DType) -> tuple[Any, Any]:
    """All pairs of edge values and a few random ones."""
    low, high = int(np.iinfo(dtype.numpy).min), int(np.iinfo(dtype.numpy).max)
    rng = np.random.default_rng(dtype.bits)
    values = {low, low + 1, -1, 0, 1, 2, 3, 7, dtype.bits - 1, dtype.bits, dtype.bits + 1, high - 1, high}
    values |= {int(v) for v in rng.integers(low, high, 12, dtype=dtype.numpy)}
    inside = sorted(v for v in values if low <= v <= high)
    pairs = np.array(list(itertools.product(inside, inside)), dtype=dtype.numpy)
    return pairs[:, 0].copy(), pairs[:, 1].copy()


def wrap(value: int, dtype: DType) -> int:
    value %= 1 << dtype.bits
    return value - (1 << dtype.bits) if dtype.kind == "i" and value >> (dtype.bits - 1) else value


def shift_right(x: int, n: int, dtype: DType) -> int:
    return x >> min(n % (1 << dtype.bits), dtype.bits)


def shift_left(x: int, n: int, dtype: DType) -> int:
    return wrap(x << n, dtype) if 0 <= n < dtype.bits else 0


BINARY = {
    "add": lambda x, y, d: wrap(x + y, d),
    "sub": lambda x, y, d: wrap(x - y, d),
    "mul": lambda x, y, d: wrap(x * y, d),
    "floor_divide": lambda x, y, d: wrap(x // y, d) if y else 0,
    "remainder": lambda x, y, d: x % y if y else 0,
    "fmod": lambda x, y, d: (abs(x) % abs(y)) * (-1 if x < 0 else 1) if y else 0,
    "minimum": lambda x, y, d: min(x, y),
    "maximum": lambda x, y, d: max(x, y),
    "bitand": lambda x, y, d: x & y,
    "bitor": lambda x, y, d: x | y,
    "bitxor": lambda x, y, d: x ^ y,
    "shift_left": shift_left,
    "shift_right": shift_right,
}
UNARY = {
    "neg": lambda x, d: wrap(-x, d),
    "abs": lambda x, d: wrap(abs(x), d),
    "sign": lambda x, d: (x > 0) - (x < 0),
    "bitnot": lambda x, d: wrap(~x, d),
    "popcount": lambda x, d: (x % (1 << d.bits)).bit_count(),
    "clz": lambda x, d: d.bits - (x % (1 << d.bits)).bit_length(),
}


@pytest.mark.parametrize("lanes, machine", [(16, "host"), (1, "host"), (4, "x86-64")])
@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_binary(dtype: DType, lanes: int, machine: str) -> None:
    """Every binary operation on every pair of edge values."""
    x, y = interesting(dtype)
    for name, model in BINARY.items():
        run = compiled(lambda k, a, b, n=name: getattr(k, n)(a, b), [dtype, dtype], dtype, lanes, machine)
        expected = [model(int(a), int(b), dtype) for a, b in zip(x, y, strict=True)]

        assert expected == [int(v) for v in run(x, y)], name


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_unary(dtype: DType) -> None:
    """Every unary operation on edge values."""
    x = np.unique(interesting(dtype)[0])
    for name, model in UNARY.items():
        run = compiled(lambda k, a, n=name: getattr(k, n)(a), [dtype], dtype)
        expected = [model(int(a), dtype) for a in x]

        assert expected == [int(v) for v in run(x)], name


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_comparisons(dtype: DType) -> None:
    """eq, ne, lt, le give bools in memory as 0 and 1."""
    x, y = interesting(dtype)
    for name, model in {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal}.items():
        run = compiled(lambda k, a, b, n=name: getattr(k, n)(a, b), [dtype, dtype], bool_)

        assert np.array_equal(model(x, y), run(x, y)), name


def test_constant_shift() -> None:
    """A constant count inside the width needs no guard, one outside gives 0 or the sign."""
    for dtype in INTEGERS:
        x = np.unique(interesting(dtype)[0])
        for n in (0, 1, dtype.bits - 1, dtype.bits, 100):
            run = compiled(lambda k, a, n=n: k.shift_right(a, k.like(a, n)), [dtype], dtype)

            assert [shift_right(int(a), n, dtype) for a in x] == [int(v) for v in run(x)]
