"""``x[index]`` and ``x.at[index].get``: NumPy's meaning, errors, modes, derivatives, vmap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given

import tianyuan.indexing as indexing
from tests.tianyuan.indexing.expressions import SHAPE, X, array, expressions, quick, same
from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, DataDependentShapeError, OutOfBoundsError, ShapeError
from tianyuan.prims.linear import Gather, reduce_sum
from tianyuan.prims.pointwise.arithmetic import mul
from tianyuan.transforms.derivatives import grad, jvp
from tianyuan.transforms.mapping import vmap
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, float32, int64


@given(index=expressions())
@quick
def test_is_numpys(index: Any) -> None:
    """Any expression."""
    same(array(X)[index], X[index])


@given(index=expressions())
@quick
def test_arrays_for_numbers(index: Any) -> None:
    """Integers may be 0-d arrays, and index arrays may be Arrays."""
    dynamic = tuple(i if i is None or i is ... or isinstance(i, slice) else array(i) for i in index)

    same(array(X)[dynamic], X[index])


@given(index=expressions())
@quick
def test_derivatives(index: Any) -> None:
    """The tangent is read at the same places; the gradient counts how often each element is read."""
    v = X * 0.5
    values, tangents = jvp(lambda x: x[index], (array(X),), (array(v),))
    same(tangents, v[index])
    same(values, X[index])

    weights = np.asarray(np.arange(X[index].size, dtype=np.float64)).reshape(X[index].shape)
    expected = np.zeros(SHAPE)
    np.add.at(expected, index, weights)

    def total(x: Array) -> Array:
        y = mul(x[index], array(weights))
        return reduce_sum(y, range(y.ndim))

    same(grad(total)(array(X)), expected)


@pytest.mark.parametrize("axis", [0, 1, 3])
def test_vmap_over_x(axis: int) -> None:
    """Each entry is indexed on its own."""
    xs, i = np.stack([X, X + 100, -X], axis), np.array([0, 2, -1])

    got = vmap(lambda x: x[:, array(i), 1:], in_axes=axis)(array(xs))

    same(got, np.stack([X, X + 100, -X])[:, :, i, 1:])


def test_vmap_over_indices() -> None:
    """A table shared by all entries is not repeated."""
    i = np.array([[0, 1], [2, -1], [1, 1], [0, 0]])
    types = [ArrayType(float32, (3, 5)), ArrayType(int64, (4, 2))]

    got = vmap(lambda j: array(X[0])[j])(array(i))
    program = trace(lambda x, j: [vmap(lambda k: x[k])(j)], types).program

    same(got, X[0][i])
    assert [e.outs[0].type.shape for e in program.eqns if isinstance(e.prim, Gather)] == [(4, 2, 5)]
    assert [e.args[0].type.shape for e in program.eqns if isinstance(e.prim, Gather)] == [(3, 5)]


def test_masks() -> None:
    """A mask stands for the positions of its true elements."""
    mask, rows = X % 5 < 2, np.array([True, False, True])

    same(array(X)[array(mask)], X[mask])
    same(array(X)[0, rows], X[0, rows])
    same(array(X)[:, array(rows), 1:3], X[:, rows, 1:3])
    same(array(X).at[mask].set(0.0), np.where(mask, 0, X))


def test_a_mask_must_be_known() -> None:
    """Under a trace the result has no shape."""
    with pytest.raises(DataDependentShapeError, match=r"mask bool\[3\] has true ones.*use ty.where"):
        vmap(lambda m: array(X[0])[m])(array(np.zeros((2, 3), bool)))
    with pytest.raises(ArrayTypeError, match="a single bool is not an index"):
        array(X)[True]


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (2, "index 2 is out of bounds for axis 0 of size 2"),
        (-3, "index -3 is out of bounds for axis 0 of size 2"),
        ((..., 4), "index 4 is out of bounds for axis 2 of size 4"),
        ((0, np.array([0, -4, 5])), "index -4 is out of bounds for axis 1 of size 3"),
        ((slice(1, None), [3, 0]), "index 3 is out of bounds for axis 1 of size 3"),
    ],
)
def test_out_of_bounds(index: Any, message: str) -> None:
    """Names the index as it was given, the axis of x, its size, and the line."""
    with pytest.raises(OutOfBoundsError, match=message):
        array(X)[index]


def test_the_error_names_the_line() -> None:
    """Of the user's index expression, whether the index is known or not."""
    for index in (array([7]), 7):
        with pytest.raises(OutOfBoundsError, match=r"\(at .*test_reading.py:\d+ \(test_the_error_names_the_line\)\)"):
            array(X)[index]


def test_batch_entries_raise_alike() -> None:
    """Under vmap the axis is still that of the entry, and the first entry that fails is named."""
    i = np.array([[0, 1], [2, 3], [4, 0]])

    with pytest.raises(OutOfBoundsError, match="index 3 is out of bounds for axis 0 of size 3"):
        vmap(lambda x, j: x[j])(array(np.zeros((3, 3))), array(i))


