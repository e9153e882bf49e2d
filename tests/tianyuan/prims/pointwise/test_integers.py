"""Integers: wrapping, division by zero, shifts past the width, powers. The oracles against the law's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.pointwise.arithmetic import abs as abs_
from tianyuan.prims.pointwise.arithmetic import add, floor_divide, fmod, mul, neg, remainder, sign
from tianyuan.prims.pointwise.arithmetic import pow as pow_
from tianyuan.prims.pointwise.arithmetic import round as round_
from tianyuan.prims.pointwise.bitwise import bitwise_and, bitwise_not, clz, popcount, shift_left, shift_right
from tianyuan.types import ArrayType, bool_, complex64, float32, int32, int64

LOW, HIGH = -(2**31), 2**31 - 1


def run(f: Any, *args: Any, dtype: Any = np.int32) -> list[int]:
    """The results on integer vectors."""
    return np.asarray(f(*(from_numpy(np.array(a, dtype)) for a in args))).tolist()


@pytest.mark.parametrize(
    ("f", "a", "b", "expected"),
    [
        (floor_divide, [7, -7, 7, -7, 5, LOW, LOW], [2, 2, -2, -2, 0, -1, 0], [3, -4, -4, 3, 0, LOW, 0]),
        (remainder, [7, -7, 7, -7, 5, LOW, -5], [2, 2, -2, -2, 0, -1, 0], [1, 1, -1, -1, 0, 0, 0]),
        (fmod, [7, -7, 7, -7, 5, LOW, -5], [2, 2, -2, -2, 0, -1, 0], [1, -1, 1, -1, 0, 0, 0]),
        (add, [HIGH, LOW], [1, -1], [LOW, HIGH]),
        (mul, [2**16, HIGH], [2**16, 2], [0, -2]),
        (shift_left, [1, 1, 1, 1, 3], [31, 32, 33, -1, 30], [LOW, 0, 0, 0, -(2**30)]),
        (shift_right, [-8, 8, -8, 8, -8, LOW], [1, 1, 32, 32, -1, 31], [-4, 4, -1, 0, -1, -1]),
        (bitwise_and, [-1, 12], [5, 10], [5, 8]),
        (pow_, [3, -2, 0, 2, 2, 1, -1, -1, 0, 7], [4, 3, 0, 31, 32, -5, -3, -2, -1, -1], None),
    ],
    ids=lambda p: getattr(p, "name", ""),
)
def test_two_arguments(f: Any, a: Any, b: Any, expected: Any) -> None:
    """As numerics.md says."""
    powers = [81, -8, 1, LOW, 0, 1, -1, 1, 0, 0]
    assert run(f, a, b) == (powers if expected is None else expected)


@pytest.mark.parametrize(
    ("f", "a", "expected"),
    [
        (neg, [LOW, 1], [LOW, -1]),
        (abs_, [LOW, -3], [LOW, 3]),
        (sign, [LOW, 0, 9], [-1, 0, 1]),
        (round_, [HIGH, LOW], [HIGH, LOW]),
        (popcount, [0, -1, 5, LOW], [0, 32, 2, 1]),
        (clz, [0, -1, 1, HIGH], [32, 0, 31, 1]),
        (bitwise_not, [0, -1], [-1, 0]),
    ],
    ids=lambda p: getattr(p, "name", ""),
)
def test_one_argument(f: Any, a: Any, expected: Any) -> None:
    """As numerics.md says."""
    assert run(f, a) == expected


def test_unsigned() -> None:
    """Shifts are logical; differences wrap."""
    assert run(shift_right, [2**63], [63], dtype=np.uint64) == [1]
    assert run(shift_right, [255], [8], dtype=np.uint8) == [0]
    assert run(pow_, [3], [41], dtype=np.uint64) == [3**41 % 2**64]
    assert run(clz, [1], dtype=np.uint8) == [7]


def test_bool() -> None:
    """One bit."""
    a, b = from_numpy(np.array([True, True])), from_numpy(np.array([True, False]))

    assert np.asarray(bitwise_and(a, b)).tolist() == [True, False]
    assert np.asarray(bitwise_not(b)).tolist() == [False, True]


def test_errors() -> None:
    """Counts are of integers, powers of fitting dtypes."""
    with pytest.raises(ArrayTypeError, match=r"popcount takes integers, got bool\[\]"):
        popcount.types(ArrayType(bool_))
    with pytest.raises(ArrayTypeError, match=r"one dtype, or a float and an integer, got i32\[\] and f32\[\]"):
        pow_.types(ArrayType(int32), ArrayType(float32))
    with pytest.raises(ArrayTypeError, match=r"got c64\[\] and i32\[\]"):
        pow_.types(ArrayType(complex64), ArrayType(int32))
    with pytest.raises(ShapeError, match=r"pow takes equal shapes .* got f32\[2\] and i64\[3\]"):
        pow_.types(ArrayType(float32, (2,)), ArrayType(int64, (3,)))
    with pytest.raises(ArrayTypeError, match="pow takes 2 arguments, got 1"):
        pow_.types(ArrayType(float32))

    assert pow_.types(ArrayType(float32, (2,)), ArrayType(int64)) == (ArrayType(float32, (2,)),)
