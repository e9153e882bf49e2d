"""Reshape and Transpose: rules on every case, errors, helpers."""

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
from tianyuan.errors import ShapeError
from tianyuan.prims.linear import Reshape, Transpose, expand_dims, moveaxis, squeeze
from tianyuan.types import ArrayType, float32, float64, int32

BOTH: Any = pytest.mark.parametrize("prim", [Reshape, Transpose])
X = ArrayType(float32, (2, 3))


@BOTH
def test_types_agree_with_the_oracle(prim: Any) -> None:
    check_types_and_oracle(prim)


@BOTH
def test_batch_is_the_loop(prim: Any) -> None:
    check_batch(prim, int32)


@BOTH
def test_derivative_and_adjoint(prim: Any) -> None:
    check_linear(prim, float64)


def test_errors() -> None:
    with pytest.raises(ShapeError, match=r"keeps the number of elements: f32\[2,3\] has 6, \(4,\) has 4"):
        Reshape((4,)).types(X)
    with pytest.raises(ShapeError, match=r"extents that are not negative, got \(-1, 3\)"):
        Reshape((-1, 3)).types(X)
    with pytest.raises(ShapeError, match=r"each axis of f32\[2,3\] once, got \(0, 0\)"):
        Transpose((0, 0)).types(X)
    with pytest.raises(ShapeError, match="squeeze takes axes of size 1"):
        squeeze(array(np.zeros(6), X), (0,))


def test_helpers_are_numpys() -> None:
    value = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    x = array(value, ArrayType(float32, (2, 3, 4)))
    with interpreting(OracleInterpreter()):
        moved, wide = moveaxis(x, 2, 0), expand_dims(x, (0, 2))
        assert squeeze(wide, (0, 2)).shape == x.shape

    assert np.array_equal(moved.owner, np.moveaxis(value, 2, 0))
    assert np.array_equal(wide.owner, np.expand_dims(value, (0, 2)))
