"""Per-example gradients: which images pull hardest on the weights, and a private mean of them [Abadi2016].

    python examples/per_example_gradients.py

vmap(grad(loss)) gives the gradient of every example at once, each to the bit what it is alone.
"""

import tianyuan as ty


def loss(model: ty.nn.MLP, x: ty.Array, y: ty.Array) -> ty.Array:
    """Cross entropy of one image, f32[64], with label i64[]."""
    return ty.nn.softmax_cross_entropy(model(x), y)


@ty.jit
def per_example(model: ty.nn.MLP, x: ty.Array, y: ty.Array) -> ty.nn.MLP:
    """The gradient of each example: leaves with a leading axis."""
    return ty.vmap(ty.grad(loss), (None, 0, 0))(model, x, y)


def norms(grads: ty.nn.MLP) -> ty.Array:
    """The norm of each example's gradient over all leaves, f32[n]."""
    return ty.sqrt(sum(ty.sum(ty.reshape(g, (g.shape[0], -1)) ** 2, axis=1) for g in ty.tree.leaves(grads)))


@ty.jit
def private_mean(grads: ty.nn.MLP, key: ty.Array, bound: float, noise: float) -> ty.nn.MLP:
    """Each gradient scaled to a norm of at most ``bound``, summed, with normal noise, divided by their number."""
    scale = ty.minimum(1.0, bound / norms(grads))
    leaves, structure = ty.tree.flatten(grads)
    keys = ty.random.split(key, len(leaves))
    sums = [ty.einsum("n...,n->...", g, scale) for g in leaves]
    noisy = [s + noise * bound * ty.random.normal(keys[i], s.shape) for i, s in enumerate(sums)]
    return ty.tree.unflatten(structure, [g / scale.shape[0] for g in noisy])


def main() -> None:
    """Gradients of 256 digits: alone and together, the largest, the private mean."""
    images, labels = ty.data.datasets.digits()
    x, y = ty.reshape(images[:256], (256, 64)), labels[:256]
    model = ty.nn.MLP.init(ty.random.key(0), (64, 32, 10))
    grads = per_example(model, x, y)
    alone = ty.grad(loss)(model, x[7], y[7])
    same = ty.digest(alone) == ty.digest(ty.tree.map(lambda g: g[7], grads))
    print(f"example 7 in the batch and alone: {'the same bits' if same else 'different bits'}")
    size = norms(grads)
    hardest = int(ty.argmax(size))
    print(
        f"image {hardest}, a {int(y[hardest])}, pulls most: {float(size[hardest]):.3f}, mean {float(ty.mean(size)):.3f}"
    )
    mean = private_mean(grads, ty.random.key(1), 1.0, 0.5)
    print("digest:", ty.digest((grads, mean)))


if __name__ == "__main__":
    main()
