"""Cases known to be hard, by name: values against mathematics or differences, bits against the plain program."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits

Fun = Callable[..., Any]
X = np.array([0.3, -1.2, 0.8, 2.1, -0.4])
W = np.linspace(-0.6, 0.7, 25).reshape(5, 5)


def f64(value: Any) -> ty.Array:
    """An f64 array."""
    return ty.asarray(np.asarray(value, np.float64))


def same(actual: Any, expected: Any) -> None:
    """Trees of the same bits."""
    for a, e in zip(ty.tree.leaves(actual), ty.tree.leaves(expected), strict=True):
        same_bits(np.asarray(a), np.asarray(e))


def slope(f: Fun, x: Any, v: Any, h: float = 1e-6) -> Any:
    """(f(x + h v) - f(x - h v)) / 2h."""
    up, down = (np.asarray(f(f64(x + s * h * v))) for s in (1.0, -1.0))
    return (up - down) / (2 * h)


def close(actual: Any, expected: Any, tolerance: float = 1e-7) -> None:
    """Equal within a relative tolerance."""
    np.testing.assert_allclose(np.asarray(actual), np.asarray(expected), rtol=tolerance, atol=tolerance)


def directions(shape: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
    """A few directions to differentiate in."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for _ in range(3)]


def gradient_is_right(f: Fun, x: np.ndarray[Any, Any], tolerance: float = 1e-6) -> None:
    """grad(f) against differences, and to the bit under jit and for entries of a vmap."""
    g = ty.grad(f)(f64(x))

    for v in directions(x.shape):
        close(np.sum(np.asarray(g) * v), slope(f, x, v), tolerance)
    same(ty.jit(ty.grad(f))(f64(x)), g)
    same(ty.grad(ty.jit(f))(f64(x)), g)
    many = ty.vmap(ty.grad(f))(f64(np.stack([x, 0.5 * x, x])))
    same([many[0], many[2]], [g, g])
    same(many[1], ty.grad(f)(f64(0.5 * x)))


# ---- MAML


def task_loss(w: ty.Array, x: ty.Array, y: ty.Array) -> ty.Array:
    """Mean squared error of a layer."""
    return ty.mean((ty.tanh(x @ w) - y) ** 2)


def adapted(w: ty.Array, loop: bool) -> ty.Array:
    """The loss after three inner steps, as a scan or in Python."""
    x, y = f64(np.outer(X, X[::-1])), f64(np.sin(W))

    def step(w: ty.Array, _: Any) -> tuple[ty.Array, None]:
        return w - 0.3 * ty.grad(task_loss)(w, x, y), None

    if loop:
        w = ty.scan(step, w, length=3)[0]
    else:
        for _ in range(3):
            w = step(w, None)[0]
    return task_loss(w, f64(W), y)


def test_maml() -> None:
    """The outer gradient goes through the inner gradients: that of the scan is that of the Python loop."""
    gradient_is_right(lambda w: adapted(w, loop=True), W)

    same(ty.grad(lambda w: adapted(w, True))(f64(W)), ty.grad(lambda w: adapted(w, False))(f64(W)))


# ---- second order through loops


def rollout(x: ty.Array) -> ty.Array:
    """A scan that mixes its carry."""

    def step(h: ty.Array, a: ty.Array) -> tuple[ty.Array, ty.Array]:
        h = ty.tanh(h * a + ty.sin(h))
        return h, h * a

    last, ys = ty.scan(step, x, f64(W))
    return ty.sum(last) + ty.sum(ys * ys)


def test_hvp_through_scan() -> None:
    """Hessian times vector: by differences of gradients, by the Hessian, under vmap and jit."""
    hessian = np.asarray(ty.hessian(rollout)(f64(X)))

    close(hessian, hessian.T, 1e-12)
    for v in directions((5,)):
        product = ty.hvp(rollout, (f64(X),), (f64(v),))
        close(product, slope(ty.grad(rollout), X, v), 1e-6)
        close(product, hessian @ v, 1e-11)
        same(ty.jit(lambda x, v: ty.hvp(rollout, (x,), (v,)))(f64(X), f64(v)), product)
    over = ty.vmap(lambda v: ty.hvp(rollout, (f64(X),), (v,)))(f64(np.eye(5)))
    same(over[2], ty.hvp(rollout, (f64(X),), (f64(np.eye(5)[2]),)))