def test_unsigned_indices_do_not_wrap() -> None:
    """2^64 - 1 is not -1."""
    same(array(X)[array([1], np.uint8)], X[[1]])
    same(array(X).at[array([2**64 - 1], np.uint64)].get(mode="clip"), X[[1]])
    with pytest.raises(OutOfBoundsError, match="out of bounds for axis 0 of size 2"):
        array(X)[array([2**64 - 1], np.uint64)]


def test_modes() -> None:
    """Fill, drop, clip; defaults by dtype."""
    x, i = array([1.0, 2.0, 3.0]), array([0, 3, -4, -1])

    same(x.at[i].get(mode="fill"), [1.0, np.nan, np.nan, 3.0])
    same(x.at[i].get(mode="drop", fill_value=7), [1.0, 7.0, 7.0, 3.0])
    same(x.at[i].get(mode="clip"), [1.0, 3.0, 1.0, 3.0])
    same(x.at[5].get(mode="clip"), 3.0)
    same(array([1, 2], np.int32).at[[5]].get(mode="fill"), np.array([-(2**31)], np.int32))
    with pytest.raises(ArrayTypeError, match=r"at\[\].get: mode is one of 'error', .*, got 'wrap'"):
        x.at[0].get(mode="wrap")


def test_the_gradient_of_modes() -> None:
    """Fill has no gradient to x, clip has; the fill value receives the sum of what was outside."""
    i, ones = array([0, 3, 3]), (array([1.0, 2.0, 3.0]), array(0.5))

    def total(x: Array, fill: Array, mode: str) -> Array:
        return reduce_sum(x.at[i].get(mode=mode, fill_value=fill), (0,))

    same(grad(lambda x, f: total(x, f, "fill"), (0, 1))(*ones)[0], [1.0, 0.0, 0.0])
    same(grad(lambda x, f: total(x, f, "fill"), (0, 1))(*ones)[1], 2.0)
    same(grad(lambda x, f: total(x, f, "clip"))(*ones), [1.0, 0.0, 2.0])


def test_errors() -> None:
    """Each says what an index is."""
    x = array(X)
    with pytest.raises(ShapeError, match=r"too many indices: an array of shape \(2, 3, 4\) has 3 axes, got 4"):
        x[0, 0, 0, 0]
    with pytest.raises(ShapeError, match="at most one ellipsis"):
        x[..., ...]
    with pytest.raises(ArrayTypeError, match=r"an index is an integer, .* got f64\[1\]"):
        x[np.array([1.0])]
    with pytest.raises(ShapeError, match=r"must broadcast to one shape, got i64\[2\], i64\[3\]"):
        x[[0, 1], [0, 1, 2]]
    with pytest.raises(ArrayTypeError, match=r"write x = x.at\[index\].set\(value\)"):
        x[0] = 1.0


def test_take() -> None:
    """Along an axis, or of all elements; several axes of indices; modes."""
    x, i = array(X), np.array([[0, -1], [2, 1]])

    same(indexing.take(x, array(i), axis=1), np.take(X, i, 1))
    same(indexing.take(x, [5, -1]), np.take(X, [5, -1]))
    same(indexing.take(x, 2, axis=-1), X[..., 2])
    same(indexing.take(x, [0, 9], axis=0, mode="clip"), X[[0, 1]])
    with pytest.raises(ShapeError, match=r"take: f64\[2,3,4\] has no axis 3"):
        indexing.take(x, [0], axis=3)
    with pytest.raises(ArrayTypeError, match=r"take takes integer indices, got f64\[1\]"):
        indexing.take(x, [0.5], axis=0)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_take_along_axis(axis: int) -> None:
    """Line by line, and with axes of size 1 that broadcast."""
    order = np.argsort(-X, axis)
    first = np.take(order, [0], axis)

    same(indexing.take_along_axis(array(X), array(order), axis), np.take_along_axis(X, order, axis))
    same(indexing.take_along_axis(array(X), array(first[:1]), axis)[:1], np.take_along_axis(X, first, axis)[:1])
    same(indexing.take_along_axis(array(X), array([3, -1]), None), [3.0, 23.0])
    with pytest.raises(ShapeError, match=r"arrays of one rank, got f64\[2,3,4\] and i64\[1\]"):
        indexing.take_along_axis(array(X), array([0]), 0)


def test_dynamic_slice() -> None:
    """The start is an array; it wraps once, and the window must be inside."""
    x = array(X)

    same(indexing.dynamic_slice(x, (array(1), 0, array(-2)), (1, 2, 2)), X[1:2, 0:2, 2:4])
    same(indexing.dynamic_slice(x, (1, 2, 3), (1, 3, 2), mode="clip"), X[1:2, 0:3, 2:4])
    with pytest.raises(OutOfBoundsError, match="index 3 is out of bounds for axis 2 of size 4"):
        indexing.dynamic_slice(x, (0, 0, 3), (1, 2, 2))
    with pytest.raises(ShapeError, match="takes 3 starts and sizes, got 2 and 3"):
        indexing.dynamic_slice(x, (0, 0), (1, 2, 2))
    with pytest.raises(ShapeError, match=r"a window of \(1, 2, 5\) does not fit f64\[2,3,4\]"):
        indexing.dynamic_slice(x, (0, 0, 0), (1, 2, 5))
