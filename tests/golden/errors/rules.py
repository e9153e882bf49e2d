"""Derivative rules, checkpoints and callbacks that break their word."""

import numpy as np


def no_jvp_rule(ty):
    """A ``custom_jvp`` function without a rule."""

    @ty.custom_jvp
    def f(x):
        return ty.sin(x)

    return ty.grad(f)(ty.asarray(1.0))


def jvp_rule_returns_tangent_alone(ty):
    """The rule returns the tangent only."""

    @ty.custom_jvp
    def f(x):
        return ty.sin(x)

    @f.defjvp
    def f_jvp(primals, tangents):
        return ty.cos(primals[0]) * tangents[0]

    return ty.grad(f)(ty.asarray(1.0))


def jvp_rule_shape(ty):
    """The tangent is reduced by mistake."""

    @ty.custom_jvp
    def f(x):
        return ty.sin(x)

    @f.defjvp
    def f_jvp(primals, tangents):
        return f(primals[0]), ty.sum(ty.cos(primals[0]) * tangents[0])

    return ty.jvp(f, (ty.ones((3,)),), (ty.ones((3,)),))


def no_vjp_rules(ty):
    """A ``custom_vjp`` function without rules."""

    @ty.custom_vjp
    def f(x):
        return ty.sin(x)

    return ty.grad(f)(ty.asarray(1.0))


def fwd_without_residuals(ty):
    """The forward rule returns the value alone."""

    @ty.custom_vjp
    def f(x):
        return ty.sin(x)

    f.defvjp(lambda x: f(x), lambda res, ct: (ct,))
    return ty.grad(f)(ty.asarray(1.0))


def bwd_without_tuple(ty):
    """The backward rule returns a cotangent, not a tuple of them."""

    @ty.custom_vjp
    def f(x):
        return ty.sin(x)

    f.defvjp(lambda x: (f(x), x), lambda x, ct: ct * ty.cos(x))
    return ty.grad(f)(ty.asarray(1.0))


def bwd_count(ty):
    """One cotangent for two arguments."""

    @ty.custom_vjp
    def f(x, y):
        return x * y

    f.defvjp(lambda x, y: (f(x, y), (x, y)), lambda res, ct: (ct * res[1],))
    return ty.grad(f)(ty.asarray(1.0), ty.asarray(2.0))


def bwd_shape(ty):
    """A cotangent of another shape than its argument."""

    @ty.custom_vjp
    def f(params):
        return ty.sum(params["w"])

    f.defvjp(lambda p: (f(p), p["w"]), lambda w, ct: ({"w": ct},))
    return ty.grad(f)({"w": ty.ones((3,))})


def bwd_structure(ty):
    """A cotangent of another structure than its argument."""

    @ty.custom_vjp
    def f(params):
        return ty.sum(params["w"]) + params["b"]

    f.defvjp(lambda p: (f(p), p["w"]), lambda w, ct: ({"w": ct * ty.ones_like(w)},))
    return ty.grad(f)({"w": ty.ones((3,)), "b": ty.asarray(0.0)})


def unknown_policy(ty):
    """A policy by name."""
    return ty.grad(ty.checkpoint(lambda x: ty.sin(x), policy="dots"))(ty.asarray(1.0))


def callback_shape(ty):
    """A callback that returns another shape than promised."""
    x = ty.ones((3,))
    return ty.jit(lambda x: ty.pure_callback(lambda x: np.zeros(4, np.float32), x, x))(x)


def callback_dtype(ty):
    """A callback that returns another dtype than promised."""
    x = ty.ones((3,))
    return ty.jit(lambda x: ty.pure_callback(lambda x: np.arange(3), x, x))(x)


def callback_raises(ty):
    """A callback that raises."""

    def read(x):
        raise FileNotFoundError("table.csv")

    x = ty.ones((3,))
    return ty.jit(lambda x: ty.pure_callback(read, x, x))(x)


def callback_differentiated(ty):
    """A callback has no derivative."""
    x = ty.asarray(1.0)
    return ty.grad(lambda x: ty.pure_callback(np.sin, x, x))(x)


def print_field(ty):
    """A text that asks for a value that is not given."""
    return ty.debug.print("loss {loss}, step {step}", loss=ty.asarray(1.0))
