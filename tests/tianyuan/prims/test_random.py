"""Threefry: the published vectors, rules on every case."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tianyuan.prims.checks import OracleInterpreter, array, check_batch, check_types_and_oracle
from tianyuan.core import interpreting
from tianyuan.errors import ArrayTypeError
from tianyuan.prims.random import Draw, Threefry, draw, threefry
from tianyuan.types import ArrayType, key_dtype, uint32, uint64

BOTH: Any = pytest.mark.parametrize("prim", [Threefry, Draw])
KNOWN = [  # key, counter, answer: threefry2x32 of 20 rounds in Random123's kat_vectors
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@BOTH
def test_types_agree_with_the_oracle(prim: Any) -> None:
    """In every case."""
    check_types_and_oracle(prim)


@BOTH
def test_batch_is_the_loop(prim: Any) -> None:
    """Any arguments, at any axes."""
    check_batch(prim, prim.cases.dtypes[0])


@pytest.mark.parametrize(("key", "counter", "answer"), KNOWN)
def test_known_answers(key: Any, counter: Any, answer: Any) -> None:
    """Random123's, whole and by word."""
    words = [array(w, ArrayType(uint32)) for w in (*key, *counter)]
    with interpreting(OracleInterpreter()):
        both = threefry(*words)
        packed = array(key[0] << 32 | key[1], ArrayType(key_dtype))
        parts = [int(draw(w, packed, *words[2:]).owner) for w in ("high", "low", "xor", "pair", "key")]

    assert tuple(int(w.owner) for w in both) == answer
    assert parts == [*answer, answer[0] ^ answer[1], *[answer[0] << 32 | answer[1]] * 2]


def test_errors() -> None:
    """Words are u32, and have a known name."""
    with pytest.raises(ArrayTypeError, match=r"threefry takes uint32, got u64\[\]"):
        Threefry().types(*[ArrayType(uint64)] * 4)
    with pytest.raises(ArrayTypeError, match="gives high, low, xor, pair, key, got 'both'"):
        Draw("both", True).types(*[ArrayType(uint32)] * 3)
    with pytest.raises(ArrayTypeError, match=r"takes random keys .* got u32\[\], u32\[\], u32\[\]"):
        Draw("pair", True).types(*[ArrayType(uint32)] * 3)
