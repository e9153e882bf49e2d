"""Collectives across a vmap with an axis name, against NumPy over the stacked entries."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits

X = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -4.0], [1.0, 1.0, 8.0], [0.1, 0.2, 0.3]], np.float32)


def mapped(f: Any, **options: Any) -> Any:
    """vmap of f over an axis called i."""
    return ty.vmap(f, axis_name="i", **options)


@pytest.mark.parametrize("jitted", [False, True])
def test_sums_and_extremes(jitted: bool) -> None:
    """Every entry gets the result over all entries."""

    def f(x: Any) -> Any:
        return ty.psum(x, "i"), ty.pmean(x, "i"), ty.pmax(x, "i"), ty.pmin(x, "i"), ty.all_gather(x, "i")

    run = mapped(f)
    sums, means, largest, least, gathered = (ty.jit(run) if jitted else run)(ty.asarray(X))

    for i in range(4):
        same_bits(sums[i], ty.sum(ty.asarray(X), axis=0))
        same_bits(means[i], ty.sum(ty.asarray(X), axis=0) / 4)
        same_bits(largest[i], X.max(0))
        same_bits(least[i], X.min(0))
        same_bits(gathered[i], X)


def test_index_and_size() -> None:
    """axis_index counts the entries; psum of the number 1 is their number."""
    index, size = mapped(lambda x: (ty.axis_index("i"), ty.psum(1, "i")))(ty.asarray(X))

    assert np.asarray(index).tolist() == [0, 1, 2, 3]
    assert np.asarray(size).tolist() == [4, 4, 4, 4]


def test_nested_axes() -> None:
    """Each name means its own axis; several are summed in the order given."""
    grid = ty.asarray(np.arange(12.0).reshape(3, 4))

    def f(x: Any) -> Any:
        return ty.psum(x, "row"), ty.psum(x, "column"), ty.psum(x, ("row", "column"))

    over_rows, over_columns, all_of_it = ty.vmap(ty.vmap(f, axis_name="column"), axis_name="row")(grid)

    same_bits(over_rows[1], np.asarray(grid).sum(0))
    same_bits(over_columns[:, 2], np.asarray(grid).sum(1))
    same_bits(all_of_it, np.full((3, 4), 66.0))


def test_gradient_inside_the_map() -> None:
    """Each entry's gradient of its own value of a sum over all: the transpose of psum is psum."""

    def f(x: Any) -> Any:
        return ty.sum(ty.psum(x, "i") * x)

    grads = mapped(ty.grad(f))(ty.asarray(X))

    expected = X.sum(0) + X.sum(0)  # own factor, and what all entries' values owe to this x
    np.testing.assert_allclose(np.asarray(grads), np.broadcast_to(expected, X.shape), rtol=1e-6)


def test_gradient_outside_the_map() -> None:
    """The derivative of the mapped function is that of the NumPy formula."""
    x = ty.asarray(X)

    actual = ty.grad(lambda x: ty.sum(mapped(lambda r: ty.psum(r * r, "i") * r)(x)))(x)

    plain = ty.grad(lambda x: ty.sum(ty.sum(x * x, axis=0) * x))(x)
    np.testing.assert_allclose(np.asarray(actual), np.asarray(plain), rtol=1e-5)


def test_inside_scan_and_jit() -> None:
    """A collective in the body of a scan, in a jitted function, under the map."""

    @ty.jit
    def f(x: Any) -> Any:
        return ty.scan(lambda c, _: (c + ty.psum(x, "i"), ty.axis_index("i")), ty.zeros_like(x), None, length=3)

    total, index = mapped(f)(ty.asarray(X))

    np.testing.assert_allclose(np.asarray(total[2]), 3 * X.sum(0), rtol=1e-6)
    assert np.asarray(index)[3].tolist() == [3, 3, 3]


def test_keys_that_differ_by_entry() -> None:
    """The usual way to random numbers that differ: fold the index in."""
    key = ty.random.key(0)

    drawn = mapped(lambda _: ty.random.uniform(ty.random.fold_in(key, ty.axis_index("i"))))(ty.asarray(X))

    for i in range(4):
        same_bits(drawn[i], ty.random.uniform(ty.random.fold_in(key, i)))


def test_unknown_axis() -> None:
    """The message names the axis, those there are, and the repair."""
    with pytest.raises(ty.ShapeError, match=r"psum: no axis is called 'j' here \(there are: 'i'\); pass axis_name='j'"):
        mapped(lambda x: ty.psum(x, "j"))(ty.asarray(X))
    with pytest.raises(ty.ShapeError, match="there are: none"):
        ty.psum(ty.asarray(X), "i")


def test_entries_that_part_cannot_meet() -> None:
    """A collective inside a branch that differs between entries is refused with the repair."""

    def f(x: Any) -> Any:
        return ty.cond(x[0] > 0.3, lambda: ty.psum(x, "i"), lambda: x)

    with pytest.raises(ty.NoRuleError, match="move it outside"):
        mapped(f)(ty.asarray(X))
