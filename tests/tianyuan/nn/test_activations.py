"""Activations against their formulas in double precision, their derivatives at the joints, and half precision."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import tianyuan as ty

POINTS = np.array([-50.0, -3.0, -1.0, -1e-3, -0.0, 0.0, 1e-3, 0.5, 2.0, 50.0])

FORMULAS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x >= 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: 0.5 * x * (1 + special.erf(x / math.sqrt(2))),
    "sigmoid": special.expit,
    "silu": lambda x: x * special.expit(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softmax": lambda x: special.softmax(x),
    "log_softmax": lambda x: special.log_softmax(x),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_value(name: str) -> None:
    """The formula, in f64."""
    actual = getattr(ty.nn, name)(ty.asarray(POINTS))

    np.testing.assert_allclose(np.asarray(actual), FORMULAS[name](POINTS), rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("dtype", [ty.float16, ty.bfloat16])
def test_half_precision_rounds_once(name: str, dtype: ty.DType) -> None:
    """Computed in f32, then rounded."""
    x = ty.astype(ty.asarray(POINTS), dtype)
    function = getattr(ty.nn, name)

    expected = ty.astype(function(ty.astype(x, ty.float32)), dtype)

    assert function(x).dtype == dtype
    assert ty.digest(expected) == ty.digest(function(x))


@pytest.mark.parametrize("name", ["elu", "gelu", "sigmoid", "silu", "softplus"])
def test_derivative(name: str) -> None:
    """Against central differences, and finite where the function is large."""
    f = getattr(ty.nn, name)
    x = np.array([-3.0, -0.7, 0.3, 2.0])

    slope = ty.vmap(ty.grad(f))(ty.asarray(x))

    difference = (np.asarray(f(ty.asarray(x + 1e-6))) - np.asarray(f(ty.asarray(x - 1e-6)))) / 2e-6
    np.testing.assert_allclose(np.asarray(slope), difference, rtol=1e-7)
    assert np.isfinite(np.asarray(ty.vmap(ty.grad(f))(ty.asarray([-800.0, 800.0])))).all()


def test_relu_at_zero_and_nan() -> None:
    """Derivative 0 at 0; NaN stays NaN."""
    assert float(ty.grad(ty.nn.relu)(ty.asarray(0.0))) == 0.0
    assert math.isnan(float(ty.nn.relu(ty.asarray(math.nan))))
    assert float(ty.grad(ty.nn.relu)(ty.asarray(2.0))) == 1.0
