"""Branches that do not agree."""


def dtypes(ty):
    """One branch gives an integer."""

    def halve(x):
        return x / 2.0

    def count(x):
        return ty.asarray(0)

    return ty.cond(True, halve, count, ty.asarray(1.0))


def shapes(ty):
    """One branch reduces."""

    def total(x):
        return ty.sum(x)

    def same(x):
        return x

    return ty.cond(True, total, same, ty.ones((3,)))


def leaf(ty):
    """One leaf of the results differs."""
    x = ty.ones((3,))
    return ty.cond(True, lambda x: {"y": x, "n": ty.sum(x)}, lambda x: {"y": x, "n": x}, x)


def structures(ty):
    """One branch returns a pair."""
    return ty.cond(True, lambda x: x, lambda x: (x, x), ty.asarray(1.0))


def nothing(ty):
    """One branch forgets ``return``."""

    def update(x):
        x * 2.0

    return ty.cond(True, lambda x: x, update, ty.asarray(1.0))


def vector_predicate(ty):
    """A predicate per element."""
    x = ty.asarray([1.0, -1.0])
    return ty.cond(x > 0, lambda x: x, lambda x: -x, x)


def operand_count(ty):
    """A branch that takes another number of operands."""

    def double(x):
        return 2.0 * x

    return ty.cond(True, double, double, ty.asarray(1.0), ty.asarray(2.0))


def not_functions(ty):
    """Values where functions are expected."""
    x = ty.asarray(1.0)
    return ty.cond(x > 0, x, -x)


def switch_index(ty):
    """A float as the index."""
    return ty.switch(1.0, [lambda x: x, lambda x: -x], ty.asarray(1.0))


def switch_without_branches(ty):
    """No branches."""
    return ty.switch(0, [], ty.asarray(1.0))


def switch_out_of_bounds(ty):
    """An index beyond the branches."""
    return ty.switch(ty.asarray(5), [lambda x: x, lambda x: -x], ty.asarray(1.0))


def switch_third(ty):
    """The third branch differs."""
    branches = [lambda x: x, lambda x: -x, lambda x: x > 0]
    return ty.switch(2, branches, ty.asarray(1.0))
