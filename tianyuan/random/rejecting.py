"""Samplers that draw until a draw is accepted: gamma, poisson, binomial. Each entry draws from a key of its own.

They agree with JAX's in distribution, not in bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.control import cond, while_loop
from tianyuan.core import Prim, primitive
from tianyuan.errors import ArrayTypeError, NoRuleError
from tianyuan.functions.elementwise import abs, exp, floor, isfinite, lgamma, log, log1p, minimum, sqrt, where
from tianyuan.lowering import Scalars
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import full
from tianyuan.prims.linear import broadcast_to, reshape
from tianyuan.random.continuous import normal
from tianyuan.random.drawing import Shape, float_dtype, parameter, uniform
from tianyuan.random.keys import checked_shape, one_key, split
from tianyuan.transforms.arguments import as_array
from tianyuan.transforms.mapping import vmap
from tianyuan.types import DEFAULT_FLOAT, DEFAULT_INT, ArrayType, DType, accumulator, as_dtype, bool_, float64

State = tuple[Array, Array, Array]
SMALL_MEAN = 10.0  # below, events are counted one by one


def _no_cases(dtype: DType) -> list[Case]:
    return []  # the identity


@primitive
class Undifferentiated(Prim):
    """The identity, which has no derivative: a sample that was accepted depends on its parameters by jumps too."""

    sampler: str
    cases = Cases(_no_cases, ())

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """The type of x."""
        return (x,)

    def lower(self, *types: ArrayType) -> lowering.Map:
        """A copy."""
        return lowering.Map(self.scalar)

    def scalar(self, k: Scalars, x: Any) -> Any:
        """x."""
        return x

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """None, and not zero."""
        raise NoRuleError(
            f"random.{self.sampler} has no derivative with respect to its parameters; use stop_gradient on them, "
            "or a sampler that is a formula of one uniform number"
        )

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The identity."""
        return self(*args), dims[0]

    def oracle(self, *args: Any) -> Any:
        """x."""
        return args[0]


def each(
    who: str, key: Array, one: Callable[..., Any], parameters: Sequence[Any], shape: Shape | None, dtype: Any
) -> Any:
    """``one(key, *parameters)`` for every entry of ``shape`` (by default that of the parameters, broadcast).

    16-bit floats are computed in f32; the results, an array or a tuple of them, are not rounded back.
    """
    kind = accumulator(float_dtype(who, dtype))
    bounds = np.broadcast_shapes(*(as_array(p).shape for p in parameters))
    sizes = bounds if shape is None else checked_shape(who, shape)
    count = math.prod(sizes)
    given = [Undifferentiated(who)(broadcast_to(parameter(who, p, kind, sizes), sizes)) for p in parameters]
    ys = vmap(one)(split(one_key(who, key), count), *(reshape(p, (count,)) for p in given))
    return tuple(reshape(y, sizes) for y in ys) if isinstance(ys, tuple) else reshape(ys, sizes)  # pyright: ignore


def _until_accepted(key: Array, draw: Callable[[Array, Array], tuple[Array, Array]], like: Array) -> Array:
    """The first value of ``draw(key, key) -> (value, whether it is accepted)`` that is accepted."""

    def step(state: State) -> State:
        key, first, second = split(state[0], 3)
        return key, *draw(first, second)

    def refused(state: State) -> Array:
        return ~state[2]

    start = (key, full(0, like.dtype, ()), full(False, bool_, ()))
    return while_loop(refused, step, start)[1]


def gamma(key: Array, a: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT) -> Array:
    """Gamma numbers of shape ``a`` > 0 and scale 1 [Marsaglia2000]; below 1 by a gamma of a + 1 and a power.

    NaN where a is not positive and finite.
    """
    sample, factor = each("gamma", key, _gamma, [a], shape, dtype)
    return convert(sample * factor, as_dtype(dtype))


def log_gamma(who: str, key: Array, a: Any, shape: Shape | None, dtype: Any) -> Array:
    """The logarithm of gamma numbers, also where those underflow; at least f32."""
    sample, factor = each(who, key, _log_gamma, [a], shape, dtype)
    return sample + factor


def _gamma(key: Array, a: Array) -> tuple[Array, Array]:
    sample, power = _marsaglia(key, a)
    return sample, exp(power)


def _log_gamma(key: Array, a: Array) -> tuple[Array, Array]:
    sample, power = _marsaglia(key, a)
    return log(sample), power


def _marsaglia(key: Array, a: Array) -> tuple[Array, Array]:
    """d·v with v = (1 + c·x)^3, x normal; and log u / a where a gamma of a + 1 was drawn, else 0."""
    key, other = split(key)
    valid = (a > 0) & isfinite(a)  # what makes no sense must not be drawn for ever
    d = where(valid, where(a < 1, a + 1, a), 1.0) - 1 / 3
    c = (1 / 3) / sqrt(d)

    def draw(first: Array, second: Array) -> tuple[Array, Array]:
        x, u = normal(first, (), a.dtype), uniform(second, (), a.dtype)
        root = 1 + c * x
        v, square = root * root * root, x * x
        accepted = (u < 1 - 0.0331 * square * square) | (log(u) < 0.5 * square + d * (1 - v + log(v)))
        return v, (root > 0) & accepted

    power = where(a < 1, log1p(-uniform(other, (), a.dtype)) / a, 0.0)
    return where(valid, d * _until_accepted(key, draw, a), math.nan), power


