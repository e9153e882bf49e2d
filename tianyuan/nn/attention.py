"""Attention and the transformer block [Vaswani2017]."""

from __future__ import annotations

import math

import tianyuan as ty
from tianyuan.nn.activations import gelu, softmax
from tianyuan.nn.layers import LayerNorm, Linear


def scaled_dot_product_attention(
    q: ty.Array, k: ty.Array, v: ty.Array, mask: ty.Array | None = None, causal: bool = False
) -> ty.Array:
    """softmax(q kᵀ / √d) v: f32[..., t, d], f32[..., s, d], f32[..., s, e] -> f32[..., t, e].

    ``mask`` bool[..., t, s] is true where attention is allowed; ``causal`` allows s <= t.
    """
    scores = (q @ ty.matrix_transpose(k)) / math.sqrt(q.shape[-1])
    if causal:
        t, s = scores.shape[-2:]
        allowed = ty.arange(t)[:, None] >= ty.arange(s)[None, :]
        mask = allowed if mask is None else ty.logical_and(mask, allowed)
    if mask is not None:
        scores = ty.where(mask, scores, -math.inf)
    return softmax(scores) @ v


@ty.struct
class MultiHeadAttention:
    """Self-attention with ``heads`` heads."""

    qkv: Linear
    out: Linear
    heads: int = ty.static()

    @classmethod
    def init(cls, key: ty.Array, size: int, heads: int) -> MultiHeadAttention:
        """``heads`` must divide ``size``."""
        if size % heads:
            raise ValueError(f"MultiHeadAttention: {heads} heads do not divide size {size}")
        keys = ty.random.split(key, 2)
        return cls(Linear.init(keys[0], size, 3 * size), Linear.init(keys[1], size, size), heads)

    def __call__(self, x: ty.Array, causal: bool = False) -> ty.Array:
        """f32[..., t, size] -> f32[..., t, size]."""
        *batch, t, size = x.shape
        parts = ty.reshape(self.qkv(x), (*batch, t, 3, self.heads, size // self.heads))
        q, k, v = (ty.swapaxes(parts[..., i, :, :], -3, -2) for i in range(3))
        mixed = ty.swapaxes(scaled_dot_product_attention(q, k, v, causal=causal), -3, -2)
        return self.out(ty.reshape(mixed, (*batch, t, size)))


@ty.struct
class TransformerBlock:
    """x + attention(norm x), then x + mlp(norm x)."""

    norm1: LayerNorm
    attention: MultiHeadAttention
    norm2: LayerNorm
    wide: Linear
    narrow: Linear

    @classmethod
    def init(cls, key: ty.Array, size: int, heads: int, widening: int = 4) -> TransformerBlock:
        """``widening``: hidden width of the mlp over ``size``."""
        keys = ty.random.split(key, 3)
        return cls(
            LayerNorm.init(size),
            MultiHeadAttention.init(keys[0], size, heads),
            LayerNorm.init(size),
            Linear.init(keys[1], size, widening * size),
            Linear.init(keys[2], widening * size, size),
        )

    def __call__(self, x: ty.Array, causal: bool = False) -> ty.Array:
        """f32[..., t, size] -> f32[..., t, size]."""
        x = x + self.attention(self.norm1(x), causal)
        return x + self.narrow(gelu(self.wide(self.norm2(x))))
