"""Arrays that do not fit, and indices out of bounds."""

import numpy as np


def broadcasting(ty):
    """Shapes that do not broadcast."""
    x, bias = ty.ones((32, 10)), ty.zeros((32,))
    return x + bias


def matmul(ty):
    """Inner sizes that differ."""
    x, w = ty.ones((32, 64)), ty.ones((10, 64))
    return x @ w


def matmul_of_numbers(ty):
    """A product of matrices with a number."""
    return ty.ones((3, 3)) @ 2.0


def unsigned_and_signed(ty):
    """Dtypes without a common one."""
    return ty.asarray(np.arange(3, dtype=np.uint64)) + ty.asarray(np.arange(3))


def reshape(ty):
    """A shape with another number of elements."""
    images = ty.ones((60, 28, 28))
    return ty.reshape(images, (60, 28, 27))


def reshape_unknown(ty):
    """Two sizes to be inferred."""
    return ty.reshape(ty.ones((6,)), (-1, -1))


def concatenation(ty):
    """Arrays that differ beside the axis."""
    return ty.concat([ty.ones((2, 3)), ty.ones((2, 4))], axis=0)


def stacking(ty):
    """Arrays of different shapes."""
    return ty.stack([ty.ones((3,)), ty.ones((4,))])


def axis(ty):
    """An axis beyond the array's."""
    return ty.sum(ty.ones((3, 2)), axis=2)


def axis_twice(ty):
    """One axis named twice."""
    return ty.sum(ty.ones((3, 2)), axis=(0, -2))


def einsum_sizes(ty):
    """A label with two sizes."""
    return ty.einsum("ij,jk->ik", ty.ones((2, 3)), ty.ones((4, 5)))


def einsum_rank(ty):
    """A subscript of another rank than its operand."""
    return ty.einsum("bij,jk->bik", ty.ones((2, 3)), ty.ones((3, 5)))


def transpose(ty):
    """A permutation that names an axis twice."""
    return ty.permute_dims(ty.ones((2, 3, 4)), (0, 1, 1))


def squeeze(ty):
    """An axis that is not of size 1."""
    return ty.squeeze(ty.ones((3, 1)), axis=0)


def broadcast_to(ty):
    """A shape the array does not broadcast to."""
    return ty.broadcast_to(ty.ones((3,)), (3, 2))


def split(ty):
    """Parts that do not divide the axis."""
    return ty.split(ty.ones((10,)), 3)


def truth(ty):
    """The truth of several values."""
    x = ty.asarray([1.0, 2.0])
    return "positive" if x > 0 else "negative"


def float_of_many(ty):
    """One number of several values."""
    return float(ty.asarray([1.0, 2.0]))


def ragged_list(ty):
    """A list with rows of different length."""
    return ty.asarray([[1.0, 2.0], [3.0]])


def text(ty):
    """An array of text."""
    return ty.asarray(["a", "b"])


def operand_of_text(ty):
    """A sum with a string."""
    return ty.ones((3,)) + "1"


def operand_of_a_list(ty):
    """A list as an operand."""
    return ty.ones((3,)) * [1.0, 2.0, 3.0]


def number_too_large(ty):
    """A Python number that the dtype cannot hold."""
    return ty.asarray(np.arange(3, dtype=np.int8)) + 1000


def assignment(ty):
    """Item assignment."""
    x = ty.zeros((3,))
    x[0] = 1.0
    return x


def increment(ty):
    """Item assignment with an operator."""
    x = ty.zeros((3, 2))
    x[1, :] += 1.0
    return x


def index(ty):
    """An index out of bounds."""
    return ty.asarray([1.0, 2.0, 3.0])[5]


def index_of_an_array(ty):
    """An index out of bounds in an array of indices."""
    embeddings, tokens = ty.ones((100, 8)), ty.asarray([3, 250])
    return embeddings[tokens]


def index_under_jit(ty):
    """An index out of bounds, found when the compiled program runs."""

    @ty.jit
    def embed(table, tokens):
        return ty.sum(table[tokens], axis=0)

    return embed(ty.ones((100, 8)), ty.asarray([3, 250]))


def too_many_indices(ty):
    """More indices than axes."""
    return ty.ones((3,))[0, 0]


def float_index(ty):
    """A float as an index."""
    return ty.ones((3,))[ty.asarray(1.0)]


def mask_shape(ty):
    """A mask of another shape."""
    return ty.ones((3,))[ty.asarray([True, False])]


def update_shape(ty):
    """An update of another shape."""
    return ty.zeros((3, 2)).at[0].set(ty.ones((3,)))


def update_mode(ty):
    """A mode that does not exist."""
    return ty.zeros((3,)).at[5].get(mode="ignore")


def bits_of_floats(ty):
    """A bitwise operation on floats."""
    return ty.ones((3,)) & ty.ones((3,))


def maximum_of_nothing(ty):
    """The largest of no elements."""
    return ty.max(ty.zeros((0, 3)), axis=0)


def dtype_name(ty):
    """A dtype that does not exist."""
    return ty.zeros((3,), dtype="float31")


def tensordot(ty):
    """Contracted axes of different size."""
    return ty.tensordot(ty.ones((2, 3)), ty.ones((4, 5)), axes=1)


def convolution(ty):
    """Channels that do not fit."""
    images, kernels = ty.ones((1, 3, 8, 8)), ty.ones((16, 4, 3, 3))
    return ty.conv_general_dilated(images, kernels, (1, 1), "SAME")


def where_condition(ty):
    """Branches that do not broadcast."""
    x = ty.ones((3,))
    return ty.where(x > 0, x, ty.zeros((4,)))


def length_of_a_number(ty):
    """``len`` of a 0-d array."""
    return len(ty.asarray(1.0))
