"""parse(print(p)) ≡ p for a program of every primitive, and both run to the same bits."""

import pytest

from tests.laws.bits import same_bits
from tests.laws.drawing import Law, arrays, every_law, numpy_inputs, results
from tianyuan.compiling import make_program
from tianyuan.parser import parse
from tianyuan.program import verify

CASES = every_law()


@pytest.mark.parametrize("law", CASES, ids=str)
def test_round_trip(law: Law) -> None:
    """The text is the program."""
    inputs = arrays(numpy_inputs(law))
    program = make_program(lambda *xs: results(law, list(xs)))(*inputs)

    again = parse(str(program))

    verify(again)
    assert again == program
    assert again.digest == program.digest
    for a, e in zip(again(*inputs), program(*inputs), strict=True):
        same_bits(a, e)
