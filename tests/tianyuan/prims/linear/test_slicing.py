"""Slice, Pad, Reverse and Concatenate: rules on every case, errors, helpers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.tianyuan.prims.checks import (
    OracleInterpreter,
    array,
    check_batch,
    check_linear,
    check_types_and_oracle,
)
from tianyuan.core import interpreting
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear import Concatenate, Pad, Reverse, Slice, slice_axis
from tianyuan.types import ArrayType, float32, float64, int32

ALL: Any = pytest.mark.parametrize("prim", [Slice, Pad, Reverse, Concatenate])
X = ArrayType(float32, (2, 3))


@ALL
def test_types_agree_with_the_oracle(prim: Any) -> None:
    check_types_and_oracle(prim)


@ALL
def test_batch_is_the_loop(prim: Any) -> None:
    check_batch(prim, int32)


@ALL
def test_derivative_and_adjoint(prim: Any) -> None:
    check_linear(prim, float64, linear=(0, 1, 2))


def test_a_joint_derivative_is_the_primitive_of_both_tangents() -> None:
    """Pad is linear in x and value together, not in each alone."""
    x, v = array([1, 2], ArrayType(float32, (2,))), array(7, ArrayType(float32))
    with interpreting(OracleInterpreter()):
        _, dy = Pad((1,), (0,), (1,)).jvp((x, v), (x, v))

    assert dy.owner.tolist() == [7, 1, 7, 2]


def test_errors() -> None:
    with pytest.raises(ShapeError, match=r"slice 1:4:1 does not fit axis 1 of f32\[2,3\]"):
        Slice((0, 1), (2, 4), (1, 1)).types(X)
    with pytest.raises(ShapeError, match=r"slice takes starts for each of 2 axes, got \(0,\)"):
        Slice((0,), (2,), (1,)).types(X)
    with pytest.raises(ShapeError, match=r"not negative, got high \(0, -1\)"):
        Pad((0, 0), (0, -1), (0, 0)).types(X, ArrayType(float32))
    with pytest.raises(ArrayTypeError, match=r"0-d value of the dtype of x, got f64\[\] for f32\[2,3\]"):
        Pad((0, 0), (0, 0), (0, 0)).types(X, ArrayType(float64))
    with pytest.raises(ArrayTypeError, match=r"equal dtypes, got f32\[2,3\] and f64\[2,3\] \(argument 2\)"):
        Concatenate(0).types(X, X.with_dtype(float64))
    with pytest.raises(ShapeError, match=r"along axis 0 does not fit f32\[2,3\] and f32\[2,4\] \(argument 3\)"):
        Concatenate(0).types(X, X, ArrayType(float32, (2, 4)))
    with pytest.raises(ArrayTypeError, match="at least one array"):
        Concatenate(0).types()


def test_slice_axis_is_numpys() -> None:
    value = np.arange(12, dtype=np.float32).reshape(3, 4)
    with interpreting(OracleInterpreter()):
        got = slice_axis(array(value, ArrayType(float32, (3, 4))), 1, 1, 4, 2)

    assert np.array_equal(got.owner, value[:, 1:4:2])
