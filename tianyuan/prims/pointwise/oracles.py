"""Independent mathematics for the tests: elementary functions in more precision than their results have."""

from __future__ import annotations

from typing import Any

import numpy as np


def wide(x: Any) -> Any:
    """The values in a dtype of more precision: f64 for narrower floats, extended for f64; complex alike."""
    x = np.asarray(x)
    if x.dtype.kind == "c":
        return x.astype(np.complex128 if x.dtype.itemsize == 8 else np.clongdouble)
    return x.astype(np.longdouble if x.dtype == np.float64 else np.float64)


where: Any = np.where  # typed as Any, for arrays of any dtype


def product(x: Any, y: Any) -> Any:
    """The product; of complex numbers (ac - bd, ad + bc), where each part rounds three times."""
    if np.asarray(x).dtype.kind != "c":
        return np.multiply(x, y)
    a, b, c, d = np.real(x), np.imag(x), np.real(y), np.imag(y)
    return joined(a * c - b * d, a * d + b * c)


def joined(re: Any, im: Any) -> Any:
    """The complex numbers with these parts, none of which is touched."""
    re, im = np.broadcast_arrays(re, im)
    dtype = np.result_type(re.dtype, np.complex64)
    return np.stack((re, im), -1).view(dtype)[..., 0]
