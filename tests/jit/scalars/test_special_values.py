"""C99's special values, exact cases, and functions of two arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.jit.scalars.compiled import same_bits
from tests.jit.scalars.references import DIGITS, error_in_double, errors_in_single, mp
from tests.jit.scalars.test_accuracy import function, singles
from tianyuan.types import DType, float32, float64
from tianyuan_jit.scalars import large_angles
from tianyuan_jit.scalars.library import FUNCTIONS

INF, NAN = math.inf, math.nan
BOTH: Any = pytest.mark.parametrize("dtype", [float32, float64], ids=str)
AT = (0.0, -0.0, INF, -INF, 1.0, -1.0)
TABLE: dict[str, tuple[float | None, ...]] = {  # at 0, -0, inf, -inf, 1, -1; None is anything
    "exp": (1, 1, INF, 0, None, None),
    "exp2": (1, 1, INF, 0, 2, 0.5),
    "expm1": (0, -0.0, INF, -1, None, None),
    "logistic": (0.5, 0.5, 1, 0, None, None),
    "log": (-INF, -INF, INF, NAN, 0, NAN),
    "log2": (-INF, -INF, INF, NAN, 0, NAN),
    "log10": (-INF, -INF, INF, NAN, 0, NAN),
    "log1p": (0, -0.0, INF, NAN, None, -INF),
    "sin": (0, -0.0, NAN, NAN, None, None),
    "cos": (1, 1, NAN, NAN, None, None),
    "tan": (0, -0.0, NAN, NAN, None, None),
    "asin": (0, -0.0, NAN, NAN, math.pi / 2, -math.pi / 2),
    "acos": (math.pi / 2, math.pi / 2, NAN, NAN, 0, math.pi),
    "atan": (0, -0.0, math.pi / 2, -math.pi / 2, math.pi / 4, -math.pi / 4),
    "sinh": (0, -0.0, INF, -INF, None, None),
    "cosh": (1, 1, INF, INF, None, None),
    "tanh": (0, -0.0, 1, -1, None, None),
    "asinh": (0, -0.0, INF, -INF, None, None),
    "acosh": (NAN, NAN, INF, NAN, 0, NAN),
    "atanh": (0, -0.0, NAN, NAN, INF, -INF),
    "erf": (0, -0.0, 1, -1, None, None),
    "erfc": (1, 1, 0, 2, None, None),
    "erfinv": (0, -0.0, NAN, NAN, INF, -INF),
    "cbrt": (0, -0.0, INF, -INF, 1, -1),
    "rsqrt": (INF, -INF, 0, NAN, 1, NAN),
    "lgamma": (INF, INF, INF, INF, 0, INF),
    "digamma": (-INF, INF, INF, NAN, -0.5772156649015329, NAN),
}


def test_all_functions_are_here() -> None:
    """No function of the library is forgotten."""
    assert set(FUNCTIONS) == {*TABLE, "pow", "atan2", "fmod", "fma"}


@BOTH
@pytest.mark.parametrize("name", TABLE)
def test_table(name: str, dtype: DType) -> None:
    """At zeros, infinities and ones, to the bit; NaN gives NaN."""
    x = np.array([*AT, NAN], dtype.numpy)
    actual = function(name, dtype, 8)(x)
    told = [i for i, v in enumerate(TABLE[name]) if v is not None]

    assert same_bits(actual[told], np.array([TABLE[name][i] for i in told], dtype.numpy))
    assert np.isnan(actual[-1])


@BOTH
def test_exact_cases(dtype: DType) -> None:
    """Powers of two and ten, cubes, fourth powers, small whole powers."""
    small = dtype == float32
    two, ten = np.arange(-149 if small else -1074, 128 if small else 1024), np.arange(11 if small else 23)
    tens = np.array([float(f"1e{n}") for n in ten], dtype.numpy)
    cubes, fours = np.arange(1, 256.0, dtype=dtype.numpy), np.arange(-74 if small else -537, 64 if small else 512)

    assert same_bits(function("log2", dtype, 8)(np.ldexp(dtype.numpy.type(1), two)), two.astype(dtype.numpy))
    assert same_bits(function("exp2", dtype, 8)(two.astype(dtype.numpy)), np.ldexp(dtype.numpy.type(1), two))
    assert same_bits(function("log10", dtype, 8)(tens), ten.astype(dtype.numpy))
    assert same_bits(function("cbrt", dtype, 8)(cubes**3), cubes)
    assert same_bits(
        function("rsqrt", dtype, 8)(np.ldexp(dtype.numpy.type(1), 2 * fours)), np.ldexp(dtype.numpy.type(1), -fours)
    )
    powers = np.arange(5, 16 if small else 34, dtype=dtype.numpy)
    threes = function("pow", dtype, 8, arity=2)(np.full_like(powers, 3), powers)
    assert threes.tolist() == [3.0 ** int(n) for n in powers]


def pairs(dtype: DType) -> tuple[Any, Any]:
    """All pairs of values that matter to a function of two arguments."""
    info = np.finfo(dtype.numpy)
    sizes = [0, 0.5, 1, 2, 2.5, 3, 5, 7, 2.0**24 - 1, 2.0**53 - 1, 1e30, float(info.tiny), float(info.max), INF]
    values = np.array([*sizes, *(-s for s in sizes), NAN, float(info.smallest_subnormal)], dtype.numpy)
    x, y = np.meshgrid(values, values)
    return x.ravel(), y.ravel()


@BOTH
@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_special_pairs(name: str, dtype: DType) -> None:
    """As the C library's; the sign of zeros too."""
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        expected = {"pow": np.power, "atan2": np.arctan2}[name](x.astype(np.longdouble), y.astype(np.longdouble))
        expected = expected.astype(dtype.numpy)
    actual = function(name, dtype, 8, arity=2)(x, y)
    with np.errstate(all="ignore"):
        close = np.abs(actual - expected) <= 3 * np.spacing(np.abs(expected))  # products round three times
    close &= np.isfinite(expected) & (expected != 0)

    assert same_bits(np.where(close, expected, actual), expected)


