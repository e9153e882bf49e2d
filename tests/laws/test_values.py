"""Every primitive agrees with its oracle, in type and in value, eager and jitted."""

import numpy as np
import pytest

from tests.laws.bits import same_bits, ulps
from tests.laws.drawing import Law, arrays, bound, every_law, numpy_inputs, results
from tianyuan.compiling import jit

CASES = every_law()


@pytest.mark.parametrize("law", CASES, ids=str)
def test_oracle(law: Law) -> None:
    """Types are as the rule says, values within the declared bound of the oracle."""
    inputs = numpy_inputs(law)
    with np.errstate(all="ignore"):
        expected = law.prim.oracle(*inputs)
    expected = list(expected) if law.prim.multiple else [expected]

    actual = results(law, arrays(inputs))

    assert tuple(a.type for a in actual) == law.prim.types(*law.case.args)
    for a, e in zip(actual, expected, strict=True):
        assert np.asarray(e).shape == a.shape
        assert ulps(np.asarray(a), e) <= bound(law)


@pytest.mark.parametrize("law", CASES, ids=str)
def test_jit_is_eager(law: Law) -> None:
    """jit(f)(x) ≡ f(x)."""
    inputs = arrays(numpy_inputs(law))

    jitted = jit(lambda *xs: results(law, list(xs)))(*inputs)

    for a, e in zip(jitted, results(law, inputs), strict=True):
        same_bits(a, e)
