"""Why a jitted function was traced, and how often it may be."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty


def zeros(*shape: int, dtype: Any = np.float32) -> ty.Array:
    """An array of a type."""
    return ty.asarray(np.zeros(shape, dtype))


def test_causes() -> None:
    """Each trace says what differed from the nearest one before."""
    f = ty.jit(lambda x, n, tree: x * n + tree["b"], static_argnums=1)
    f(zeros(3), 2, {"b": zeros(3)})
    f(zeros(3), 2, {"b": zeros(3)})
    f(zeros(4), 2, {"b": zeros(4)})
    f(zeros(4), 3, {"b": zeros(4)})
    f(zeros(4, dtype=np.float64), 3, {"b": zeros(4)})

    causes = [r.cause for r in f.traces()]

    assert causes[0] == "first call"
    assert "was f32[3] and is f32[4]" in causes[1]
    assert "['b']" in causes[1]
    assert causes[2] == "static arguments 1=2 became 1=3"
    assert causes[3].count("was") == 1
    assert len(causes) == 4


def test_limit() -> None:
    """One trace more than allowed is an error that says why it was needed; known types still run."""
    f = ty.jit(lambda x: x + 1, max_traces=1)
    f(zeros(3))

    with pytest.raises(
        ty.TianyuanError, match=r"max_traces=1, and this call needs another trace: .* f32\[3\] .* f32\[4\]"
    ):
        f(zeros(4))
    f(zeros(3))


def test_structure() -> None:
    """Another tree is a cause of its own."""
    f = ty.jit(lambda t: ty.tree.leaves(t)[0])
    f({"a": zeros(2)})
    f([zeros(2)])

    assert "structure" in f.traces()[1].cause


def test_clear_cache_forgets() -> None:
    """After clear_cache the next call is the first."""
    f = ty.jit(lambda x: x + 1)
    f(zeros(2))
    f.clear_cache()
    f(zeros(3))

    assert [r.cause for r in f.traces()] == ["first call"]


@pytest.mark.parametrize("limit", [0, -1, 1.5, "many"])
def test_nonsense(limit: Any) -> None:
    """A limit is a positive int."""
    with pytest.raises(ty.ArrayTypeError, match="max_traces is a positive int"):
        ty.jit(lambda x: x, max_traces=limit)