def test_reverse_over_reverse_through_scan() -> None:
    """The gradient of a function of the gradient."""
    gradient_is_right(lambda x: ty.sum(ty.sin(ty.grad(rollout)(x))), X, 1e-5)


# ---- implicit differentiation


def iterated(w: ty.Array, x: ty.Array) -> ty.Array:
    """x = tanh(w x + 1) by iteration until nothing moves."""

    def moving(state: Any) -> ty.Array:
        return ty.max(ty.abs(state[0] - state[1])) > 1e-14

    def step(state: Any) -> Any:
        return ty.tanh(w @ state[0] + 1.0), state[0]

    return ty.while_loop(moving, step, (x, x + 1.0))[0]


@ty.custom_vjp
def fixed_point(w: ty.Array, x: ty.Array) -> ty.Array:
    """``iterated`` with the derivative of the implicit function theorem."""
    return iterated(w, x)


def _forwards(w: ty.Array, x: ty.Array) -> Any:
    solution = fixed_point(w, x)
    return solution, (w, solution)


def _backwards(kept: Any, ct: ty.Array) -> Any:
    w, solution = kept
    _, pull = ty.vjp(lambda w, x: ty.tanh(w @ x + 1.0), w, solution)
    u = ty.fori_loop(0, 200, lambda i, u: ct + pull(u)[1], ct)
    return pull(u)[0], ty.zeros_like(solution)


fixed_point.defvjp(_forwards, _backwards)


def test_fixed_point_by_the_implicit_function_theorem() -> None:
    """The implicit gradient is that through all iterations, but for rounding."""
    start = f64(np.zeros(5))
    implicit, through = (
        ty.grad(lambda w, s=s: ty.sum(s(w, start) ** 2))(f64(W * 0.5)) for s in (fixed_point, iterated)
    )

    close(implicit, through, 1e-12)
    gradient_is_right(lambda w: ty.sum(fixed_point(w, start) ** 2), W * 0.5)


# ---- Newton


def newton(target: ty.Array) -> tuple[ty.Array, ty.Array]:
    """x with x^3 + x = target, and the steps it took."""

    def going(state: Any) -> ty.Array:
        return (ty.abs(state[0] ** 3 + state[0] - target) > 1e-12) & (state[1] < 100)

    def step(state: Any) -> Any:
        x, n = state
        return x - (x**3 + x - target) / ty.grad(lambda x: x**3 + x)(x), n + 1

    return ty.while_loop(going, step, (ty.ones_like(target) * 10.0, ty.asarray(0)))


def test_newton_vmapped() -> None:
    """Each lane stops by itself, with the bits and the number of steps that it has alone; so do its derivatives."""
    targets = np.array([0.0, 1e-3, 2.0, 1e6, -30.0])
    roots, steps = ty.jit(ty.vmap(newton))(f64(targets))
    slopes = ty.vmap(ty.grad(lambda t: newton(t)[0]))(f64(targets))

    close(np.asarray(roots) ** 3 + np.asarray(roots), targets, 1e-9)
    assert len(set(np.asarray(steps).tolist())) > 2
    for i, t in enumerate(targets):
        same((roots[i], steps[i]), newton(f64(t)))
        same(slopes[i], ty.grad(lambda t: newton(t)[0])(f64(t)))
        close(slopes[i], 1 / (3 * np.asarray(roots)[i] ** 2 + 1), 1e-5)


# ---- per-example gradients


def test_per_example_gradients() -> None:
    """vmap(grad) is, to the bit, the loop; its sum is the gradient of the sum."""
    xs, ys = f64(np.outer(X, X[::-1])), f64(np.cos(X))

    def loss(w: ty.Array, x: ty.Array, y: ty.Array) -> ty.Array:
        return (ty.sum(ty.tanh(w @ x)) - y) ** 2

    each = ty.jit(ty.vmap(ty.grad(loss), (None, 0, 0)))(f64(W), xs, ys)
    for i in range(5):
        same(each[i], ty.grad(loss)(f64(W), xs[i], ys[i]))
    whole = ty.grad(lambda w: ty.sum(ty.vmap(loss, (None, 0, 0))(w, xs, ys)))(f64(W))
    close(np.asarray(each).sum(0), whole, 1e-12)


# ---- nesting


