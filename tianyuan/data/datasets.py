"""Small real data sets that ship inside scikit-learn (the ``data`` extra)."""

from __future__ import annotations

import importlib
from typing import Any

import tianyuan as ty


def _sklearn() -> Any:
    """scikit-learn's data module, an optional extra."""
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError:
        raise ty.TianyuanError("this data set ships in scikit-learn: pip install 'tianyuan[data]'") from None


def digits() -> tuple[ty.Array, ty.Array]:
    """1,797 handwritten digits: images f32[1797, 8, 8] in 0..1, labels i64[1797] (UCI, Alpaydin and Kaynak 1998)."""
    found = _sklearn().load_digits()
    return ty.asarray(found.images, dtype=ty.float32) / 16.0, ty.asarray(found.target, dtype=ty.int64)


def iris() -> tuple[ty.Array, ty.Array]:
    """150 irises: four lengths in cm f32[150, 4], species i64[150] (Fisher 1936)."""
    found = _sklearn().load_iris()
    return ty.asarray(found.data, dtype=ty.float32), ty.asarray(found.target, dtype=ty.int64)


def diabetes() -> tuple[ty.Array, ty.Array]:
    """442 patients: ten standardised measurements f32[442, 10], progression f32[442] (Efron et al. 2004)."""
    found = _sklearn().load_diabetes()
    return ty.asarray(found.data, dtype=ty.float32), ty.asarray(found.target, dtype=ty.float32)


def breast_cancer() -> tuple[ty.Array, ty.Array]:
    """569 tumours: thirty measurements f32[569, 30], benign or not i64[569] (Wolberg et al. 1995)."""
    found = _sklearn().load_breast_cancer()
    return ty.asarray(found.data, dtype=ty.float32), ty.asarray(found.target, dtype=ty.int64)
