"""Losses: one number per example; take the mean yourself."""

from __future__ import annotations

import tianyuan as ty
from tianyuan.nn.activations import log_softmax


def one_hot(index: ty.Array, classes: int, dtype: ty.DType = ty.float32) -> ty.Array:
    """1 at the index along a new last axis, else 0; an index out of bounds gives a zero row."""
    return ty.astype(ty.expand_dims(index, axis=-1) == ty.arange(classes, dtype=index.dtype), dtype)


def softmax_cross_entropy(logits: ty.Array, labels: ty.Array) -> ty.Array:
    """-log softmax(logits)[label]: f32[..., n] and integer labels [...] (or probabilities [..., n]) -> f32[...].

    A label out of bounds raises.
    """
    scores = log_softmax(logits)
    if labels.ndim < logits.ndim:
        return -ty.squeeze(ty.take_along_axis(scores, ty.expand_dims(labels, axis=-1), axis=-1), axis=-1)
    return -ty.sum(labels * scores, axis=-1)


def mse(prediction: ty.Array, target: ty.Array) -> ty.Array:
    """(prediction - target)², elementwise."""
    difference = prediction - target
    return difference * difference