def nested(x: ty.Array) -> ty.Array:
    """A scan in a scan under vmap."""

    def inner(c: ty.Array, a: ty.Array) -> tuple[ty.Array, ty.Array]:
        return ty.sin(c) * a + c, c * a

    def outer(c: ty.Array, row: ty.Array) -> tuple[ty.Array, ty.Array]:
        c, ys = ty.scan(inner, c, row)
        return c, ty.sum(ys)

    def lane(start: ty.Array) -> ty.Array:
        last, sums = ty.scan(outer, start, f64(W))
        return last + ty.sum(sums * sums)

    return ty.sum(ty.vmap(lane)(x))


def nested_in_python(x: ty.Array) -> ty.Array:
    """The same in Python loops."""
    total = []
    for i in range(5):
        c, sums = x[i], []
        for row in f64(W):
            ys = []
            for a in row:
                c, y = ty.sin(c) * a + c, c * a
                ys.append(y)
            sums.append(ty.sum(ty.stack(ys)))
        sums = ty.stack(sums)
        total.append(c + ty.sum(sums * sums))
    return ty.sum(ty.stack(total))


def test_nested_scan_under_vmap_under_grad() -> None:
    """Values to the bit, derivatives against differences."""
    same(nested(f64(X)), nested_in_python(f64(X)))
    gradient_is_right(nested, X)
    close(ty.grad(nested)(f64(X)), ty.grad(nested_in_python)(f64(X)), 1e-12)


def deep(x: ty.Array, native: bool) -> ty.Array:
    """A cond inside a while_loop inside a scan; the same in Python with ``native`` false."""

    def branch(v: ty.Array) -> ty.Array:
        grow, shrink = (lambda v: v * 1.3 + 0.1), (lambda v: ty.sin(v) - 0.4 * v)
        if native:
            return ty.cond(ty.sum(v) < 1.0, grow, shrink, v)
        return grow(v) if float(ty.sum(v)) < 1.0 else shrink(v)

    def settle(v: ty.Array, bound: ty.Array) -> ty.Array:
        if native:
            start = (ty.asarray(0), v)
            going = lambda s: (s[0] < 7) & (ty.sum(s[1] * s[1]) < bound)  # noqa: E731
            return ty.while_loop(going, lambda s: (s[0] + 1, branch(s[1])), start)[1]
        n = 0
        while n < 7 and float(ty.sum(v * v)) < float(bound):
            n, v = n + 1, branch(v)
        return v

    bounds = f64([2.0, 4.0, 3.0])
    if native:
        last, ys = ty.scan(lambda v, b: ((w := settle(v, b)), w * b), x, bounds)
        return ty.sum(last) + ty.sum(ys * ys)
    v, ys = x, []
    for b in bounds:
        v = settle(v, b)
        ys.append(v * b)
    ys = ty.stack(ys)
    return ty.sum(v) + ty.sum(ys * ys)


def test_cond_in_while_loop_in_scan() -> None:
    """Value and derivative are, to the bit, those of the Python program."""
    for x in (X * 0.3, X, X * 0.05):
        same(deep(f64(x), True), deep(f64(x), False))
        same(ty.grad(lambda x: deep(x, True))(f64(x)), ty.grad(lambda x: deep(x, False))(f64(x)))
    gradient_is_right(lambda x: deep(x, True), X * 0.3)


def test_hessian_of_cond_in_while_loop_in_scan() -> None:
    """To second order, forwards over reverse, against differences."""
    f = lambda x: deep(x, True)  # noqa: E731
    for v in directions((5,)):
        close(ty.hvp(f, (f64(X * 0.3),), (f64(v),)), slope(ty.grad(f), X * 0.3, v), 1e-5)


# ---- order and places


def test_gradient_of_sort() -> None:
    """The cotangents go back where the elements came from."""
    weights = np.array([1.0, 10.0, 100.0, 1000.0, 10000.0])
    g = ty.grad(lambda x: ty.sum(ty.sort(x) * f64(weights)))(f64(X))

    assert np.asarray(g).tolist() == weights[np.argsort(np.argsort(X))].tolist()
    gradient_is_right(lambda x: ty.sum(ty.sin(ty.sort(x)) * f64(weights)), X)


