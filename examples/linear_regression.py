"""Linear regression on real data: diabetes progression from ten measurements, by gradient descent.

    python examples/linear_regression.py

Prints the mean squared error beside that of the exact solution of the normal equations.
"""

import numpy as np

import tianyuan as ty


def loss(w: ty.Array, x: ty.Array, y: ty.Array) -> ty.Array:
    """Mean squared error of x @ w."""
    residual = x @ w - y
    return ty.mean(residual * residual)


@ty.jit
def descend(w: ty.Array, x: ty.Array, y: ty.Array) -> ty.Array:
    """Five thousand steps of gradient descent as one compiled loop."""
    return ty.fori_loop(0, 5000, lambda i, w: w - 0.05 * ty.grad(loss)(w, x, y), w)


def main() -> None:
    """Fit and compare."""
    x, y = ty.data.datasets.diabetes()
    x = (x - ty.mean(x, axis=0)) / ty.std(x, axis=0)
    x = ty.concat([x, ty.ones((x.shape[0], 1))], axis=1)
    w = descend(ty.zeros((x.shape[1],)), x, y)
    exact = np.linalg.lstsq(np.asarray(x, np.float64), np.asarray(y, np.float64), rcond=None)[0]
    best = float(np.mean((np.asarray(x, np.float64) @ exact - np.asarray(y)) ** 2))
    print(f"mean squared error {float(loss(w, x, y)):.2f}, exact solution {best:.2f}")
    print("digest:", ty.digest(w))


if __name__ == "__main__":
    main()
