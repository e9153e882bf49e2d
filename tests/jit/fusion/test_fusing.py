"""What fuses with what; and that results never depend on it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits
from tianyuan.passes import optimize
from tianyuan.transforms.tracing import trace
from tianyuan_jit.fusion import fuse
from tianyuan_jit.kernels import Contraction, Fused, Kernel, Loop

Fun = Callable[..., Any]


def described(kernel: Kernel) -> str:
    """``map``, ``fold``, ``fold and rows``, ``product`` and its epilogue, or the lowering's name."""
    if isinstance(kernel, Fused):
        if not kernel.folded:
            return "map"
        full = any(any(w.view.strides[-kernel.folded :]) for w in kernel.writes)
        return "fold and rows" if full else "fold"
    if isinstance(kernel, Contraction):
        return type(kernel.lowering).__name__.lower() + (" and map" if kernel.writes else "")
    name = type(kernel.lowering).__name__.lower()
    if isinstance(kernel, Loop):
        name += "(" + "; ".join(", ".join(map(described, b.kernels)) for b in kernel.bodies) + ")"
    return name


def kernels(fun: Fun, *args: Any) -> list[str]:
    """The kernels of a function at these arguments."""
    program = trace(lambda *xs: _listed(fun(*xs)), [a.type for a in args]).program
    return [described(k) for k in fuse(optimize(program)).kernels]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value]


