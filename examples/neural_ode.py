"""A neural differential equation [Chen2018] learns a spiral; its gradient by two methods.

    python examples/neural_ode.py

Unrolled: reverse mode through the solver's scan. Adjoint: an equation solved backwards, as a custom_vjp rule.
"""

import tianyuan as ty

STEPS, SPAN = 50, 3.0
optimizer = ty.optim.adam(1e-2)


def velocity(net: ty.nn.MLP, y: ty.Array) -> ty.Array:
    """dy/dt, f32[2] -> f32[2]."""
    return 2.0 * ty.tanh(net(y))


def rk4(f: object, y: object, h: float) -> object:
    """One step of the classical Runge-Kutta method of order 4, on trees."""

    ahead = lambda k, c: ty.tree.map(lambda y, k: y + c * h * k, y, k)  # noqa: E731
    k1 = f(y)
    k2 = f(ahead(k1, 0.5))
    k3 = f(ahead(k2, 0.5))
    k4 = f(ahead(k3, 1.0))
    return ty.tree.map(lambda y, a, b, c, d: y + h / 6 * (a + 2 * b + 2 * c + d), y, k1, k2, k3, k4)


def unrolled(net: ty.nn.MLP, start: ty.Array) -> ty.Array:
    """The end of the trajectory from ``start``."""
    return ty.scan(lambda y, _: (rk4(lambda y: velocity(net, y), y, SPAN / STEPS), None), start, length=STEPS)[0]


@ty.custom_vjp
def adjoint(net: ty.nn.MLP, start: ty.Array) -> ty.Array:
    """The same end, with a gradient that stores nothing of the way."""
    return unrolled(net, start)


def forwards(net: ty.nn.MLP, start: ty.Array) -> tuple[ty.Array, tuple[ty.nn.MLP, ty.Array]]:
    """The end is all that is kept."""
    return (end := unrolled(net, start)), (net, end)


def backwards(kept: tuple[ty.nn.MLP, ty.Array], ct: ty.Array) -> tuple[ty.nn.MLP, ty.Array]:
    """(y, a, g) from the end: y' = f, a' = -a df/dy, g' = -a df/dw."""
    net, end = kept

    def field(state: tuple[ty.Array, ty.Array, ty.nn.MLP]) -> tuple[ty.Array, ty.Array, ty.nn.MLP]:
        y, a, _ = state
        dy, pull = ty.vjp(velocity, net, y)
        g, da = pull(a)
        return dy, -da, ty.tree.map(lambda g: -g, g)

    begin = (end, ct, ty.tree.map(ty.zeros_like, net))
    _, a, g = ty.scan(lambda state, _: (rk4(field, state, -SPAN / STEPS), None), begin, length=STEPS)[0]
    return g, a


adjoint.defvjp(forwards, backwards)


def loss(net: ty.nn.MLP, starts: ty.Array, ends: ty.Array, solve: object) -> ty.Array:
    """Mean squared distance of the ends reached from those observed."""
    return ty.mean((ty.vmap(solve, (None, 0))(net, starts) - ends) ** 2)


@ty.jit
def train(net: ty.nn.MLP, starts: ty.Array, ends: ty.Array) -> tuple[ty.nn.MLP, ty.Array]:
    """300 steps of Adam as one loop."""

    def step(carry: tuple[ty.nn.MLP, object], _: None) -> tuple[tuple[ty.nn.MLP, object], ty.Array]:
        net, state = carry
        value, grads = ty.value_and_grad(loss)(net, starts, ends, unrolled)
        updates, state = optimizer.update(grads, state, net)
        return (ty.optim.apply_updates(net, updates), state), value

    (net, _), values = ty.scan(step, (net, optimizer.init(net)), length=300)
    return net, values


def main() -> None:
    """Compare both gradients, then train."""
    k1, k2 = ty.random.split(ty.random.key(0))
    starts = ty.random.uniform(k1, (32, 2), minval=-1.5, maxval=1.5)
    spiral = ty.asarray([[-0.2, 1.0], [-1.0, -0.2]])
    truth = lambda y: y @ spiral  # noqa: E731
    ends = ty.vmap(lambda y: ty.scan(lambda y, _: (rk4(truth, y, SPAN / STEPS), None), y, length=STEPS)[0])(starts)
    net = ty.nn.MLP.init(k2, (2, 16, 2))
    exact, other = (ty.jit(ty.grad(lambda net, s=s: loss(net, starts, ends, s)))(net) for s in (unrolled, adjoint))
    apart = max(map(float, ty.tree.leaves(ty.tree.map(lambda a, b: ty.max(ty.abs(a - b)), exact, other))))
    print(f"adjoint and unrolled gradients differ by {apart:.1e}")
    net, values = train(net, starts, ends)
    print(f"loss {float(values[0]):.3f} at first, {float(values[-1]):.4f} after 300 steps")
    print("digest:", ty.digest((net, values)))


if __name__ == "__main__":
    main()
