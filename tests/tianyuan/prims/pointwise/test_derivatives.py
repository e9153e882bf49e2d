"""Derivatives at singular points, and far away, where a careless formula cancels or overflows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from tianyuan.eager import from_numpy
from tianyuan.prims.pointwise.arithmetic import abs as abs_
from tianyuan.prims.pointwise.arithmetic import (
    cbrt,
    floor,
    floor_divide,
    fmod,
    maximum,
    minimum,
    remainder,
    rsqrt,
    sign,
    sqrt,
)
from tianyuan.prims.pointwise.arithmetic import pow as pow_
from tianyuan.prims.pointwise.complexes import complex_
from tianyuan.prims.pointwise.elementary import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cosh,
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logistic,
    sinh,
    tan,
    tanh,
)
from tianyuan.prims.pointwise.special import copysign, digamma, erf, erfc, erfinv, lgamma, nextafter
from tianyuan.transforms.derivatives import jvp, vjp

INF, NAN = np.inf, np.nan


def arr(*values: Any, dtype: Any = np.float64) -> Any:
    """A vector."""
    return from_numpy(np.array(values, dtype))


def slopes(f: Any, xs: list[float], ct: float = 1.0) -> list[float]:
    """The derivative at each of xs, times ct: by jvp, checked against vjp."""
    x, one = arr(*xs), arr(*[ct] * len(xs))
    forward = np.asarray(jvp(f, (x,), (one,))[1])
    np.testing.assert_array_equal(np.asarray(vjp(f, x)[1](one)[0]), forward)
    return forward.tolist()


SINGULAR: list[tuple[Any, list[tuple[float, float]]]] = [
    (abs_, [(0.0, 0.0), (-0.0, 0.0), (-2.0, -1.0), (INF, 1.0), (NAN, NAN)]),
    (sqrt, [(0.0, INF), (-0.0, INF), (-1.0, NAN), (INF, 0.0), (4.0, 0.25)]),
    (rsqrt, [(0.0, -INF), (INF, 0.0), (4.0, -0.0625)]),
    (cbrt, [(0.0, INF), (-0.0, INF), (-8.0, 1 / 12), (INF, 0.0)]),
    (exp, [(-INF, 0.0), (INF, INF), (0.0, 1.0)]),
    (log, [(0.0, INF), (INF, 0.0), (4.0, 0.25)]),
    (log1p, [(-1.0, INF), (0.0, 1.0), (INF, 0.0)]),
    (asin, [(1.0, INF), (-1.0, INF), (0.0, 1.0), (2.0, NAN)]),
    (acos, [(1.0, -INF), (-1.0, -INF), (0.0, -1.0), (2.0, NAN)]),
    (acosh, [(1.0, INF), (INF, 0.0), (0.5, NAN)]),
    (atanh, [(1.0, INF), (-1.0, INF), (0.0, 1.0)]),
    (atan, [(INF, 0.0), (-INF, 0.0), (1e200, 0.0), (0.0, 1.0)]),
    (asinh, [(1e200, 1e-200), (-1e200, 1e-200), (INF, 0.0), (0.0, 1.0)]),
    (tanh, [(INF, 0.0), (-INF, 0.0), (0.0, 1.0), (800.0, 0.0)]),
    (logistic, [(INF, 0.0), (-INF, 0.0), (0.0, 0.25)]),
    (erfinv, [(1.0, INF), (-1.0, INF)]),
    (erf, [(INF, 0.0), (-INF, 0.0)]),
]


@pytest.mark.parametrize(("f", "table"), SINGULAR, ids=lambda p: getattr(p, "name", ""))
def test_at_singular_points(f: Any, table: list[tuple[float, float]]) -> None:
    """As the class says; and a tangent of 0 stays 0 even there."""
    points, expected = map(list, zip(*table, strict=True))

    np.testing.assert_array_equal(slopes(f, points), expected)
    assert slopes(f, points, 0.0) == [0.0] * len(table)


def test_steps_have_no_derivative() -> None:
    """Zero everywhere."""
    assert slopes(floor, [0.0, 1.5, INF]) == [0.0] * 3
    assert slopes(sign, [0.0, -1.5, INF]) == [0.0] * 3
    assert slopes(lambda x: floor_divide(x, arr(1.0, 2.0)), [3.0, 3.0]) == [0.0] * 2
    assert slopes(lambda x: nextafter(x, arr(1.0, 2.0)), [3.0, 3.0]) == [0.0] * 2


def both(f: Any, x: float, y: float) -> list[float]:
    """The two partial derivatives at a point."""
    _, pull = vjp(f, arr(x), arr(y))
    return [float(np.asarray(g)[0]) for g in pull(arr(1.0))]


@pytest.mark.parametrize(
    ("f", "x", "y", "expected"),
    [
        (minimum, 1.0, 2.0, [1, 0]),
        (maximum, 1.0, 2.0, [0, 1]),
        (minimum, 1.0, 1.0, [0.5, 0.5]),
        (maximum, -0.0, 0.0, [0.5, 0.5]),
        (minimum, INF, INF, [0.5, 0.5]),
        (minimum, NAN, 1.0, [0, 0]),
        (pow_, 0.0, 0.0, [0, 0]),
        (pow_, 0.0, 1.0, [1, 0]),
        (pow_, 0.0, 2.0, [0, 0]),
        (pow_, 0.0, 0.5, [INF, 0]),
        (pow_, 2.0, 0.0, [0, np.log(2.0)]),
        (pow_, -2.0, 3.0, [12, NAN]),
        (pow_, 1.0, 5.0, [5, 0]),
        (pow_, INF, -1.0, [-0.0, 0]),
        (pow_, 2.0, 3.0, [12, 8 * np.log(2.0)]),
        (fmod, -7.0, 2.0, [1, 3]),
        (remainder, -7.0, 2.0, [1, 4]),
        (remainder, 6.0, 3.0, [1, -2]),
        (copysign, 2.0, -1.0, [-1, 0]),
        (copysign, -2.0, -0.0, [1, 0]),
        (copysign, 0.0, 1.0, [1, 0]),
        (atan2, 0.0, 1.0, [1, 0]),
        (atan2, 1e200, 1e200, [5e-201, -5e-201]),
        (atan2, 3e-200, 4e-200, [4e200 / 25, -3e200 / 25]),
        (atan2, 1.0, INF, [0, 0]),
        (atan2, 0.0, 0.0, [NAN, NAN]),
    ],
)
def test_of_two_arguments(f: Any, x: float, y: float, expected: list[float]) -> None:
    """Ties are shared; powers know zero; angles do not overflow."""
    np.testing.assert_allclose(both(f, x, y), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8])
def test_power_with_integer_exponent(dtype: Any) -> None:
    """n · a^(n-1), n = 0 and the lowest integer included."""
    lowest = np.iinfo(dtype).min
    n = from_numpy(np.array([0, 1, 2, 3, 4, lowest], dtype))
    got = slopes(lambda x: pow_(x, n), [0.0, 0.0, -3.0, -2.0, 1.5, 1.0])

    assert got == [0.0, 1.0, -6.0, 12.0, 13.5, float(lowest)]


FAR: list[tuple[Any, Callable[[Any], Any], tuple[float, float]]] = [
    (tanh, lambda x: mp.sech(x) ** 2, (1e-3, 300)),
    (logistic, lambda x: mp.exp(-x) / (1 + mp.exp(-x)) ** 2, (1e-3, 300)),
    (erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), (1e-3, 26)),
    (erfc, lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x), (1e-3, 26)),
    (asinh, lambda x: 1 / mp.sqrt(1 + x * x), (1e-3, 1e300)),
    (atan, lambda x: 1 / (1 + x * x), (1e-3, 1e150)),
    (tan, lambda x: mp.sec(x) ** 2, (1e-3, 1.5)),
    (asin, lambda x: 1 / mp.sqrt(1 - x * x), (1e-3, 1 - 1e-12)),
    (atanh, lambda x: 1 / (1 - x * x), (1e-3, 1 - 1e-12)),
    (expm1, mp.exp, (1e-3, 700)),
    (exp2, lambda x: mp.log(2) * mp.power(2, x), (1e-3, 1000)),
    (sinh, mp.cosh, (1e-3, 700)),
    (cosh, mp.sinh, (1e-3, 700)),
]
POSITIVE: list[tuple[Any, Callable[[Any], Any], tuple[float, float]]] = [
    (acosh, lambda x: 1 / mp.sqrt(x * x - 1), (1 + 1e-12, 1e300)),
    (log1p, lambda x: 1 / (1 + x), (1e-3, 1e300)),
    (log2, lambda x: 1 / (x * mp.log(2)), (1e-300, 1e300)),
    (log10, lambda x: 1 / (x * mp.log(10)), (1e-300, 1e300)),
    (sqrt, lambda x: 1 / (2 * mp.sqrt(x)), (1e-300, 1e300)),
    (rsqrt, lambda x: -1 / (2 * x * mp.sqrt(x)), (1e-200, 1e200)),
    (cbrt, lambda x: 1 / (3 * mp.cbrt(x) ** 2), (1e-300, 1e300)),
    (lgamma, mp.digamma, (2.0, 1e100)),
    (digamma, lambda x: mp.psi(1, x), (1e-3, 1e10)),
]


@pytest.mark.parametrize(
    ("f", "exact", "interval", "negative"),
    [(*row, True) for row in FAR] + [(*row, False) for row in POSITIVE],
    ids=lambda p: getattr(p, "name", ""),
)
def test_do_not_cancel(f: Any, exact: Any, interval: tuple[float, float], negative: bool) -> None:
    """Within 8 ulp of the exact derivative from one end of the range to the other."""
    xs = np.geomspace(*interval, 60)
    xs = np.concatenate([xs, -xs]) if negative else xs
    with mp.workdps(60):
        expected = np.array([np.longdouble(mp.nstr(exact(mp.mpf(float(x))), 25)) for x in xs])

    got = np.array(slopes(f, xs.tolist()), np.longdouble)
    np.testing.assert_array_less(np.abs(got - expected), 8 * np.spacing(np.abs(expected).astype(float)))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_abs_and_sign_at_zero(dtype: Any) -> None:
    """Both have derivative 0 there; elsewhere the radial and the angular part of the tangent."""
    z, dz = arr(0, 3 + 4j, dtype=dtype), arr(1 + 1j, 1j, dtype=dtype)

    np.testing.assert_allclose(np.asarray(jvp(abs_, (z,), (dz,))[1]), [0, 0.8], rtol=1e-6)
    np.testing.assert_allclose(np.asarray(jvp(sign, (z,), (dz,))[1]), [0, 0.12 * (-0.8 + 0.6j)], rtol=1e-6)


def test_complex_of_one_tangent() -> None:
    """The part without one has the tangent 0."""
    x, one = arr(1.0, 2.0), arr(1.0, 1.0)

    assert np.asarray(jvp(lambda re: complex_(re, x), (x,), (one,))[1]).tolist() == [1, 1]
    assert np.asarray(jvp(lambda im: complex_(x, im), (x,), (one,))[1]).tolist() == [1j, 1j]
