"""The aliases give what JAX's functions of that name give (values written down from JAX's documentation)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tianyuan as ty
from tianyuan import lax

X = ty.asarray([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])

CASES: dict[str, tuple[Callable[[], Any], Any]] = {
    "clamp": (lambda: lax.clamp(-1.0, X, 4.0), [[1, -1, 3], [4, 4, -1]]),
    "convert_element_type": (lambda: lax.convert_element_type(X[0], ty.int32), [1, -2, 3]),
    "complex": (lambda: lax.complex(X[0, 0], X[0, 1]), 1 - 2j),
    "iota": (lambda: lax.iota(ty.int32, 3), [0, 1, 2]),
    "broadcasted_iota": (lambda: lax.broadcasted_iota(ty.int32, (2, 3), 0), [[0, 0, 0], [1, 1, 1]]),
    "broadcast_in_dim": (lambda: lax.broadcast_in_dim(X[0], (3, 2), (0,)), [[1, 1], [-2, -2], [3, 3]]),
    "broadcast": (lambda: lax.broadcast(X[0], (2,)), [[1, -2, 3], [1, -2, 3]]),
    "concatenate": (lambda: lax.concatenate([X[0], X[1]], 0), [1, -2, 3, 4, 5, -6]),
    "reshape": (lambda: lax.reshape(X, (3, 2)), [[1, -2], [3, 4], [5, -6]]),
    "expand and squeeze": (lambda: lax.squeeze(lax.expand_dims(X[0], (0, 2)), (0, 2)), [1, -2, 3]),
    "transpose": (lambda: lax.transpose(X, (1, 0)), [[1, 4], [-2, 5], [3, -6]]),
    "rev": (lambda: lax.rev(X, (1,)), [[3, -2, 1], [-6, 5, 4]]),
    "slice_in_dim": (lambda: lax.slice_in_dim(X, 0, 3, 2, axis=1), [[1, 3], [4, -6]]),
    "dynamic_slice_in_dim": (lambda: lax.dynamic_slice_in_dim(X, ty.asarray(1), 2, axis=1), [[-2, 3], [5, -6]]),
    "dynamic_index_in_dim": (lambda: lax.dynamic_index_in_dim(X, ty.asarray(1), keepdims=False), [4, 5, -6]),
    "dynamic_update": (lambda: lax.dynamic_update_slice_in_dim(X, ty.zeros((1, 3)), 1, 0), [[1, -2, 3], [0, 0, 0]]),
    "cumsum": (lambda: lax.cumsum(X, 1, reverse=True), [[2, 1, 3], [3, -1, -6]]),
    "sort": (lambda: lax.sort(X), [[-2, 1, 3], [-6, 4, 5]]),
    "reduce_sum": (lambda: lax.reduce_sum(X, (0, 1)), 5),
    "reduce_prod": (lambda: lax.reduce_prod(X, (1,)), [-6, -120]),
    "reduce_max": (lambda: lax.reduce_max(X, (0,)), [4, 5, 3]),
    "reduce_min": (lambda: lax.reduce_min(X, (0,)), [1, -2, -6]),
    "reduce_and": (lambda: lax.reduce_and(X > 0, (0,)), [True, False, False]),
    "reduce_or": (lambda: lax.reduce_or(X > 0, (0,)), [True, True, True]),
    "rem": (lambda: lax.rem(X[1], 4.0), [0, 1, -2]),
    "select": (lambda: lax.select(X > 0, X, -X), [[1, 2, 3], [4, 5, 6]]),
    "logistic": (lambda: lax.logistic(ty.asarray(0.0)), 0.5),
}


@pytest.mark.parametrize("name", CASES)
def test_alias(name: str) -> None:
    """One value of each function that is more than another name."""
    call, expected = CASES[name]

    assert np.asarray(call()).tolist() == expected
    assert np.asarray(ty.jit(lambda: call())()).tolist() == expected


def test_integers_keep_their_dtype() -> None:
    """Sums of small integers do not widen, unlike ``ty.sum``."""
    small = ty.ones(3, dtype=ty.int8)

    assert lax.reduce_sum(small, (0,)).dtype == ty.int8
    assert lax.reduce_prod(small, (0,)).dtype == ty.int8
    assert lax.cumsum(small).dtype == ty.int8
    assert lax.cumsum(small, reverse=True).dtype == ty.int8


def test_out_of_bounds_raises() -> None:
    """Where JAX clamps."""
    with pytest.raises(ty.OutOfBoundsError):
        lax.dynamic_slice_in_dim(X, 2, 2, axis=1)
