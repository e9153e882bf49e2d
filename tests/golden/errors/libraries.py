"""Random keys, trees, layers and optimizers."""


def number_as_key(ty):
    """A seed where a key is expected."""
    return ty.random.normal(0, (3,))


def key_used_in_arithmetic(ty):
    """A key is no number."""
    return ty.random.key(0) + 1


def many_keys(ty):
    """An array of keys where one is expected."""
    keys = ty.random.split(ty.random.key(0), 3)
    return ty.random.normal(keys, (2,))


def seed_is_a_float(ty):
    """A float as a seed."""
    return ty.random.key(0.5)


def bounds(ty):
    """Floats as bounds of integers."""
    return ty.random.randint(ty.random.key(0), (3,), 0.0, 1.5)


def integer_normals(ty):
    """Normal integers."""
    return ty.random.normal(ty.random.key(0), (3,), dtype=ty.int32)


def too_many_choices(ty):
    """More different samples than there are."""
    return ty.random.choice(ty.random.key(0), 5, (10,), replace=False)


def parameter_shape(ty):
    """A parameter that does not broadcast to the samples."""
    return ty.random.gamma(ty.random.key(0), ty.ones((3,)), (4,))


def trees_that_differ(ty):
    """A leaf too few in the second tree."""
    x = ty.ones((2,))
    return ty.tree.map(lambda p, g: p - 0.1 * g, {"w": x, "b": x}, {"w": x})


def trees_of_different_kind(ty):
    """A list beside a tuple."""
    x = ty.ones((2,))
    return ty.tree.map(lambda p, g: p - 0.1 * g, {"layers": [x, x]}, {"layers": (x, x)})


def too_few_leaves(ty):
    """Leaves that do not fill a structure."""
    leaves, structure = ty.tree.flatten({"w": ty.ones((2,)), "b": ty.ones((2,))})
    return ty.tree.unflatten(structure, leaves[:1])


def one_hot_labels(ty):
    """Labels that do not fit the logits."""
    logits, labels = ty.ones((32, 10)), ty.ones((16,))
    return ty.mean((logits - labels[:, None]) ** 2)
