"""``jit(f).memory(*args)``: what it says is what a call takes."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tianyuan_jit import executing

CLOSED = ty.asarray(np.ones((50, 50), np.float32))
CASES: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "a map": (lambda x: x * 2.0, ()),
    "donated": (lambda x: x * 2.0, (0,)),
    "a result that is the argument": (lambda x: (x, x.T + 1.0, ty.reshape(x, (25, 100))), ()),
    "an array closed over": (lambda x: x @ CLOSED, ()),
    "temporaries": (lambda x: ty.sum(ty.cumulative_sum(x, axis=0) @ CLOSED), ()),
    "a loop": (lambda x: ty.scan(lambda c, r: (ty.sort(c @ CLOSED, axis=0) + r, r), x, x)[0], ()),
    "a gradient": (ty.grad(lambda x: ty.sum(ty.tanh(x @ x) @ x)), ()),
}


@pytest.mark.parametrize("name", CASES)
def test_what_a_call_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The arena and results that a call asks for."""
    fun, donated = CASES[name]
    f, x = ty.jit(fun, donate_argnums=donated), ty.asarray(np.ones((50, 50), np.float32))
    told = f.memory(x)
    asked: list[int] = []
    allocate = executing.allocate
    monkeypatch.setattr(executing, "allocate", lambda n: asked.append(n) or allocate(n))

    f(x)

    assert sum(asked) == told.results + told.arena
    assert told.parameters == x.type.nbytes * (2 if "CLOSED" in fun.__code__.co_names or "loop" in name else 1)
    assert told.peak == told.parameters + told.results + told.arena


def test_figures() -> None:
    """4 bytes a number."""
    memory = ty.jit(lambda x: (ty.sort(ty.cumulative_sum(x)), ty.sum(x))).memory(ty.zeros(1000))

    assert (memory.parameters, memory.results, memory.arena) == (4000, 4004, 4032)
    assert ty.jit(lambda x: x + 1.0, donate_argnums=0).memory(ty.zeros(1000)).results == 0
