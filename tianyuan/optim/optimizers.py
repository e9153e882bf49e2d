"""Optimizers, each a chain of transformations."""

from __future__ import annotations

import math
from typing import Any

import tianyuan as ty
from tianyuan.optim.transformations import (
    Optimizer,
    Schedule,
    add_decayed_weights,
    chain,
    scale_by_learning_rate,
)


@ty.struct
class Moments:
    """State of Adam: updates so far, running means of gradients and of their squares."""

    count: ty.Array  # i64[]
    mean: Any
    square: Any


def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """m̂ / (√v̂ + eps), m̂ and v̂ the running means without their bias towards 0 [Kingma2015, Algorithm 1]."""

    def init(params: Any) -> Moments:
        zeros = ty.tree.map(ty.zeros_like, params)
        return Moments(ty.zeros((), dtype=ty.int64), zeros, zeros)

    def update(grads: Any, state: Moments, params: Any) -> tuple[Any, Moments]:
        count = state.count + 1
        steps = ty.astype(count, ty.float32)
        mean = ty.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mean, grads)
        square = ty.tree.map(lambda v, g: b2 * v + (1 - b2) * (g * g), state.square, grads)
        c1, c2 = _one_minus_power(b1, steps), _one_minus_power(b2, steps)

        def direction(m: ty.Array, v: ty.Array) -> ty.Array:
            return (m / ty.astype(c1, m.dtype)) / (ty.sqrt(v / ty.astype(c2, v.dtype)) + eps)

        return ty.tree.map(direction, mean, square), Moments(count, mean, square)

    return Optimizer(init, update)


def _one_minus_power(base: float, steps: ty.Array) -> ty.Array:
    """1 - base^steps, without the cancellation that this difference has where base is near 1."""
    return -ty.expm1(steps * (math.log(base) if base else -math.inf))


def adam(learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Adam [Kingma2015]."""
    return chain(scale_by_adam(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamw(
    learning_rate: float | Schedule,
    weight_decay: float = 1e-4,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Optimizer:
    """Adam with decoupled weight decay [Loshchilov2019]."""
    decay = add_decayed_weights(weight_decay)
    return chain(scale_by_adam(b1, b2, eps), decay, scale_by_learning_rate(learning_rate))


def trace_momentum(decay: float, nesterov: bool) -> Optimizer:
    """A running sum of gradients: t = g + decay t [Polyak1964], or its look-ahead [Nesterov1983]."""

    def init(params: Any) -> Any:
        return ty.tree.map(ty.zeros_like, params)

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        state = ty.tree.map(lambda t, g: g + decay * t, state, grads)
        ahead = ty.tree.map(lambda t, g: g + decay * t, state, grads) if nesterov else state
        return ahead, state

    return Optimizer(init, update)


def sgd(learning_rate: float | Schedule, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """Gradient descent, with momentum if asked."""
    rate = scale_by_learning_rate(learning_rate)
    return rate if momentum == 0 else chain(trace_momentum(momentum, nesterov), rate)
