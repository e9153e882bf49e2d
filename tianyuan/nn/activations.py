"""Activation functions, elementwise unless they name an axis. Half precision computes in f32 (docs/numerics.md)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import tianyuan as ty


def _in_f32(fun: Callable[..., ty.Array]) -> Callable[..., ty.Array]:
    """Functions of several operations convert 16-bit floats to f32 at entry and round once at exit."""

    @functools.wraps(fun)
    def wide(x: ty.Array, *args: object, **kwargs: object) -> ty.Array:
        if x.dtype in (ty.float16, ty.bfloat16):
            return ty.astype(fun(ty.astype(x, ty.float32), *args, **kwargs), x.dtype)
        return fun(x, *args, **kwargs)

    return wide


def relu(x: ty.Array) -> ty.Array:
    """0 where x < 0, else x (NaN passes); derivative 0 at 0."""
    return ty.where(x < 0, ty.zeros_like(x), ty.where(x == 0, ty.stop_gradient(x), x))


def leaky_relu(x: ty.Array, negative_slope: float = 0.01) -> ty.Array:
    """x where x >= 0, else ``negative_slope * x``."""
    return ty.where(x >= 0, x, negative_slope * x)


@_in_f32
def elu(x: ty.Array, alpha: float = 1.0) -> ty.Array:
    """x where x > 0, else alpha (exp x - 1)."""
    return ty.where(x > 0, x, alpha * ty.expm1(ty.where(x > 0, ty.zeros_like(x), x)))


@_in_f32
def gelu(x: ty.Array, approximate: bool = False) -> ty.Array:
    """x Φ(x), Φ the normal distribution function [Hendrycks2016]; with ``approximate`` its tanh form."""
    if approximate:
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return (0.5 * x) * (1.0 + ty.tanh(inner))
    return (0.5 * x) * (1.0 + ty.erf(x * math.sqrt(0.5)))


def sigmoid(x: ty.Array) -> ty.Array:
    """1 / (1 + exp -x)."""
    return ty.special.expit(x)


@_in_f32
def silu(x: ty.Array) -> ty.Array:
    """x sigmoid(x) [Elfwing2018]."""
    return x * sigmoid(x)


@_in_f32
def softplus(x: ty.Array) -> ty.Array:
    """log(1 + exp x), without overflow."""
    return ty.logaddexp(x, ty.zeros_like(x))


@_in_f32
def softmax(x: ty.Array, axis: int = -1) -> ty.Array:
    """exp(x - m) / sum(exp(x - m)) along ``axis``, m the maximum."""
    return ty.special.softmax(x, axis=axis)


@_in_f32
def log_softmax(x: ty.Array, axis: int = -1) -> ty.Array:
    """(x - m) - log sum(exp(x - m)) along ``axis``, m the maximum."""
    return ty.special.log_softmax(x, axis=axis)
