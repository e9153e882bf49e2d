"""Hypothesis strategies for arrays: dtypes, shapes, values with all the special ones among them, trees."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tianyuan as ty

FLOATS = (ty.float32, ty.float64)
DTYPES = (ty.bool, ty.int8, ty.int32, ty.int64, ty.uint8, ty.uint32, ty.uint64, *FLOATS, ty.complex64, ty.complex128)


def dtypes(*among: ty.DType) -> st.SearchStrategy[ty.DType]:
    """One of the dtypes, or of those given."""
    return st.sampled_from(among or DTYPES)


def shapes(min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 5) -> Any:
    """Shapes, those without elements and of rank 0 among them."""
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable_shapes(count: int = 2, max_dims: int = 3, max_side: int = 5) -> st.SearchStrategy[Any]:
    """``count`` shapes that broadcast against each other."""
    drawn = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=max_dims, max_side=max_side, min_side=0)
    return drawn.map(lambda found: found.input_shapes)


def _special(dtype: ty.DType) -> list[Any]:
    """The values at which kernels go wrong."""
    info: Any = np.finfo(dtype.numpy) if dtype.kind in "fc" else np.iinfo(dtype.numpy)
    if dtype.kind in "iu":
        return [0, 1, info.min, info.max]
    tiny, smallest = float(info.tiny), float(info.smallest_subnormal)
    edges = [0.0, 1.0, tiny, smallest, float(info.max), float(info.eps), math.inf, math.pi, 2.0**24 + 1]
    return [*edges, *(-x for x in edges), math.nan]


def elements(dtype: ty.DType, special: bool = True) -> st.SearchStrategy[Any]:
    """Values of a dtype; with ``special``, zeros of both signs, infinities, NaN, subnormals and limits come often."""
    if dtype.kind == "b":
        return st.booleans()
    if dtype.kind == "c":
        part = elements(ty.float32 if dtype == ty.complex64 else ty.float64, special)
        return st.builds(complex, part, part)
    if dtype.kind in "iu":
        info = np.iinfo(dtype.numpy)
        plain: Any = st.integers(int(info.min), int(info.max)) if special else st.integers(0, 9)
    else:
        plain = st.floats(-10, 10, width=32 if dtype == ty.float32 else 64)
    return st.one_of(plain, st.sampled_from(_special(dtype))) if special else plain


@st.composite
def arrays(draw: Any, dtype: Any = None, shape: Any = None, special: bool = True) -> ty.Array:
    """An Array; ``dtype`` and ``shape`` are values or strategies."""
    kind = draw(dtype if isinstance(dtype, st.SearchStrategy) else st.just(dtype) if dtype is not None else dtypes())
    sides = draw(shape if isinstance(shape, st.SearchStrategy) else st.just(shape) if shape is not None else shapes())
    count = math.prod(sides)
    values = draw(st.lists(elements(kind, special), min_size=count, max_size=count))
    with np.errstate(all="ignore"):
        return ty.asarray(np.array(values).astype(kind.numpy).reshape(sides))


def trees(leaves: st.SearchStrategy[Any] | None = None, max_leaves: int = 5) -> st.SearchStrategy[Any]:
    """Tuples, lists and dicts of leaves, nested."""

    def grown(inner: Any) -> Any:
        names = st.sampled_from(["a", "b", "weight"])
        return st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(names, inner, max_size=3)

    return st.recursive(arrays() if leaves is None else leaves, grown, max_leaves=max_leaves)
