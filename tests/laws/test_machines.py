"""The machine and thread laws: any instruction set and any number of threads give the same bits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits
from tests.laws.drawing import Law, arrays, laws, numpy_inputs, results
from tianyuan_jit.engine import host_isas

CASES = list(laws())
OTHER = [isa for isa in host_isas()[:-1] if isa != "sse2"]


@pytest.mark.parametrize("isa", OTHER)
@pytest.mark.parametrize("law", CASES, ids=str)
def test_narrower_vectors(law: Law, isa: str) -> None:
    """Every primitive, eager and jitted, compiled for a narrower instruction set."""
    inputs = arrays(numpy_inputs(law))
    expected = results(law, inputs)

    with ty.config.override(cpu_isa=isa):
        eager = results(law, inputs)
        jitted = ty.jit(lambda *xs: results(law, list(xs)))(*inputs)

    for a, j, e in zip(eager, jitted, expected, strict=True):
        same_bits(a, e)
        same_bits(j, e)


def large(*shape: int, seed: int = 0) -> ty.Array:
    """Normal f32 values: enough of them that all threads get some."""
    return ty.asarray(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def attention(x: Any) -> Any:
    """Scores, softmax, weighted sum."""
    return ty.special.softmax(x @ ty.matrix_transpose(x) / 8.0, axis=-1) @ x


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "map": (lambda x: ty.tanh(x) * ty.exp(-x) + x, (400_003,)),
    "sum": (ty.sum, (1_000_003,)),
    "sum of rows": (lambda x: ty.sum(x * x, axis=1), (3001, 257)),
    "sum of columns": (lambda x: ty.sum(x * x, axis=0), (3001, 257)),
    "softmax": (lambda x: ty.special.softmax(x, axis=-1), (2000, 130)),
    "product": (lambda x: x @ x, (513, 513)),
    "attention": (attention, (16, 64, 64)),
    "cumulative sum": (lambda x: ty.cumulative_sum(x, axis=0), (300_001,)),
    "sort": (ty.sort, (200_001,)),
    "gather": (lambda x: x[ty.arange(x.shape[0] - 1, -1, -1)], (200_001,)),
    "scatter": (lambda x: ty.zeros(1000).at[ty.arange(x.shape[0]) % 1000].add(x), (200_001,)),
    "gradient": (ty.grad(lambda x: ty.sum(attention(x) ** 2)), (16, 64, 64)),
    "random": (lambda x: ty.random.normal(ty.random.key(0), x.shape) + x, (300_001,)),
}


@pytest.mark.parametrize("jitted", [False, True])
@pytest.mark.parametrize("name", PROGRAMS)
def test_threads(name: str, jitted: bool) -> None:
    """1, 2, 3 and 7 threads, and ten repetitions on 2."""
    f, shape = PROGRAMS[name]
    run, x = (ty.jit(f) if jitted else f), large(*shape)

    with ty.config.override(num_threads=1):
        expected = ty.digest(run(x))
    digests = set[str]()
    for threads in (2, 3, 7, *[2] * 10):
        with ty.config.override(num_threads=threads):
            digests.add(ty.digest(run(x)))

    assert digests == {expected}


@pytest.mark.parametrize("isa", OTHER)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_on_narrower_vectors(name: str, isa: str) -> None:
    """Whole programs compiled for a narrower instruction set."""
    f, shape = PROGRAMS[name]
    x = large(*shape)
    expected = ty.digest(f(x))

    with ty.config.override(cpu_isa=isa):
        actual = ty.digest(ty.jit(f)(x))

    assert actual == expected
