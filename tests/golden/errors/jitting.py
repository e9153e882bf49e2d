"""What a trace cannot know, and arguments that ``jit`` cannot take."""

import numpy as np


def branch_on_a_value(ty):
    """Python's ``if`` on a traced value."""

    @ty.jit
    def clipped(x):
        if x > 1.0:
            return ty.ones_like(x)
        return x

    return clipped(ty.asarray(2.0))


def loop_over_a_value(ty):
    """Python's ``range`` of a traced value."""

    @ty.jit
    def power(x, n):
        y = x
        for _ in range(n):
            y = y * x
        return y

    return power(ty.asarray(2.0), 3)


def while_on_a_value(ty):
    """Python's ``while`` on a traced value."""

    @ty.jit
    def halved(x):
        while ty.sum(x) > 1.0:
            x = x / 2.0
        return x

    return halved(ty.asarray([3.0, 4.0]))


def float_of_a_value(ty):
    """``float`` of a traced value."""

    @ty.jit
    def scaled(x):
        return x * float(ty.max(x))

    return scaled(ty.asarray([3.0, 4.0]))


def numpy_of_a_value(ty):
    """``np.asarray`` of a traced value."""

    @ty.jit
    def total(x):
        return np.asarray(x).sum()

    return total(ty.asarray([3.0, 4.0]))


def shape_from_a_value(ty):
    """A shape that depends on a traced value."""

    @ty.jit
    def padded(n):
        return ty.zeros((n, 2))

    return padded(3)


def range_of_a_value(ty):
    """``arange`` up to a traced value."""
    return ty.jit(lambda n: ty.arange(n))(3)


def mask(ty):
    """Boolean indexing whose result has no known size."""
    return ty.jit(lambda x: x[x > 0.0])(ty.asarray([1.0, -1.0]))


def nonzero(ty):
    """``nonzero`` without ``size``."""
    return ty.jit(lambda x: ty.nonzero(x))(ty.asarray([1.0, 0.0]))


def unhashable_static(ty):
    """A list as a static argument."""

    def apply(x, sizes):
        return ty.reshape(x, tuple(sizes))

    return ty.jit(apply, static_argnums=1)(ty.ones((4,)), [2, 2])


def no_such_static(ty):
    """``static_argnums`` beyond the signature."""

    def apply(x, n):
        return x * n

    return ty.jit(apply, static_argnums=2)(ty.ones((4,)), 2)


def string_argument(ty):
    """A string that is not static."""

    def activate(x, kind):
        return ty.tanh(x) if kind == "tanh" else x

    return ty.jit(activate)(ty.ones((2,)), "tanh")


def object_in_a_tree(ty):
    """An object among the arguments."""
    config = {"rate": 0.1, "model": {"w": ty.ones((2,)), "activation": ty.tanh}}
    return ty.jit(lambda c: c["model"]["w"] * c["rate"])(config)


def string_result(ty):
    """A result that is no array."""

    def step(x):
        return {"x": x, "status": "done"}

    return ty.jit(step)(ty.ones((2,)))


def not_a_function(ty):
    """The result of a call, not the function."""

    def loss(x):
        return ty.sum(x)

    return ty.jit(loss(ty.ones((2,))))


def leaked_value(ty):
    """A traced value stored outside and used later."""
    kept = []

    @ty.jit
    def step(x):
        kept.append(x * 2.0)
        return x

    step(ty.ones((2,)))
    return kept[0] + 1.0


def donated_array(ty):
    """A donated array used again."""
    step = ty.jit(lambda x: x + 1.0, donate_argnums=0)
    x = ty.ones((1000,))
    step(x)
    return x * 2.0


def set_argument(ty):
    """A set has no order."""
    return ty.jit(lambda s: 1.0)({1.0, 2.0})


def unsortable_keys(ty):
    """A dict whose keys have no order."""
    return ty.jit(lambda d: d["a"])({"a": ty.ones((2,)), 1: ty.ones((2,))})


def too_many_arguments(ty):
    """A call that does not fit the function's signature."""

    def step(x):
        return x

    return ty.jit(step)(ty.ones((2,)), 1.0)


def iteration_over_a_number(ty):
    """``for`` over a 0-d value."""
    return ty.jit(lambda x: [v for v in x])(ty.asarray(1.0))


def exception_of_the_user(ty):
    """An exception of the traced function itself."""

    @ty.jit
    def step(x):
        raise KeyError("learning_rate")

    return step(ty.ones((2,)))
