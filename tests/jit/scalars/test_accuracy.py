"""The largest errors of the elementary functions, in ulp.

The bounds of ``references`` are the table: measured on every 61st of all f32, on all of those where the functions
are neither trivial nor constant, and on about 16 thousand f64 a function; rounded up. The fast tests look at every
4099th f32 and a few thousand f64.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from tests.jit.scalars.compiled import compiled, same_bits
from tests.jit.scalars.references import (
    DIGITS,
    REFERENCES,
    Reference,
    arguments,
    error_in_double,
    errors_in_single,
    mp,
)
from tianyuan.types import DType, float32, float64

NAMES = sorted(REFERENCES)
POSITIVE_ONLY = ("lgamma", "digamma", "rsqrt")  # below 0 in test_special_functions


def program(name: str) -> Any:
    return lambda k, *args: k.call(name, *args)


@functools.cache
def function(name: str, dtype: DType, lanes: int, machine: str = "host", arity: int = 1) -> Any:
    """The compiled function of arrays."""
    return compiled(program(name), [dtype] * arity, dtype, lanes, machine)


def singles(first: int, last: int, stride: int) -> Any:
    """f32 by their bits."""
    return np.arange(first, last, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)


def largest_error(name: str, x: Any) -> float:
    """Of f32, against f64."""
    if name in POSITIVE_ONLY:
        x = x[~np.signbit(x)]
    with np.errstate(all="ignore"):
        wide = REFERENCES[name].wide(x.astype(np.float64))
    off = errors_in_single(function(name, float32, 16)(x), wide)
    if name in POSITIVE_ONLY:  # SciPy's own error near the zeros
        off = np.where(np.abs(wide) < 2.0**-4, 0, off)
    return float(off.max(initial=0))


@pytest.mark.parametrize("name", NAMES)
def test_single(name: str) -> None:
    """Every 4099th f32."""
    assert largest_error(name, singles(0, 2**32, 4099)) <= REFERENCES[name].bounds[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_single(name: str) -> None:
    """All 2^32."""
    for start in range(0, 2**32, 2**24):
        assert largest_error(name, singles(start, start + 2**24, 1)) <= max(1, REFERENCES[name].bounds[0])


@pytest.mark.parametrize("name", NAMES)
def test_double(name: str) -> None:
    """Against mpmath."""
    reference = REFERENCES[name]
    x = arguments(reference)
    x = x[~np.signbit(x)] if name in POSITIVE_ONLY else x
    with mp.workdps(DIGITS):
        off = [error_in_double(float(y), exact(reference, float(v))) for v, y in zip(x, double(name, x), strict=True)]

    assert max(off) <= reference.bounds[1], x[int(np.argmax(off))]


def double(name: str, x: Any) -> Any:
    return function(name, float64, 8)(x)


def exact(reference: Reference, x: float) -> Any:
    return reference.exact(mp.mpf(x))


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_the_same_bits_at_every_width(name: str, dtype: DType) -> None:
    """One lane and many, with wide and narrow vectors, with FMA and without."""
    x = arguments(REFERENCES[name])
    x = np.concatenate([x, -x]) if dtype == float64 else singles(3, 2**32, 500009)
    expected = function(name, dtype, 16)(x)
    for lanes, machine in ((1, "host"), (8, "host"), (16, "haswell"), (4, "haswell"), (2, "x86-64")):
        assert same_bits(function(name, dtype, lanes, machine)(x), expected), (lanes, machine)
