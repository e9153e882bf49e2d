"""A node of a kernel may stand for values of several shapes; each that is a result has memory of its own."""

from collections.abc import Callable

import numpy as np
import pytest

import tianyuan as ty
from tianyuan.testing import assert_same_bits


def test_a_value_and_its_repetition() -> None:
    """The same arithmetic on a vector and on the vector repeated: one node, two results."""

    def f(x: ty.Array) -> tuple[ty.Array, ty.Array, ty.Array]:
        rows = ty.sum(x, axis=1)
        small = rows + 1.0
        return small, ty.broadcast_to(rows[:, None], (3, 3)) + 1.0, ty.broadcast_to(rows[None, :], (3, 3)) + 1.0

    x = ty.reshape(ty.arange(9.0), (3, 3))
    small, down, across = ty.jit(f)(x)

    assert np.asarray(small).tolist() == [4.0, 13.0, 22.0]
    assert np.asarray(down).tolist() == [[4.0] * 3, [13.0] * 3, [22.0] * 3]
    assert np.asarray(across).tolist() == [[4.0, 13.0, 22.0]] * 3


@pytest.mark.parametrize(
    "make", [ty.sin, lambda x: x @ x, lambda x: ty.cumsum(x, axis=0)], ids=["map", "contraction", "alone"]
)
def test_a_square_and_its_transpose(make: Callable[[ty.Array], ty.Array]) -> None:
    """The same arithmetic on both, with the square itself wanted too: four results, each in its own order."""

    def f(x: ty.Array) -> tuple[ty.Array, ...]:
        y = make(x)
        return ty.matrix_transpose(y) + 1.0, y + 1.0, y, ty.matrix_transpose(y)

    x = ty.reshape(ty.arange(9.0), (3, 3))

    assert_same_bits(ty.jit(f)(x), f(x))
