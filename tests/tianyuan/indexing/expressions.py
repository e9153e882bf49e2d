"""Random index expressions, and what else the tests of indexing share."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tianyuan.array import Array
from tianyuan.eager import from_numpy

SHAPE = (2, 3, 4)
X = np.arange(24, dtype=np.float64).reshape(SHAPE)
quick = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def arrays(shape: tuple[int, ...], size: int) -> st.SearchStrategy[Any]:
    """Integer arrays of a shape, in bounds for ``size``."""
    count = int(np.prod(shape, dtype=int))
    elements = st.lists(st.integers(-size, size - 1), min_size=count, max_size=count)
    return elements.map(lambda v: np.array(v, np.int64).reshape(shape))


@st.composite
def items(draw: Any, size: int) -> Any:
    """An index of one axis."""
    ends = st.none() | st.integers(-size - 2, size + 2)
    steps = st.sampled_from([None, 1, 2, 3, -1, -2])
    kinds = [
        st.integers(-size, size - 1),
        st.integers(-size, size - 1).map(np.int32),
        st.just(slice(None)),
        st.builds(slice, ends, ends, steps),
        st.sampled_from([(), (3,), (2, 1), (1,)]).flatmap(lambda s: arrays(s, size)),
    ]
    return draw(st.one_of(kinds))


@st.composite
def expressions(draw: Any) -> tuple[Any, ...]:
    """An index expression for SHAPE: ellipsis and new axes anywhere."""
    before = draw(st.integers(0, 3))
    after = draw(st.integers(0, 3 - before))
    chosen = [draw(items(n)) for n in SHAPE[:before]]
    if draw(st.booleans()) or after:
        chosen = [*chosen, ..., *(draw(items(n)) for n in SHAPE[3 - after :])]
    for _ in range(draw(st.integers(0, 2))):
        chosen.insert(draw(st.integers(0, len(chosen))), None)
    return tuple(chosen)


def array(value: Any, dtype: Any = None) -> Array:
    """An array with NumPy's dtype for the value."""
    return from_numpy(np.asarray(value, dtype))


def same(actual: Any, expected: Any) -> None:
    """Equal dtype, shape and values."""
    a, e = np.asarray(actual), np.asarray(expected)
    assert (a.dtype, a.shape) == (e.dtype, e.shape)
    assert np.array_equal(a, e, equal_nan=a.dtype.kind == "f")
