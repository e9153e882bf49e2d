"""Gather and Scatter: rules on every case, modes, orders, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import evolve

from tests.tianyuan.prims.checks import (
    OracleInterpreter,
    array,
    check_batch,
    check_linear,
    check_types_and_oracle,
)
from tianyuan.cases import Case
from tianyuan.core import Undef, interpreting
from tianyuan.errors import ArrayTypeError, OutOfBoundsError, ShapeError
from tianyuan.prims.linear import Gather, Scatter, gather, scatter
from tianyuan.types import ArrayType, DType, float16, float32, float64, int32, int64

BOTH: Any = pytest.mark.parametrize("prim", [Gather, Scatter])
ROW: dict[str, Any] = {"batch": 0, "axes": (0,), "collapsed": (0,)}
X = ArrayType(float32, (3, 4))


def indices(*values: int) -> Any:
    """Index vectors of one component."""
    return array([[v] for v in values], ArrayType(int64, (len(values), 1)))


def floats(value: Any, dtype: Any = float32) -> Any:
    """An array of floats."""
    return array(value, ArrayType(dtype, np.shape(value)))


@BOTH
def test_types_agree_with_the_oracle(prim: Any) -> None:
    """In every case, for every dtype."""
    check_types_and_oracle(prim)


@BOTH
def test_batch_is_the_loop(prim: Any) -> None:
    """Any arguments, at any axes; fills of entries too."""
    check_batch(prim, int32)


def test_derivative_and_adjoint_of_gather() -> None:
    """In x and in fill."""
    check_linear(Gather, float64, linear=(0, 2))


def test_derivative_and_adjoint_of_scatter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set and add, in x and in the updates."""
    linear = [c for c in Scatter.cases.sweep(float64) if c.fields["op"] in ("set", "add")]

    def sweep(dtype: DType) -> list[Case]:
        return linear

    monkeypatch.setattr(Scatter, "cases", evolve(Scatter.cases, sweep=sweep))

    check_linear(Scatter, float64, linear=(0, 2))


def test_modes_of_gather() -> None:
    """Outside: filled, or moved inside; a window that sticks out is outside as a whole."""
    x = floats([1, 2, 3])
    with interpreting(OracleInterpreter()):
        filled = gather(x, indices(0, 3, -1), floats(9), **ROW, sizes=(1,), mode="fill")
        clipped = gather(x, indices(0, 3, -1), **ROW, sizes=(1,), mode="clip")
        pairs = gather(x, indices(1, 2), batch=0, axes=(0,), sizes=(2,), collapsed=(), mode="fill")

    assert filled.owner.tolist() == [1, 9, 9]
    assert clipped.owner.tolist() == [1, 3, 1]
    assert pairs.owner.tolist() == [[2, 3], [0, 0]]


def test_modes_and_order_of_scatter() -> None:
    """Updates are applied in order; outside they are left out, or moved inside."""
    x, u = floats([1, 2, 3]), floats([10, 20, 30, 40])
    at = indices(1, 1, 5, -2)
    with interpreting(OracleInterpreter()):
        made = {
            (op, mode): scatter(x, at, u, op=op, **ROW, sizes=(1,), mode=mode).owner.tolist()
            for op, mode in [("set", "drop"), ("add", "drop"), ("set", "clip"), ("mul", "drop"), ("max", "clip")]
        }

    assert made == {
        ("set", "drop"): [1, 20, 3],
        ("add", "drop"): [1, 32, 3],
        ("set", "clip"): [40, 20, 30],
        ("mul", "drop"): [1, 400, 3],
        ("max", "clip"): [40, 20, 30],
    }


def test_sums_of_half_floats_round_once() -> None:
    """2048 + 1 + 1 is 2050 in f16 when the sum runs in f32."""
    with interpreting(OracleInterpreter()):
        x, ones = floats([2048], float16), floats([1, 1], float16)
        y = scatter(x, indices(0, 0), ones, op="add", **ROW, sizes=(1,), mode="error")

    assert y.owner.tolist() == [2050]


