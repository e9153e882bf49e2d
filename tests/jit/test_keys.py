"""Random keys on the CPU machine: they move as any elements do, eager and jitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tianyuan.array import Array
from tianyuan.compiling import jit
from tianyuan.eager import from_numpy, to_numpy
from tianyuan.prims.keys import key_from_words, key_words
from tianyuan.prims.linear import (
    broadcast,
    concatenate,
    gather,
    pad,
    reshape,
    reverse,
    slice_axis,
    transpose,
)
from tianyuan.prims.pointwise.comparison import eq, select
from tianyuan.transforms.mapping import vmap
from tianyuan.types import key_dtype, uint32

WORDS = np.random.default_rng(0).integers(0, 2**32, (2, 2, 3), np.uint64).astype(np.uint32)

MOVES: dict[str, tuple[Callable[..., Array], Callable[..., Any]]] = {
    "broadcast": (lambda x: broadcast(x, (4, 2, 3), (1, 2)), lambda a: np.broadcast_to(a, (4, 2, 3))),
    "reshape": (lambda x: reshape(x, (3, 2)), lambda a: a.reshape(3, 2)),
    "transpose": (lambda x: transpose(x, (1, 0)), lambda a: a.T),
    "reverse": (lambda x: reverse(x, (1,)), lambda a: a[:, ::-1]),
    "slice": (lambda x: slice_axis(x, 1, 1, 3), lambda a: a[:, 1:3]),
    "concatenate": (lambda x: concatenate(x, x, axis=0), lambda a: np.concatenate([a, a])),
    "pad": (
        lambda x: pad(x, reshape(slice_axis(slice_axis(x, 0, 0, 1), 1, 0, 1), ()), (1, 0), (0, 2)),
        lambda a: np.pad(a, ((1, 0), (0, 2)), constant_values=a[0, 0]),
    ),
    "select": (
        lambda x: select(eq(x, reverse(x, (1,))), x, reverse(x, (0,))),
        lambda a: np.where(np.arange(3) == 1, a, a[::-1]),
    ),
}


def keys() -> Array:
    """2 x 3 keys."""
    return key_from_words(*(from_numpy(w) for w in WORDS))


@pytest.mark.parametrize("name", MOVES)
def test_keys_move(name: str) -> None:
    """Both words of every key arrive together."""
    move, expected = MOVES[name]
    for moved in (move(keys()), jit(move)(keys())):
        assert moved.dtype == key_dtype
        for word, made in zip(WORDS, key_words(moved), strict=True):
            assert made.dtype == uint32
            assert np.array_equal(to_numpy(made), expected(word))


def test_gather() -> None:
    """Rows by index, mapped too."""
    index = from_numpy(np.array([[1], [0], [1]]))

    def rows(x: Array) -> Array:
        return gather(x, index, batch=0, axes=(0,), sizes=(1, 3), collapsed=(0,), mode="clip")

    for word, made in zip(WORDS, key_words(jit(rows)(keys())), strict=True):
        assert np.array_equal(to_numpy(made), word[[1, 0, 1]])


def test_vmap() -> None:
    """Words of a batch of keys."""
    high, low = jit(vmap(key_words, in_axes=1))(keys())

    assert np.array_equal(to_numpy(high), WORDS[0].T)
    assert np.array_equal(to_numpy(low), WORDS[1].T)
