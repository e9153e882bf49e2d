"""Predators and prey [Lotka1925, Volterra1926] by RK4 in a scan, and how the end depends on the rates.

python examples/lotka_volterra.py
"""

import numpy as np

import tianyuan as ty

STEPS, H = 1000, 0.01


def field(state: ty.Array, rates: ty.Array) -> ty.Array:
    """d/dt (prey, predators), f64[2], for rates (growth, predation, gain, death), f64[4]."""
    prey, predators = state[0], state[1]
    return ty.stack([prey * (rates[0] - rates[1] * predators), predators * (rates[2] * prey - rates[3])])


@ty.jit
def trajectory(start: ty.Array, rates: ty.Array) -> ty.Array:
    """f64[STEPS, 2] by the classical Runge-Kutta method of order 4."""

    def step(y: ty.Array, _: None) -> tuple[ty.Array, ty.Array]:
        k1 = field(y, rates)
        k2 = field(y + (H / 2) * k1, rates)
        k3 = field(y + (H / 2) * k2, rates)
        k4 = field(y + H * k3, rates)
        y = y + (H / 6) * (k1 + 2 * k2 + 2 * k3 + k4)
        return y, y

    return ty.scan(step, start, length=STEPS)[1]


def invariant(state: ty.Array, rates: ty.Array) -> ty.Array:
    """The conserved quantity of the system."""
    prey, predators = state[..., 0], state[..., 1]
    return rates[2] * prey - rates[3] * ty.log(prey) + rates[1] * predators - rates[0] * ty.log(predators)


def main() -> None:
    """Integrate; check the invariant and a derivative by finite differences."""
    start = ty.asarray(np.array([10.0, 5.0]))
    rates = ty.asarray(np.array([1.1, 0.4, 0.1, 0.4]))
    path = trajectory(start, rates)
    drift = ty.max(ty.abs(invariant(path, rates) - invariant(start, rates)))
    print(f"end: {np.asarray(path[-1])}, drift of the invariant {float(drift):.1e}")
    gradient = ty.grad(lambda r: trajectory(start, r)[-1, 0])(rates)
    nudge = np.array([0.0, 0.0, 0.0, 1e-6])
    up, down = (trajectory(start, rates + s * ty.asarray(nudge))[-1, 0] for s in (1.0, -1.0))
    print(f"d prey / d death: {float(gradient[3]):.6f}, by differences {float((up - down) / 2e-6):.6f}")
    print("digest:", ty.digest((path, gradient)))


if __name__ == "__main__":
    main()
