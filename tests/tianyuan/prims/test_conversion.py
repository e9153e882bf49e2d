"""Convert and Bitcast: rules on every case, errors, derivatives, and the oracle against exact arithmetic."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tests.tianyuan.prims.checks import OracleInterpreter, array, check_batch, check_types_and_oracle
from tianyuan.core import Undef, interpreting
from tianyuan.errors import ArrayTypeError
from tianyuan.prims.conversion import Bitcast, Convert, bitcast, convert, converted
from tianyuan.types import (
    ArrayType,
    bfloat16,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int8,
    int32,
    int64,
    key_dtype,
    uint8,
    uint16,
    uint64,
)

BOTH: Any = pytest.mark.parametrize("prim", [Convert, Bitcast])


@BOTH
def test_types_agree_with_the_oracle(prim: Any) -> None:
    """Every dtype to every dtype."""
    check_types_and_oracle(prim)


@BOTH
def test_batch_is_the_loop(prim: Any) -> None:
    """At every axis."""
    check_batch(prim, int32)


def test_errors() -> None:
    """Keys are opaque, widths equal."""
    with pytest.raises(ArrayTypeError, match=r"convert takes numbers or bool, got key\[2\] to uint64"):
        Convert(uint64).types(ArrayType(key_dtype, (2,)))
    with pytest.raises(ArrayTypeError, match=r"one width, got f32\[\] to int64"):
        Bitcast(int64).types(ArrayType(float32))
    with pytest.raises(ArrayTypeError, match=r"got c64\[\] to uint64"):
        Bitcast(uint64).types(ArrayType(complex64))


def test_weak_becomes_strong() -> None:
    """Only a strong array of the dtype is left alone."""
    weak, strong = array(1.0, ArrayType(float64, (), True)), array(1.0, ArrayType(float64))
    with interpreting(OracleInterpreter()):
        made = convert(weak, float64)

    assert made.type == strong.type
    assert convert(strong, float64) is strong
    assert bitcast(strong, float64) is strong


LINEAR = [float16, bfloat16, float32, float64, complex64, complex128]


@pytest.mark.parametrize(("source", "target"), list(itertools.product(LINEAR, LINEAR)), ids=str)
def test_derivative_and_adjoint(source: Any, target: Any) -> None:
    """Between floats and complex numbers the tangent is converted; the cotangent back."""
    x, dx = (array([v, -v, 0.5], ArrayType(source, (3,))) for v in (1.5, 2.0))
    ct = array([1.0, -4.0, 3.0], ArrayType(target, (3,)))
    with interpreting(OracleInterpreter()):
        y, dy = Convert(target).jvp((x,), (dx,))
        (back,) = Convert(target).transpose(ct, Undef(x.type))

    assert (y.type, dy.type, back.type) == (ct.type, ct.type, x.type)
    assert np.array_equal(dy.owner, converted(dx.owner, target))
    assert np.array_equal(back.owner, converted(ct.owner, source))


@pytest.mark.parametrize(("source", "target"), [(float32, int32), (int32, float32), (bool_, float32), (float64, bool_)])
def test_no_tangent(source: Any, target: Any) -> None:
    """Integers and bool have none."""
    x = array([1, 0], ArrayType(source, (2,)))
    with interpreting(OracleInterpreter()):
        assert Convert(target).jvp((x,), (x,))[1] is None


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([np.nan, np.inf, -np.inf, 1e30, -1.9, 255.9], uint8, [0, 255, 0, 255, 0, 255]),
        ([np.nan, np.inf, -np.inf, 127.5, -128.9, -0.5], int8, [0, 127, -128, 127, -128, 0]),
        ([np.nan, 2.0**63, -(2.0**63), -(2.0**64), 2.0**62], int64, [0, 2**63 - 1, -(2**63), -(2**63), 2**62]),
        ([np.nan, 2.0**64, 2.0**63, -1.0], uint64, [0, 2**64 - 1, 2**63, 0]),
        ([np.nan, 0.0, -0.0, 5e-324], bool_, [True, False, False, True]),
    ],
)
def test_from_floats(values: Any, dtype: Any, expected: Any) -> None:
    """Truncate, saturate, NaN to 0."""
    assert np.array_equal(converted(np.array(values), dtype), np.array(expected, dtype.numpy))


def test_integers_wrap() -> None:
    """Only the low bits are kept."""
    assert converted(np.array([300, -1, 128], np.int64), uint8).tolist() == [44, 255, 128]
    assert converted(np.array([200, 127], np.uint8), int8).tolist() == [-56, 127]


def test_complex() -> None:
    """To real: the real part; to bool: either part."""
    z = np.array([1 + 2j, 2j, 0, np.nan * 1j])

    assert converted(z, float32).tolist()[:3] == [1.0, 0.0, 0.0]
    assert converted(z, bool_).tolist() == [True, True, False, True]
    assert converted(np.array([2.5]), complex64).tolist() == [2.5 + 0j]


def test_bfloat_rounds_once() -> None:
    """The nearest of all 2^16 values by exact arithmetic, ties to even, from f64 and i64."""
    every = np.arange(0x7F80, dtype=np.uint16).view(ml_dtypes.bfloat16).astype(np.float64)
    ties = (every[1:] + every[:-1]) / 2
    near = np.concatenate([ties, np.nextafter(ties, 0), np.nextafter(ties, np.inf)])

    got = converted(near, bfloat16).astype(np.float64)

    low, high = np.tile(every[:-1], 3), np.tile(every[1:], 3)
    even = np.tile(np.where(np.arange(len(ties)) % 2 == 0, every[:-1], every[1:]), 3)
    expected = np.where(near == np.tile(ties, 3), even, np.where(near < np.tile(ties, 3), low, high))
    assert np.array_equal(got, expected)
    big = 2**62 + 2**54 + 1  # a tie but for the last bit, which f32 and f64 lose
    assert Fraction(float(converted(np.array([big]), bfloat16)[0])) == 2**62 + 2**55


def test_bitcast_sees_canonical_nans() -> None:
    """Whatever NaN it was."""
    nans = np.array([0x7FF8000000000001, 0xFFF8000000000000, 0x7FF0000000000001], np.uint64).view(np.float64)

    assert Bitcast(uint64).oracle(nans).tolist() == [0x7FF8000000000000] * 3
    assert Bitcast(uint16).oracle(np.array([-1.0], np.float16)).tolist() == [0xBC00]
