"""jit: its cache, static and donated arguments, errors, and what it shows."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import tianyuan as ty


def test_traces_once_per_types() -> None:
    """A second call of equal types does not trace again; another dtype does."""
    seen: list[str] = []

    @ty.jit
    def f(x: ty.Array) -> ty.Array:
        seen.append(str(x.type))
        return x + 1

    for value in ([1.0], [2.0], [3.0, 4.0]):
        f(ty.asarray(value))
    f(ty.asarray([1]))

    assert seen == ["f32[1]", "f32[2]", "i64[1]"]


def test_python_numbers_are_weak() -> None:
    """A number is not part of the key, and takes the dtype it meets."""
    count: list[int] = []

    @ty.jit
    def f(x: ty.Array, s: float) -> ty.Array:
        count.append(1)
        return x * s

    x = ty.asarray([0.1, 0.2])
    assert f(x, 3.3).dtype == ty.float32
    assert np.array_equal(np.asarray(f(x, 0.7)), np.asarray(x * 0.7))
    assert len(count) == 1


def test_static_arguments() -> None:
    """Static arguments are Python values while tracing, and part of the key."""
    f = ty.jit(lambda x, n: x * n if isinstance(n, int) else None, static_argnums=1)

    assert float(f(2.0, 3)) == 6.0
    assert float(f(2.0, 4)) == 8.0
    with pytest.raises(ty.ArrayTypeError, match="hashable"):
        f(2.0, [1])


def test_donated_arrays_are_gone() -> None:
    """A donated argument is dead after the call."""
    f = ty.jit(lambda x: x + 1, donate_argnums=0)
    x = ty.asarray(np.ones(1000, np.float32))

    assert float(f(x)[0]) == 2.0
    with pytest.raises(ty.DonatedArrayError, match="donated"):
        x + 1


def test_closed_over_arrays_are_read_at_trace_time() -> None:
    """An array closed over is a value of the trace."""
    w = ty.asarray(2.0)
    f = ty.jit(lambda x: x * w)

    assert float(f(3.0)) == 6.0


def test_a_dropped_function_frees_its_cache() -> None:
    """Traces live as long as the function."""
    f = ty.jit(lambda x: x * 2)
    f(1.0)
    ref = weakref.ref(f)
    del f
    gc.collect()

    assert ref() is None


def test_no_leaks_into_later_calls() -> None:
    """An exception while tracing leaves nothing behind; an escaped tracer is named."""
    kept: list[ty.Array] = []

    @ty.jit
    def f(x: ty.Array) -> ty.Array:
        kept.append(x)
        if len(kept) == 1:
            raise RuntimeError("the user's own")
        return x

    with pytest.raises(RuntimeError, match="the user's own"):
        f(1.0)
    assert float(f(1.0)) == 1.0
    with pytest.raises(ty.LeakedTracerError, match="after its transformation has ended"):
        kept[0] + 1


def test_stages_can_be_read() -> None:
    """Each stage is text that shows the operation."""
    f = lambda x: ty.sum(ty.sin(x))  # noqa: E731
    x = ty.ones((100,))

    program = ty.show(f, x)
    assert "sin" in program
    assert "reduce_sum" in program
    assert str(ty.parse_program(program)) == program
    for stage in ("kernels", "loops", "llvm", "asm"):
        assert ty.show(f, x, stage=stage)


def test_sources_and_names() -> None:
    """Params by the user's names, equations with the user's line once; comments, so the text parses back."""

    def loss(w: Any, x: Any, count: int) -> Any:
        hidden = ty.tanh(x @ w["first"])
        return ty.sum(hidden) * count

    f = ty.jit(loss, static_argnums=2)
    shown = ty.show(f, {"first": ty.ones((3, 4))}, ty.ones((5, 3)), 2, sources=True)

    assert "; %0: w['first']" in shown
    assert "; %1: x" in shown
    assert shown.count('hidden = ty.tanh(x @ w["first"])') == 1
    assert "test_compiling.py:" in shown
    assert ty.parse_program(shown) == f.trace({"first": ty.ones((3, 4))}, ty.ones((5, 3)), 2)


def test_bad_arguments() -> None:
    """What cannot be traced is named by its path."""
    with pytest.raises(ty.ArrayTypeError, match=r"\['name'\]"):
        ty.jit(lambda d: d["x"])({"x": 1.0, "name": "text"})
    with pytest.raises(ty.ArrayTypeError, match="takes a function"):
        ty.jit(3)


def test_eval_shape() -> None:
    """Types without computing."""
    out = ty.eval_shape(lambda x: {"y": x @ x, "n": ty.sum(x)}, ty.ones((3, 3)))

    assert {k: str(v) for k, v in out.items()} == {"y": "f32[3,3]", "n": "f32[]"}
