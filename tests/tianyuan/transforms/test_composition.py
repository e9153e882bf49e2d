"""Transformations compose in any order, and the laws of docs/numerics.md hold to the bit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests.laws.bits import same_bits

X = np.linspace(0.2, 1.7, 6)
W = np.linspace(-1.0, 1.0, 36).reshape(6, 6)


def arrays(*values: Any) -> list[ty.Array]:
    """f32 arrays."""
    return [ty.asarray(np.asarray(v, np.float32)) for v in values]


def model(w: ty.Array, x: ty.Array) -> ty.Array:
    """Something with a product, a reduction and elementary functions."""
    h = ty.tanh(x @ w) * ty.exp(-x)
    return ty.sum(ty.sin(h) * h) + ty.mean(ty.log(x))


def same(actual: Any, expected: Any) -> None:
    """Trees of the same bits."""
    for a, e in zip(ty.tree.leaves(actual), ty.tree.leaves(expected), strict=True):
        same_bits(np.asarray(a), np.asarray(e))


def finite_difference(f: Callable[[Any], Any], x: Any, v: Any, h: float = 1e-6) -> float:
    """(f(x + h v) - f(x - h v)) / 2h in f64."""
    up, down = (f(ty.asarray(np.asarray(x) + s * h * np.asarray(v))) for s in (1.0, -1.0))
    return (float(up) - float(down)) / (2 * h)


def test_grad_of_jit_is_jit_of_grad() -> None:
    """grad(jit(f)) ≡ jit(grad(f)) ≡ grad(f)."""
    w, x = arrays(W, X)

    plain = ty.grad(model)(w, x)

    same(ty.jit(ty.grad(model))(w, x), plain)
    same(ty.grad(ty.jit(model))(w, x), plain)
    same(ty.value_and_grad(model)(w, x)[0], model(w, x))


def test_vmap_of_grad_is_a_loop() -> None:
    """vmap(grad(f))(xs)[i] ≡ grad(f)(xs[i]), jitted or not."""
    w, xs = arrays(W, np.stack([X, X * 0.5, X + 0.3]))

    mapped = ty.vmap(ty.grad(model), in_axes=(None, 0))(w, xs)

    same(ty.jit(ty.vmap(ty.grad(model), in_axes=(None, 0)))(w, xs), mapped)
    for i in range(3):
        same(mapped[i], ty.grad(model)(w, xs[i]))


def test_gradient_is_the_finite_difference() -> None:
    """In f64, against central differences."""
    w, x = ty.asarray(W), ty.asarray(X)
    v = np.cos(np.arange(36.0)).reshape(6, 6)

    expected = finite_difference(lambda w: model(w, x), w, v)

    assert float(ty.sum(ty.grad(model)(w, x) * ty.asarray(v))) == pytest.approx(expected, rel=1e-7)


def test_hessian_three_ways() -> None:
    """Forward over reverse, reverse over forward, reverse over reverse agree."""
    f = lambda x: model(ty.asarray(W), x)  # noqa: E731
    x = ty.asarray(X)

    forward_reverse = np.asarray(ty.hessian(f)(x))

    np.testing.assert_allclose(np.asarray(ty.jacrev(ty.jacfwd(f))(x)), forward_reverse, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.asarray(ty.jacrev(ty.jacrev(f))(x)), forward_reverse, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(forward_reverse, forward_reverse.T, rtol=1e-10, atol=1e-12)


def test_perturbations_are_not_confused() -> None:
    """d/dx (x · d/dy (x + y)) = 1 [Siskind2005]."""
    d = ty.grad(lambda x: x * ty.grad(lambda y: x + y)(1.0))(1.0)

    assert float(d) == 1.0


def rnn(w: ty.Array, xs: ty.Array, loop: bool) -> ty.Array:
    """A loop with a closed-over weight, a carry and outputs: as scan, or in Python."""

    def step(h: ty.Array, x: ty.Array) -> tuple[ty.Array, ty.Array]:
        h = ty.tanh(h @ w + x)
        return h, ty.sum(h * h)

    h = xs[0] * 0.0
    if loop:
        h, ys = ty.scan(step, h, xs)
        return ty.sum(h) + ty.sum(ys)
    ys = []
    for i in range(xs.shape[0]):
        h, y = step(h, xs[i])
        ys.append(y)
    return ty.sum(h) + ty.sum(ty.stack(ys))


@pytest.mark.parametrize("argnums", [0, 1])
def test_scan_is_the_unrolled_loop(argnums: int) -> None:
    """scan and its gradient have the bits of the Python loop's."""
    w, xs = arrays(W, np.stack([X, X * 0.5, X + 0.3, -X]))

    same(rnn(w, xs, True), rnn(w, xs, False))
    looped = ty.grad(lambda w, xs: rnn(w, xs, True), argnums)(w, xs)
    same(looped, ty.grad(lambda w, xs: rnn(w, xs, False), argnums)(w, xs))
    same(ty.jit(ty.grad(lambda w, xs: rnn(w, xs, True), argnums))(w, xs), looped)


