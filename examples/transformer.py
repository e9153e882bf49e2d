"""A tiny transformer learns to reverse sequences of digits.

python examples/transformer.py
"""

from __future__ import annotations

import tianyuan as ty

LENGTH, SYMBOLS, SIZE = 8, 10, 32
optimizer = ty.optim.adam(3e-3)


@ty.struct
class Model:
    """Embeddings, two blocks, a linear head."""

    tokens: ty.nn.Embedding
    positions: ty.Array  # f32[LENGTH, SIZE]
    blocks: tuple[ty.nn.TransformerBlock, ...]
    head: ty.nn.Linear

    @classmethod
    def init(cls, key: ty.Array) -> Model:
        """Random weights."""
        k = ty.random.split(key, 5)
        blocks = tuple(ty.nn.TransformerBlock.init(k[i], SIZE, 4) for i in (2, 3))
        positions = 0.1 * ty.random.normal(k[1], (LENGTH, SIZE))
        return cls(ty.nn.Embedding.init(k[0], SYMBOLS, SIZE), positions, blocks, ty.nn.Linear.init(k[4], SIZE, SYMBOLS))

    def __call__(self, x: ty.Array) -> ty.Array:
        """i64[n, LENGTH] -> f32[n, LENGTH, SYMBOLS]."""
        h = self.tokens(x) + self.positions
        for block in self.blocks:
            h = block(h)
        return self.head(h)


def loss(model: Model, x: ty.Array) -> ty.Array:
    """Mean cross entropy of the reversed sequence."""
    return ty.mean(ty.nn.softmax_cross_entropy(model(x), ty.flip(x, axis=1)))


@ty.jit
def step(model: Model, state: object, key: ty.Array) -> tuple[Model, object, ty.Array]:
    """One Adam step on 64 fresh sequences."""
    x = ty.random.randint(key, (64, LENGTH), 0, SYMBOLS)
    value, grads = ty.value_and_grad(loss)(model, x)
    updates, state = optimizer.update(grads, state, model)
    return ty.optim.apply_updates(model, updates), state, value


def main() -> None:
    """Train 300 steps, then count right symbols on new sequences."""
    key = ty.random.key(0)
    model = Model.init(key)
    state = optimizer.init(model)
    for i in range(300):
        model, state, value = step(model, state, ty.random.fold_in(key, i))
    x = ty.random.randint(ty.random.key(1), (256, LENGTH), 0, SYMBOLS)
    right = ty.argmax(model(x), axis=-1) == ty.flip(x, axis=1)
    print(f"last loss {float(value):.4f}, right symbols {float(ty.mean(ty.astype(right, ty.float32))):.3f}")
    print("digest:", ty.digest(model))


if __name__ == "__main__":
    main()
