"""The oracles themselves, where they are more than one call of NumPy's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tianyuan.prims.pointwise.arithmetic import floor_divide, fma, maximum, minimum, sign
from tianyuan.prims.pointwise.oracles import precisely
from tianyuan.prims.pointwise.special import nextafter, signbit, trigamma

INF, NAN = np.inf, np.nan


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """NumPy's warnings are not the matter here (the machines switch them off too)."""
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_extrema(dtype: Any) -> None:
    """NaN propagates, -0 < +0."""
    a, b = np.array([0.0, -0.0, NAN, 1, 2, -INF], dtype), np.array([-0.0, 0.0, 1, NAN, 1, INF], dtype)

    low, high = (p.oracle(a, b).astype(np.float64) for p in (minimum, maximum))

    np.testing.assert_array_equal(low, [0, 0, NAN, NAN, 1, -INF])
    np.testing.assert_array_equal(high, [0, 0, NAN, NAN, 2, INF])
    assert np.signbit(low[:2]).tolist() == [True, True]
    assert np.signbit(high[:2]).tolist() == [False, False]
    np.testing.assert_array_equal(sign.oracle(a).astype(np.float64), [0, 0, NAN, 1, 1, -1])


def test_fma_rounds_once() -> None:
    """Where the product rounded first would lose the sum; overflow of the product alone is none."""
    e = 2.0**-30
    a, b, c = np.array([1 + e, 1e200, -0.0, INF]), np.array([1 - e, 1e200, 1.0, 0.0]), np.array([-1.0, -INF, -0.0, 1])

    np.testing.assert_array_equal(fma.oracle(a, b, c), [-(2.0**-60), -INF, -0.0, NAN])
    single = fma.oracle(*(np.array([v], np.float32) for v in (1 + 2**-12, 1 + 2**-12, 2.0**-60)))
    assert single[0] == np.float32(1 + 2**-11 + 2**-23)  # a tie without the 2^-60
    assert np.signbit(fma.oracle(*(np.array([v]) for v in (1e-300, -1e-300, 0.0)))[0])


def test_floor_divide() -> None:
    """The floor of the exact quotient, though a / b itself rounds up to a whole number."""
    a = np.array([1.0, -1.0, 6.0, 5.0, -5.0, INF, 0.0, -1e-300, 1e300])
    b = np.array([0.1, 0.1, 0.1, INF, INF, 2.0, -3.0, 1e300, 1e-300])

    np.testing.assert_array_equal(floor_divide.oracle(a, b), [9, -10, 59, 0, -1, NAN, -0.0, -1, INF])
    assert floor_divide.oracle(np.array([1.0, 0.0]), np.array([0.0, 0.0])).tolist()[0] == INF


def test_bits() -> None:
    """signbit of NaN is false; neighbours across zero."""
    assert signbit.oracle(np.array([-NAN, -0.0, 1.0])).tolist() == [False, True, False]
    assert nextafter.oracle(np.array([0.0]), np.array([-1.0])).tolist() == [-5e-324]


def test_precisely() -> None:
    """More digits than f64 has; complex arguments; poles are NaN."""
    assert abs(precisely("erfc", np.array([1.0]))[0] - np.longdouble("0.15729920705028513065877936492")) < 1e-19
    assert precisely("digamma", np.array([0.0]))[0] != precisely("digamma", np.array([0.0]))[0]
    assert abs(complex(precisely("log1p", np.array([1j]))[0]) - complex(np.log(np.sqrt(2)), np.pi / 4)) < 1e-15
    assert abs(float(trigamma.oracle(np.array([1.0]))[0]) - np.pi**2 / 6) < 1e-15
