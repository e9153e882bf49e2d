"""Iota and constants."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tianyuan.prims.checks import OracleInterpreter, check_types_and_oracle
from tianyuan.core import interpreting
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.creation import Iota, full, iota, zeros
from tianyuan.types import ArrayType, bfloat16, bool_, float16, int8, int64


def test_types_agree_with_the_oracle() -> None:
    """Every dtype."""
    check_types_and_oracle(Iota)


def test_values() -> None:
    """Counts, wrapped; constants."""
    with interpreting(OracleInterpreter()):
        assert iota(int64, (2, 3), 1).owner.tolist() == [[0, 1, 2], [0, 1, 2]]
        assert iota(int8, (130,), 0).owner[-2:].tolist() == [-128, -127]
        assert full(0.1, float16, (2,)).owner.tolist() == [float(np.float16(0.1))] * 2
        assert zeros(ArrayType(bool_, (2,))).owner.tolist() == [False, False]


def test_errors() -> None:
    """The axis exists, the dtype counts."""
    with pytest.raises(ShapeError, match=r"iota takes an axis of \(2, 3\), got 2"):
        Iota(int64, (2, 3), 2).types()
    with pytest.raises(ArrayTypeError, match="iota gives integers or floats, not bool"):
        Iota(bool_, (2,), 0).types()


def test_the_same_for_every_entry() -> None:
    """No batch, no tangent."""
    with interpreting(OracleInterpreter()):
        assert Iota(int64, (2,), 0).batch(3, [], [])[1] is None
        assert Iota(int64, (2,), 0).jvp([], [])[1] is None


def test_literals_round_once() -> None:
    """A Python number goes to bf16 directly; one too large is infinite, without a warning."""
    values = [1 + 2**-8 + 2**-40, 2**62 + 2**54 + 1, 1e300, -(1 + 2**-8), float("nan"), 0.1]
    with interpreting(OracleInterpreter()):
        got = [float(full(v, bfloat16, ()).owner) for v in values]
        assert float(full(1e300, float16, ()).owner) == float("inf")

    expected = [1 + 2**-7, 2.0**62 + 2.0**55, float("inf"), -1.0, float("nan"), 0.10009765625]
    np.testing.assert_array_equal(got, expected)
