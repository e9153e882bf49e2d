"""Equal equations become one; effects and scopes are respected."""

import tianyuan.control.branching  # noqa: F401
from tianyuan.callbacks import Callback, HostFunction
from tianyuan.custom_calls import CustomFunction
from tianyuan.parser import parse
from tianyuan.passes import cse, dce, optimize
from tianyuan.program import Eqn, Program, Var, verify
from tianyuan.types import ArrayType, float32

HEAD = "program (%0: f32[3], %1: f32[3]) -> (f32[3]) {\n"


def program(*eqns: str) -> Program:
    """The program of these equations, whose last result it returns."""
    made = parse(HEAD + "\n".join(eqns) + f"\nreturn %{len(eqns) + 1}\n}}")
    verify(made)
    return made


def names(p: Program) -> list[str]:
    """The primitives in order."""
    verify(p)
    return [e.prim.name for e in p.eqns]


def test_equal_equations_merge_in_chains() -> None:
    """sin x twice, and what is made of it."""
    made = program(
        "%2: f32[3] = sin %0", "%3: f32[3] = sin %0", "%4: f32[3] = neg %2", "%5: f32[3] = neg %3",
        "%6: f32[3] = add %4, %5",
    )  # fmt: skip

    after = cse(made)

    assert names(after) == ["sin", "neg", "add"]
    assert after.eqns[2].args[0] == after.eqns[2].args[1]


def test_nothing_is_commuted() -> None:
    """a + b and b + a stay two equations."""
    made = program("%2: f32[3] = add %0, %1", "%3: f32[3] = add %1, %0", "%4: f32[3] = mul %2, %3")

    assert cse(made) == made


def test_zeros_of_both_signs_are_different() -> None:
    """Literals merge by their bits."""
    made = program(
        "%2: f32[3] = maximum %0, 0e+00:f32", "%3: f32[3] = maximum %0, -0e+00:f32", "%4: f32[3] = div %2, %3"
    )

    assert cse(made) == made


def test_a_nested_program_is_its_own_scope() -> None:
    """What is outside is not merged with what is inside, nor the other way round."""
    made = program(
        "%2: f32[3] = sin %0",
        "%3: f32[3] = checkpoint[program=program (%0: f32[3]) -> (f32[3]) {\n%1: f32[3] = sin %0\n"
        "%2: f32[3] = sin %0\n%3: f32[3] = add %1, %2\nreturn %3\n}, kind='nothing', names=()] %0",
        "%4: f32[3] = add %2, %3",
    )

    after = optimize(made)

    assert names(after) == ["sin", "checkpoint", "add"]
    assert names(after.eqns[1].prim.program) == ["sin", "add"]


def test_what_is_dead_goes() -> None:
    """Equations that nothing needs, and those that only they need."""
    made = program("%2: f32[3] = sin %0", "%3: f32[3] = cos %2", "%4: f32[3] = neg %1")

    assert names(dce(made)) == ["neg"]
    assert dce(made).params == made.params


def indexed(*eqns: str) -> Program:
    """A program over an index vector."""
    text = "program (%0: f32[3], %1: i64[3,1]) -> (f32[3]) {\n" + "\n".join(eqns) + "\nreturn %2\n}"
    made = parse(text)
    verify(made)
    return made


def test_equal_checks_merge_and_dead_ones_stay() -> None:
    """An index out of bounds raises even where the element is not used, once."""
    checked = "gather[batch_axes=0, axes=(0,), sizes=(1,), collapsed=(0,), mode='error'] %0, %1"
    made = indexed("%2: f32[3] = sin %0", f"%3: f32[3] = {checked}", f"%4: f32[3] = {checked}")

    assert names(optimize(made)) == ["sin", "gather"]


def test_callbacks_stay_in_order() -> None:
    """Equal prints are not merged."""
    said = Callback(HostFunction("say", lambda *xs: []), (), "print")
    x = Var(0, ArrayType(float32, (3,)))
    made = Program((x,), (Eqn((), said, (x,)), Eqn((), said, (x,))), (x,))

    assert optimize(made) == made


def test_unused_results_of_loops_go() -> None:
    """A scan drops outputs, then carries, that nothing needs; its other results keep their bits."""
    made = parse(
        """program (%0: f32[3], %1: f32[3], %2: f32[4,3]) -> (f32[3]) {
      %3: f32[3], %4: f32[3], %5: f32[4,3], %6: f32[4,3] = scan[body=program (%0: f32[3], %1: f32[3], %2: f32[3])
        -> (f32[3], f32[3], f32[3], f32[3]) {
        %3: f32[3] = add %0, %2
        %4: f32[3] = mul %1, %0
        %5: f32[3] = sin %4
        return %3, %4, %3, %5
      }, length=4, reverse=False, consts=0, carries=2, unroll=1] %0, %1, %2
      return %3
    }"""
    )

    after = optimize(made)

    verify(after)
    (eqn,) = after.eqns
    assert len(eqn.outs) == 1
    assert [e.prim.name for e in eqn.prim.body.eqns] == ["add"]
    assert [str(a) for a in eqn.args] == ["%0", "%2"]


def test_unused_results_of_branches_go() -> None:
    """Each branch computes only what is needed, from what it needs."""
    one = "program (%0: f32[3], %1: f32[3]) -> (f32[3], f32[3]) {\n%2: f32[3] = sin %0\n%3: f32[3] = neg %1\n"
    made = parse(
        "program (%0: i64[], %1: f32[3], %2: f32[3]) -> (f32[3]) {\n"
        f"%3: f32[3], %4: f32[3] = cond[branches=({one}return %2, %3\n}}, {one}return %0, %3\n}})] %0, %1, %2\n"
        "return %3\n}"
    )

    after = optimize(made)

    verify(after)
    (eqn,) = after.eqns
    assert [str(a) for a in eqn.args] == ["%0", "%1"]
    assert [[e.prim.name for e in b.eqns] for b in eqn.prim.branches] == [["sin"], []]


def test_custom_functions_are_put_in_place() -> None:
    """After the last transformation only the function itself is left of a custom function."""
    inner = parse("program (%0: f32[3]) -> (f32[3]) {\n%1: f32[3] = sin %0\nreturn %1\n}")
    x = Var(0, ArrayType(float32, (3,)))
    y = Var(1, ArrayType(float32, (3,)))
    custom = CustomFunction("f", inner, None, None, None, 0)
    made = Program((x,), (Eqn((y,), custom, (x,)),), (y,))

    assert optimize(made) == inner