def array(*shape: int, seed: int = 0) -> ty.Array:
    """Normal f32 values."""
    return ty.asarray(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def normalized(x: Any) -> Any:
    """Layer norm."""
    d = x - ty.mean(x, axis=-1, keepdims=True)
    return d / ty.sqrt(ty.mean(d * d, axis=-1, keepdims=True) + 1e-5)


def recurrent(x: Any, w: Any) -> Any:
    """A loop of products and maps."""
    return ty.scan(lambda c, r: (ty.tanh(c @ w + r), c * r), x[0], x)


A, W, LONG = array(24, 40), array(40, 40, seed=1), array(3, 40_000)
CASES: dict[str, tuple[Fun, tuple[ty.Array, ...], list[str]]] = {
    "a chain": (lambda x: ty.exp(x * 2.0) + x, (A,), ["map"]),
    "two results": (lambda x: (x * 2.0 + 1.0, x * 2.0 - 1.0), (A,), ["map"]),
    "maps of one array": (lambda x: (ty.sin(x), ty.cos(x)), (A,), ["map"]),
    "views": (lambda x: x.T[::2, ::-1] + 1.0, (A,), ["map"]),
    "a sum of a map": (lambda x: ty.sum(x * x, axis=1), (A,), ["fold"]),
    "sums of one array": (lambda x: (ty.sum(x, axis=1), ty.max(x, axis=1)), (A,), ["fold"]),
    "a map of a sum": (lambda x: ty.sqrt(ty.sum(x * x, axis=1)) + 1.0, (A,), ["fold"]),
    "sums over other axes": (lambda x: (ty.sum(x, axis=1), ty.sum(x, axis=0)), (A,), ["fold", "fold"]),
    "softmax": (lambda x: ty.nn.softmax(x), (A,), ["fold and rows"]),
    "layer norm": (normalized, (A,), ["fold and rows"]),
    "softmax of long rows": (lambda x: ty.nn.softmax(x), (LONG,), ["fold", "fold and rows", "map"]),
    "a map of the sum of all": (lambda x: x / ty.sum(x), (A,), ["fold", "map"]),
    "bias and relu": (lambda x, w: ty.nn.relu(x @ w + w[0]), (A, W), ["contract and map"]),
    "a product wanted twice": (lambda x, w: (x @ w, ty.exp(x @ w)), (A, W), ["contract and map"]),
    "a sum of a product": (lambda x, w: ty.sum(x @ w, axis=1), (A, W), ["contract", "fold"]),
    "a product of a map": (lambda x, w: (x * 2.0) @ w, (A, W), ["map", "contract"]),
    "a product of a transposed array": (lambda x, w: x @ w.T, (A, W), ["contract"]),
    "logarithms of long rows": (lambda x: ty.log(ty.sum(x * x, axis=1)), (A,), ["fold"]),
    "logarithms of short rows": (lambda x: ty.log(ty.sum(x * x, axis=1)), (ty.matrix_transpose(A),), ["fold", "map"]),
    "sums that keep their axes": (lambda x: ty.sum(x, axis=1, keepdims=True) * 2.0 + x[:, :1], (A,), ["fold"]),
    "a sum over an axis of one": (lambda x: ty.sum(x[:, :1] * 2.0, axis=1), (A,), ["map"]),
    "a product with one row": (lambda x, w: ty.tanh(x[0] @ w + w[1]), (A, W), ["contract and map"]),
    "side by side": (lambda x: ty.concat([x + 1.0, x], axis=0), (A,), ["map", "map"]),
    "rows at places": (lambda x: x[ty.asarray([3, 1])] * 2.0, (A,), ["map", "gather", "map"]),
    "a number in two kernels": (lambda x, w: (x * ty.sqrt(w[0, 0]), w * ty.sqrt(w[0, 0])), (A, W), ["map", "map"]),
    "a loop": (recurrent, (W, W), ["scan(contract and map, map)"]),
    "a branch": (
        lambda x: ty.cond(x[0, 0] > 0, lambda v: v + 1.0, lambda v: v * 2.0, x),
        (A,),
        ["map", "branch(map; map)"],
    ),
    "running sums": (lambda x: ty.cumulative_sum(x * 2.0, axis=0) + 1.0, (A,), ["map", "cumulate", "map"]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_fuses(name: str) -> None:
    """The kernels of small programs."""
    fun, args, expected = CASES[name]

    assert kernels(fun, *args) == expected


PLANS: dict[str, dict[str, int]] = {
    "nothing": {"clusters.MAX_NODES": 1},
    "a few": {"clusters.MAX_NODES": 4, "clusters.MAX_BUFFERS": 2},
    "no rows behind a fold": {"fusing.LONG_ROW": 0, "fusing.TALL_COLUMN": 0},
    "every number stored": {"fusing.DEEP": 1},
}


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", CASES)
def test_results_do_not_depend_on_it(name: str, plan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the planner's limits, the bits are those of one operation after the other."""
    fun, args, _ = CASES[name]
    expected = _listed(fun(*args))
    for constant, value in PLANS[plan].items():
        monkeypatch.setattr(f"tianyuan_jit.fusion.{constant}", value)

    found = _listed(ty.jit(fun)(*args))

    for y, want in zip(ty.tree.leaves(found), ty.tree.leaves(expected), strict=True):
        same_bits(y, want)


def test_the_limits_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for one node, nothing is fused: so the test above compares different programs."""
    monkeypatch.setattr("tianyuan_jit.fusion.clusters.MAX_NODES", 1)

    assert kernels(lambda x: ty.exp(x * 2.0) + x, A) == ["map"] * 3
    assert len(kernels(normalized, A)) > 4


def test_order_of_kernels() -> None:
    """Every buffer is written by the kernels before the one that reads it, in random programs."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        steps = rng.integers(0, 6, 12), rng.integers(0, 1 << 30, (12, 2))
        program = fuse(optimize(trace(lambda x, s=steps: _random(x, *s), [W.type]).program))
        written = set(range(program.params))
        for kernel in program.kernels:
            assert isinstance(kernel, Fused | Contraction)
            reads = {n.view.buffer for n in kernel.nodes if hasattr(n, "view")}  # pyright: ignore
            reads |= {o.buffer for o in kernel.ins} if isinstance(kernel, Contraction) else set[int]()
            assert reads <= written
            written |= {w.view.buffer for w in kernel.writes}
            written |= {kernel.out.buffer} if isinstance(kernel, Contraction) else set[int]()
        assert {r.buffer for r in program.results} <= written


def _random(x: Any, which: Any, picks: Any) -> list[Any]:
    values = [x]
    for step, (i, j) in zip(which, picks, strict=True):
        a, b = values[i % len(values)], values[j % len(values)]
        made = (
            lambda a, b: a * b,
            lambda a, b: a + b.T,
            lambda a, b: a @ b,
            lambda a, b: a - ty.max(b, axis=1, keepdims=True),
            lambda a, b: a * ty.sum(b, axis=0),
            lambda a, b: a / (ty.sum(b * b) + 1.0),
        )[step](a, b)
        values.append(made)
    return values[-3:]
