"""A small convolutional network on the digits, one epoch as one compiled scan.

python examples/digits_cnn.py
"""

import tianyuan as ty

optimizer = ty.optim.adam(2e-3)


@ty.struct
class Net:
    """Two convolutions with pooling, one linear layer."""

    conv1: ty.nn.Conv
    conv2: ty.nn.Conv
    head: ty.nn.Linear

    def __call__(self, x: ty.Array) -> ty.Array:
        """f32[n, 8, 8, 1] -> f32[n, 10]."""
        x = ty.nn.max_pool(ty.nn.relu(self.conv1(x)))
        x = ty.nn.max_pool(ty.nn.relu(self.conv2(x)))
        return self.head(ty.reshape(x, (x.shape[0], -1)))


def loss(net: Net, x: ty.Array, y: ty.Array) -> ty.Array:
    """Mean cross entropy."""
    return ty.mean(ty.nn.softmax_cross_entropy(net(x), y))


@ty.jit
def epoch(net: Net, state: object, xs: ty.Array, ys: ty.Array) -> tuple[Net, object, ty.Array]:
    """One pass over batches f32[batches, n, 8, 8, 1]; the mean loss."""

    def step(carry: tuple[Net, object], batch: tuple[ty.Array, ty.Array]) -> tuple[tuple[Net, object], ty.Array]:
        net, state = carry
        value, grads = ty.value_and_grad(loss)(net, *batch)
        updates, state = optimizer.update(grads, state, net)
        return (ty.optim.apply_updates(net, updates), state), value

    (net, state), losses = ty.scan(step, (net, state), (xs, ys))
    return net, state, ty.mean(losses)


def main() -> None:
    """Train three epochs on 1,408 images, test on the rest."""
    images, labels = ty.data.datasets.digits()
    images = ty.expand_dims(images, axis=-1)
    k1, k2, k3 = ty.random.split(ty.random.key(0), 3)
    net = Net(ty.nn.Conv.init(k1, 1, 8), ty.nn.Conv.init(k2, 8, 16), ty.nn.Linear.init(k3, 64, 10))
    state = optimizer.init(net)
    xs = ty.reshape(images[:1408], (44, 32, 8, 8, 1))
    ys = ty.reshape(labels[:1408], (44, 32))
    for i in range(3):
        net, state, value = epoch(net, state, xs, ys)
        right = ty.argmax(net(images[1408:]), axis=-1) == labels[1408:]
        print(f"epoch {i}: loss {float(value):.4f}, accuracy {float(ty.mean(ty.astype(right, ty.float32))):.3f}")
    print("digest:", ty.digest(net))


if __name__ == "__main__":
    main()
