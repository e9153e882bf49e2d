"""The orders of docs/numerics.md, to the bit, against tests/model.py: eager and jitted."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tests import model
from tests.laws.bits import same_bits

BF16 = np.dtype("bfloat16")
FLOATS = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.float16), BF16]


def normal(shape: tuple[int, ...], dtype: Any = np.float32, seed: int = 0) -> np.ndarray[Any, Any]:
    """Normal values."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def both(f: Callable[..., Any], *args: Any) -> list[Any]:
    """The results of f, eager and jitted."""
    given = [ty.asarray(a) for a in args]
    return [f(*given), ty.jit(f)(*given)]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("n", [0, 1, 3, 15, 16, 17, 255, 256, 257, 300, 4099])
def test_sums(n: int, dtype: Any) -> None:
    """ORDER(16, 256) of a line."""
    x = normal((n,), dtype)

    for y in both(ty.sum, x):
        same_bits(y, model.reduce(x, (0,)))


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(3, 5, 17), (40, 2, 19), (2, 300, 3), (1, 7, 260)])
def test_sums_over_axes(shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    """Reduced axes are flattened in row-major order, wherever they are in memory."""
    x = normal(shape)

    for y in both(lambda x: ty.sum(x, axis=axes), x):
        same_bits(y, model.reduce(x, axes))


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_sums_of_transposed_arrays(axes: tuple[int, ...]) -> None:
    """What is fused into a sum does not change its order."""
    x, z = normal((37, 21)), normal((21, 37), seed=1)

    for y in both(lambda x, z: ty.sum(ty.matrix_transpose(x) + z, axis=axes), x, z):
        same_bits(y, model.reduce(x.T + z, axes))


def test_a_product_inside_a_sum_is_rounded() -> None:
    """sum(x·y) is not a dot product."""
    x, z = normal((300,)), normal((300,), seed=1)

    for y in both(lambda x, z: ty.sum(x * z), x, z):
        same_bits(y, model.reduce(x * z, (0,)))
    assert model.reduce(x * z, (0,)) != model.chain(x, z, np.float32)


@pytest.mark.parametrize("n", [1, 16, 33, 257])
def test_products(n: int) -> None:
    """The same order with ·."""
    x = 1 + normal((n, 3)) / 16

    for y in both(lambda x: ty.prod(x, axis=0), x):
        same_bits(y, model.reduce(x, (0,), np.multiply, 1.0))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("n", [1, 255, 256, 257, 700])
def test_running_sums(n: int, dtype: Any) -> None:
    """Chunks of 256, sequential inside; the adjoint counts chunks from the end."""
    x = normal((n,), dtype)

    for y in both(lambda x: ty.cumulative_sum(x), x):
        same_bits(y, model.cumulate(x))
    if dtype == np.float32:
        for g in both(ty.grad(lambda v, x: ty.sum(ty.cumulative_sum(v) * x)), np.zeros_like(x), x):
            same_bits(g, model.cumulate(x[::-1])[::-1])


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("k", [0, 1, 5, 256, 257, 600, 4500])
def test_contractions(k: int, dtype: Any) -> None:
    """CHAIN(256, 16), as a matrix product, a product with a vector, of vectors."""
    a, b = normal((3, k), dtype), normal((k, 2), dtype, seed=1)
    expected = model.matmul(a, b)

    for c in both(lambda a, b: a @ b, a, b):
        same_bits(c, expected)
    for c in both(lambda a, b: a @ b[:, 0], a, b):
        same_bits(c, expected[:, 0])
    for c in both(lambda a, b: a[0] @ b[:, 1], a, b):
        same_bits(c, expected[0, 1])


def test_a_weight_gradient_is_one_chain() -> None:
    """dW of x[B, T, I] @ W runs over (B, T), also where B is mapped."""
    x, ct = normal((7, 50, 3)), normal((7, 50, 2), seed=1)
    expected = model.matmul(x.reshape(350, 3).T, ct.reshape(350, 2))

    def loss(w: Any, x: Any, ct: Any) -> Any:
        return ty.sum((x @ w) * ct)

    def mapped(w: Any, x: Any, ct: Any) -> Any:
        return ty.sum(ty.vmap(lambda x, ct: (x @ w) * ct)(x, ct))

    for f in (loss, mapped):
        for g in both(ty.grad(f), np.zeros((3, 2), np.float32), x, ct):
            same_bits(g, expected)


def test_convolutions() -> None:
    """Kernel position, then input channel; padding takes part."""
    x, w = normal((2, 6, 5, 3)), normal((3, 2, 3, 4), seed=1)

    def conv(x: Any, w: Any) -> Any:
        return ty.conv_general_dilated(
            x, w, window_strides=(2, 1), padding=((1, 1), (0, 1)), dimension_numbers=("NHWC", "HWIO", "NHWC")
        )

    for y in both(conv, x, w):
        same_bits(y, model.conv2d(x, w, (2, 1), ((1, 1), (0, 1))))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_scatters(dtype: Any) -> None:
    """Updates are added in the order of their positions; 16-bit floats through f32."""
    x, updates = normal((5,), dtype), normal((400,), dtype, seed=1)
    index = np.random.default_rng(2).integers(0, 5, 400)

    for y in both(lambda x, i, u: x.at[i].add(u), x, index, updates):
        same_bits(y, model.scatter_add(x, index, updates))


def test_cotangents_are_added_last_use_first() -> None:
    """((c4 + c3) + c2) + c1, where c1 belongs to the first use."""
    c = normal((4, 100))

    for g in both(ty.grad(lambda x, c: ty.sum(x * c[0] + x * c[1] + x * c[2] + x * c[3])), np.ones(100, np.float32), c):
        same_bits(g, ((c[3] + c[2]) + c[1]) + c[0])


def test_cotangents_of_the_arguments_of_one_equation() -> None:
    """Uses in one equation count from its last argument."""
    c = normal((3, 100))
    x = np.ones(100, np.float32)

    def f(x: Any, c: Any) -> Any:
        return ty.sum(ty.where(c[0] > 0, x, x * 3.0) * c[1] + x * c[2])

    tail = np.where(c[0] > 0, 0, c[1]) * np.float32(3)
    for g in both(ty.grad(f), x, c):
        same_bits(g, (c[2] + np.where(c[0] > 0, c[1], 0)) + tail)
