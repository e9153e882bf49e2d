"""Functions mapped over axes that are not there."""


def sizes_differ(ty):
    """Two arguments with different numbers of entries."""
    return ty.vmap(lambda x, y: x + y)(ty.ones((3, 2)), ty.ones((4, 2)))


def sizes_differ_in_a_tree(ty):
    """A leaf of the parameters with another number of entries."""
    params = {"w": ty.ones((3, 2)), "b": ty.ones((4,))}
    return ty.vmap(lambda p: ty.sum(p["w"]) + p["b"])(params)


def no_such_axis(ty):
    """An axis beyond the array's."""

    def norm(x):
        return ty.sum(x * x)

    return ty.vmap(norm, in_axes=2)(ty.ones((3, 2)))


def number_mapped(ty):
    """A number among the mapped arguments."""
    return ty.vmap(lambda x, rate: x * rate)(ty.ones((3, 2)), 0.1)


def too_few_axes(ty):
    """``in_axes`` for one of two arguments."""
    return ty.vmap(lambda x, y: x + y, in_axes=(0,))(ty.ones((3,)), ty.ones((3,)))


def axes_of_another_tree(ty):
    """``in_axes`` that does not fit the argument's tree."""
    params = {"w": ty.ones((3, 2)), "b": ty.ones((3,))}
    return ty.vmap(lambda p: ty.sum(p["w"]) + p["b"], in_axes=({"w": 0},))(params)


def axis_by_name(ty):
    """``in_axes`` takes numbers."""
    return ty.vmap(lambda x: x, in_axes="batch")(ty.ones((3, 2)))


def nothing_mapped(ty):
    """All arguments shared."""
    return ty.vmap(lambda x: x * 2.0, in_axes=None)(ty.ones((3,)))


def result_differs(ty):
    """A result promised to be shared that is not."""
    return ty.vmap(lambda x: ty.sum(x), out_axes=None)(ty.ones((3, 2)))


def no_such_result_axis(ty):
    """The batch placed beyond the result's axes."""
    return ty.vmap(lambda x: ty.sum(x), out_axes=1)(ty.ones((3, 2)))


def branch_on_an_entry(ty):
    """Python's ``if`` on a value that differs from entry to entry."""

    def relu(x):
        return x if x > 0 else 0.0 * x

    return ty.vmap(relu)(ty.asarray([1.0, -1.0]))


def unknown_axis_name(ty):
    """A collective over a name that no ``vmap`` has given."""

    def normalised(x):
        return x / ty.psum(x, "batch")

    return ty.vmap(normalised, axis_name="rows")(ty.ones((3,)))


def collective_outside(ty):
    """A collective outside ``vmap``."""
    return ty.psum(ty.ones((3,)), "batch")
