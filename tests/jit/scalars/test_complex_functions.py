"""Elementary functions of complex numbers: C99's special values (Annex G), against NumPy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.jit.scalars.compiled import compiled, same_bits
from tests.jit.scalars.test_accuracy import program
from tianyuan.errors import ArrayTypeError
from tianyuan.types import DType, complex64, complex128

PEERS = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
}
PARTS = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, math.pi / 2, 3.0, math.inf, -math.inf, math.nan, 1000.0, -1000.0, 1e30, 1e-30]
Z = np.array([complex(a, b) for a in PARTS for b in PARTS])


def function(name: str, dtype: DType, lanes: int = 8, machine: str = "host") -> Any:
    return compiled(program(name), [dtype], dtype, lanes, machine)


def agree(actual: float, expected: float, signed: bool) -> bool:
    """Equal to 1e-13, with the sign of zeros and infinities if ``signed``."""
    if not signed:
        actual, expected = abs(actual), abs(expected)
    if expected == 0 or not math.isfinite(expected):
        return same_bits(np.float64(actual), np.float64(expected))
    return abs(actual - expected) <= 1e-13 * abs(expected)


@pytest.mark.parametrize("name", PEERS)
def test_special_values(name: str) -> None:
    """Of every pair of special parts; C leaves signs open where a part of the argument is infinite or NaN."""
    with np.errstate(all="ignore"):
        expected = PEERS[name](Z)
    actual = function(name, complex128)(Z)

    for z, a, e in zip(Z, actual, expected, strict=True):
        signed = bool(np.isfinite(z))
        assert agree(a.real, e.real, signed), (z, a, e)
        assert agree(a.imag, e.imag, signed), (z, a, e)


@pytest.mark.parametrize("name", PEERS)
def test_single_is_rounded_from_double(name: str) -> None:
    """complex64 computes in f64."""
    z = Z.astype(np.complex64)
    with np.errstate(all="ignore"):
        expected = function(name, complex128)(z.astype(np.complex128)).astype(np.complex64)

    assert same_bits(function(name, complex64)(z), expected)


@pytest.mark.parametrize("name", PEERS)
def test_the_same_bits_at_every_width(name: str) -> None:
    """With FMA and without."""
    expected = function(name, complex128)(Z)
    for lanes, machine in ((1, "host"), (4, "haswell"), (2, "x86-64")):
        assert same_bits(function(name, complex128, lanes, machine)(Z), expected), (lanes, machine)


def test_functions_of_real_numbers_only() -> None:
    """erf of complex numbers is refused."""
    with pytest.raises(ArrayTypeError, match="erf takes floats, got complex128"):
        function("erf", complex128)
