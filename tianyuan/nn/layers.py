"""Layers without state: each a ``struct`` made by ``Layer.init(key, ...)`` and called on arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tianyuan as ty
from tianyuan.nn import init as initial
from tianyuan.nn.activations import relu


@ty.struct
class Linear:
    """x @ w + b."""

    w: ty.Array  # f32[in, out]
    b: ty.Array | None  # f32[out]

    @classmethod
    def init(
        cls,
        key: ty.Array,
        inputs: int,
        outputs: int,
        bias: bool = True,
        weights: initial.Init = initial.lecun_normal,
    ) -> Linear:
        """Weights from ``weights``, bias 0."""
        return cls(weights(key, (inputs, outputs)), ty.zeros((outputs,)) if bias else None)

    def __call__(self, x: ty.Array) -> ty.Array:
        """f32[..., in] -> f32[..., out]."""
        y = x @ self.w
        return y if self.b is None else y + self.b


@ty.struct
class MLP:
    """Linear layers with an activation between them."""

    layers: tuple[Linear, ...]
    activation: Callable[[ty.Array], ty.Array] = ty.static(default=relu)

    @classmethod
    def init(
        cls,
        key: ty.Array,
        sizes: Sequence[int],
        activation: Callable[[ty.Array], ty.Array] = relu,
        weights: initial.Init = initial.he_normal,
    ) -> MLP:
        """``sizes``: inputs, hidden widths, outputs."""
        keys = ty.random.split(key, len(sizes) - 1)
        pairs = zip(sizes[:-1], sizes[1:], strict=True)
        made = tuple(Linear.init(keys[i], m, n, weights=weights) for i, (m, n) in enumerate(pairs))
        return cls(made, activation)

    def __call__(self, x: ty.Array) -> ty.Array:
        """f32[..., inputs] -> f32[..., outputs]."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)


@ty.struct
class Embedding:
    """A table of vectors, looked up by index."""

    table: ty.Array  # f32[entries, size]

    @classmethod
    def init(cls, key: ty.Array, entries: int, size: int) -> Embedding:
        """Normal entries of variance 1."""
        return cls(ty.random.normal(key, (entries, size)))

    def __call__(self, index: ty.Array) -> ty.Array:
        """i64[...] -> f32[..., size]; out of bounds raises."""
        return self.table[index]


def layer_norm(
    x: ty.Array,
    weight: ty.Array | None = None,
    bias: ty.Array | None = None,
    axis: int = -1,
    eps: float = 1e-5,
) -> ty.Array:
    """((x - m) rsqrt(var + eps)) w + b along ``axis`` [Ba2016]."""
    if x.dtype in (ty.float16, ty.bfloat16):
        return ty.astype(layer_norm(ty.astype(x, ty.float32), weight, bias, axis, eps), x.dtype)
    centred = x - ty.mean(x, axis=axis, keepdims=True)
    variance = ty.mean(centred * centred, axis=axis, keepdims=True)
    y = centred * ty.rsqrt(variance + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@ty.struct
class LayerNorm:
    """``layer_norm`` over the last axis with weights."""

    weight: ty.Array  # f32[size]
    bias: ty.Array  # f32[size]
    eps: float = ty.static(default=1e-5)

    @classmethod
    def init(cls, size: int, eps: float = 1e-5) -> LayerNorm:
        """Weight 1, bias 0."""
        return cls(ty.ones((size,)), ty.zeros((size,)), eps)

    def __call__(self, x: ty.Array) -> ty.Array:
        """f32[..., size] -> f32[..., size]."""
        return layer_norm(x, self.weight, self.bias, eps=self.eps)


def dropout(key: ty.Array, x: ty.Array, rate: float) -> ty.Array:
    """Each element 0 with probability ``rate``, else divided by 1 - rate [Srivastava2014]."""
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate must be in [0, 1), got {rate}")
    kept = ty.random.bernoulli(key, 1 - rate, x.shape)
    return ty.where(kept, x / (1 - rate), ty.zeros_like(x))
