"""What optimizers are chained from: pure transformations of gradients.

An ``Optimizer`` is a pair: ``init(params) -> state``, ``update(grads, state, params) -> (updates, state)``;
``apply_updates`` adds the updates to the parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import tianyuan as ty

Schedule = Callable[[ty.Array], ty.Array]


class Optimizer(NamedTuple):
    """A pair of pure functions over trees of parameters."""

    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], tuple[Any, Any]]


def _scaled(grads: Any, factor: ty.Array) -> Any:
    def scaled(g: ty.Array) -> ty.Array:
        return g * ty.astype(factor, g.dtype)

    return ty.tree.map(scaled, grads)


def _added(parameter: ty.Array, update: ty.Array) -> ty.Array:
    return parameter + ty.astype(update, parameter.dtype)


def apply_updates(params: Any, updates: Any) -> Any:
    """Parameters plus updates, leaf by leaf, in the parameters' dtypes."""
    return ty.tree.map(_added, params, updates)


def chain(*parts: Optimizer) -> Optimizer:
    """Apply the transformations one after the other."""

    def init(params: Any) -> Any:
        return tuple(p.init(params) for p in parts)

    def update(grads: Any, state: Any, params: Any) -> tuple[Any, Any]:
        new: list[Any] = []
        for part, s in zip(parts, state, strict=True):
            grads, s = part.update(grads, s, params)
            new.append(s)
        return grads, tuple(new)

    return Optimizer(init, update)


def stateless(update: Callable[[Any, Any], Any]) -> Optimizer:
    """A transformation ``(grads, params) -> updates`` that keeps nothing."""
    return Optimizer(lambda params: (), lambda grads, state, params: (update(grads, params), state))


def global_norm(tree: Any) -> ty.Array:
    """The 2-norm over all leaves: each leaf's sum of squares, the leaves added from left to right."""
    squares = [ty.sum(x * x) for x in ty.tree.leaves(tree)]
    return ty.sqrt(functools.reduce(lambda a, b: a + b, squares, ty.zeros((), dtype=ty.float32)))


def clip_by_global_norm(limit: float) -> Optimizer:
    """Scale all gradients down so that their global norm is at most ``limit`` [Pascanu2013]."""

    def update(grads: Any, params: Any) -> Any:
        norm = global_norm(grads)
        factor = limit / ty.maximum(norm, limit)
        return _scaled(grads, factor)

    return stateless(update)


def add_decayed_weights(rate: float) -> Optimizer:
    """Add ``rate`` times the parameters to the gradients (weight decay)."""
    return stateless(lambda grads, params: ty.tree.map(lambda g, p: g + rate * p, grads, params))


@ty.struct
class Count:
    """How many updates have been made."""

    count: ty.Array  # i64[]


def scale_by_learning_rate(rate: float | Schedule) -> Optimizer:
    """Multiply by minus the learning rate, a number or a schedule of the count of updates."""

    def init(params: Any) -> Count:
        return Count(ty.zeros((), dtype=ty.int64))

    def update(grads: Any, state: Count, params: Any) -> tuple[Any, Count]:
        now = rate(state.count) if callable(rate) else ty.asarray(rate, dtype=ty.float32)
        updates = _scaled(grads, -now)
        return updates, Count(state.count + 1)

    return Optimizer(init, update)
