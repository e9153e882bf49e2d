"""Learning rates as functions of the count of updates, i64[] -> f32[]."""

from __future__ import annotations

import math

import tianyuan as ty
from tianyuan.optim.transformations import Schedule


def constant(value: float) -> Schedule:
    """Always ``value``."""
    return lambda count: ty.asarray(value, dtype=ty.float32)


def cosine_decay(start: float, steps: int, end: float = 0.0) -> Schedule:
    """From ``start`` to ``end`` in ``steps`` updates along half a cosine [Loshchilov2017]."""

    def rate(count: ty.Array) -> ty.Array:
        done = ty.astype(ty.minimum(count, steps), ty.float32) / float(steps)
        return end + (start - end) * (0.5 * (1.0 + ty.cos(math.pi * done)))

    return rate


def warmup_cosine(peak: float, warmup: int, steps: int, end: float = 0.0) -> Schedule:
    """Linearly from 0 to ``peak`` in ``warmup`` updates, then ``cosine_decay`` for the rest of ``steps``."""
    decay = cosine_decay(peak, max(1, steps - warmup), end)

    def rate(count: ty.Array) -> ty.Array:
        rising = peak * (ty.astype(count, ty.float32) / float(max(1, warmup)))
        return ty.where(count < warmup, rising, decay(ty.maximum(count - warmup, 0)))

    return rate
