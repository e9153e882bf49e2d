"""Conversions between all dtypes, bit casts and keys, compiled, against their oracles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.jit.scalars.compiled import compiled, same_bits
from tests.jit.scalars.test_primitives import arguments
from tianyuan.prims.conversion import Bitcast, Convert
from tianyuan.prims.keys import KeyFromWords, KeyWord
from tianyuan.types import (
    ALL,
    FLOATS,
    INTEGERS,
    DType,
    bfloat16,
    float16,
    float32,
    key_dtype,
    uint32,
)

MACHINES: Any = pytest.mark.parametrize(("lanes", "machine"), [(8, "host"), (1, "host"), (4, "haswell"), (4, "x86-64")])


BOUNDS = (7, 8, 15, 16, 24, 31, 32, 53, 62)


def critical(dtype: DType) -> Any:
    """Special and random values, and those around every bound and tie of the narrower dtypes."""
    (x,) = arguments((dtype,))
    if dtype.bits < 32 or dtype.kind not in "iuf":
        return x
    signs = (1,) if dtype.kind == "u" else (1, -1)
    if dtype.kind == "f":
        near = [s * (2.0**e + d) for s in signs for e in BOUNDS for d in (-1.5, -1, -0.5, 0, 0.5, 1)]
        ties = [
            (1 + 2.0**-p) * 2.0**e * (1 + d)
            for p in (8, 11)
            for e in range(-30, 17)
            for d in (-(2.0**-40), 0, 2.0**-40)
        ]
        return np.concatenate([x, np.array([*near, *ties], dtype.numpy)])
    near = [s * 2**e + d for s in signs for e in BOUNDS for d in (-1, 0, 1)]
    ties = [s * (2**p + 1) * 2**e + d for s in signs for p in (8, 11, 24) for e in range(1, 38) for d in (-1, 0, 1)]
    info = np.iinfo(dtype.numpy)
    return np.concatenate([x, np.array([v for v in near + ties if info.min <= v <= info.max], dtype.numpy)])


@MACHINES
@pytest.mark.parametrize("source", ALL, ids=str)
def test_convert(source: DType, lanes: int, machine: str) -> None:
    """To every dtype, to the bit."""
    x = critical(source)
    for target in ALL:
        with np.errstate(all="ignore"):
            expected = Convert(target).oracle(x)

        actual = compiled(Convert(target).scalar, (source,), target, lanes, machine)(x)

        assert same_bits(actual, expected), target


@MACHINES
@pytest.mark.parametrize("source", [float16, bfloat16], ids=str)
def test_every_half(source: DType, lanes: int, machine: str) -> None:
    """All 2^16 values to f32 and back are themselves."""
    x = np.arange(2**16, dtype=np.uint16).view(source.numpy)

    single = compiled(Convert(float32).scalar, (source,), float32, lanes, machine)(x)
    back = compiled(Convert(source).scalar, (float32,), source, lanes, machine)(single)

    with np.errstate(all="ignore"):
        assert same_bits(single, x.astype(np.float32))
        assert same_bits(back, x)


@MACHINES
@pytest.mark.parametrize("source", INTEGERS + FLOATS, ids=str)
def test_bitcast(source: DType, lanes: int, machine: str) -> None:
    """To every dtype of the width; NaNs of any kind read as one."""
    bits = np.random.default_rng(0).integers(0, 2**source.bits - 1, 400, np.uint64, endpoint=True)
    x = bits.astype(f"u{source.itemsize}").view(source.numpy)
    if source.kind == "f":
        payload = np.array([-1, -2], f"i{source.itemsize}").view(source.numpy)
        x = np.concatenate([arguments((source,))[0], payload, x])
    for target in [d for d in INTEGERS + FLOATS if d.bits == source.bits]:
        actual = compiled(lambda k, v, target=target: k.bitcast(v, target), (source,), target, lanes, machine)(x)

        with np.errstate(all="ignore"):
            assert same_bits(actual, Bitcast(target).oracle(x)), target


@MACHINES
def test_keys(lanes: int, machine: str) -> None:
    """Words of keys, keys of words."""
    keys = np.random.default_rng(0).integers(0, 2**64 - 1, 40, np.uint64, endpoint=True)

    high, low = (compiled(KeyWord(i).scalar, (key_dtype,), uint32, lanes, machine)(keys) for i in (0, 1))
    made = compiled(KeyFromWords().scalar, (uint32, uint32), key_dtype, lanes, machine)(high, low)

    assert np.array_equal(high, (keys >> np.uint64(32)).astype(np.uint32))
    assert np.array_equal(low, keys.astype(np.uint32))
    assert np.array_equal(made, keys)