def test_scan_reverse_unroll_and_length() -> None:
    """reverse walks backwards and keeps places; unroll changes nothing."""
    (xs,) = arrays(X)
    f = lambda c, x: (c * 0.5 + x, c)  # noqa: E731

    last, ys = ty.scan(f, xs[0], xs, reverse=True)

    expected, c = [], np.float32(X[0])
    for x in np.asarray(xs)[::-1]:
        expected.append(c)
        c = np.float32(c * np.float32(0.5)) + x
    same_bits(np.asarray(ys), np.array(expected[::-1], np.float32))
    same_bits(np.asarray(last), c)
    same(ty.scan(f, xs[0], xs, reverse=True, unroll=4), (last, ys))
    assert int(ty.scan(lambda c, _: (c + 1, None), 0, length=7)[0]) == 7


def test_scan_of_zero_steps() -> None:
    """No steps: the carry comes back, ys are empty."""
    c, ys = ty.scan(lambda c, x: (c + x, c), ty.asarray(2.0), ty.zeros((0,)))

    assert float(c) == 2.0
    assert ys.shape == (0,)


def branchy(s: ty.Array) -> ty.Array:
    """cond inside."""
    return ty.cond(s < 1.0, lambda s: s * s, lambda s: ty.sin(s), s)


def test_cond_is_the_branch() -> None:
    """Values and gradients are those of the branch taken, mapped or not."""
    (xs,) = arrays([0.5, 1.5])

    same(branchy(xs[0]), xs[0] * xs[0])
    same(ty.jit(branchy)(xs[1]), ty.sin(xs[1]))
    same(ty.vmap(ty.grad(branchy))(xs), ty.stack([ty.grad(branchy)(xs[0]), ty.grad(branchy)(xs[1])]))


def test_a_branch_not_taken_neither_raises_nor_hangs() -> None:
    """Under vmap each entry runs its own branch only."""

    def endless(x: ty.Array) -> ty.Array:
        return ty.while_loop(lambda v: v < 10.0, lambda v: v * 0.0, x)

    def f(x: ty.Array) -> ty.Array:
        return ty.cond(x < 5.0, lambda x: x, endless, x)

    same(ty.vmap(f)(ty.asarray([1.0, 2.0, 11.0])), ty.asarray([1.0, 2.0, 11.0]))


def test_switch() -> None:
    """The branch by index; out of bounds raises."""
    pick = lambda i, x: ty.switch(i, [lambda x: x, lambda x: x * 2.0, lambda x: x * 3.0], x)  # noqa: E731
    one = ty.asarray(1.0)

    assert [float(pick(i, one)) for i in (0, 1, 2, -1)] == [1.0, 2.0, 3.0, 3.0]
    with pytest.raises(ty.OutOfBoundsError, match="3"):
        ty.jit(pick)(3, one)


def collatz(n: ty.Array) -> ty.Array:
    """How many steps to 1."""
    odd = lambda n: 3 * n + 1  # noqa: E731
    even = lambda n: n // 2  # noqa: E731
    step = lambda s: (ty.cond(s[0] % 2 == 0, even, odd, s[0]), s[1] + 1)  # noqa: E731
    return ty.while_loop(lambda s: s[0] > 1, step, (n, 0))[1]


def test_while_loops_stop_each_entry_when_done() -> None:
    """vmap(while_loop): every entry has its own number of iterations."""
    ns = ty.asarray([1, 2, 3, 7, 27])

    assert np.asarray(ty.vmap(collatz)(ns)).tolist() == [0, 1, 7, 16, 111]
    assert np.asarray(ty.jit(ty.vmap(collatz))(ns)).tolist() == [0, 1, 7, 16, 111]


def test_forward_mode_through_while() -> None:
    """The tangent of a loop is that of its iterations."""
    f = lambda x: ty.while_loop(lambda v: v < 100.0, lambda v: v * v, x)  # noqa: E731

    value, tangent = ty.jvp(f, (2.0,), (1.0,))

    assert (float(value), float(tangent)) == (256.0, 1024.0)


