"""Optimizers against their published recurrences in NumPy, and as pure functions under jit and scan."""

from typing import Any

import numpy as np
import pytest

import tianyuan as ty

START = {"a": np.array([1.0, -2.0]), "b": np.array(3.0)}
SCALE = {"a": np.array([1.0, 10.0]), "b": np.array(0.5)}


def gradients(params: Any) -> Any:
    """Of the quadratic sum(scale x²) / 2."""
    return {k: SCALE[k] * params[k] for k in params}


def ours(optimizer: ty.optim.Optimizer, steps: int) -> Any:
    """The parameters after some updates."""
    params = ty.tree.map(ty.asarray, START)
    state = optimizer.init(params)
    for _ in range(steps):
        grads = ty.tree.map(lambda s, x: ty.asarray(s) * x, SCALE, params)
        updates, state = optimizer.update(grads, state, params)
        params = ty.optim.apply_updates(params, updates)
    return {k: np.asarray(v) for k, v in params.items()}


def close(actual: Any, expected: Any, rtol: float = 1e-6) -> None:
    """Leaf by leaf; learning rates are f32, so no closer."""
    assert actual.keys() == expected.keys()
    for k in actual:
        np.testing.assert_allclose(actual[k], expected[k], rtol=rtol, atol=1e-7)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_sgd(momentum: float, nesterov: bool) -> None:
    """v = g + μ v; x -= η v, or its look-ahead."""
    x, v = dict(START), {k: 0 * s for k, s in START.items()}
    for _ in range(7):
        g = gradients(x)
        v = {k: g[k] + momentum * v[k] for k in x}
        step = {k: g[k] + momentum * v[k] for k in x} if nesterov else v
        x = {k: x[k] - 0.05 * step[k] for k in x}

    close(ours(ty.optim.sgd(0.05, momentum, nesterov), 7), x)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_and_adamw(decay: float) -> None:
    """Algorithm 1 of [Kingma2015], with the decoupled decay of [Loshchilov2019]."""
    x = dict(START)
    m, v = ({k: 0 * s for k, s in START.items()} for _ in range(2))
    for t in range(1, 8):
        g = gradients(x)
        m = {k: 0.9 * m[k] + 0.1 * g[k] for k in x}
        v = {k: 0.999 * v[k] + 0.001 * g[k] ** 2 for k in x}
        step = {k: m[k] / (1 - 0.9**t) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8) + decay * x[k] for k in x}
        x = {k: x[k] - 0.1 * step[k] for k in x}

    close(ours(ty.optim.adamw(0.1, decay) if decay else ty.optim.adam(0.1), 7), x)


def test_clipping() -> None:
    """Only a norm above the limit is scaled, to the limit."""
    clip = ty.optim.clip_by_global_norm(5.0)
    large, small = {"a": ty.asarray([6.0, 8.0])}, {"a": ty.asarray([3.0, 4.0])}

    assert np.asarray(clip.update(large, (), None)[0]["a"]).tolist() == [3.0, 4.0]
    assert np.asarray(clip.update(small, (), None)[0]["a"]).tolist() == [3.0, 4.0]
    assert float(ty.optim.global_norm({"a": ty.asarray([3.0]), "b": ty.asarray(4.0)})) == 5.0


def test_schedules() -> None:
    """Rising, peak, half way, end."""
    rate = ty.optim.warmup_cosine(1.0, 10, 110, 0.1)

    assert float(rate(ty.asarray(5))) == 0.5
    assert float(rate(ty.asarray(10))) == 1.0
    assert float(rate(ty.asarray(60))) == pytest.approx(0.55, rel=1e-6)
    assert float(rate(ty.asarray(500))) == pytest.approx(0.1, rel=1e-6)
    assert float(ty.optim.constant(0.25)(ty.asarray(3))) == 0.25


def test_learning_rate_by_schedule() -> None:
    """The schedule sees the count of updates."""
    by_schedule = ours(ty.optim.sgd(lambda count: 0.1 / (1 + ty.astype(count, ty.float32))), 2)

    x = START
    for rate in (0.1, 0.05):
        x = {k: x[k] - rate * gradients(x)[k] for k in x}
    close(by_schedule, x)


def test_same_bits_eager_jitted_and_scanned() -> None:
    """Ten updates one by one, each jitted, and in one scan."""
    optimizer = ty.optim.chain(ty.optim.clip_by_global_norm(1.0), ty.optim.adamw(1e-2))
    params = ty.tree.map(lambda x: ty.asarray(x, dtype=ty.float32), START)

    def step(carry: Any, _: Any) -> Any:
        values, state = carry
        grads = ty.grad(lambda p: ty.sum(p["a"] * p["a"]) + ty.sin(p["b"]))(values)
        updates, state = optimizer.update(grads, state, values)
        return (ty.optim.apply_updates(values, updates), state), None

    start = (params, optimizer.init(params))
    one, each = start, start
    for _ in range(10):
        one, each = step(one, None)[0], ty.jit(step)(each, None)[0]
    whole = ty.scan(step, start, None, length=10)[0]

    assert ty.digest(one) == ty.digest(each) == ty.digest(whole)