@BOTH
@pytest.mark.parametrize("name", ["pow", "atan2"])
def test_pairs_at_every_width(name: str, dtype: DType) -> None:
    """The same bits."""
    x, y = pairs(dtype)
    rng = np.random.default_rng(0)
    x = np.concatenate([x, rng.uniform(0, 5, 500).astype(dtype.numpy)])
    y = np.concatenate([y, rng.uniform(-30, 30, 500).astype(dtype.numpy)])
    expected = function(name, dtype, 16, arity=2)(x, y)
    for lanes, machine in ((1, "host"), (16, "haswell"), (2, "x86-64")):
        assert same_bits(function(name, dtype, lanes, machine, 2)(x, y), expected), (lanes, machine)


def drawn(name: str, dtype: DType, count: int) -> tuple[Any, Any]:
    """Points of all sizes, for pow such that most results are finite."""
    rng = np.random.default_rng(1)
    if name == "atan2":
        y = rng.uniform(-1, 1, count) * np.exp2(rng.integers(-40, 40, count))
        return y.astype(dtype.numpy), rng.uniform(-1, 1, count).astype(dtype.numpy)
    x = np.where(rng.integers(0, 2, count), np.exp(rng.uniform(-5, 5, count)), 1 + 2.0 ** rng.uniform(-30, 0, count))
    x = x.astype(dtype.numpy)
    limit = 87 if dtype == float32 else 700
    return x, (rng.uniform(-limit, limit, count) / np.maximum(np.abs(np.log(x)), 1e-30)).astype(dtype.numpy)


@pytest.mark.parametrize(("name", "bound"), [("pow", 0.54), ("atan2", 0.51)])
def test_single_pairs(name: str, bound: float) -> None:
    """Against extended precision."""
    x, y = drawn(name, float32, 200_000)
    wide = {"pow": np.power, "atan2": np.arctan2}[name](x.astype(np.longdouble), y.astype(np.longdouble))

    assert errors_in_single(function(name, float32, 16, arity=2)(x, y), wide.astype(np.float64)).max() <= bound


@pytest.mark.parametrize(("name", "bound"), [("pow", 0.8), ("atan2", 0.65)])
def test_double_pairs(name: str, bound: float) -> None:
    """Against mpmath."""
    x, y = drawn(name, float64, 3000)
    actual = function(name, float64, 8, arity=2)(x, y)
    f = {"pow": mp.power, "atan2": mp.atan2}[name]
    with mp.workdps(DIGITS):
        off = [
            error_in_double(float(z), f(mp.mpf(float(a)), mp.mpf(float(b))))
            for a, b, z in zip(x, y, actual, strict=True)
        ]

    assert max(off) <= bound, (x[int(np.argmax(off))], y[int(np.argmax(off))])


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_functions_left_of_zero(name: str) -> None:
    """f64, 4 ulp of the larger of what the reflection subtracts; f32 to 1 ulp, where f64 tells."""
    rng = np.random.default_rng(0)
    x = -np.concatenate([rng.uniform(0, 15, 800), rng.uniform(0, 300, 300), 2.0 ** rng.uniform(-1000, 0, 200)])
    exact = {"lgamma": lambda v: mp.re(mp.loggamma(v)), "digamma": mp.digamma}[name]
    with mp.workdps(DIGITS):
        values = [exact(mp.mpf(float(v))) for v in x]
        far = [mp.re({"lgamma": mp.loggamma, "digamma": mp.digamma}[name](1 - mp.mpf(float(v)))) for v in x]
    for v, y, e, size in zip(x, function(name, float64, 8)(x), values, far, strict=True):
        unit = mp.mpf(2) ** (mp.frexp(max(abs(e), abs(size)))[1] - 53)
        assert abs(mp.mpf(float(y)) - e) <= 4 * unit, v
    single = function(name, float32, 16)(x.astype(np.float32)).astype(np.float64)
    double = function(name, float64, 8)(x.astype(np.float32).astype(np.float64))
    told = np.abs(double) < 1e38

    assert np.allclose(single[told], double[told], rtol=2.0**-24, atol=0)


def test_the_bits_of_two_over_pi() -> None:
    """The table of large_angles, against mpmath."""
    words = large_angles.TWO_OVER_PI
    with mp.workdps(500):
        digits = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (32 * (len(words) - 2))))

    assert digits == sum(w << (32 * (len(words) - 1 - i)) for i, w in enumerate(words))


def test_neighbours_change_nothing() -> None:
    """A huge angle, a rare branch, leaves the bits of the other lanes."""
    x = np.full(64, 0.7, np.float32)
    expected = function("sin", float32, 16)(x)[0]
    x[5::16] = 3e38

    actual = function("sin", float32, 16)(x)

    assert same_bits(np.delete(actual, np.arange(5, 64, 16)), np.full(60, expected))
    assert same_bits(actual[5::16], np.full(4, np.sin(np.float64(np.float32(3e38))), np.float32))


def test_odd_functions_are_odd() -> None:
    """To the bit."""
    x = singles(1, 2**31, 100_003)
    for name in ("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf", "erfinv", "cbrt"):
        run = function(name, float32, 16)

        assert same_bits(run(-x), -run(x)), name
