"""Layers against NumPy; initial weights by their moments; attention and pooling by loops."""

import math
from typing import Any

import numpy as np
import pytest

import tianyuan as ty

KEY = ty.random.key(7)


def drawn(*shape: int) -> ty.Array:
    """Normal numbers in f64."""
    return ty.random.normal(ty.random.fold_in(KEY, len(shape)), shape, ty.float64)


def test_linear_and_mlp() -> None:
    """x w + b, layer after layer."""
    mlp = ty.nn.MLP.init(KEY, (3, 4, 2), activation=ty.nn.relu)
    x = np.asarray(drawn(5, 3), np.float32)
    first, last = mlp.layers

    hidden = np.maximum(x @ np.asarray(first.w) + np.asarray(first.b), 0)
    np.testing.assert_allclose(np.asarray(mlp(ty.asarray(x))), hidden @ np.asarray(last.w), rtol=1e-5, atol=1e-6)


def test_a_layer_is_a_pytree() -> None:
    """Its arrays are leaves, the rest is structure; gradients have its type."""
    layer = ty.nn.Linear.init(KEY, 3, 2)

    gradient = ty.grad(lambda m: ty.sum(m(ty.ones((1, 3)))))(layer)

    assert isinstance(gradient, ty.nn.Linear)
    assert len(ty.tree.leaves(layer)) == 2
    assert np.asarray(gradient.w).tolist() == [[1.0, 1.0]] * 3
    assert ty.nn.Linear.init(KEY, 3, 2, bias=False).b is None


def test_layer_norm() -> None:
    """Mean 0, variance 1, then weight and bias; a constant row gives the bias."""
    x = np.asarray(drawn(4, 6))
    centred = x - x.mean(-1, keepdims=True)

    y = ty.nn.layer_norm(ty.asarray(x), eps=0.0)

    np.testing.assert_allclose(np.asarray(y), centred / x.std(-1, keepdims=True), rtol=1e-12)
    norm = ty.nn.LayerNorm(2 * ty.ones(6), 3 * ty.ones(6))
    assert np.asarray(norm(ty.full((1, 6), 5.0))).tolist() == [[3.0] * 6]


def attention(q: Any, k: Any, v: Any, causal: bool) -> Any:
    """Row by row."""
    rows = []
    for t in range(len(q)):
        scores = k[: t + 1 if causal else None] @ q[t] / math.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max())
        rows.append((weights / weights.sum()) @ v[: len(weights)])
    return np.stack(rows)


@pytest.mark.parametrize("causal", [False, True])
def test_attention(causal: bool) -> None:
    """Softmax of scaled products, over the allowed positions."""
    q, k, v = (drawn(6, 4) * s for s in (1.0, 0.5, 2.0))

    actual = ty.nn.scaled_dot_product_attention(q, k, v, causal=causal)

    np.testing.assert_allclose(np.asarray(actual), attention(*map(np.asarray, (q, k, v)), causal), rtol=1e-12)


def test_transformer_block_sees_no_future() -> None:
    """With ``causal``, later positions change nothing before them, to the bit."""
    block = ty.nn.TransformerBlock.init(KEY, 8, 2)
    x = ty.astype(drawn(1, 5, 8), ty.float32)
    changed = x.at[:, 3:].add(1.0)

    assert ty.digest(block(x, causal=True)[:, :3]) == ty.digest(block(changed, causal=True)[:, :3])
    assert block(x).shape == (1, 5, 8)
    with pytest.raises(ValueError, match="do not divide"):
        ty.nn.MultiHeadAttention.init(KEY, 8, 3)


def test_pooling() -> None:
    """Windows of two by two, a rest cut off; the cotangent goes to the first maximum."""
    x = np.arange(25.0).reshape(1, 5, 5, 1)
    cut = x[0, :4, :4, 0].reshape(2, 2, 2, 2)

    assert np.asarray(ty.nn.max_pool(ty.asarray(x)))[0, ..., 0].tolist() == cut.max((1, 3)).tolist()
    assert np.asarray(ty.nn.avg_pool(ty.asarray(x)))[0, ..., 0].tolist() == cut.mean((1, 3)).tolist()
    gradient = ty.grad(lambda v: ty.sum(ty.nn.max_pool(v)))(ty.ones((1, 2, 2, 1)))
    assert np.asarray(gradient).ravel().tolist() == [1, 0, 0, 0]


def test_convolution_layer() -> None:
    """A filter that picks its centre gives the image back."""
    layer = ty.nn.Conv(ty.zeros((3, 3, 1, 1)).at[1, 1].set(1.0), ty.ones(1))
    x = ty.astype(drawn(1, 4, 4, 1), ty.float32)

    assert ty.digest(layer(x)) == ty.digest(x + 1.0)


def test_embedding() -> None:
    """Rows by index; out of bounds raises."""
    table = ty.nn.Embedding.init(KEY, 5, 3)

    assert ty.digest(table(ty.asarray([4, 0]))) == ty.digest(ty.stack([table.table[4], table.table[0]]))
    with pytest.raises(ty.TianyuanError, match="5"):
        table(ty.asarray([5]))


def test_dropout() -> None:
    """About ``rate`` of the elements are 0, the others scaled."""
    y = np.asarray(ty.nn.dropout(KEY, ty.ones(10_000), 0.25))

    assert set(np.unique(y).tolist()) == {0.0, np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    with pytest.raises(ValueError, match="rate"):
        ty.nn.dropout(KEY, ty.ones(3), 1.0)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 300),
        ("glorot_normal", 2 / 300),
        ("he_uniform", 2 / 100),
        ("he_normal", 2 / 100),
        ("lecun_uniform", 1 / 100),
        ("lecun_normal", 1 / 100),
    ],
)
def test_initial_variance(name: str, variance: float) -> None:
    """Of 100 inputs and 200 outputs, within five standard errors."""
    w = np.asarray(getattr(ty.nn.init, name)(KEY, (100, 200)))

    assert abs(w.mean()) < 5 * math.sqrt(variance / w.size)
    assert w.var() == pytest.approx(variance, rel=5 * math.sqrt(2 / w.size))
