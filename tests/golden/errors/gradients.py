"""Derivatives asked for in ways that have no answer."""

import math


def vector_loss(ty):
    """The loss is not reduced to one number."""
    return ty.grad(lambda x: x * x)(ty.asarray([1.0, 2.0, 3.0]))


def loss_is_a_tree(ty):
    """The loss comes in a dict with other things."""

    def loss(w):
        return {"loss": ty.sum(w * w), "norm": ty.max(w)}

    return ty.grad(loss)(ty.asarray([1.0, 2.0]))


def loss_is_nothing(ty):
    """A forgotten ``return``."""

    def loss(w):
        ty.sum(w * w)

    return ty.grad(loss)(ty.asarray([1.0, 2.0]))


def loss_is_an_integer(ty):
    """The loss counts."""

    def errors(w):
        return ty.argmax(w)

    return ty.grad(errors)(ty.asarray([1.0, 2.0]))


def integer_argument(ty):
    """A Python int where a float was meant."""
    return ty.grad(lambda x: x**2)(3)


def integer_leaf(ty):
    """A counter among the parameters."""
    params = {"layer": {"w": ty.asarray([1.0, 2.0]), "steps": ty.asarray(3)}}
    return ty.grad(lambda p: ty.sum(p["layer"]["w"] * 2.0))(params)


def string_leaf(ty):
    """A name among the parameters."""
    params = {"name": "mlp", "w": ty.asarray([1.0, 2.0])}
    return ty.grad(lambda p: ty.sum(p["w"]))(params)


def complex_loss(ty):
    """A complex loss without ``holomorphic``."""
    return ty.grad(lambda z: ty.sum(z * z))(ty.asarray([1.0 + 2.0j]))


def no_such_argument(ty):
    """``argnums`` beyond the call's arguments."""

    def loss(w, x):
        return ty.sum(w * x)

    return ty.grad(loss, argnums=2)(ty.asarray([1.0]), ty.asarray([2.0]))


def aux_not_returned(ty):
    """``has_aux`` of a function that returns one value."""

    def loss(w):
        return ty.sum(w * w)

    return ty.value_and_grad(loss, has_aux=True)(ty.asarray([1.0, 2.0]))


def tangents_without_tuple(ty):
    """``jvp`` takes tuples of arguments."""
    x = ty.asarray([1.0, 2.0])
    return ty.jvp(ty.sin, x, ty.ones_like(x))


def tangent_shape(ty):
    """A tangent of another shape than its primal."""
    x, w = ty.asarray([1.0, 2.0]), ty.asarray([[1.0, 2.0], [3.0, 4.0]])
    return ty.jvp(lambda x, w: w @ x, (x, w), (x, x))


def tangent_dtype(ty):
    """A tangent of integers."""
    x = ty.asarray([1.0, 2.0])
    return ty.jvp(ty.sin, (x,), (ty.asarray([1, 0]),))


def tangent_structure(ty):
    """A tangent tree with a leaf too few."""
    x = ty.asarray([1.0, 2.0])
    return ty.jvp(lambda p: p["a"] * p["b"], ({"a": x, "b": x},), ({"a": x},))


def tangent_count(ty):
    """One tangent for two primals."""
    x = ty.asarray([1.0, 2.0])
    return ty.jvp(ty.multiply, (x, x), (x,))


def cotangent_shape(ty):
    """A cotangent of another shape than the result."""
    x = ty.asarray([1.0, 2.0, 3.0])
    _, pull = ty.vjp(lambda x: x * 2.0, x)
    return pull(1.0)


def cotangent_structure(ty):
    """One cotangent for a pair of results."""
    x = ty.asarray([1.0, 2.0, 3.0])
    _, pull = ty.vjp(lambda x: (x, ty.sin(x)), x)
    return pull(x)


def math_function(ty):
    """A function of Python's floats on a value that is being differentiated under ``jit``."""

    def loss(x):
        return math.sin(x) * x

    return ty.jit(ty.grad(loss))(ty.asarray(1.0))


def jacobian_of_integers(ty):
    """A Jacobian with respect to indices."""
    return ty.jacfwd(lambda i: i * 2)(ty.asarray([1, 2]))


def forward_through_custom_vjp(ty):
    """Forward mode of a function that has a reverse rule only."""

    @ty.custom_vjp
    def f(x):
        return ty.sin(x)

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * ty.cos(x),))
    return ty.jvp(f, (ty.asarray(1.0),), (ty.asarray(1.0),))
