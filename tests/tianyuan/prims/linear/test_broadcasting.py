"""Broadcast and ReduceSum: rules on every case, errors, helpers."""

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
from tianyuan.prims.linear import Broadcast, ReduceSum, broadcast_to
from tianyuan.types import ArrayType, bool_, float32, float64, int32

BOTH: Any = pytest.mark.parametrize("prim", [Broadcast, ReduceSum])


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
    """Each says what is wrong in one sentence."""
    x = ArrayType(float32, (2, 3))

    with pytest.raises(ShapeError, match=r"broadcast to \(2, 4\) along dims \(0, 1\) does not fit"):
        Broadcast((2, 4), (0, 1)).types(x)
    with pytest.raises(ShapeError, match="increasing dims below 2"):
        Broadcast((3, 2), (1, 0)).types(x)
    with pytest.raises(ShapeError, match="increasing axes below 2"):
        ReduceSum((2,)).types(x)
    with pytest.raises(ArrayTypeError, match=r"takes numbers, got bool\[2\]"):
        ReduceSum((0,)).types(ArrayType(bool_, (2,)))


@pytest.mark.parametrize("shape, to", [((), (2, 3)), ((3,), (2, 3)), ((2, 1), (4, 2, 3)), ((1, 1), (1, 1))])
def test_broadcast_to_is_numpys(shape: tuple[int, ...], to: tuple[int, ...]) -> None:
    value = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    with interpreting(OracleInterpreter()):
        got = broadcast_to(array(value, ArrayType(float32, shape)), to)

    assert np.array_equal(got.owner, np.broadcast_to(value, to))


def test_broadcast_to_refuses() -> None:
    with pytest.raises(ShapeError, match=r"f32\[2\] does not broadcast to \(3,\)"):
        broadcast_to(array([1, 2], ArrayType(float32, (2,))), (3,))