def poisson(key: Array, lam: Any, shape: Shape | None = None, dtype: Any = DEFAULT_INT) -> Array:
    """Counts of events of mean ``lam`` >= 0: one by one for a small mean, else by rejection [Hormann1993].

    -1 where lam is negative, infinite or NaN.
    """
    kind = as_dtype(dtype)
    if kind.kind != "i":
        raise ArrayTypeError(f"poisson takes a signed integer dtype, got {kind}")
    given = as_array(lam)
    computed = float64 if given.dtype == float64 and not given.type.weak else DEFAULT_FLOAT
    return convert(each("poisson", key, _poisson, [lam], shape, computed), kind)


def _poisson(key: Array, lam: Array) -> Array:
    valid = (lam >= 0) & isfinite(lam)
    mean = where(valid, lam, 0.0)  # what makes no sense must not be drawn for ever
    return where(valid, cond(mean < SMALL_MEAN, _knuth, _transformed, key, mean), -1.0)


def _knuth(key: Array, lam: Array) -> Array:
    """How many uniform numbers have a product of at least exp(-lam)."""

    def step(state: State) -> State:
        key, sub = split(state[0])
        return key, state[1] + 1, state[2] + log(uniform(sub, (), lam.dtype))

    def more(state: State) -> Array:
        return (state[2] > -lam) | (state[1] < 0)

    start = (key, full(-1, lam.dtype, ()), full(0, lam.dtype, ()))
    return while_loop(more, step, start)[1]


def _transformed(key: Array, lam: Array) -> Array:
    """PTRS: a transformed uniform number, accepted at once or by the exact density."""
    mean = where(lam >= SMALL_MEAN, lam, SMALL_MEAN)
    b = 0.931 + 2.53 * sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse, quick = 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)

    def draw(first: Array, second: Array) -> tuple[Array, Array]:
        u, v = uniform(first, (), lam.dtype) - 0.5, uniform(second, (), lam.dtype)
        us = 0.5 - abs(u)
        k = floor((2 * a / us + b) * u + mean + 0.43)
        exact = log(v * inverse / (a / (us * us) + b)) <= k * log(mean) - mean - lgamma(k + 1)
        refused = (k < 0) | ((us < 0.013) & (v > us))
        return k, ((us >= 0.07) & (v <= quick)) | (~refused & exact)

    return _until_accepted(key, draw, lam)


def binomial(key: Array, n: Any, p: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT) -> Array:
    """How many of ``n`` trials succeed, each with probability ``p``; as floats, NaN where n or p make no sense.

    For a small mean by the trials between successes, else by rejection [Hormann1993b].
    """
    return convert(each("binomial", key, _binomial, [n, p], shape, dtype), as_dtype(dtype))


def _binomial(key: Array, n: Array, p: Array) -> Array:
    n, rare = floor(n), minimum(p, 1 - p)
    valid = (n >= 0) & isfinite(n) & (p >= 0) & (p <= 1)
    trials, chance = where(valid, n, 0.0), where(valid, rare, 0.0)
    count = cond(trials * chance < SMALL_MEAN, _waiting, _btrs, key, trials, chance)
    return where(valid, where(p < 0.5, count, n - count), math.nan)


def _waiting(key: Array, n: Array, p: Array) -> Array:
    """Successes until the geometric waiting times exceed n."""
    scale = log1p(-p)

    def step(state: State) -> State:
        key, sub = split(state[0])
        u = uniform(sub, (), p.dtype)
        wait = floor(log1p(-u) / scale) + 1
        return key, state[1] + 1, state[2] + where(p > 0, wait, math.inf)

    def more(state: State) -> Array:
        return state[2] <= n

    start = (key, full(-1, p.dtype, ()), full(0, p.dtype, ()))
    return while_loop(more, step, start)[1]


def _btrs(key: Array, n: Array, p: Array) -> Array:
    """A transformed uniform number, accepted at once or by the exact ratio to the mode's density."""
    spread = sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    center, quick, alpha = n * p + 0.5, 0.92 - 4.2 / b, (2.83 + 5.1 / b) * spread
    odds, mode = log(p / (1 - p)), floor((n + 1) * p)

    def log_density(k: Array) -> Array:
        return k * odds - lgamma(k + 1) - lgamma(n - k + 1)

    def draw(first: Array, second: Array) -> tuple[Array, Array]:
        u, v = uniform(first, (), p.dtype) - 0.5, uniform(second, (), p.dtype)
        us = 0.5 - abs(u)
        k = floor((2 * a / us + b) * u + center)
        exact = log(v * alpha / (a / (us * us) + b)) <= log_density(k) - log_density(mode)
        return k, ((us >= 0.07) & (v <= quick)) | ((k >= 0) & (k <= n) & exact)

    return _until_accepted(key, draw, p)
