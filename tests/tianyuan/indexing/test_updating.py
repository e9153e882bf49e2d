"""``x.at[index]``: NumPy's assignments, orders, modes, derivatives, vmap; segments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tianyuan.indexing as indexing
from tests.tianyuan.indexing.expressions import SHAPE, X, array, expressions, quick, same
from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, DataDependentShapeError, OutOfBoundsError, ShapeError
from tianyuan.prims.linear import reduce_sum
from tianyuan.prims.pointwise.arithmetic import mul, neg
from tianyuan.transforms.derivatives import grad, jvp
from tianyuan.transforms.mapping import vmap


def values(index: Any) -> np.ndarray[Any, Any]:
    """Different numbers in the shape of the selection."""
    shape = X[index].shape
    return np.asarray(100 + np.arange(np.prod(shape, dtype=int), dtype=np.float64)).reshape(shape)


@given(index=expressions())
@quick
def test_set_is_numpys(index: Any) -> None:
    """Any expression; the last of several values wins."""
    expected = X.copy()
    expected[index] = values(index)

    same(array(X).at[index].set(array(values(index))), expected)


@given(index=expressions())
@quick
def test_add_is_numpys(index: Any) -> None:
    """Every update counts; a single value broadcasts."""
    expected = X.copy()
    np.add.at(expected, index, values(index))
    np.add.at(expected, index, 3.0)

    same(array(X).at[index].add(array(values(index))).at[index].add(3), expected)


@given(index=expressions())
@quick
def test_the_gradient_of_set(index: Any) -> None:
    """x receives what was not written; of several writers the last one alone receives a cotangent."""
    ct = X + 1.0
    number = np.full(SHAPE, -1)
    number[index] = np.arange(values(index).size).reshape(values(index).shape)
    to_values = np.zeros(values(index).size)
    written = number >= 0
    to_values[number[written]] = ct[written]

    def total(x: Array, v: Array) -> Array:
        return reduce_sum(mul(x.at[index].set(v), array(ct)), (0, 1, 2))

    dx, dv = grad(total, (0, 1))(array(X), array(values(index)))

    same(dx, np.where(written, 0.0, ct))
    same(dv, to_values.reshape(values(index).shape))


@pytest.mark.parametrize("name", ["multiply", "min", "max"])
@pytest.mark.parametrize("repeated", [False, True])
def test_other_derivatives(name: str, repeated: bool) -> None:
    """Against finite differences, in x and in the values; zeros among the factors."""
    x, v = np.array([2.0, -1.5, 3.0, 0.5]), np.array([0.0, 4.0, -2.5, 3.5])
    index = np.array([0, 2, 0, 2] if repeated else [0, 2, 3, 1])
    dx, dv = np.array([1.0, 2.0, -1.0, 0.5]), np.array([3.0, -1.0, 2.0, 1.5])

    def f(x_: Array, v_: Array) -> Array:
        return getattr(x_.at[index], name)(v_)

    _, tangent = jvp(f, (array(x), array(v)), (array(dx), array(dv)))
    up, down = (np.asarray(f(array(x + h * dx), array(v + h * dv))) for h in (1e-6, -1e-6))
    gradient = grad(lambda a, b: reduce_sum(f(a, b), (0,)), (0, 1))(array(x), array(v))

    np.testing.assert_allclose(np.asarray(tangent), (up - down) / 2e-6, atol=1e-7)
    both = float(np.asarray(gradient[0]) @ dx + np.asarray(gradient[1]) @ dv)
    assert both == pytest.approx(float(np.asarray(tangent).sum()))


def test_ties_share() -> None:
    """Of what is equal to the maximum each gets its part."""
    dx, dv = grad(lambda x, v: reduce_sum(x.at[[0, 0]].max(v), (0,)), (0, 1))(array([1.0, 5.0]), array([1.0, 1.0]))

    same(dx, [1 / 3, 1.0])
    same(dv, [1 / 3, 1 / 3])


def test_the_other_methods() -> None:
    """subtract multiply divide power min max apply, with an index that repeats."""
    x, i, v = np.array([8.0, 2.0, 3.0]), np.array([0, 2, 0]), np.array([2.0, 3.0, 4.0])
    at = array(x).at[i]

    same(at.subtract(v), [2.0, 2.0, 0.0])
    same(at.multiply(v), [64.0, 2.0, 9.0])
    same(at.divide(v), [1.0, 2.0, 1.0])
    same(at.power(v), [8.0**8, 2.0, 27.0])
    same(at.min(v), [2.0, 2.0, 3.0])
    same(at.max(v + 5), [9.0, 2.0, 8.0])
    same(at.apply(neg), [-8.0, 2.0, -3.0])
    same(array(x).at[[0, 7]].apply(neg, mode="drop"), [-8.0, 2.0, 3.0])
    with pytest.raises(ArrayTypeError, match=r"at\[\].divide takes floats or complex numbers, got i64\[1\]"):
        array([1]).at[0].divide(2)


def test_modes() -> None:
    """Outside raises, is left out, or moves inside."""
    x, i = array([1.0, 2.0, 3.0]), array([0, 3, -4, -1])

    same(x.at[i].set(9.0, mode="drop"), [9.0, 2.0, 9.0])
    same(x.at[i].set(9.0, mode="fill"), [9.0, 2.0, 9.0])
    same(x.at[i].add(1.0, mode="clip"), [3.0, 2.0, 5.0])
    same(x.at[7].set(9.0, mode="drop"), [1.0, 2.0, 3.0])
    same(x.at[array([1])].set(9.0, mode="promise_in_bounds"), [1.0, 9.0, 3.0])
    with pytest.raises(OutOfBoundsError, match="index 3 is out of bounds for axis 0 of size 3"):
        x.at[i].set(9.0)
    with pytest.raises(OutOfBoundsError, match="index 3 is out of bounds for axis 0 of size 3"):
        x.at[3].set(9.0)


def test_values_take_the_dtype_of_x() -> None:
    """As far as it holds them."""
    same(array([1, 2], np.int8).at[0].set(5), np.array([5, 2], np.int8))
    same(array([1.0], np.float32).at[0].set(array(2)), np.array([2], np.float32))
    with pytest.raises(ArrayTypeError, match=r"at\[\].set: values of f64\[\] do not fit f32\[1\]; convert"):
        array([1.0], np.float32).at[0].set(array(2.0))
    with pytest.raises(ArrayTypeError, match=r"values of f64\*\[\] do not fit i64\[1\]"):
        array([1]).at[0].set(1.5)
    with pytest.raises(OverflowError, match=r"at\[\].add: 300 does not fit uint8"):
        array([1], np.uint8).at[0].add(300)
    with pytest.raises(ShapeError, match=r"f64\[2\] does not broadcast to \(3,\)"):
        array(X).at[0, :, 0].set(array([1.0, 2.0]))


@pytest.mark.parametrize("dims", [(0, None, None), (None, 0, None), (None, None, 0), (1, 0, 0)])
def test_vmap(dims: Any) -> None:
    """Each entry is updated on its own; later updates win."""
    xs, vs = np.arange(12.0).reshape(4, 3), np.arange(6.0).reshape(3, 2) + 50
    js = np.array([[0, 0], [3, -1], [2, 2]])
    stacked = [v if d is not None else v[..., 0] if v is xs else v[0] for v, d in zip((xs, js, vs), dims, strict=True)]
    if dims[0] == 0:
        stacked[0] = xs.T

    got = np.asarray(vmap(lambda x, j, v: x.at[j].set(v), in_axes=dims)(*map(array, stacked)))

    for b in range(3):
        entry = [v if d is None else np.take(v, b, d) for v, d in zip(stacked, dims, strict=True)]
        expected = entry[0].copy()
        expected[entry[1]] = entry[2]
        same(got[b], expected)


def test_dynamic_update_slice() -> None:
    """The window is replaced; its start wraps once."""
    expected = X.copy()
    expected[1:2, 0:2, 2:4] = 7

    same(indexing.dynamic_update_slice(array(X), array(np.full((1, 2, 2), 7.0)), (1, array(0), -2)), expected)
    with pytest.raises(OutOfBoundsError, match="index 2 is out of bounds for axis 1 of size 3"):
        indexing.dynamic_update_slice(array(X), array(np.zeros((1, 2, 2))), (0, 2, 0))


def test_segments() -> None:
    """Rows with one id are reduced; ids wrap once; empty segments hold what the reduction starts from."""
    data, ids = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, -6.0]]), array([2, 0, -2])

    same(indexing.segment_sum(array(data), ids, 4), [[3, 4], [0, 0], [6.0, -4], [0, 0]])
    same(indexing.segment_prod(array(data), ids, 4), [[3, 4], [1, 1], [5.0, -12], [1, 1]])
    same(indexing.segment_max(array(data), ids, 3), [[3, 4], [5.0, -6], [1, 2]])
    same(indexing.segment_min(array([3, 1, 2]), array([0, 0, 2])), [1, 2**63 - 1, 2])
    with pytest.raises(OutOfBoundsError, match="index 2 is out of bounds for axis 0 of size 2"):
        indexing.segment_sum(array(data), array([0, 1, 2]), 2)
    with pytest.raises(ShapeError, match=r"one integer id for each row of the data, got i64\[2\] for f64\[3,2\]"):
        indexing.segment_sum(array(data), array([0, 1]), 2)
    with pytest.raises(DataDependentShapeError, match="pass num_segments"):
        vmap(lambda i: indexing.segment_sum(array(data), i))(array([[0, 1, 2]]))
