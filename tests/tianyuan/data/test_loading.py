"""Loaders: each epoch an order of its own that is a function of (key, epoch); real data sets by their facts."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty

ROWS = (ty.arange(10), ty.arange(10) * 10)


def seen(loader: Any) -> list[list[int]]:
    """The examples of each batch; both arrays must stay together."""
    batches = [(np.asarray(a), np.asarray(b)) for a, b in loader]
    assert all((a * 10 == b).all() for a, b in batches)
    return [a.tolist() for a, _ in batches]


def test_every_example_once_an_epoch() -> None:
    """Shuffled, in two orders, the last batch short."""
    batches = seen(ty.data.loader(ROWS, 4, ty.random.key(1), epochs=2))

    assert [len(b) for b in batches] == [4, 4, 2, 4, 4, 2]
    first, second = sum(batches[:3], []), sum(batches[3:], [])
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_order_is_a_function_of_key_and_epoch() -> None:
    """The same again, and from any position."""
    loader = ty.data.loader(ROWS, 3, ty.random.key(5), epochs=4)
    whole = seen(loader)

    assert seen(ty.data.loader(ROWS, 3, ty.random.key(5), epochs=4)) == whole
    assert seen(loader.batches(2, start=1)) == whole[2 * len(loader) + 1 : 3 * len(loader)]


def test_unshuffled_and_without_the_rest() -> None:
    """As stored; the short batch dropped."""
    loader = ty.data.loader(ROWS, 4, shuffle=False, drop_last=True)

    assert seen(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert len(loader) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((ROWS, 0, ty.random.key(0)), "batch_size"),
        ((ROWS, 4), "random key"),
        (((ty.arange(3), ty.arange(4)), 2, ty.random.key(0)), "one leading size"),
        ((ty.asarray(1.0), 2, ty.random.key(0)), "one leading size"),
    ],
)
def test_nonsense(arguments: Any, words: str) -> None:
    """One readable error."""
    with pytest.raises((ValueError, ty.TianyuanError), match=words):
        ty.data.loader(*arguments)


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [("digits", (1797, 8, 8), 10), ("iris", (150, 4), 3), ("breast_cancer", (569, 30), 2)],
)
def test_real_data(name: str, shape: tuple[int, ...], classes: int) -> None:
    """Shapes and labels as published."""
    x, y = getattr(ty.data.datasets, name)()

    assert x.shape == shape and y.shape == shape[:1]
    assert np.unique(np.asarray(y)).tolist() == list(range(classes))
