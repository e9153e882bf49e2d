"""Derivatives against finite differences, and the two modes against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tianyuan as ty

Fun = Callable[..., Any]


def check_grads(
    f: Fun,
    args: Sequence[Any],
    order: int = 1,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """AssertionError unless ``f``'s derivatives at ``args`` are right, up to ``order``.

    Forward mode along a random direction is compared with a central difference of step ``eps``, reverse mode with
    forward mode by the adjoint identity <ct, J v> = <Jᵀ ct, v> [Griewank2008, section 3.3]. Give f64 arguments:
    the default tolerances, 1e-6 of the size, are for them (f32: 2e-2).
    """
    args = ty.tree.map(_as_array, tuple(args))
    wide = not any(x.dtype in (ty.float16, ty.bfloat16, ty.float32, ty.complex64) for x in ty.tree.leaves(args))
    step = eps or (1e-5 if wide else 1e-2)
    tolerances = {"atol": atol or (1e-6 if wide else 2e-2), "rtol": rtol or (1e-6 if wide else 2e-2)}
    _check(f, args, order, tuple(modes), step, tolerances, ty.random.key(0))


def _as_array(x: Any) -> ty.Array:
    """Python's floats are 64 bits wide."""
    return ty.asarray(x, dtype=ty.float64) if isinstance(x, float) else ty.asarray(x)


def _check(f: Fun, args: Any, order: int, modes: Any, eps: float, tolerances: Any, key: ty.Array) -> None:
    keys = ty.random.split(key, 3)
    direction = _drawn(keys[0], args)
    value, tangent = ty.jvp(f, args, direction)
    if "fwd" in modes:
        ahead, behind = (f(*_moved(args, direction, s * eps)) for s in (1, -1))
        slope = ty.tree.map(lambda a, b: (np.asarray(a) - np.asarray(b)) / (2 * eps), ahead, behind)
        _close("the forward derivative is not the finite difference", tangent, slope, tolerances)
    if "rev" in modes:
        ct = _drawn(keys[1], value)
        left, right = _inner(ct, tangent), _inner(ty.vjp(f, *args)[1](ct), direction)
        _close("the reverse derivative is not the transpose of the forward one", right, left, tolerances)
    if order > 1:
        _check(lambda *xs: ty.jvp(f, xs, direction)[1], args, order - 1, modes, eps, tolerances, keys[2])


def _drawn(key: ty.Array, like: Any) -> Any:
    """Normal numbers in the types of the floats of a tree; zeros for the rest."""
    leaves = [ty.asarray(x) for x in ty.tree.leaves(like)]
    keys = [ty.random.fold_in(key, i) for i in range(len(leaves))]
    made = [_normal(k, x) for k, x in zip(keys, leaves, strict=True)]
    return ty.tree.unflatten(ty.tree.structure(like), made)


def _normal(key: ty.Array, x: ty.Array) -> ty.Array:
    if x.dtype.kind == "f":
        return ty.random.normal(key, x.shape, x.dtype)
    if x.dtype.kind == "c":
        parts = ty.random.normal(key, (2, *x.shape), ty.float64)
        return ty.astype(parts[0] + 1j * parts[1], x.dtype)
    return ty.zeros_like(x)


def _moved(args: Any, direction: Any, by: float) -> Any:
    def moved(x: Any, d: Any) -> ty.Array:
        start = ty.asarray(x)
        return ty.asarray(np.asarray(start) + by * np.asarray(d), dtype=start.dtype) if _smooth(start) else start

    return ty.tree.map(moved, args, direction)


def _smooth(x: ty.Array) -> bool:
    return x.dtype.kind in "fc"


def _inner(a: Any, b: Any) -> Any:
    """The sum of products over all leaves, in NumPy's double precision."""
    pairs = zip(ty.tree.leaves(a), ty.tree.leaves(b), strict=True)
    products = (np.sum(np.asarray(x).astype(np.complex128) * np.asarray(y)) for x, y in pairs if _smooth(ty.asarray(x)))
    return np.real(sum(products, 0.0))


def _close(what: str, actual: Any, expected: Any, tolerances: Any) -> None:
    for (path, a), b in zip(ty.tree.flatten_with_path(actual)[0], ty.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(
            np.asarray(a), np.asarray(b), err_msg=f"{what}{' at ' + path if path else ''}", **tolerances
        )
