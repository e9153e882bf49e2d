"""Loops whose bodies do not keep their carries."""


def scan_carry_dtype(ty):
    """A counter of floats that becomes an integer."""

    def step(carry, x):
        return ty.astype(carry, ty.int32) + 1, x

    return ty.scan(step, ty.asarray(0.0), ty.ones((3,)))


def scan_carry_leaf_dtype(ty):
    """One leaf of the carry changes its dtype."""

    def step(carry, x):
        return {"n": carry["n"] + x, "sum": carry["sum"] + x}, x

    return ty.scan(step, {"n": ty.asarray(0), "sum": ty.asarray(0.0)}, ty.ones((3,)))


def scan_carry_shape(ty):
    """The carry grows."""

    def step(history, x):
        return ty.concat([history, x[None]]), x

    return ty.scan(step, ty.zeros((1,)), ty.ones((3,)))


def scan_carry_structure(ty):
    """The carry loses a leaf."""

    def step(carry, x):
        total, count = carry
        return total + x, count

    return ty.scan(lambda c, x: (step(c, x)[0], None), (ty.asarray(0.0), ty.asarray(0.0)), ty.ones((3,)))


def scan_without_pair(ty):
    """The body returns the carry alone."""

    def step(carry, x):
        return carry + x

    return ty.scan(step, ty.asarray(0.0), ty.ones((3,)))


def scan_lengths(ty):
    """Slices of different number."""
    batch = {"x": ty.ones((3, 2)), "y": ty.ones((4,))}
    return ty.scan(lambda c, b: (c, b["y"]), ty.asarray(0.0), batch)


def scan_length_and_xs(ty):
    """``length`` that is not the number of slices."""
    return ty.scan(lambda c, x: (c + x, x), ty.asarray(0.0), ty.ones((3,)), length=4)


def scan_without_length(ty):
    """Neither slices nor a length."""
    return ty.scan(lambda c, _: (c * 2.0, None), ty.asarray(1.0))


def scan_over_a_number(ty):
    """``xs`` without an axis."""
    return ty.scan(lambda c, x: (c + x, x), ty.asarray(0.0), 10)


def scan_branch_on_a_value(ty):
    """Python's ``if`` on the carry."""

    def step(carry, x):
        return (carry + x if carry > 0 else carry - x), x

    return ty.scan(step, ty.asarray(0.0), ty.ones((3,)))


def scan_stored_value(ty):
    """Values appended to a list from inside the loop."""
    losses = []

    def step(carry, x):
        losses.append(carry)
        return carry + x, None

    ty.scan(step, ty.asarray(0.0), ty.ones((3,)))
    return losses[0] + 1.0


def while_vector_condition(ty):
    """A condition per element."""
    return ty.while_loop(lambda x: x > 1.0, lambda x: x / 2.0, ty.asarray([3.0, 4.0]))


def while_number_condition(ty):
    """A condition that is a number."""
    return ty.while_loop(lambda x: x - 1.0, lambda x: x - 1.0, ty.asarray(3.0))


def while_structure(ty):
    """The body forgets the counter."""
    start = (ty.asarray(0), ty.asarray(1.0))
    return ty.while_loop(lambda s: s[0] < 3, lambda s: s[1] * 2.0, start)


def while_dtype(ty):
    """An integer becomes a float."""
    return ty.while_loop(lambda n: n < 10, lambda n: n * 1.5, ty.asarray(1))


def fori_signature(ty):
    """A body without the counter."""

    def body(x):
        return x * 2.0

    return ty.fori_loop(0, 3, body, ty.asarray(1.0))


def fori_dtype(ty):
    """An integer sum of floats."""
    return ty.fori_loop(0, 3, lambda i, total: total + 0.5, ty.asarray(0))


def fori_bounds(ty):
    """A bound that is no integer."""
    return ty.fori_loop(0, 3.5, lambda i, x: x * 2.0, ty.asarray(1.0))


def map_over_a_number(ty):
    """``map`` over a value without an axis."""
    return ty.map(lambda x: x * 2.0, ty.asarray(1.0))


def associative_scan_lengths(ty):
    """Elements of different number."""

    def combine(a, b):
        return a[0] * b[0], a[1] + b[1]

    return ty.associative_scan(combine, (ty.ones((3,)), ty.ones((4,))))


def mutated_while_traced(ty):
    """Item assignment in a loop."""

    def body(i, x):
        x[i] = 1.0
        return x

    return ty.fori_loop(0, 3, body, ty.zeros((3,)))
