"""Samplers that decompose a matrix: what their samples satisfy, and their moments."""

import numpy as np
import pytest

import tianyuan as ty


def test_orthogonal() -> None:
    """Columns (or rows) are orthonormal; entries have mean 0 and variance 1/n; the same bits jitted."""
    key = ty.random.key(3)
    q = np.asarray(ty.random.orthogonal(key, 4, (500,), dtype=ty.float64))
    wide = np.asarray(ty.random.orthogonal(key, 2, m=5))

    assert np.abs(q @ np.swapaxes(q, 1, 2) - np.eye(4)).max() < 1e-14
    assert (2, 5) == wide.shape
    assert np.abs(wide @ wide.T - np.eye(2)).max() < 1e-6
    assert np.abs(q.mean(0)).max() < 4 * (0.25 / 500) ** 0.5
    assert np.abs((q * q).mean(0) - 0.25).max() < 0.06
    assert (
        q.tobytes() == np.asarray(ty.jit(lambda k: ty.random.orthogonal(k, 4, (500,), dtype=ty.float64))(key)).tobytes()
    )


@pytest.mark.parametrize("method", ["cholesky", "eigh"])
def test_multivariate_normal(method: str) -> None:
    """Mean and covariance of many samples."""
    mean, cov = np.array([1.0, -2.0, 0.5]), np.array([[2.0, 0.6, 0], [0.6, 1.0, -0.3], [0, -0.3, 0.5]])
    x = ty.random.multivariate_normal(ty.random.key(5), mean, cov, (20000,), dtype=ty.float64, method=method)
    x = np.asarray(x)

    assert (20000, 3) == x.shape
    assert np.abs(x.mean(0) - mean).max() < 0.05
    assert np.abs(np.cov(x.T) - cov).max() < 0.08


def test_bad_input() -> None:
    """A covariance that does not fit, and an unknown method, are named."""
    key = ty.random.key(0)
    with pytest.raises(ty.ShapeError, match="multivariate_normal takes a mean"):
        ty.random.multivariate_normal(key, ty.zeros(2), ty.eye(3))
    with pytest.raises(ty.ArrayTypeError, match="method must be 'cholesky' or 'eigh'"):
        ty.random.multivariate_normal(key, ty.zeros(2), ty.eye(2), method="svd")
