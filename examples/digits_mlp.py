"""A training loop in twenty lines: an MLP on scikit-learn's handwritten digits.

python examples/digits_mlp.py
"""

import tianyuan as ty

optimizer = ty.optim.adam(1e-3)


def loss(model: ty.nn.MLP, x: ty.Array, y: ty.Array) -> ty.Array:
    """Mean cross entropy."""
    return ty.mean(ty.nn.softmax_cross_entropy(model(x), y))


@ty.jit
def step(model: ty.nn.MLP, state: object, x: ty.Array, y: ty.Array) -> tuple[ty.nn.MLP, object, ty.Array]:
    """One Adam step."""
    value, grads = ty.value_and_grad(loss)(model, x, y)
    updates, state = optimizer.update(grads, state, model)
    return ty.optim.apply_updates(model, updates), state, value


def main() -> None:
    """Train on 1,437 images, test on 360."""
    images, labels = ty.data.datasets.digits()
    images = ty.reshape(images, (-1, 64))
    train, test = (images[360:], labels[360:]), (images[:360], labels[:360])
    model = ty.nn.MLP.init(ty.random.key(0), (64, 128, 10))
    state = optimizer.init(model)
    for x, y in ty.data.loader(train, 64, ty.random.key(1), epochs=20, drop_last=True):
        model, state, value = step(model, state, x, y)
    right = ty.argmax(model(test[0]), axis=-1) == test[1]
    print(f"last loss {float(value):.4f}, test accuracy {float(ty.mean(ty.astype(right, ty.float32))):.3f}")
    print("digest:", ty.digest(model))


if __name__ == "__main__":
    main()
