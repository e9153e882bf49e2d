"""Samplers that decompose a matrix: orthogonal, multivariate_normal."""

from __future__ import annotations

from typing import Any

from tianyuan.array import Array
from tianyuan.decompositions.matrices import diagonal, stacked
from tianyuan.decompositions.solvers import cholesky, eigh, qr
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.contraction import matmul
from tianyuan.functions.elementwise import maximum, sqrt, where
from tianyuan.functions.manipulation import matrix_transpose
from tianyuan.prims.conversion import convert
from tianyuan.prims.linear import broadcast_to, reshape
from tianyuan.random.continuous import normal
from tianyuan.random.drawing import Shape, float_dtype
from tianyuan.random.keys import checked_shape
from tianyuan.transforms.arguments import as_array
from tianyuan.types import DEFAULT_FLOAT


def orthogonal(key: Array, n: int, shape: Shape = (), dtype: Any = DEFAULT_FLOAT, m: int | None = None) -> Array:
    """Matrices [*shape, n, m] (m = n by default) with orthonormal columns, or rows where n < m, uniform by the Haar
    measure: Q of a normal matrix, its columns with the signs of R's diagonal [Mezzadri2007]."""
    kind = float_dtype("orthogonal", dtype)
    sizes = checked_shape("orthogonal", shape)
    rows, columns = n, n if m is None else m
    tall, low = max(rows, columns), min(rows, columns)
    q, r = qr(normal(key, (*sizes, tall, low), kind))
    d = stacked(diagonal, r)
    q = convert(q * where(d < 0, -1, 1)[..., None, :], kind)
    return q if rows >= columns else matrix_transpose(q)


def multivariate_normal(
    key: Array, mean: Any, cov: Any, shape: Shape | None = None, dtype: Any = DEFAULT_FLOAT, method: str = "cholesky"
) -> Array:
    """Normal vectors [*shape, n] of a mean [..., n] and a covariance [..., n, n]: mean + F z, F Fᵀ = cov.

    F is the Cholesky factor, or, for a covariance that is only semidefinite, V √w of its eigenvalues
    (``method="eigh"``). ``shape`` is by default that of mean and cov broadcast, without their last axes.
    """
    who, kind = "multivariate_normal", float_dtype("multivariate_normal", dtype)
    if method not in ("cholesky", "eigh"):
        raise ArrayTypeError(f"{who}: method must be 'cholesky' or 'eigh', got {method!r}")
    centre, spread = convert(as_array(mean), kind), convert(as_array(cov), kind)
    n = centre.shape[-1] if centre.ndim else 0
    if not centre.ndim or spread.shape[-2:] != (n, n):
        raise ShapeError(f"{who} takes a mean [..., n] and a covariance [..., n, n], got {centre.type}, {spread.type}")
    sizes = (centre + spread[..., 0]).shape[:-1] if shape is None else checked_shape(who, shape)
    if method == "cholesky":
        factor = cholesky(spread)
    else:
        w, v = eigh(spread)
        factor = v * sqrt(maximum(w, 0))[..., None, :]
    z = normal(key, (*sizes, n, 1), kind)
    factor = broadcast_to(convert(factor, kind), (*sizes, n, n))
    return centre + reshape(matmul(factor, z), (*sizes, n))
