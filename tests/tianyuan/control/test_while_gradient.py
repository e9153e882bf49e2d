"""Reverse mode through while_loop: no bound, O(log n) states, the bits of the unrolled loop to any order."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits
from tianyuan.control.tapes import DEPTH, settle
from tianyuan.program import Program

X = np.array([0.3, 0.7, 1.1])
C = np.array([1.3, 0.9, 1.7])
V = np.array([1.0, -2.0, 0.5])
START = ty.asarray(np.array([0.1, 0.2, 0.3]))  # of the sum: a carry is a variable of its own, x is another
COUNTS = [0, 1, 2, 3, 7, 20]


def body(v: Any, c: Any) -> Any:
    """One step of a map with two carries, of which the second sums up."""
    return ty.sin(v[0]) * c, v[1] + v[0] * c


def unrolled(n: int) -> Any:
    """The loop in Python."""

    def run(x: Any, c: Any) -> Any:
        v = (x, START)
        for _ in range(n):
            v = body(v, c)
        return ty.sum(v[0] + v[1])

    return run


def looped(n: Any) -> Any:
    """The same as a while_loop."""

    def run(x: Any, c: Any) -> Any:
        out = ty.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, *body(s[1:], c)), (ty.asarray(0), x, START))
        return ty.sum(out[1] + out[2])

    return run


def contracted(f: Any, v: Any) -> Any:
    """x ↦ ⟨∇f(x), v⟩, to take the next derivative of."""
    return lambda x, c: ty.sum(ty.grad(f)(x, c) * v)


def inputs() -> list[ty.Array]:
    """x, c, v in f64."""
    return [ty.asarray(a) for a in (X, C, V)]


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("n", COUNTS)
def test_gradient(n: int, jitted: bool) -> None:
    """First derivatives in carry and constant."""
    x, c, _ = inputs()
    gradient = ty.grad(looped(ty.asarray(n)), (0, 1))

    actual = (ty.jit(gradient) if jitted else gradient)(x, c)

    for a, e in zip(actual, ty.grad(unrolled(n), (0, 1))(x, c), strict=True):
        same_bits(a, e)


@pytest.mark.parametrize("n", COUNTS)
def test_second_order(n: int) -> None:
    """Forward over reverse and reverse over reverse."""
    x, c, v = inputs()
    f, g = looped(ty.asarray(n)), unrolled(n)

    same_bits(ty.jvp(ty.grad(f), (x, c), (v, v))[1], ty.jvp(ty.grad(g), (x, c), (v, v))[1])
    for a, e in zip(ty.grad(contracted(f, v), (0, 1))(x, c), ty.grad(contracted(g, v), (0, 1))(x, c), strict=True):
        same_bits(a, e)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_third_order(n: int) -> None:
    """Reverse over reverse over reverse: three levels of loops."""
    x, c, v = inputs()
    f, g = (contracted(contracted(h, v), v) for h in (looped(ty.asarray(n)), unrolled(n)))

    same_bits(ty.grad(f)(x, c), ty.grad(g)(x, c))


def test_vmap_of_gradient_with_different_counts() -> None:
    """Each entry is the gradient of its own loop."""
    ns, xs = ty.asarray(np.array([0, 3, 1, 6])), ty.asarray(np.linspace(0.1, 1.2, 12).reshape(4, 3))
    c = ty.asarray(C)

    def f(n: Any, x: Any) -> Any:
        return looped(n)(x, c)

    mapped = ty.vmap(ty.grad(f, 1))(ns, xs)

    for i in range(4):
        same_bits(mapped[i], ty.grad(f, 1)(ns[i], xs[i]))


def test_linearize_is_jvp() -> None:
    """The recorded tangent, run forwards, has the bits of jvp."""
    x, c, v = inputs()
    f = looped(ty.asarray(6))

    value, push = ty.linearize(lambda x: f(x, c), x)

    same_bits(push(v), ty.jvp(lambda x: f(x, c), (x,), (v,))[1])
    same_bits(value, f(x, c))


def test_a_loop_inside_a_loop() -> None:
    """A while_loop in the body of a while_loop in a scan."""
    x, c, _ = inputs()

    def inner(y: Any) -> Any:
        return ty.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, ty.sin(s[1]) * c), (ty.asarray(0), y))[1]

    def outer(y: Any) -> Any:
        return ty.while_loop(lambda s: s[0] < 4, lambda s: (s[0] + 1, inner(s[1])), (ty.asarray(0), y))[1]

    def straight(y: Any) -> Any:
        for _ in range(2 * 4 * 3):
            y = ty.sin(y) * c
        return ty.sum(y)

    def nested(y: Any) -> Any:
        return ty.sum(ty.scan(lambda s, _: (outer(s), None), y, None, length=2)[0])

    same_bits(ty.grad(nested)(x), ty.grad(straight)(x))
    same_bits(ty.jit(ty.grad(nested))(x), ty.grad(straight)(x))


def test_newton_by_vmapped_loop() -> None:
    """The derivative of Newton's iteration for sqrt, each entry with its own number of steps."""

    def root(a: Any) -> Any:
        def unfinished(s: Any) -> Any:
            return ty.abs(s[0] * s[0] - a) > 1e-12 * a

        return ty.while_loop(unfinished, lambda s: (0.5 * (s[0] + a / s[0]), s[1] + 1), (a, ty.asarray(0)))[0]

    a = ty.asarray(np.array([0.5, 2.0, 1e4, 9.0]))

    np.testing.assert_allclose(np.asarray(ty.vmap(ty.grad(root))(a)), 0.5 / np.sqrt(np.asarray(a)), rtol=1e-6)


def test_states_are_logarithmic() -> None:
    """The program holds stacks of DEPTH states, and nothing of another size."""
    x, c, _ = inputs()
    program = ty.make_program(ty.grad(looped(ty.asarray(20))))(x, c)

    leading = {t.shape[0] for p in nested(settled(program)) for t in types(p) if t.shape}

    assert leading <= {3, DEPTH, 1}


def settled(program: Program) -> Program:
    """The program's regions as they will run."""
    return settle(
        next(e.prim.program for e in program.eqns if e.prim.name == "checkpoint" and len(e.prim.program.eqns) > 1)
    )


def nested(program: Program) -> list[Program]:
    """A program and all programs inside."""
    inner = [getattr(e.prim, f) for e in program.eqns for f in ("body", "cond", "program") if hasattr(e.prim, f)]
    return [program, *(q for p in inner if isinstance(p, Program) for q in nested(p))]


def types(program: Program) -> list[Any]:
    """Types of all variables."""
    return [*program.in_types, *(v.type for e in program.eqns for v in e.outs)]
