"""Samplers made of others: beta, dirichlet, chisquare, t, ball."""

from __future__ import annotations

from typing import Any

from tianyuan.array import Array
from tianyuan.errors import ShapeError
from tianyuan.functions.elementwise import sqrt
from tianyuan.functions.statistics import sum as sum_of
from tianyuan.prims.conversion import convert
from tianyuan.random.continuous import exponential, normal
from tianyuan.random.drawing import Shape, float_dtype
from tianyuan.random.integers import rademacher
from tianyuan.random.keys import checked_shape, one_key, split
from tianyuan.random.rejecting import gamma, log_gamma
from tianyuan.special import expit, softmax
from tianyuan.transforms.arguments import as_array
from tianyuan.types import DEFAULT_FLOAT, accumulator, as_dtype


def beta(key: Array, a: Any, b: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT) -> Array:
    """Beta numbers: x / (x + y), x and y gamma numbers of shapes ``a`` and ``b`` > 0."""
    first, second = split(one_key("beta", key))
    sizes = (as_array(a) + as_array(b)).shape if shape is None else shape
    difference = log_gamma("beta", first, a, sizes, dtype) - log_gamma("beta", second, b, sizes, dtype)
    return convert(expit(difference), as_dtype(dtype))


def dirichlet(key: Array, alpha: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT) -> Array:
    """Points of a simplex, [*shape, k] for ``alpha`` [..., k] > 0: gamma numbers over their sum.

    ``shape`` is by default that of alpha without its last axis.
    """
    given = as_array(alpha)
    if not given.shape:
        raise ShapeError(f"dirichlet takes alpha with at least one axis, got {given.type}")
    sizes = given.shape[:-1] if shape is None else checked_shape("dirichlet", shape)
    logs = log_gamma("dirichlet", key, alpha, (*sizes, given.shape[-1]), dtype)
    return convert(softmax(logs, axis=-1), as_dtype(dtype))


def chisquare(key: Array, df: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT) -> Array:
    """Chi-squared numbers of ``df`` > 0 degrees of freedom: 2·gamma(df / 2)."""
    return 2 * gamma(key, as_array(df) / 2, shape, dtype)


def t(key: Array, df: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT) -> Array:
    """Student's t numbers of ``df`` > 0 degrees of freedom: normal·√(h / gamma(h)), h = df / 2."""
    first, second = split(one_key("t", key))
    half = as_array(df) / 2
    kind = accumulator(float_dtype("t", dtype))
    sizes = half.shape if shape is None else checked_shape("t", shape)
    made = normal(first, sizes, kind) * sqrt(convert(half, kind) / gamma(second, half, sizes, kind))
    return convert(made, as_dtype(dtype))


def ball(key: Array, d: int, p: float = 2, shape: Shape = (), dtype: Any = DEFAULT_FLOAT) -> Array:
    """Points of the unit ball of the ``p``-norm in ``d`` dimensions, uniformly; [*shape, d] [Barthe2005]."""
    signs, sizes, rest = split(one_key("ball", key), 3)
    places = (*checked_shape("ball", shape), d)
    kind = accumulator(float_dtype("ball", dtype))
    powers = gamma(sizes, 1 / p, places, kind)  # |g|^p of generalised normal numbers g
    g = powers ** (1 / p) * rademacher(signs, places, kind)
    norm = (sum_of(powers, axis=-1, keepdims=True) + exponential(rest, (*places[:-1], 1), kind)) ** (1 / p)
    return convert(g / norm, as_dtype(dtype))