def test_the_last_writer_alone_receives_the_cotangent() -> None:
    """Duplicates: the first writer gets 0, and x gets ct where nothing was written."""
    made, x = Scatter("set", 0, (0,), (1,), (0,), "drop"), Undef(ArrayType(float32, (3,)))
    with interpreting(OracleInterpreter()):
        from_x = made.transpose(floats([5, 6, 7]), x, indices(1, 1, 9), x)

    assert from_x[0].owner.tolist() == [5, 0, 7]
    assert from_x[2].owner.tolist() == [0, 6, 0]


def test_a_shared_table_stays_unbatched() -> None:
    """Mapped indices become positions; x is not repeated."""
    with interpreting(OracleInterpreter()):
        made = Gather(0, (0,), (1, 4), (0,), "error")
        y, dim = made.batch(
            2, [floats(np.zeros((3, 4))), array([[[0]], [[1]]], ArrayType(int64, (2, 1, 1)))], [None, 0]
        )

    assert (y.shape, dim) == ((2, 1, 4), 0)


def test_only_mode_error_is_a_check() -> None:
    """Other modes may be dropped when unused."""
    assert Gather(0, (0,), (1,), (0,), "error").effects() == {"check"}
    assert Gather(0, (0,), (1,), (0,), "clip").effects() == frozenset()


def test_out_of_bounds() -> None:
    """The first index outside in row-major order, as the user wrote it, and the axis counted without batches."""
    x = floats(np.zeros((3, 4)))
    with interpreting(OracleInterpreter()):
        with pytest.raises(OutOfBoundsError, match=r"index 3 is out of bounds for axis 0 of size 3"):
            gather(x, indices(0, 3, 7), **ROW, sizes=(1, 4), mode="error")
        with pytest.raises(OutOfBoundsError, match=r"index -5 is out of bounds for axis 0 of size 4"):
            at = array([[[0]], [[-1]], [[9]]], ArrayType(int64, (3, 1, 1)))
            gather(x, at, batch=1, axes=(1,), sizes=(1,), collapsed=(1,), mode="error")
        with pytest.raises(OutOfBoundsError, match=r"index 3 is out of bounds for axis 0 of size 3"):
            scatter(x, indices(3), floats(np.zeros((1, 4))), op="set", **ROW, sizes=(1, 4), mode="error")


def test_errors() -> None:
    """Each names what does not fit."""
    rows = ArrayType(int64, (2, 1))
    with pytest.raises(ArrayTypeError, match=r"index vectors i64\[..., 1\], got i32\[2,1\]"):
        Gather(0, (0,), (1, 4), (0,), "error").types(X, rows.with_dtype(int32))
    with pytest.raises(ShapeError, match=r"a window of 4 does not fit axis 0 of f32\[3,4\]"):
        Gather(0, (0,), (4, 4), (), "error").types(X, rows)
    with pytest.raises(ShapeError, match=r"axis 1 of f32\[3,4\] is not indexed, so its window is whole, not 2"):
        Gather(0, (0,), (1, 2), (0,), "error").types(X, rows)
    with pytest.raises(ShapeError, match=r"takes 1 batch axes that agree, got f32\[3,4\] and i64\[2,1\]"):
        Gather(1, (1,), (1,), (1,), "error").types(X, rows)
    with pytest.raises(ArrayTypeError, match="gather's modes are error, fill, clip, promise, got 'wrap'"):
        Gather(0, (0,), (1, 4), (0,), "wrap").types(X, rows)
    with pytest.raises(ArrayTypeError, match=r"takes updates f32\[2,4\], got f32\[2,3\]"):
        Scatter("add", 0, (0,), (1, 4), (0,), "error").types(X, rows, ArrayType(float32, (2, 3)))
