"""The base of element-wise primitives: types, errors, batching with 0-d arguments, derivatives."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tianyuan.array import Array
from tianyuan.core import Undef
from tianyuan.eager import from_numpy, scalar
from tianyuan.errors import ArrayTypeError, NoRuleError, ShapeError
from tianyuan.lowering import Map
from tianyuan.prims.pointwise.arithmetic import add, cbrt, mul, neg, scale, sub
from tianyuan.prims.pointwise.base import align
from tianyuan.prims.pointwise.comparison import lt, select
from tianyuan.prims.pointwise.elementary import exp, sin
from tianyuan.types import ArrayType, bool_, float32, float64, int32

F3, D3, F4, F = ArrayType(float32, (3,)), ArrayType(float64, (3,)), ArrayType(float32, (4,)), ArrayType(float32)


def arr(*values: Any, dtype: Any = np.float64) -> Array:
    """A vector."""
    return from_numpy(np.array(values, dtype))


@pytest.mark.parametrize(
    ("prim", "types", "error", "message"),
    [
        (mul, (F3, D3), ArrayTypeError, "mul takes equal dtypes, got f32[3] and f64[3]"),
        (mul, (F3, F4), ShapeError, "mul takes equal shapes (or 0-d arguments), got f32[3] and f32[4]"),
        (sin, (F3, F3), ArrayTypeError, "sin takes 1 argument, got 2"),
        (mul, (F3,), ArrayTypeError, "mul takes 2 arguments, got 1"),
        (cbrt, (ArrayType(int32, (3,)),), ArrayTypeError, "cbrt takes floats, got i32[3]"),
        (exp, (ArrayType(int32),), ArrayTypeError, "exp takes floats or complex numbers, got i32[]"),
        (add, (ArrayType(bool_), ArrayType(bool_)), ArrayTypeError, "add takes numbers, got bool[]"),
        (select, (F3, F3, F3), ArrayTypeError, "select takes a bool condition, got f32[3]"),
        (select, (ArrayType(bool_), F3, D3), ArrayTypeError, "select takes equal dtypes, got f32[3] and f64[3]"),
    ],
)
def test_errors(prim: Any, types: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        prim.types(*types)

    assert str(caught.value) == message


def test_types() -> None:
    weak = ArrayType(float64, (), True)

    assert mul.types(F3, F3) == (F3,)
    assert mul.types(F3, F) == mul.types(F, F3) == (F3,)
    assert mul.types(weak, weak) == (weak,)
    assert mul.types(weak, weak.strong) == (weak.strong,)
    assert lt.types(weak, weak) == (ArrayType(bool_),)
    assert select.types(ArrayType(bool_, (3,)), F, F) == (F3,)
    assert isinstance(mul.lower(F3, F3), Map)


@pytest.mark.parametrize("mapped", [m for m in itertools.product([0, 1], repeat=3) if any(m)], ids=str)
def test_batch_of_select(mapped: tuple[int, ...]) -> None:
    """Every mixture of batched, unbatched, full and 0-d arguments, at every axis."""
    rng = np.random.default_rng(0)
    for scalars in itertools.product([False, True], repeat=3):
        shapes = [() if s else (2, 5) for s in scalars]
        entries = [
            [rng.integers(0, 2, s).astype(d) for s, d in zip(shapes, (bool, "f4", "f4"), strict=True)] for _ in range(3)
        ]
        for b in range(3):
            entries[b] = [e if m else first for e, m, first in zip(entries[b], mapped, entries[0], strict=True)]
        axes = [range(len(s) + 1) if m else [None] for s, m in zip(shapes, mapped, strict=True)]
        for dims in itertools.product(*axes):
            args = [entries[0][i] if d is None else np.stack([e[i] for e in entries], d) for i, d in enumerate(dims)]

            out, dim = select.batch(3, [from_numpy(a) for a in args], dims)

            for b, got in enumerate(np.moveaxis(np.asarray(out), dim, 0)):
                np.testing.assert_array_equal(got, np.where(*entries[b]))


def test_unbatched_scalars_stay_scalars() -> None:
    """A literal is not repeated under vmap."""
    (x, s), dim = mul_alignment((4, 3), ())

    assert (x.shape, s.shape, dim) == ((4, 3), (), 0)


def mul_alignment(*shapes: tuple[int, ...]) -> Any:
    """How the first argument, batched at 0, meets unbatched ones."""
    arrays = [from_numpy(np.zeros(s)) for s in shapes]
    return align(shapes[0][0], arrays, [0] + [None] * (len(shapes) - 1))


def test_jvp_spreads_tangents_of_scalars() -> None:
    x, s, dx, ds = arr(1.0, 2.0, 3.0), scalar(10.0, float64), arr(1.0, 1.0, 1.0), scalar(1.0, float64)

    for f, expected in [(mul, [11.0, 12.0, 13.0]), (add, [2.0] * 3), (sub, [0.0] * 3)]:
        y, dy = f.jvp((x, s), (dx, ds))
        assert dy.type == y.type
        np.testing.assert_array_equal(np.asarray(dy), expected)
    for f, expected in [(mul, [1.0, 2.0, 3.0]), (add, [1.0] * 3), (sub, [-1.0] * 3)]:
        np.testing.assert_array_equal(np.asarray(f.jvp((x, s), (None, ds))[1]), expected)


def test_transposes_sum_over_scalars() -> None:
    x, ct, undef = arr(1.0, 2.0, 3.0), arr(1.0, 10.0, 100.0), Undef(ArrayType(float64))

    assert np.asarray(mul.transpose(ct, x, undef)[1]) == 321.0
    assert np.asarray(scale.transpose(ct, undef, x)[0]) == 321.0
    assert np.asarray(add.transpose(ct, undef, x)[0]) == 111.0
    assert np.asarray(sub.transpose(ct, x, undef)[1]) == -111.0
    condition = from_numpy(np.array([True, False, True]))
    assert [c and float(c) for c in select.transpose(ct, condition, undef, undef)] == [None, 101.0, 10.0]


def test_scale_takes_zero_to_zero() -> None:
    """scale(0, f) = 0 for every f; its derivative in f is scale(ct, df)."""
    ct, f = arr(0.0, 0.0, 2.0, np.nan), arr(np.inf, np.nan, 3.0, 1.0)

    np.testing.assert_array_equal(np.asarray(scale(ct, f)), [0.0, 0.0, 6.0, np.nan])
    np.testing.assert_array_equal(np.asarray(scale.jvp((ct, f), (f, None))[1])[2], 9.0)
    np.testing.assert_array_equal(np.asarray(scale.jvp((ct, f), (None, f))[1])[:3], [0.0, 0.0, 6.0])


def test_comparisons_have_no_tangent() -> None:
    x = arr(1.0, 2.0)

    assert lt.jvp((x, x), (x, x))[1] is None


def test_missing_rules_have_names() -> None:
    with pytest.raises(NoRuleError, match="exp has no transpose, so it cannot be differentiated in reverse mode"):
        exp.transpose(arr(1.0), Undef(ArrayType(float64, (1,))))


def test_neg_flips_every_sign() -> None:
    assert np.signbit(np.asarray(neg(arr(0.0, 1.0)))).tolist() == [True, True]