def test_gradient_of_top_k() -> None:
    """Only the k largest have a derivative."""
    g = ty.grad(lambda x: ty.sum(ty.top_k(x, 2)[0] * f64([3.0, 5.0])))(f64(X))

    assert np.asarray(g).tolist() == [0.0, 0.0, 5.0, 3.0, 0.0]
    gradient_is_right(lambda x: ty.sum(ty.top_k(ty.sin(x), 3)[0] ** 2), X)


def test_gradient_of_indexed_updates() -> None:
    """``set`` cuts off what it overwrites (of duplicates the last counts), ``add`` keeps it."""
    at, new = ty.asarray([1, 3, 1]), f64([5.0, 6.0, 7.0])

    def put(x: ty.Array, new: ty.Array) -> ty.Array:
        return ty.sum(x.at[at].set(new) * f64([1.0, 2.0, 3.0, 4.0, 5.0]))

    dx, dnew = ty.grad(put, (0, 1))(f64(X), new)
    assert np.asarray(dx).tolist() == [1.0, 0.0, 3.0, 0.0, 5.0]
    assert np.asarray(dnew).tolist() == [0.0, 4.0, 2.0]
    gradient_is_right(lambda x: ty.sum(ty.sin(x.at[at].add(x[:3]))), X)
    gradient_is_right(lambda x: ty.sum(ty.sin(x.at[at].set(x[:3] * x[2:]))), X)
    gradient_is_right(lambda x: ty.sum(ty.sin(x.at[ty.asarray([1, 3, 0])].multiply(x[:3]))), X)
    gradient_is_right(lambda x: ty.sum(x.at[at].max(x[:3] + 0.25) ** 2), X)


# ---- perturbation confusion [Siskind2005]


@pytest.mark.parametrize("inner", [ty.grad, lambda f: lambda x: ty.jvp(f, (x,), (1.0,))[1]], ids=["grad", "jvp"])
@pytest.mark.parametrize("outer", [ty.grad, lambda f: lambda x: ty.jvp(f, (x,), (1.0,))[1]], ids=["grad", "jvp"])
def test_perturbation_confusion(outer: Fun, inner: Fun) -> None:
    """d/dx (x · d/dy (x + y)) = 1, and deeper: the perturbations of nested derivatives stay apart."""
    assert float(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0)) == 1.0
    assert float(outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0)) == 6.0
    third = outer(lambda x: inner(lambda y: outer(lambda z: x * y * y * z * z * z)(2.0))(x))
    assert float(third(3.0)) == 12 * 2 * 2 * 3.0
    assert float(ty.jit(outer(ty.jit(lambda x: x * ty.jit(inner(lambda y: x + y))(1.0))))(1.0)) == 1.0


def test_perturbation_confusion_of_returned_functions() -> None:
    """The derivative of a curried function, applied twice at different points: the amazing bug [Manzyuk2019]."""

    def shift(u: Any) -> Fun:
        return lambda f: lambda x: f(x + u)

    derivative = ty.jvp(lambda u: shift(u)(lambda x: shift(u)(ty.sin)(x))(0.3), (0.0,), (1.0,))[1]

    close(derivative, 2 * np.cos(0.3), 1e-12)


# ---- neural ODE


def test_neural_ode_by_adjoint_and_by_unrolling() -> None:
    """The adjoint equation's gradient tends to the unrolled one's as the fourth power of the step."""

    def field(w: ty.Array, y: ty.Array) -> ty.Array:
        return ty.tanh(w @ y)

    def rk4(f: Fun, y: Any, h: float) -> Any:
        ahead = lambda k, c: ty.tree.map(lambda y, k: y + c * h * k, y, k)  # noqa: E731
        k1 = f(y)
        k2 = f(ahead(k1, 0.5))
        k3 = f(ahead(k2, 0.5))
        k4 = f(ahead(k3, 1.0))
        return ty.tree.map(lambda y, a, b, c, d: y + h / 6 * (a + 2 * b + 2 * c + d), y, k1, k2, k3, k4)

    def solve(w: ty.Array, y: ty.Array, steps: int) -> ty.Array:
        return ty.scan(lambda y, _: (rk4(lambda y: field(w, y), y, 1.0 / steps), None), y, length=steps)[0]

    def adjoint(w: ty.Array, y: ty.Array, steps: int) -> tuple[ty.Array, ty.Array]:
        end = solve(w, y, steps)

        def back(state: Any) -> Any:
            dy, pull = ty.vjp(field, w, state[0])
            dw, da = pull(state[1])
            return dy, -da, -dw

        start = (end, 2.0 * end, ty.zeros_like(w))
        last, _ = ty.scan(lambda s, _: (rk4(back, s, -1.0 / steps), None), start, length=steps)
        return last[2], last[1]

    apart = []
    for steps in (10, 20):
        unrolled = ty.grad(lambda w, y, n=steps: ty.sum(solve(w, y, n) ** 2), (0, 1))(f64(W), f64(X))
        other = adjoint(f64(W), f64(X), steps)
        apart.append(max(float(ty.max(ty.abs(a - b))) for a, b in zip(unrolled, other, strict=True)))
    assert apart[0] < 1e-5
    assert apart[1] < apart[0] / 8
    gradient_is_right(lambda w: ty.sum(solve(w, f64(X), 10) ** 2), W)


