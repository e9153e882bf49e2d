"""Initial weights: functions ``(key, shape, dtype) -> Array``. The last axis counts outputs, the others inputs."""

from __future__ import annotations

import math
from collections.abc import Callable

import tianyuan as ty

Init = Callable[..., ty.Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """How many inputs feed an output, and how many outputs an input feeds."""
    *space, inputs, outputs = (1, *shape) if len(shape) == 1 else shape
    return math.prod(space) * inputs, math.prod(space) * outputs


def zeros(key: ty.Array | None, shape: tuple[int, ...], dtype: ty.DType = ty.float32) -> ty.Array:
    """All 0; the key is not used."""
    return ty.zeros(shape, dtype=dtype)


def ones(key: ty.Array | None, shape: tuple[int, ...], dtype: ty.DType = ty.float32) -> ty.Array:
    """All 1; the key is not used."""
    return ty.ones(shape, dtype=dtype)


def _uniform(limit: Callable[[int, int], float], doc: str) -> Init:
    def draw(key: ty.Array, shape: tuple[int, ...], dtype: ty.DType = ty.float32) -> ty.Array:
        bound = limit(*fans(shape))
        return ty.random.uniform(key, shape, dtype, -bound, bound)

    draw.__doc__ = doc
    return draw


def _normal(deviation: Callable[[int, int], float], doc: str) -> Init:
    def draw(key: ty.Array, shape: tuple[int, ...], dtype: ty.DType = ty.float32) -> ty.Array:
        return deviation(*fans(shape)) * ty.random.normal(key, shape, dtype)

    draw.__doc__ = doc
    return draw


glorot_uniform = _uniform(lambda i, o: math.sqrt(6 / (i + o)), "Uniform, variance 2 / (in + out) [Glorot2010].")
glorot_normal = _normal(lambda i, o: math.sqrt(2 / (i + o)), "Normal, variance 2 / (in + out) [Glorot2010].")
he_uniform = _uniform(lambda i, o: math.sqrt(6 / i), "Uniform, variance 2 / in [He2015].")
he_normal = _normal(lambda i, o: math.sqrt(2 / i), "Normal, variance 2 / in [He2015].")
lecun_uniform = _uniform(lambda i, o: math.sqrt(3 / i), "Uniform, variance 1 / in [LeCun1998].")
lecun_normal = _normal(lambda i, o: math.sqrt(1 / i), "Normal, variance 1 / in [LeCun1998].")
