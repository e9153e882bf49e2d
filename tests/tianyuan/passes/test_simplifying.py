"""What is simplified, what is not, and that no bit changes."""

import itertools
from typing import Any

import numpy as np
import pytest

from tests.laws.bits import same_bits
from tests.oracle_machine import run
from tianyuan.parser import parse
from tianyuan.passes import dce, simplify
from tianyuan.program import Program, verify

SPECIAL = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e-45, -3e38, 1e-39, 7.0]


def body(text: str, params: str = "%0: f32[11]", type: str = "f32[11]", result: str = "%1") -> Program:
    """The program with these equations."""
    made = parse(f"program ({params}) -> ({type}) {{\n{text}\n return {result}\n}}")
    verify(made)
    return made


def optimized(program: Program) -> Program:
    """Simplified, verified, without what is dead, and with the same bits on special values."""
    after = dce(simplify(program))
    verify(after)
    inputs = [special(t) for t in program.in_types]
    for a, e in zip(run(after, inputs), run(program, inputs), strict=True):
        same_bits(a, e)
    return after


def special(type: Any) -> np.ndarray[Any, Any]:
    """Special values of a type."""
    values = itertools.cycle(SPECIAL if type.dtype.kind in "fc" else [0, 1, 2, 5, 7])
    with np.errstate(all="ignore"):
        flat = np.array(list(itertools.islice(values, type.size))).astype(type.dtype.numpy)
    return flat.reshape(type.shape)


IDENTITIES = [
    "%1: f32[11] = mul %0, 1e+00:f32",
    "%1: f32[11] = mul 1e+00:f32, %0",
    "%1: f32[11] = add %0, -0e+00:f32",
    "%1: f32[11] = add -0e+00:f32, %0",
    "%1: f32[11] = sub %0, 0e+00:f32",
    "%1: f32[11] = div %0, 1e+00:f32",
    "%1: f32[11] = pow %0, 1e+00:f32",
    "%1: f32[11] = reshape[shape=(11,)] %0",
    "%1: f32[11] = transpose[permutation=(0,)] %0",
    "%1: f32[11] = reverse[axes=()] %0",
    "%1: f32[11] = broadcast[shape=(11,), dims=(0,)] %0",
    "%1: f32[11] = convert[dtype=f32] %0",
    "%1: f32[11] = select true:bool, %0, %0",
]


@pytest.mark.parametrize("text", IDENTITIES)
def test_identities_go(text: str) -> None:
    """Nothing is left."""
    assert optimized(body(text)).eqns == ()


PAIRS = [
    "%1: f32[11] = neg %0\n%2: f32[11] = neg %1",
    "%1: f32[11] = reverse[axes=(0,)] %0\n%2: f32[11] = reverse[axes=(0,)] %1",
    "%1: f64[11] = convert[dtype=f64] %0\n%2: f32[11] = convert[dtype=f32] %1",
    "%1: f32[1,11] = reshape[shape=(1,11)] %0\n%2: f32[11] = reshape[shape=(11,)] %1",
    "%1: f32[11] = broadcast[shape=(11,), dims=()] 1e+00:f32\n%2: f32[11] = mul %0, %1",
]


@pytest.mark.parametrize("text", PAIRS)
def test_pairs_go(text: str) -> None:
    """Two equations that undo each other."""
    assert optimized(body(text, result="%2")).eqns == ()