# ---- complex numbers


@pytest.mark.parametrize("z", [3 - 4j, -1 + 0.5j, 0.25j])
def test_gradient_with_respect_to_a_complex_number(z: complex) -> None:
    """df/dx - i df/dy, of real functions, without ``holomorphic``."""
    for f in (ty.abs, ty.angle, lambda z: ty.real(z * z * ty.conj(z)), lambda z: ty.sum(ty.abs(ty.exp(z)) ** 2)):
        value = lambda w, f=f: float(f(ty.asarray(np.complex128(w))))  # noqa: E731
        h = 1e-6
        dx, dy = ((value(z + h * d) - value(z - h * d)) / (2 * h) for d in (1, 1j))

        close(ty.grad(f)(ty.asarray(np.complex128(z))), dx - 1j * dy, 1e-6)


# ---- custom rules around control flow


def branching(x: ty.Array) -> ty.Array:
    """A branch, a loop and a region to be recomputed."""
    x = ty.cond(ty.sum(x) > 0, ty.sin, ty.cos, x)
    x = ty.scan(lambda c, a: (ty.tanh(c * a) + x, None), x, f64([0.5, -1.5]))[0]
    return ty.sum(ty.checkpoint(lambda v: ty.sin(v) * v)(x))


def test_forward_rule_that_differentiates_control_flow() -> None:
    """A custom_jvp rule may call jvp on loops and branches; in reverse mode its primal part stays what it is."""
    custom = ty.custom_jvp(branching)
    custom.defjvp(lambda primals, tangents: ty.jvp(branching, primals, tangents))

    same(ty.value_and_grad(custom)(f64(X)), ty.value_and_grad(branching)(f64(X)))
    same(ty.jit(ty.grad(custom))(f64(X)), ty.grad(branching)(f64(X)))
    gradient_is_right(custom, X)
    close(ty.hessian(custom)(f64(X)), ty.hessian(branching)(f64(X)), 1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_cotangents_of_a_mapped_reverse_rule(axis: int) -> None:
    """The cotangent of an argument mapped along an inner axis has the batch where the argument has it."""

    @ty.custom_vjp
    def f(x: ty.Array) -> ty.Array:
        return ty.sum(x * f64(X))

    f.defvjp(lambda x: (f(x), None), lambda _, ct: (ct * f64(X),))
    g = ty.grad(lambda x: ty.sum(ty.vmap(f, axis)(x) * f64([1.0, 2.0, 3.0, 4.0, 5.0])))(f64(W))

    expected = np.outer(np.arange(1.0, 6.0), X)
    assert np.asarray(g).tolist() == (expected if axis == 0 else expected.T).tolist()


def test_forward_rule_without_forward_mode_is_traced() -> None:
    """A rule that goes through a reverse rule is an error when it is used, not when the function is jitted."""
    inner = ty.custom_vjp(ty.sin)
    inner.defvjp(lambda x: (ty.sin(x), x), lambda x, ct: (ct * ty.cos(x),))
    outer = ty.custom_jvp(lambda x: inner(x))
    outer.defjvp(lambda primals, tangents: ty.jvp(inner, primals, tangents))

    same(ty.jit(outer)(f64(X)), ty.sin(f64(X)))
    with pytest.raises(ty.NoRuleError, match="no forward mode"):
        ty.jit(lambda x: ty.jvp(outer, (x,), (x,)))(f64(X))
