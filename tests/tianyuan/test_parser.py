"""``parse`` is the inverse of ``str``, and its errors point at the place."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import fields
from hypothesis import given
from hypothesis import strategies as st

import tianyuan.control.branching
import tianyuan.control.scanning  # noqa: F401
from tests.laws.drawing import laws
from tianyuan.core import REGISTRY
from tianyuan.errors import ParseError, TianyuanError, VerificationError
from tianyuan.parser import parse
from tianyuan.program import Eqn, Lit, Program, Var, verify
from tianyuan.types import ALL, ArrayType, DType, bool_, key_dtype

SPECIAL = ["0", "-0.0", "1", "-1.5", "inf", "-inf", "nan", "1e-45", "3.4028235e38", "65504", "1e-320", "0.1"]


def single(prim: Any, types: tuple[ArrayType, ...]) -> Program:
    """A program of one equation."""
    params = tuple(Var(i, t) for i, t in enumerate(types))
    outs = tuple(Var(len(params) + i, t) for i, t in enumerate(prim.types(*types)))
    return Program(params, (Eqn(outs, prim, params),), outs)


def test_every_primitive_comes_back() -> None:
    """Fields and types of every case in every dtype."""
    for law in laws(ALL):
        program = single(law.prim, law.case.args)

        assert parse(str(program)) == program


def literal(value: Any, dtype: DType, weak: bool = False) -> Lit:
    """A literal with the bits of a NumPy value, NaNs canonical."""
    made = np.asarray(value).astype(dtype.numpy)
    return Lit(made.tobytes(), ArrayType(dtype, (), weak))


def returned(lit: Lit) -> Lit:
    """What a literal is after printing and parsing."""
    (back,) = parse(str(Program((), (), (lit,)))).results
    assert isinstance(back, Lit)
    return back


@pytest.mark.parametrize("dtype", [d for d in ALL if d.kind in "f"], ids=str)
@pytest.mark.parametrize("text", SPECIAL)
def test_special_floats(dtype: DType, text: str) -> None:
    """Zeros of both signs, infinities, NaN, subnormals, the largest, weak or not."""
    with np.errstate(all="ignore"):
        value = np.float64(text).astype(dtype.numpy)

    assert returned(literal(value, dtype)) == literal(value, dtype)
    assert returned(literal(value, dtype, True)) == literal(value, dtype, True)


@given(st.integers(0, 2**64 - 1), st.sampled_from([d for d in ALL if d.kind in "fiu"]))
def test_any_bits(word: int, dtype: DType) -> None:
    """The shortest text has the bits of any number."""
    bits = word.to_bytes(8, "little")[: dtype.itemsize]
    value = np.frombuffer(bits, dtype.numpy)[0]
    if value == value:
        assert returned(Lit(bits, ArrayType(dtype))).bits == bits


@given(st.floats(), st.floats(), st.sampled_from([d for d in ALL if d.kind == "c"]))
def test_complex_numbers(re: float, im: float, dtype: DType) -> None:
    """Both parts, with their signs."""
    with np.errstate(all="ignore"):
        value = np.zeros((), dtype.numpy)
        value.real, value.imag = re, im
    if re == re and im == im:
        assert returned(literal(value, dtype)) == literal(value, dtype)


def test_bools_and_keys() -> None:
    """true, false, and the two words of a key."""
    for value in (True, False):
        assert returned(literal(value, bool_)) == literal(value, bool_)
    key = literal(np.uint64(2**64 - 5), key_dtype)

    assert returned(key) == key


FIELDS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.sampled_from([*ALL, key_dtype])
    | st.builds(ArrayType, st.sampled_from(ALL), st.lists(st.integers(0, 9), max_size=3).map(tuple), st.just(False)),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=8,
)


@given(FIELDS)
def test_any_field(value: Any) -> None:
    """Numbers, strings with any character, dtypes, types, None and tuples of these."""
    prim = REGISTRY["reshape"](value)
    program = Program((), (Eqn((), prim, ()),), ())

    (eqn,) = parse(str(program)).eqns
    back = getattr(eqn.prim, fields(type(prim))[0].name)

    assert repr(back) == repr(value)
    assert back == value


def test_programs_inside_programs() -> None:
    """Loops and branches, nested."""
    inner = "program (%0: f32[], %1: f32[]) -> (f32[]) {\n%2: f32[] = add %0, %1\nreturn %2\n}"
    branch = f"program (%0: f32[], %1: f32[]) -> (f32[]) {{\n%2: f32[] = scan[body={inner}, length=3, reverse=False, "
    branch += "consts=0, carries=1, unroll=1] %0, %3\nreturn %2\n}"
    branch = branch.replace("%2: f32[] = scan", "%2: f32[3] = broadcast[shape=(3,), dims=()] %1\n%3: f32[] = scan")
    branch = branch.replace("%0, %3\nreturn %2", "%0, %2\nreturn %3")
    text = f"program (%0: i64[], %1: f32[]) -> (f32[]) {{\n%2: f32[] = cond[branches=({branch}, {inner})] %0, %1, %1\n"
    program = parse(text + "return %2\n}")

    again = parse(str(program))

    verify(again)
    assert again == program
    assert again.digest == program.digest
    assert again.eqns[0].prim.branches[0].eqns[1].prim.body == parse(inner)
    assert parse(program.text(sources=True)) == program


# ---- errors: the message stands behind "; error:" on the line that it is about

FAULTY = sorted((Path(__file__).parent.parent / "verify").glob("*.txt"))


@pytest.mark.parametrize("path", FAULTY, ids=lambda p: p.stem)
def test_errors_point_at_the_line(path: Any) -> None:
    """Parsing or verifying each text fails with the message, at the line, that the text states."""
    for text in path.read_text().split("\n---\n"):
        where, wanted = next(
            (i, line.partition("; error: ")[2]) for i, line in enumerate(text.split("\n"), 1) if "; error: " in line
        )
        faulty = text.split("\n")[where - 1].partition(";")[0].strip()

        with pytest.raises(TianyuanError) as raised:
            verify(parse(text))

        message = str(raised.value)
        assert wanted in message
        if isinstance(raised.value, ParseError):
            assert message.startswith(f"line {where}, column ")
            assert message.split("\n")[-1].strip() == "^"
        else:
            assert isinstance(raised.value, VerificationError)
            shown = message.split("\n")
            under = next(i for i, line in enumerate(shown) if "^" in line)
            assert shown[under - 1].strip() == faulty


@pytest.mark.parametrize("text", ["", "program", "x", "program () -> () { return } }", "program (%0: f32[3]"])
def test_nonsense_is_a_parse_error(text: str) -> None:
    """Whatever the text, the error is ours."""
    with pytest.raises(ParseError, match="line 1, column"):
        parse(text)


@given(st.integers(0, 10**6), st.integers(0, 40), st.text(max_size=3))
def test_damaged_text_parses_or_is_an_error(seed: int, length: int, inserted: str) -> None:
    """No other exception escapes."""
    text = (
        "program (%0: f32[3], %1: c64[]) -> (f32[3]) {\n"
        "  %2: f32[3] = add %0, -1e+00:f32\n  %3: f32[1,3] = reshape[shape=(1, 3)] %2\n  return %2\n}"
    )
    at = seed % len(text)
    try:
        parse(text[:at] + inserted + text[at + length :])
    except ParseError:
        pass
