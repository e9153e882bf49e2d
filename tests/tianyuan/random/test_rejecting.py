"""Samplers by rejection, and those made of them: distributions, edges, keys of entries."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import tianyuan as ty
from tests.laws.bits import same_bits

N = 3000
KEY = 4


def drawn(name: str, *parameters: Any, **more: Any) -> np.ndarray[Any, Any]:
    """Many samples."""
    return np.asarray(getattr(ty.random, name)(ty.random.key(KEY), *parameters, **more))


@pytest.mark.parametrize(
    ("name", "parameters", "law"),
    [
        ("gamma", (0.3,), stats.gamma(0.3)),
        ("gamma", (1.0,), stats.gamma(1)),
        ("gamma", (40.0,), stats.gamma(40)),
        ("beta", (0.5, 2.0), stats.beta(0.5, 2)),
        ("chisquare", (3.0,), stats.chi2(3)),
        ("t", (2.5,), stats.t(2.5)),
    ],
)
def test_continuous(name: str, parameters: Any, law: Any) -> None:
    """Kolmogorov and Smirnov do not object; 16-bit floats have the same median."""
    x, half = drawn(name, *parameters, (N,)), drawn(name, *parameters, (N,), dtype="float16")

    assert x.dtype == np.float32
    assert half.dtype == np.float16
    assert stats.kstest(x.astype(float), law.cdf).pvalue > 0.01
    assert np.median(half.astype(float)) == pytest.approx(np.median(x), rel=0.01, abs=0.01)


@pytest.mark.parametrize("law", [stats.poisson(m) for m in (0.4, 6.0, 25.0, 800.0)], ids=lambda d: str(d.args))
def test_poisson(law: Any) -> None:
    """Frequencies, one by one and by rejection."""
    fits(drawn("poisson", *law.args, (N,)), law)


@pytest.mark.parametrize("law", [stats.binom(*a) for a in ((10, 0.3), (10, 0.9), (90, 0.4), (900, 0.97))])
def test_binomial(law: Any) -> None:
    """Frequencies, by waiting times and by rejection, below and above one half."""
    fits(drawn("binomial", *law.args, (N,)), law)


def fits(x: Any, law: Any) -> None:
    """Chi-squared over bins of at least 100 expected samples."""
    edges = np.unique(law.ppf(np.linspace(0, 1, 20)[1:-1]))
    edges = edges[edges < law.support()[1]]
    counts = np.histogram(x, [-np.inf, *(edges + 0.5), np.inf])[0]
    expected = N * np.diff([0, *law.cdf(edges), 1])
    assert stats.chisquare(counts, expected).pvalue > 0.01


def test_edges() -> None:
    """Parameters at and beyond the ends of their ranges."""
    key = ty.random.key(KEY)

    assert [int(ty.random.poisson(key, m)) for m in (0.0, -1.0, math.nan, math.inf)] == [0, -1, -1, -1]
    assert np.isnan([float(ty.random.gamma(key, a)) for a in (0.0, -3.0, math.nan, math.inf)]).all()
    assert [float(ty.random.binomial(key, 7, p)) for p in (0.0, 1.0)] == [0, 7]
    assert np.isnan(
        [float(ty.random.binomial(key, n, p)) for n, p in ((-1, 0.5), (3, 1.5), (3, math.nan), (math.inf, 0.5))]
    ).all()
    assert drawn("gamma", 1.0, (0, 2)).shape == (0, 2)


def test_parameters_broadcast() -> None:
    """Every entry has its own parameters, and its own key."""
    a = np.array([[0.5], [50.0]], np.float32)
    x = drawn("gamma", a, (2, N))

    assert x.mean(1) == pytest.approx([0.5, 50], rel=0.1)
    assert drawn("beta", a, np.ones(3, np.float32)).shape == (2, 3)
    assert len(np.unique(x)) > 1.9 * N


def test_dirichlet_and_ball() -> None:
    """On the simplex with beta margins; in the ball with uniform volume."""
    x = drawn("dirichlet", np.array([1.0, 2.0, 3.0], np.float32), (N,))
    y = drawn("ball", 3, 2, (N,))

    assert x.sum(-1) == pytest.approx(1, abs=1e-5)
    assert stats.kstest(x[:, 0].astype(float), stats.beta(1, 5).cdf).pvalue > 0.01
    assert stats.kstest((y.astype(float) ** 2).sum(-1) ** 1.5, stats.uniform().cdf).pvalue > 0.01
    assert y.mean(0) == pytest.approx(0, abs=0.05)


def test_laws() -> None:
    """Jitted and mapped they draw the same."""
    keys, a = ty.random.split(ty.random.key(KEY), 3), ty.asarray([0.5, 2.0, 30.0])

    def f(key: Any, a: Any) -> Any:
        return ty.random.gamma(key, a, (5,)), ty.random.poisson(ty.random.fold_in(key, 1), a)

    for got, want in zip(ty.jit(f)(keys[1], a[1]), f(keys[1], a[1]), strict=True):
        same_bits(got, want)
    for got, want in zip(ty.vmap(f)(keys, a), f(keys[2], a[2]), strict=True):
        same_bits(got[2], want)


def test_errors() -> None:
    """No silent zero for a derivative."""
    with pytest.raises(ty.NoRuleError, match="random.gamma has no derivative with respect to its parameters"):
        ty.grad(lambda a: ty.random.gamma(ty.random.key(0), a))(2.0)
    with pytest.raises(ty.ArrayTypeError, match="poisson takes a signed integer dtype, got float32"):
        ty.random.poisson(ty.random.key(0), 1.0, (), "float32")
    with pytest.raises(ty.ArrayTypeError, match=r"beta takes a random key, got int"):
        ty.random.beta(0, 1.0, 1.0)  # pyright: ignore
