"""The scalar function of every element-wise primitive, compiled, against its oracle.

On special values (every pair of them) and random ones, in every dtype, with and without FMA hardware.
"""

from __future__ import annotations

import zlib
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from attrs import fields

import tianyuan.prims.pointwise.arithmetic
import tianyuan.prims.pointwise.bitwise
import tianyuan.prims.pointwise.special  # noqa: F401
from tests.jit.scalars.compiled import compiled, same_bits
from tests.laws.bits import ulps
from tianyuan.core import REGISTRY
from tianyuan.prims.pointwise.base import Pointwise
from tianyuan.types import DType, real_dtype

PRIMS = [cls for name, cls in sorted(REGISTRY.items()) if issubclass(cls, Pointwise) and not fields(cls)]
COUNT = 200


def special(dtype: DType) -> Any:
    """Bounds, zeros, infinities, NaN, whole numbers, halves, the width."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype.numpy)
        few = [info.min, info.min + 1, 0, 1, 2, 3, 7, dtype.bits - 1, dtype.bits, info.max - 1, info.max]
        return np.array([*few, -1] if dtype.kind == "i" else few, dtype.numpy)
    if dtype.kind == "c":
        part = special(real_dtype(dtype))[[0, 1, 4, 6, 8, 12, -1, -2, -8]]
        return np.stack(np.broadcast_arrays(part[:, None], part[None, :]), -1).view(dtype.numpy).ravel()
    info = ml_dtypes.finfo(dtype.numpy)
    tiny, least, most = float(info.tiny), float(info.smallest_subnormal), float(info.max)
    size = [0.0, 0.1, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 17.3, 100.7, least, tiny, 1.5 * tiny, most / 2, most]
    return np.array([*size, *(-x for x in size), np.nan, -np.inf, np.inf], np.float64).astype(dtype.numpy)


def drawn(dtype: DType, rng: np.random.Generator) -> Any:
    """Random values of all magnitudes near 1, random bits of integers."""
    if dtype.kind == "b":
        return rng.integers(0, 2, COUNT).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype.numpy)
        return rng.integers(info.min, info.max, COUNT, dtype.numpy, endpoint=True)
    if dtype.kind == "c":
        return (rng.standard_normal(COUNT) + 1j * rng.standard_normal(COUNT)).astype(dtype.numpy)
    return (rng.standard_normal(COUNT) * np.exp2(rng.integers(-6, 6, COUNT))).astype(dtype.numpy)


def arguments(dtypes: tuple[DType, ...]) -> list[Any]:
    """Every combination of special values (of three arguments: of a third of them), then random ones."""
    rng = np.random.default_rng(zlib.crc32(str(dtypes).encode()))
    few = [special(d)[:: 3 if len(dtypes) == 3 else 1] for d in dtypes]
    grid = [g.ravel() for g in np.meshgrid(*few, indexing="ij")]
    return [np.concatenate([g, drawn(d, rng)]) for g, d in zip(grid, dtypes, strict=True)]


def signatures(cls: type[Pointwise]) -> list[tuple[tuple[DType, ...], DType]]:
    """The combinations of dtypes among the primitive's cases, each with the result's."""
    cases = [case for dtype in cls.cases.dtypes for case in cls.cases.sweep(dtype)]
    return list({tuple(t.dtype for t in c.args): cls().types(*c.args)[0].dtype for c in cases}.items())


def bound(cls: type[Pointwise], dtypes: tuple[DType, ...]) -> float:
    """The primitive's, for complex arguments if there are any."""
    return cls.complex_ulp if any(d.kind == "c" for d in dtypes) else cls.ulp


def promised(cls: type[Pointwise], args: list[Any], expected: Any) -> Any:
    """Where the bound holds: not of complex numbers that are not finite, nor of their powers with a large
    |b log a|; not of lgamma and digamma near their zeros below 0."""
    complexes = [a for a in args if a.dtype.kind == "c"]
    told = np.logical_and.reduce([np.isfinite(a) for a in complexes] or [np.ones(expected.shape, bool)])
    if cls.name == "pow" and complexes:
        told &= np.abs(np.log(np.abs(args[0]) + (args[0] == 0))) < 10
    if cls.name in ("lgamma", "digamma"):
        told &= ~(np.signbit(args[0]) & (np.abs(np.nan_to_num(expected, nan=2)) < 1))
    return told


@pytest.mark.parametrize("cls", PRIMS, ids=[c.name for c in PRIMS])
def test_against_the_oracle(cls: Any) -> None:
    """Within the declared bound; where the result is exact and zero, its sign too."""
    for dtypes, result in signatures(cls):
        args = arguments(dtypes)
        with np.errstate(all="ignore"):
            expected = np.asarray(cls().oracle(*args))

        actual = compiled(cls().scalar, dtypes, result, 8)(*args)

        told = promised(cls, args, expected)
        assert ulps(actual[told], expected[told]) <= bound(cls, dtypes), dtypes
        if result.kind == "f" and "c" not in (d.kind for d in dtypes):
            zero = (actual == 0) & (expected == 0)
            assert np.array_equal(np.signbit(actual[zero]), np.signbit(expected[zero])), dtypes


@pytest.mark.parametrize("cls", PRIMS, ids=[c.name for c in PRIMS])
def test_the_same_bits_on_every_machine(cls: Any) -> None:
    """One lane or many, with FMA hardware or without."""
    for dtypes, result in signatures(cls):
        args = arguments(dtypes)
        reference = compiled(cls().scalar, dtypes, result, 8)(*args)

        for lanes, machine in ((1, "host"), (4, "haswell"), (4, "x86-64")):
            assert same_bits(compiled(cls().scalar, dtypes, result, lanes, machine)(*args), reference), dtypes
