"""Samplers: distributions, bounds, dtypes, errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import tianyuan.random as random
from tianyuan.array import Array
from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.types import float32, float64, int8, int32

N = 4000
CONTINUOUS: dict[str, Any] = {
    "uniform": stats.uniform(),
    "normal": stats.norm(),
    "exponential": stats.expon(),
    "gumbel": stats.gumbel_r(),
    "laplace": stats.laplace(),
    "logistic": stats.logistic(),
    "cauchy": stats.cauchy(),
}


def key(seed: int = 0) -> Array:
    """A key for a test."""
    return random.key(seed)


@pytest.mark.parametrize("dtype", [float32, float64])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_distributions(name: str, dtype: Any) -> None:
    """Kolmogorov and Smirnov do not object."""
    x = np.asarray(getattr(random, name)(key(3), (N,), dtype))

    assert x.dtype == dtype.numpy
    assert stats.kstest(x.astype(float), CONTINUOUS[name].cdf).pvalue > 0.01


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_floats(name: str, dtype: str) -> None:
    """The median is where it should be, and nothing is NaN."""
    x = np.asarray(getattr(random, name)(key(), (N,), dtype)).astype(float)

    assert not np.isnan(x).any()
    assert abs(CONTINUOUS[name].cdf(np.median(x)) - 0.5) < 0.05


def test_uniform_between_bounds() -> None:
    """Two roundings; the lower bound is kept, bounds broadcast."""
    u = np.asarray(random.uniform(key(), (3, 4)))
    low, high = np.array([[-1], [0], [5]], np.float32), np.float32(7)

    got = np.asarray(random.uniform(key(), (3, 4), minval=from_numpy(low), maxval=7.0))

    assert np.array_equal(got, np.maximum(low, u * (high - low) + low))


def test_normal_is_its_formula() -> None:
    """√2·erfinv(u), never infinite; complex numbers have variance 1."""
    z = np.asarray(random.normal(key(), (N,), "complex64"))

    assert np.isfinite(z).all()
    assert np.var(z) == pytest.approx(1, abs=0.06)
    assert np.asarray(random.normal(key(), (N,), float64)).max() < 9


def test_truncated_normal() -> None:
    """Inside the open interval, with the conditional distribution."""
    x = np.asarray(random.truncated_normal(key(), -1.0, 2.0, (N,)))

    assert x.min() > -1
    assert x.max() < 2
    assert stats.kstest(x.astype(float), stats.truncnorm(-1, 2).cdf).pvalue > 0.01
    assert random.truncated_normal(key(), np.zeros((2, 1), np.float32), np.ones(3, np.float32)).shape == (2, 3)


def test_randint_covers_its_range() -> None:
    """Every value is as likely; bounds are arrays too."""
    x = np.asarray(random.randint(key(), (N,), -2, 3, int8))
    rows = np.asarray(random.randint(key(), (2, 50), from_numpy(np.array([[0], [10]])), 20))

    assert x.dtype == np.int8
    assert stats.chisquare(np.unique_counts(x).counts).pvalue > 0.01
    assert (rows[0] >= 0).all()
    assert (rows[1] >= 10).all()
    assert (rows < 20).all()


def test_coins() -> None:
    """bernoulli with its probability, for each element too; rademacher is -1 or 1."""
    p = from_numpy(np.array([0.0, 0.25, 1.0], np.float32))
    flips = np.asarray(random.bernoulli(key(), p, (N, 3)))

    assert flips.dtype == bool
    assert flips.mean(0) == pytest.approx([0, 0.25, 1], abs=0.03)
    assert np.asarray(random.bernoulli(key(), 0.75, (N,))).mean() == pytest.approx(0.75, abs=0.03)
    assert np.unique(np.asarray(random.rademacher(key(), (N,), int32))).tolist() == [-1, 1]


def test_permutation_keeps_the_elements() -> None:
    """And moves them."""
    x = np.asarray(random.permutation(key(), 50))

    assert sorted(x.tolist()) == list(range(50))
    assert x.tolist() != list(range(50))


def test_categorical() -> None:
    """Frequencies, axes, samples in front; without replacement all samples differ."""
    p = np.array([[0.1, 0.0, 0.9], [0.3, 0.5, 0.2]], np.float32)
    logits = from_numpy(np.log(p + np.float32(1e-30)))

    many = np.asarray(random.categorical(key(), logits, shape=(N, 2)))
    other = np.asarray(random.categorical(key(), from_numpy(np.log(p.T + np.float32(1e-30))), axis=0, shape=(N, 2)))
    few = np.asarray(random.categorical(key(), logits, shape=(3, 2), replace=False))

    assert many.dtype == np.int64
    for row in (0, 1):
        for drawn in (many, other):
            assert np.bincount(drawn[:, row], minlength=3) / N == pytest.approx(p[row], abs=0.04)
        assert sorted(few[:, row].tolist()) == [0, 1, 2]
    assert random.categorical(key(), logits).shape == (2,)
    with pytest.raises(ShapeError, match=r"does not give \(4, 2\) different samples"):
        random.categorical(key(), logits, shape=(4, 2), replace=False)


@pytest.mark.parametrize("p", [None, np.array([0.5, 0.0, 0.2, 0.3], np.float32)])
def test_choice(p: Any) -> None:
    """Of numbers and of rows, with and without replacement."""
    expected = np.full(4, 0.25) if p is None else p

    many = np.asarray(random.choice(key(), 4, (N,), p=p))
    rows = np.asarray(random.choice(key(), from_numpy(np.arange(12).reshape(3, 4)), (2, 5), p=p, axis=1))
    few = np.asarray(random.choice(key(), 4, (3,), replace=False, p=p))

    assert np.bincount(many, minlength=4) / N == pytest.approx(expected, abs=0.04)
    assert (rows[0] % 4 == rows[1] % 4).all()
    assert rows.shape == (3, 2, 5)
    assert len(set(few.tolist())) == 3
    assert p is None or 1 not in few.tolist()
    with pytest.raises(ShapeError, match="5 elements cannot be drawn from 4 without replacement"):
        random.choice(key(), 4, (5,), replace=False, p=p)
    with pytest.raises(ShapeError, match=r"a probability for each of 4 elements, got f64\[2\]"):
        random.choice(key(), 4, (), p=np.ones(2))


def test_clone_and_words() -> None:
    """A clone is the same key; words make the key again."""
    k = random.split(key(), 2)

    assert (k == random.clone(k)).tolist() == [True, True]
    assert (k != k[::-1]).tolist() == [True, True]
    assert np.array_equal(random.key_data(random.clone(k)), random.key_data(k))
    assert np.array_equal(random.key_data(random.wrap_key_data(random.key_data(k))), random.key_data(k))


def test_errors() -> None:
    """Each names the function and the repair."""
    with pytest.raises(ArrayTypeError, match=r"normal takes a random key, got int; make one with ty.random.key"):
        random.normal(3, ())  # pyright: ignore
    with pytest.raises(ArrayTypeError, match=r"uniform takes one key, got key\[2\]; map over .* vmap"):
        random.uniform(random.split(key()))
    with pytest.raises(ArrayTypeError, match=r"key takes one integer as its seed, got f64\[\]"):
        random.key(1.5)
    with pytest.raises(ArrayTypeError, match="bits takes an unsigned dtype, got int32"):
        random.bits(key(), (), "int32")
    with pytest.raises(ArrayTypeError, match="exponential takes a floating dtype, got int64"):
        random.exponential(key(), (), int)
    with pytest.raises(ShapeError, match=r"laplace takes a shape of sizes that are not negative, got \(-1,\)"):
        random.laplace(key(), -1)
    with pytest.raises(ShapeError, match=r"uniform: a parameter of f32\[2\] does not broadcast to \(3,\)"):
        random.uniform(key(), 3, minval=from_numpy(np.zeros(2, np.float32)))
    with pytest.raises(ArrayTypeError, match=r"a parameter of f64\[\] does not fit samples of float32"):
        random.uniform(key(), 3, maxval=from_numpy(np.array(math.pi)))
    with pytest.raises(ArrayTypeError, match="randint takes integers as bounds"):
        random.randint(key(), (), 0, 1.5)
    with pytest.raises(ArrayTypeError, match=r"fold_in takes one integer, got i64\[2\]"):
        random.fold_in(key(), from_numpy(np.arange(2)))
