"""Keys and their words."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tianyuan.prims.checks import OracleInterpreter, array, check_batch, check_types_and_oracle
from tianyuan.core import interpreting
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.keys import KeyFromWords, KeyWord, key_from_words, key_words
from tianyuan.prims.linear import broadcast, reverse, slice_axis
from tianyuan.types import ArrayType, key_dtype, uint32, uint64


def test_types_agree_with_the_oracle() -> None:
    """Words of keys, keys of words."""
    check_types_and_oracle(KeyFromWords)


def test_batch_is_the_loop() -> None:
    """Either word, or both, batched at every axis."""
    check_batch(KeyFromWords, uint32)


def test_batch_of_words() -> None:
    """The batch stays where it is."""
    keys = array([[1, 2**40], [3, 4]], ArrayType(key_dtype, (2, 2)))
    with interpreting(OracleInterpreter()):
        word, dim = KeyWord(0).batch(2, [keys], [1])

    assert (dim, word.owner.tolist()) == (1, [[0, 256], [0, 0]])


def test_round_trip() -> None:
    """The words of a key make the key; keys move as any elements do."""
    high, low = (array(v, ArrayType(uint32, (2,))) for v in ([1, 2**32 - 1], [7, 9]))
    with interpreting(OracleInterpreter()):
        key = key_from_words(high, low)
        moved = broadcast(slice_axis(reverse(key, (0,)), 0, 0, 1), (3, 1), (1,))
        words = key_words(moved)

    assert key.type == ArrayType(key_dtype, (2,))
    assert key.owner.tolist() == [2**32 + 7, (2**32 - 1) * 2**32 + 9]
    assert [np.unique(w.owner).tolist() for w in words] == [[2**32 - 1], [9]]


def test_errors() -> None:
    """A key is not a number, and a number is not a key."""
    with pytest.raises(ArrayTypeError, match=r"key_word takes random keys, got u64\[\]"):
        KeyWord(0).types(ArrayType(uint64))
    with pytest.raises(ArrayTypeError, match=r"words of u32, got u64\[\] and u32\[\]"):
        KeyFromWords().types(ArrayType(uint64), ArrayType(uint32))
    with pytest.raises(ShapeError, match=r"equal shapes, got u32\[2\] and u32\[\]"):
        KeyFromWords().types(ArrayType(uint32, (2,)), ArrayType(uint32))
