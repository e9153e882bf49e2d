"""The laws for random programs: element-wise functions, reductions, products, indexing, loops and branches.

The examples are the same in every run; the marker ``slow`` draws ten times as many, new ones each time.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tianyuan as ty
from tests.laws.bits import same_bits
from tests.laws.programs import Recipe, recipes
from tianyuan.compiling import make_program
from tianyuan.parser import parse
from tianyuan.passes import optimize
from tianyuan.program import verify
from tianyuan_jit.engine import host_isas


def same(actual: Any, expected: Any) -> None:
    """Trees of the same bits."""
    for a, e in zip(ty.tree.leaves(actual), ty.tree.leaves(expected), strict=True):
        same_bits(np.asarray(a), np.asarray(e))


def jit_is_eager(f: Recipe) -> None:
    """jit(f)(x) ≡ f(x); asking for one result alone changes nothing."""
    x = f.inputs()
    expected = f(*x)

    same(ty.jit(f)(*x), expected)
    same(ty.jit(lambda *a: f(*a)[-1])(*x), expected[-1])


def vmap_is_a_loop(f: Recipe) -> None:
    """vmap(f)(xs)[i] ≡ f(xs[i]), with both arguments mapped or one."""
    xs, (_, y) = f.inputs(3), f.inputs()
    both, one = ty.vmap(f)(*xs), ty.vmap(f, (0, None))(xs[0], y)

    for i in range(3):
        same([r[i] for r in both], f(xs[0][i], xs[1][i]))
        same([r[i] for r in one], f(xs[0][i], y))


def grad_and_jit_commute(f: Recipe) -> None:
    """grad(jit(f)) ≡ jit(grad(f)) ≡ grad(f), and value_and_grad has the value of f."""
    x = f.inputs()
    value, expected = ty.value_and_grad(f.loss, (0, 1))(*x)

    same(value, f.loss(*x))
    same(ty.grad(ty.jit(f.loss), (0, 1))(*x), expected)
    same(ty.jit(ty.grad(f.loss, (0, 1)))(*x), expected)


def vmap_of_grad_is_a_loop(f: Recipe) -> None:
    """vmap(grad(f))[i] ≡ grad(f)(xs[i])."""
    xs = f.inputs(2)
    mapped = ty.vmap(ty.grad(f.loss, (0, 1)))(*xs)

    for i in range(2):
        same([g[i] for g in mapped], ty.grad(f.loss, (0, 1))(xs[0][i], xs[1][i]))


def linearize_is_jvp(f: Recipe) -> None:
    """linearize ≡ jvp, whose primal results are those of f."""
    x, v = f.inputs(), Recipe(f.shapes, f.steps, f.seed + 100).inputs()
    values, tangents = ty.jvp(f, tuple(x), tuple(v))
    primals, push = ty.linearize(f, *x)

    same(values, f(*x))
    same(primals, values)
    same(push(*v), tangents)


def machines_agree(f: Recipe) -> None:
    """1 ≡ 2 threads, and every instruction set of this CPU."""
    x = f.inputs()
    with ty.config.override(num_threads=1):
        expected = ty.jit(f)(*x)

    with ty.config.override(num_threads=2):
        same(ty.jit(f)(*x), expected)
    for isa in host_isas():
        with ty.config.override(cpu_isa=isa):
            same(ty.jit(f)(*x), expected)


def text_is_the_program(f: Recipe) -> None:
    """parse(print(p)) ≡ p, before and after the passes, and it runs to the same bits."""
    x = f.inputs()
    program = make_program(f)(*x)
    for p in (program, optimize(program)):
        again = parse(str(p))
        verify(again)
        assert again == p
        assert again.digest == p.digest
        same(again(*x), f(*x))


LAWS: dict[Callable[[Recipe], None], int] = {  # with the number of examples in every run
    jit_is_eager: 100,
    vmap_is_a_loop: 60,
    grad_and_jit_commute: 60,
    vmap_of_grad_is_a_loop: 40,
    linearize_is_jvp: 40,
    machines_agree: 40,
    text_is_the_program: 40,
}


def checked(law: Callable[[Recipe], None], examples: int, fixed: bool) -> None:
    """Draw programs and hold the law against each."""
    chosen = settings(
        max_examples=examples,
        deadline=None,
        derandomize=fixed,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    chosen(given(recipes)(law))()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law(law: Callable[[Recipe], None]) -> None:
    """The same programs in every run."""
    checked(law, LAWS[law], fixed=True)


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_law_of_more_programs(law: Callable[[Recipe], None]) -> None:
    """New programs in every run."""
    checked(law, 10 * LAWS[law], fixed=False)
