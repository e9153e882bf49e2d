"""Inputs for the generic laws: every case of every primitive, and values to put into it."""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from attrs import frozen

from tianyuan import prims
from tianyuan.array import Array
from tianyuan.cases import Case
from tianyuan.core import REGISTRY, Prim
from tianyuan.eager import from_numpy
from tianyuan.types import ALL, ArrayType, DType, bool_, float32, float64, int32, int64, real_dtype, uint32

for found in pkgutil.walk_packages(prims.__path__, "tianyuan.prims."):
    importlib.import_module(found.name)  # every primitive is in the registry

DTYPES = (bool_, int32, int64, uint32, float32, float64)
OTHERS = tuple(d for d in ALL if d not in DTYPES)  # swept under the marker ``slow``


@frozen
class Law:
    """One primitive at one case: what a law is tested on."""

    prim: Prim
    case: Case
    dtype: DType

    def __str__(self) -> str:
        fields = ",".join(f"{k}={v}" for k, v in self.case.fields.items())
        return f"{self.prim.name}[{fields}]({', '.join(map(str, self.case.args))})"


def laws(dtypes: tuple[DType, ...] = DTYPES) -> Iterator[Law]:
    """Every registered primitive at every case of its sweep."""
    for name in sorted(REGISTRY):
        cls = REGISTRY[name]
        for dtype in dtypes:
            if dtype in cls.cases.dtypes:
                for case in cls.cases.sweep(dtype):
                    yield Law(cls(**case.fields), case, dtype)


def every_law() -> list[Any]:
    """The laws of all dtypes as pytest parameters, those of ``OTHERS`` marked slow."""
    return [*laws(), *(pytest.param(law, marks=pytest.mark.slow) for law in laws(OTHERS))]


def bound(law: Law) -> float:
    """How far from the oracle a result may be, in ulp: of complex arguments, of the modulus."""
    complexes = any(t.dtype.kind == "c" for t in law.case.args)
    return law.prim.cases.complex_ulp if complexes else law.prim.ulp


def numpy_inputs(law: Law, seed: int = 0) -> list[np.ndarray[Any, Any]]:
    """Random inputs of the case, the same in every run."""
    rng = np.random.default_rng([seed, zlib.crc32(str(law).encode())])
    return [draw(rng, t, i, law) for i, t in enumerate(law.case.args)]


def draw(rng: np.random.Generator, type: ArrayType, position: int, law: Law) -> np.ndarray[Any, Any]:
    """One input: by the primitive's own rule, else by dtype."""
    own = law.prim.cases.draw
    if own is not None and (made := own(rng, type, position, law.case)) is not None:
        return np.asarray(made, type.dtype.numpy).reshape(type.shape)
    return plain(rng, type, law.prim.cases.values)


def plain(rng: np.random.Generator, type: ArrayType, values: tuple[float, float]) -> np.ndarray[Any, Any]:
    """Uniform floats in ``values`` (both parts of complex numbers), small integers, coin flips."""
    if type.dtype.kind == "b":
        return rng.integers(0, 2, type.shape).astype(bool)
    if type.dtype.kind in "iu":
        low = 0 if type.dtype.kind == "u" else -9
        return rng.integers(low, 10, type.shape).astype(type.dtype.numpy)
    if type.dtype.kind == "c":
        parts = [plain(rng, ArrayType(real_dtype(type.dtype), type.shape), values) for _ in range(2)]
        return (parts[0] + 1j * parts[1]).astype(type.dtype.numpy)
    low_, high_ = values
    return np.asarray(rng.uniform(low_, high_, type.shape)).astype(type.dtype.numpy)


def arrays(inputs: list[np.ndarray[Any, Any]]) -> list[Array]:
    """The inputs as arrays."""
    return [from_numpy(x) for x in inputs]


def results(law: Law, inputs: list[Array]) -> list[Array]:
    """The primitive applied, as a list."""
    out = law.prim(*inputs)
    return list(out) if law.prim.multiple else [out]


def floats(law: Law) -> list[int]:
    """Which arguments are floating point."""
    return [i for i, t in enumerate(law.case.args) if t.dtype.kind == "f"]
