"""Sort: rules on every case, stability, special values, derivative."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tianyuan.prims.checks import OracleInterpreter, array, check_batch, check_types_and_oracle, same
from tianyuan.core import interpreting
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.sorting import Sort, sort
from tianyuan.types import ArrayType, complex64, float32, int32, int64

NAN = float("nan")


def test_types_agree_with_the_oracle() -> None:
    """In every case, for every dtype."""
    check_types_and_oracle(Sort)


def test_batch_is_the_loop() -> None:
    """Any arguments, at any axes."""
    check_batch(Sort, int32)


@pytest.mark.parametrize(("descending", "order"), [(False, [1, 6, 2, 5, 4, 0, 3]), (True, [0, 3, 4, 2, 5, 1, 6])])
def test_order(descending: bool, order: list[int]) -> None:
    """NaN is greatest, -0 = +0, equals keep their order in both directions."""
    x = array([NAN, -1, 0.0, NAN, 2, -0.0, -1], ArrayType(float32, (7,)))
    with interpreting(OracleInterpreter()):
        _, positions = sort((x, array(np.arange(7), ArrayType(int64, (7,)))), 0, descending=descending)

    assert positions.owner.tolist() == order


def test_the_first_key_is_foremost() -> None:
    """A later key decides where earlier ones are equal."""
    a, b = (array(v, ArrayType(int32, (4,))) for v in ([1, 0, 1, 0], [5, 6, 4, 6]))
    with interpreting(OracleInterpreter()):
        ys = sort((a, b, array([0, 1, 2, 3], ArrayType(int32, (4,)))), 0, keys=2)

    assert [y.owner.tolist() for y in ys] == [[0, 0, 1, 1], [6, 6, 4, 5], [1, 3, 2, 0]]


def test_tangents_go_along() -> None:
    """Tangents of keys and of what they carry are permuted, along the axis."""
    x, dx = (array(v, ArrayType(float32, (2, 3))) for v in ([[3, 1, 2], [4, 6, 5]], [[30, 10, 20], [40, 60, 50]]))
    with interpreting(OracleInterpreter()):
        (y,), (dy,) = Sort(1, 1, True).jvp([x], [dx])

    assert same(dy.owner, 10 * y.owner)
    assert y.owner.tolist() == [[3, 2, 1], [6, 5, 4]]


def test_errors() -> None:
    """Each names what does not fit."""
    x = ArrayType(float32, (3,))
    with pytest.raises(ArrayTypeError, match=r"real numbers or bool, got c64\[3\]"):
        Sort(0, 1, False).types(x.with_dtype(complex64))
    with pytest.raises(ShapeError, match=r"equal shapes, got f32\[3\] and f32\[4\] \(argument 2\)"):
        Sort(0, 1, False).types(x, ArrayType(float32, (4,)))
    with pytest.raises(ShapeError, match=r"an axis of f32\[3\], got 1"):
        Sort(1, 1, False).types(x)
    with pytest.raises(ArrayTypeError, match="1 to 1 keys among its 1 arrays, got 2"):
        Sort(0, 2, False).types(x)