def test_fori_and_map() -> None:
    """fori_loop counts; map is a loop, in blocks or not."""
    assert int(ty.fori_loop(3, 7, lambda i, v: v + i, 0)) == 18
    assert int(ty.jit(lambda n: ty.fori_loop(0, n, lambda i, v: v + i, 0))(5)) == 10
    (xs,) = arrays(np.linspace(0, 1, 7))
    same(ty.map(ty.sin, xs), ty.sin(xs))
    same(ty.map(ty.sin, xs, batch_size=3), ty.sin(xs))


def test_checkpoint_changes_no_bit() -> None:
    """Recomputing gives the derivatives of storing, to second order, in loops too."""
    w, x = arrays(W, X)
    kept = lambda x: model(w, x) * ty.sum(x)  # noqa: E731
    again = lambda x: ty.checkpoint(lambda x: model(w, x))(x) * ty.sum(x)  # noqa: E731

    same(ty.grad(again)(x), ty.grad(kept)(x))
    same(ty.jit(ty.grad(again))(x), ty.grad(kept)(x))
    same(ty.hessian(again)(x), ty.hessian(kept)(x))


def test_custom_rules_rule() -> None:
    """custom_jvp and custom_vjp are used by every transformation."""

    @ty.custom_jvp
    def f(x: ty.Array) -> ty.Array:
        return ty.sin(x)

    f.defjvp(lambda p, t: (ty.sin(p[0]), 7.0 * t[0]))

    @ty.custom_vjp
    def g(x: ty.Array, y: ty.Array) -> ty.Array:
        return x * y

    g.defvjp(lambda x, y: (x * y, (x, y)), lambda r, ct: (3.0 * ct, ct * r[0]))
    xs = ty.asarray([1.0, 2.0])

    assert float(ty.grad(f)(1.0)) == 7.0
    assert float(ty.jit(ty.grad(f))(1.0)) == 7.0
    assert np.asarray(ty.vmap(ty.grad(f))(xs)).tolist() == [7.0, 7.0]
    assert float(ty.grad(lambda s: ty.scan(lambda c, _: (f(c), None), s, length=2)[0])(1.0)) == 49.0
    assert [float(v) for v in ty.jit(ty.grad(g, (0, 1)))(5.0, 2.0)] == [3.0, 5.0]
    assert np.asarray(ty.vmap(ty.grad(g, 1))(xs, xs)).tolist() == [1.0, 2.0]
    assert np.asarray(ty.grad(lambda w: ty.sum(ty.vmap(g, in_axes=(0, None))(xs, w)))(2.0)).tolist() == 3.0


def test_python_control_flow_on_known_values() -> None:
    """Eagerly, also under grad, Python's if sees the value."""

    def f(x: ty.Array) -> ty.Array:
        return x * x if x > 0 else -x

    assert float(ty.grad(f)(3.0)) == 6.0
    assert float(ty.grad(f)(-3.0)) == -1.0
    with pytest.raises(ty.ConcretizationError, match=r"ty\.cond"):
        ty.jit(f)(3.0)


def test_zero_times_infinity_in_derivatives() -> None:
    """A linear map takes 0 to 0: gradients of masked branches are clean."""
    assert float(ty.grad(lambda x: ty.where(x > 0, ty.sqrt(x), 0.0))(0.0)) == 0.0
    assert float(ty.grad(lambda p: ty.where(p > 0, p * ty.log(p), 0.0))(0.0)) == 0.0


def test_linearize_and_vjp_agree_with_jvp() -> None:
    """linearize ≡ jvp; ⟨ct, Jv⟩ = ⟨Jᵀct, v⟩."""
    w, x, v = ty.asarray(W), ty.asarray(X), ty.asarray(np.cos(X))
    f = lambda x: ty.tanh(x @ w) * x  # noqa: E731

    value, push = ty.linearize(f, x)
    _, pull = ty.vjp(f, x)

    same((value, push(v)), ty.jvp(f, (x,), (v,)))
    left, right = float(ty.sum(v * push(v))), float(ty.sum(pull(v)[0] * v))
    assert left == pytest.approx(right, rel=1e-12)


def test_out_of_bounds_raises_the_same_everywhere() -> None:
    """Eager or jitted, used or unused, the first failing index is named."""
    x, i = ty.asarray([1.0, 2.0, 3.0]), ty.asarray([0, 5, 9])

    for f in (lambda x, i: x[i], ty.jit(lambda x, i: x[i]), ty.jit(lambda x, i: (x[i], x)[1])):
        with pytest.raises(ty.OutOfBoundsError, match=r"index 5 .* axis 0 .* size 3.*test_composition"):
            f(x, i)
