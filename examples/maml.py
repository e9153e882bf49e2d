"""Learning to learn [Finn2017]: weights from which one gradient step fits any sine wave.

    python examples/maml.py

The outer gradient goes through the inner steps: grad of a vmap of a scan of grad, under jit.
"""

import tianyuan as ty

SHOTS, INNER, RATE = 10, 5, 0.01
optimizer = ty.optim.adam(3e-3)


def loss(net: ty.nn.MLP, x: ty.Array, y: ty.Array) -> ty.Array:
    """Mean squared error on one task, f32[n, 1] -> f32[n, 1]."""
    return ty.mean((net(x) - y) ** 2)


def adapt(net: ty.nn.MLP, x: ty.Array, y: ty.Array) -> ty.nn.MLP:
    """``INNER`` steps of gradient descent on the shots of one task."""

    def step(net: ty.nn.MLP, _: None) -> tuple[ty.nn.MLP, None]:
        grads = ty.grad(loss)(net, x, y)
        return ty.tree.map(lambda p, g: p - RATE * g, net, grads), None

    return ty.scan(step, net, length=INNER)[0]


def task(key: ty.Array) -> tuple[ty.Array, ty.Array, ty.Array, ty.Array]:
    """Shots to adapt on and points to be judged on, of a sine with random height and phase."""
    k1, k2, k3 = ty.random.split(key, 3)
    height, phase = ty.random.uniform(k1, (), minval=0.5, maxval=3.0), ty.random.uniform(k2, (), maxval=ty.pi)
    x = ty.random.uniform(k3, (2 * SHOTS, 1), minval=-3.0, maxval=3.0)
    y = height * ty.sin(x + phase)
    return x[:SHOTS], y[:SHOTS], x[SHOTS:], y[SHOTS:]


def after(net: ty.nn.MLP, key: ty.Array) -> ty.Array:
    """The loss on one task after adapting to it."""
    x, y, new_x, new_y = task(key)
    return loss(adapt(net, x, y), new_x, new_y)


@ty.jit
def step(net: ty.nn.MLP, state: object, key: ty.Array) -> tuple[ty.nn.MLP, object, ty.Array]:
    """One Adam step on 16 tasks."""
    keys = ty.random.split(key, 16)
    value, grads = ty.value_and_grad(lambda net: ty.mean(ty.vmap(after, (None, 0))(net, keys)))(net)
    updates, state = optimizer.update(grads, state, net)
    return ty.optim.apply_updates(net, updates), state, value


def main() -> None:
    """Train; compare new tasks before and after adapting."""
    net = ty.nn.MLP.init(ty.random.key(0), (1, 32, 32, 1))
    state = optimizer.init(net)
    for i in range(3000):
        net, state, value = step(net, state, ty.random.fold_in(ty.random.key(1), i))
    keys = ty.random.split(ty.random.key(2), 100)
    x, y, _, _ = ty.vmap(task)(keys)
    before = ty.mean(ty.vmap(loss, (None, 0, 0))(net, x, y))
    adapted = ty.mean(ty.vmap(after, (None, 0))(net, keys))
    print(f"new tasks: loss {float(before):.3f} before, {float(adapted):.3f} after {INNER} steps on {SHOTS} points")
    print("digest:", ty.digest(net))


if __name__ == "__main__":
    main()
