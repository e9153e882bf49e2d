"""Arrays from and to elsewhere: NumPy, DLPack, buffers, Python; promotion; printing; what an Array is in Python."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tianyuan as ty


def test_dlpack_both_ways() -> None:
    """NumPy reads ours without a copy and cannot write; ours holds NumPy's values."""
    x = ty.arange(6.0)
    seen = np.from_dlpack(x)

    assert seen.tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 9.0
    assert np.asarray(ty.from_dlpack(np.arange(3, dtype=np.int16))).dtype == np.int16
    assert x.__dlpack_device__()[0] == 1


@pytest.mark.parametrize(
    "value",
    [
        np.arange(12.0).reshape(3, 4)[:, ::-2],
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(3, dtype=">i4"),
        np.arange(3, dtype=">f8")[::-1],
        np.float16(1.5),
        np.array(True),
        np.zeros((0, 3), np.uint8),
    ],
    ids=["strided", "column-major", "foreign endian", "foreign and reversed", "scalar", "0-d", "empty"],
)
def test_numpy_round_trip(value: Any) -> None:
    """Layout and byte order do not matter; the dtype stays."""
    back = np.asarray(ty.asarray(value))

    assert back.dtype == value.dtype.newbyteorder("=")
    np.testing.assert_array_equal(back, value)


def test_source_may_change() -> None:
    """An Array keeps its values when the NumPy array it was made of changes."""
    source = np.ones(1000)
    x = ty.asarray(source)
    source[:] = 2.0

    assert float(x[0]) == 1.0


@pytest.mark.parametrize(
    ("value", "dtype", "error"),
    [
        (300, ty.int8, OverflowError),
        (-1, ty.uint8, OverflowError),
        (2**70, None, OverflowError),
        ([2**64], None, OverflowError),
        (1 + 1j, ty.float32, ty.ArrayTypeError),
        ("text", None, ty.ArrayTypeError),
        ([[1, 2], [3]], None, ty.ShapeError),
        (object(), None, ty.ArrayTypeError),
        (np.array(["a"]), None, ty.ArrayTypeError),
        ({1, 2}, None, ty.ArrayTypeError),
    ],
)
def test_what_does_not_fit(value: Any, dtype: Any, error: type[Exception]) -> None:
    """One error that names asarray."""
    with pytest.raises(error, match="asarray|expected an array"):
        ty.asarray(value, dtype=dtype)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (ty.int32, ty.int64, ty.int64),
        (ty.int32, ty.float32, ty.float32),
        (ty.int64, ty.float32, ty.float32),
        (ty.uint8, ty.int8, ty.int16),
        (ty.float16, ty.bfloat16, ty.float32),
        (ty.float64, ty.complex64, ty.complex128),
        (ty.bool, ty.int8, ty.int8),
    ],
)
def test_promotion(a: ty.DType, b: ty.DType, expected: ty.DType) -> None:
    """By the table of the docs, both ways round."""
    assert (ty.zeros(2, dtype=a) + ty.ones(2, dtype=b)).dtype == expected
    assert ty.result_type(b, a) == expected


def test_python_numbers_are_weak() -> None:
    """They take the array's dtype; a float beside integers gives f32; out of range raises."""
    assert (ty.ones(2, dtype=ty.float16) * 2.5).dtype == ty.float16
    assert (ty.ones(2, dtype=ty.int8) + 1).dtype == ty.int8
    assert (ty.arange(3) * 0.5).dtype == ty.float32
    assert (ty.arange(3) / 2).dtype == ty.float32
    with pytest.raises(OverflowError):
        ty.ones(2, dtype=ty.int8) + 200
    with pytest.raises(ty.ArrayTypeError, match="uint64 and int64"):
        ty.ones(2, dtype=ty.uint64) + ty.ones(2, dtype=ty.int64)


def test_an_array_in_python() -> None:
    """Copies are itself; pickles are plain; no hash, no item assignment; 0-d ones are numbers."""
    x = ty.asarray([1.5, 2.5])

    assert copy.copy(x) is x and copy.deepcopy(x) is x
    assert ty.digest(pickle.loads(pickle.dumps(x))) == ty.digest(x)
    assert x[0].item() == 1.5 and x.tolist() == [1.5, 2.5] and len(x) == 2
    assert (float(x[0]), int(x[1]), bool(x[0]), complex(x[0])) == (1.5, 2, True, 1.5 + 0j)
    assert [1, 2, 3][ty.asarray(1)] == 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)
    with pytest.raises(TypeError, match=r"\.at"):
        x[0] = 1.0  # pyright: ignore
    with pytest.raises(ty.ArrayTypeError, match="0-d"):
        float(x)
    assert x.__array_namespace__() is ty


def test_limits_and_namespace_info() -> None:
    """finfo, iinfo, and what the standard's info object says."""
    info = ty.__array_namespace_info__()

    assert ty.finfo(ty.float32).eps == 2.0**-23 and ty.iinfo(ty.int8).min == -128
    assert ty.isdtype(ty.float32, "real floating") and not ty.isdtype(ty.int8, "unsigned integer")
    assert ty.can_cast(ty.int8, ty.int16) and not ty.can_cast(ty.float64, ty.float32)
    assert info.default_dtypes()["real floating"] == ty.float32
    assert "bool" in info.dtypes()