KEPT = [
    "%1: f32[11] = add %0, 0e+00:f32",
    "%1: f32[11] = mul %0, 0e+00:f32",
    "%1: f32[11] = sub %0, -0e+00:f32",
    "%1: f32[11] = sub %0, %0",
    "%1: f32[11] = sub 0e+00:f32, %0",
    "%1: f32[11] = div %0, 3e+00:f32",
    "%1: f32[11] = div %0, 1e-45:f32",
    "%1: f32[11] = div %0, %0",
    "%1: f32[11] = scale %0, 1e+00:f32",
    "%1: f32[11] = pow %0, 5e-01:f32",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_not_exact_stays(text: str) -> None:
    """Signed zeros, NaN and rounding forbid it."""
    program = body(text)

    assert optimized(program) == program


CHAINS = [
    ("f16", "f32", "bf16", 1),
    ("bf16", "f32", "f16", 1),
    ("f32", "f16", "f32", 2),
    ("f64", "f32", "f16", 2),
    ("f16", "bf16", "f32", 2),
    ("bf16", "f16", "f32", 2),
    ("i32", "i64", "i8", 1),
    ("i32", "f64", "i32", 0),
    ("i32", "f64", "i8", 2),
    ("i32", "f64", "f32", 1),
    ("i32", "f32", "f64", 2),
    ("u8", "i16", "f32", 1),
    ("i8", "u16", "i32", 2),
    ("i8", "f16", "u64", 2),
    ("bool", "f32", "i8", 1),
    ("f32", "i32", "f32", 2),
    ("f32", "c64", "f16", 1),
    ("c64", "f32", "c64", 2),
    ("u64", "bool", "u8", 2),
]


@pytest.mark.parametrize(("a", "b", "c", "left"), CHAINS)
def test_conversions_pass_through_what_loses_nothing(a: str, b: str, c: str, left: int) -> None:
    """One conversion where the values are the same."""
    text = f"%1: {b}[11] = convert[dtype={b}] %0\n%2: {c}[11] = convert[dtype={c}] %1"

    after = optimized(body(text, f"%0: {a}[11]", f"{c}[11]", "%2"))

    assert len(after.eqns) == left


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize("power", [-1022, -130, -24, -1, 1, 5, 14, 127, 1023])
def test_division_by_a_power_of_two(dtype: str, power: int) -> None:
    """A product where the inverse is a number of the dtype."""
    made = body("", f"%0: {dtype}[]", f"{dtype}[]", "%0").in_types[0].dtype.numpy.type
    with np.errstate(all="ignore"):
        divisor, inverse = made(2.0**power), made(2.0**-power)
    if not 0 < float(divisor) < np.inf:
        pytest.skip("not a number of this dtype")
    digits = np.format_float_scientific(np.float64(divisor), unique=True, trim="-")
    program = body(f"%1: {dtype}[11] = div %0, {digits}:{dtype}", f"%0: {dtype}[11]", f"{dtype}[11]")

    after = optimized(program)

    assert after.eqns[0].prim.name == ("mul" if 0 < float(inverse) < np.inf else "div")


@pytest.mark.parametrize("dtype", ["f16", "f32", "f64", "i32"])
@pytest.mark.parametrize("exponent", [-2, -1, 0, 1, 2, 3, 4])
def test_static_powers(dtype: str, exponent: int) -> None:
    """Products and a quotient with the bits of the power."""
    shown = f"{exponent}e+00" if dtype != "i32" else str(exponent)
    after = optimized_loosely(body(f"%1: {dtype}[11] = pow %0, {shown}:{dtype}", f"%0: {dtype}[11]", f"{dtype}[11]"))
    kept = (exponent in (0, 3, 4, -2) and dtype == "f16") or (exponent < 0 and dtype == "i32")

    assert ("pow" in [e.prim.name for e in after.eqns]) == kept


def optimized_loosely(program: Program) -> Program:
    """As ``optimized``, without running: the oracle of pow rounds once, the product more often."""
    after = dce(simplify(program))
    verify(after)
    return after


def test_constants_fold() -> None:
    """Equations of literals are run, and what they allow is done."""
    text = "%1: f32[] = convert[dtype=f32] 2e+00:f64*\n%2: f32[] = mul %1, 2e+00:f32\n%3: f32[11] = div %0, %2"

    after = optimized(body(text, result="%3"))

    assert after == body("%1: f32[11] = mul %0, 2.5e-01:f32")


def test_folding_is_optional() -> None:
    """Without it the equations stay."""
    program = body("%1: f32[] = exp 1e+00:f32\n%2: f32[11] = mul %0, %1", result="%2")

    assert simplify(program, fold=False) == program


def test_known_choices() -> None:
    """A constant condition leaves one branch."""
    text = "%2: bool[11] = broadcast[shape=(11,), dims=()] false:bool\n%3: f32[11] = select %2, %0, %1"

    after = optimized(body(text, "%0: f32[11], %1: f32[11]", result="%3"))

    assert after == body("", "%0: f32[11], %1: f32[11]", result="%1")


def test_a_choice_of_a_scalar_stays_full() -> None:
    """A rule that gives another type is not taken."""
    program = body("%1: f32[11] = select true:bool, 2e+00:f32, %0")

    assert optimized(program) == program


def test_nested_programs_are_simplified() -> None:
    """The body of a loop."""
    text = """%1: f32[11] = scan[body=program (%0: f32[11]) -> (f32[11]) {
        %1: f32[11] = mul %0, 1e+00:f32
        %2: f32[11] = neg %1
        return %2
      }, length=3, reverse=False, consts=0, carries=1, unroll=1] %0"""

    after = optimized(body(text))

    assert [e.prim.name for e in after.eqns[0].prim.body.eqns] == ["neg"]


def test_compositions_of_axes() -> None:
    """Two permutations or repetitions become one."""
    text = "%1: f32[3,4,2] = transpose[permutation=(1,2,0)] %0\n%2: f32[2,4,3] = transpose[permutation=(2,1,0)] %1"
    spread = (
        "%1: f32[3,2] = broadcast[shape=(3,2), dims=(1,)] %0\n%2: f32[3,5,2] = broadcast[shape=(3,5,2), dims=(0,2)] %1"
    )

    assert [str(e.prim) for e in optimized(body(text, "%0: f32[2,3,4]", "f32[2,4,3]", "%2")).eqns] == [
        "Transpose(permutation=(0, 2, 1))"
    ]
    assert [str(e.prim) for e in optimized(body(spread, "%0: f32[2]", "f32[3,5,2]", "%2")).eqns] == [
        "Broadcast(shape=(3, 5, 2), dims=(2,))"
    ]


@pytest.mark.parametrize(
    ("start", "op", "goes"),
    [("0e+00", "add", True), ("1e+00", "add", True), ("-0e+00", "add", False), ("0e+00", "set", False)],
)
def test_sums_from_a_positive_zero_need_none_added(start: str, op: str, goes: bool) -> None:
    """x + 0.0 = x where x is a scattered sum that does not start from -0."""
    fields = f"op='{op}', batch_axes=0, axes=(0,), sizes=(1,), collapsed=(0,), mode='drop'"
    text = f"%2: f32[3] = broadcast[shape=(3,), dims=()] {start}:f32\n"
    text += f"%3: f32[3] = scatter[{fields}] %2, %1, %0\n%4: f32[3] = add %3, 0e+00:f32"
    after = optimized(body(text, "%0: f32[11], %1: i64[11,1]", "f32[3]", "%4"))

    assert ("add" in [e.prim.name for e in after.eqns]) != goes
