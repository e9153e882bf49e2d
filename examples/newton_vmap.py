"""Newton's method for many starts at once: a vmapped while_loop in which each lane stops when it is done.

    python examples/newton_vmap.py

Which root of z^3 = 1 does Newton's method reach from where? The basins are a fractal.
"""

import numpy as np

import tianyuan as ty

SIDE, LIMIT = 48, 100


def f(z: ty.Array) -> ty.Array:
    """z^3 - 1 for z = x + iy, as f64[2] -> f64[2]."""
    x, y = z[0], z[1]
    return ty.stack([x**3 - 3.0 * x * y**2 - 1.0, 3.0 * x**2 * y - y**3])


def newton(z: ty.Array) -> tuple[ty.Array, ty.Array]:
    """The root reached from z, and in how many steps: z -> z - J^-1 f(z) until f vanishes."""

    def going(state: tuple[ty.Array, ty.Array]) -> ty.Array:
        z, n = state
        return (ty.max(ty.abs(f(z))) > 1e-12) & (n < LIMIT)

    def step(state: tuple[ty.Array, ty.Array]) -> tuple[ty.Array, ty.Array]:
        z, n = state
        (a, b), (c, d) = ty.jacfwd(f)(z)
        u, v = f(z)
        determinant = a * d - b * c
        return z - ty.stack([d * u - b * v, a * v - c * u]) / determinant, n + 1

    return ty.while_loop(going, step, (z, ty.asarray(0)))


def main() -> None:
    """Draw the basins; the lanes' steps differ widely, and each is to the bit what it is alone."""
    axis = np.linspace(-1.5, 1.5, SIDE) + 0.01
    starts = ty.asarray(np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2))
    roots, steps = ty.jit(ty.vmap(newton))(starts)
    angle = np.arctan2(np.asarray(roots)[:, 1], np.asarray(roots)[:, 0])
    which = np.round(angle / (2 * np.pi / 3)).astype(int) % 3
    for row in which.reshape(SIDE, SIDE)[::3]:
        print("".join(".o#"[k] for k in row))
    alone = newton(starts[123])
    same = ty.digest(alone) == ty.digest((roots[123], steps[123]))
    print(f"steps: {int(ty.min(steps))} to {int(ty.max(steps))}; lane 123 alone: {'same' if same else 'other'} bits")
    print("digest:", ty.digest((roots, steps)))


if __name__ == "__main__":
    main()
