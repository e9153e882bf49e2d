"""A node of a kernel may stand for values of several shapes; each that is a result has memory of its own."""

import numpy as np

import tianyuan as ty


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
