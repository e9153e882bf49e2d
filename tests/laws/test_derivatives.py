"""Derivatives of every primitive, in f64: against finite differences, and against each other.

jvp ≈ (f(x + h v) - f(x - h v)) / 2h;  ⟨ct, J v⟩ = ⟨Jᵀ ct, v⟩;  jvp(f)[0] ≡ f;  linearize ≡ jvp.
"""

from typing import Any

import numpy as np
import pytest

from tests.laws.bits import same_bits
from tests.laws.drawing import Law, arrays, floats, laws, numpy_inputs, results
from tianyuan.array import Array
from tianyuan.eager import from_numpy
from tianyuan.transforms.derivatives import jvp, linearize, vjp
from tianyuan.types import float64

CASES = [law for law in laws((float64,)) if law.prim.cases.differentiable and floats(law)]


class Restricted:
    """A primitive as a function of its floating-point arguments, returning its floating-point results."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self.inputs = numpy_inputs(law)
        self.varying = floats(law)

    def __call__(self, *xs: Array) -> list[Array]:
        args = arrays(self.inputs)
        for i, x in zip(self.varying, xs, strict=True):
            args[i] = x
        return [y for y in results(self.law, args) if y.dtype.kind == "f"]

    def points(self) -> list[np.ndarray[Any, Any]]:
        """Where derivatives are taken."""
        return [self.inputs[i] for i in self.varying]

    def directions(self, seed: int) -> list[np.ndarray[Any, Any]]:
        """Random directions of the same shapes."""
        rng = np.random.default_rng(seed)
        return [rng.standard_normal(x.shape) for x in self.points()]


def differences(f: Restricted, v: list[np.ndarray[Any, Any]], h: float) -> list[np.ndarray[Any, Any]]:
    """Central differences along v."""
    up, down = (f(*(from_numpy(x + s * h * d) for x, d in zip(f.points(), v, strict=True))) for s in (1.0, -1.0))
    return [(np.asarray(a) - np.asarray(b)) / (2 * h) for a, b in zip(up, down, strict=True)]


@pytest.mark.parametrize("law", CASES, ids=str)
def test_jvp(law: Law) -> None:
    """The tangent is the directional derivative; the primal is untouched."""
    f = Restricted(law)
    v = f.directions(1)

    values, tangents = jvp(f, tuple(arrays(f.points())), tuple(arrays(v)))

    for a, e in zip(values, f(*arrays(f.points())), strict=True):
        same_bits(a, e)
    for a, e in zip(tangents, differences(f, v, 1e-6), strict=True):
        np.testing.assert_allclose(np.asarray(a), e, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("law", CASES, ids=str)
def test_linearize_is_jvp(law: Law) -> None:
    """linearize gives the bits of jvp."""
    f = Restricted(law)
    x, v = arrays(f.points()), arrays(f.directions(1))

    value, push = linearize(f, *x)

    for a, e in zip((*value, *push(*v)), (e for part in jvp(f, tuple(x), tuple(v)) for e in part), strict=True):
        same_bits(a, e)


@pytest.mark.parametrize("law", CASES, ids=str)
def test_adjoint(law: Law) -> None:
    """⟨ct, J v⟩ = ⟨Jᵀ ct, v⟩."""
    f = Restricted(law)
    x, v = arrays(f.points()), f.directions(1)
    values, tangents = jvp(f, tuple(x), tuple(arrays(v)))
    rng = np.random.default_rng(2)
    cts = [rng.standard_normal(y.shape) for y in values]

    _, pull = vjp(f, *x)
    grads = pull(arrays(cts))

    left = sum(float(np.sum(c * np.asarray(t))) for c, t in zip(cts, tangents, strict=True))
    right = sum(float(np.sum(np.asarray(g) * d)) for g, d in zip(grads, v, strict=True))
    scale = sum(float(np.sum(np.abs(c * np.asarray(t)))) for c, t in zip(cts, tangents, strict=True))
    assert abs(left - right) <= 1e-9 * (1 + scale)
