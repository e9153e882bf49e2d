"""Implicit differentiation of a fixed point: the derivative of a solution without the steps that led to it.

    python examples/fixed_point.py

x* = f(w, x*) is found by iteration. By the implicit function theorem its cotangent solves another fixed point,
u = ct + u df/dx, so the rule costs no memory however long the iteration was [Bai2019].
"""

import numpy as np

import tianyuan as ty


def f(w: ty.Array, x: ty.Array) -> ty.Array:
    """A contraction: tanh of a linear layer with a small weight, f64[n, n] and f64[n]."""
    return ty.tanh(w @ x + 1.0)


def iterate(step: object, x: ty.Array) -> ty.Array:
    """Apply ``step`` until it changes nothing by more than 1e-12."""

    def moving(state: tuple[ty.Array, ty.Array]) -> ty.Array:
        return ty.max(ty.abs(state[0] - state[1])) > 1e-12

    return ty.while_loop(moving, lambda state: (step(state[0]), state[0]), (step(x), x))[0]


@ty.custom_vjp
def fixed_point(w: ty.Array, x: ty.Array) -> ty.Array:
    """The solution of x = f(w, x), from a first guess."""
    return iterate(lambda x: f(w, x), x)


def forwards(w: ty.Array, x: ty.Array) -> tuple[ty.Array, tuple[ty.Array, ty.Array]]:
    """The solution, and what its derivative needs."""
    solution = fixed_point(w, x)
    return solution, (w, solution)


def backwards(kept: tuple[ty.Array, ty.Array], ct: ty.Array) -> tuple[ty.Array, ty.Array]:
    """u = ct + u df/dx; then the cotangent of w is u df/dw, and that of the guess is zero."""
    w, solution = kept
    _, pull = ty.vjp(f, w, solution)
    u = iterate(lambda u: ct + pull(u)[1], ct)
    return pull(u)[0], ty.zeros_like(solution)


fixed_point.defvjp(forwards, backwards)


def main() -> None:
    """The implicit gradient beside that through all steps, and a finite difference."""
    rng = np.random.default_rng(0)
    w, start = ty.asarray(rng.normal(size=(5, 5)) * 0.2), ty.zeros((5,), dtype=ty.float64)

    implicit = ty.jit(ty.grad(lambda w: ty.sum(fixed_point(w, start) ** 2)))(w)
    through = ty.jit(ty.grad(lambda w: ty.sum(iterate(lambda x: f(w, x), start) ** 2)))(w)
    nudge = ty.zeros((5, 5), dtype=ty.float64).at[1, 2].set(1e-6)
    up, down = (float(ty.sum(fixed_point(w + s * nudge, start) ** 2)) for s in (1.0, -1.0))

    print(f"solution {np.asarray(fixed_point(w, start))}")
    print(f"implicit and through all steps differ by {float(ty.max(ty.abs(implicit - through))):.1e}")
    print(f"one entry: {float(implicit[1, 2]):.8f}, by differences {(up - down) / 2e-6:.8f}")
    print("digest:", ty.digest((implicit, through)))


if __name__ == "__main__":
    main()
