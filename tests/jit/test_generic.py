"""Eager kernels on whole arrays are one program for all sizes."""

from __future__ import annotations

from typing import Any

import pytest

from tianyuan.core import Prim
from tianyuan.prims.contraction import DotGeneral
from tianyuan.prims.convolution import Conv
from tianyuan.prims.cumulation import Cumsum
from tianyuan.prims.linear import Gather, Scatter
from tianyuan.prims.reduction import Argmax
from tianyuan.prims.sorting import Sort
from tianyuan.types import ArrayType, float32, int64
from tianyuan_jit.cpu import _single
from tianyuan_jit.fusion import fuse
from tianyuan_jit.generic import generic


def gather(n: int, m: int) -> tuple[Prim, list[ArrayType]]:
    """Rows of a table."""
    return Gather(0, (0,), (1, m), (0,), "error"), [ArrayType(float32, (n, m)), ArrayType(int64, (m, 1))]


def scatter(n: int, m: int) -> tuple[Prim, list[ArrayType]]:
    """Rows added to a table."""
    prim, (x, i) = gather(n, m)
    assert isinstance(prim, Gather)
    fields = (prim.batch_axes, prim.axes, prim.sizes, prim.collapsed, prim.mode)
    return Scatter("add", *fields), [x, i, ArrayType(float32, (m, m))]


def matmul(n: int, m: int) -> tuple[Prim, list[ArrayType]]:
    """A product of matrices."""
    return DotGeneral((), ((1, 0),)), [ArrayType(float32, (n, m)), ArrayType(float32, (m, n + 1))]


def conv(n: int, m: int) -> tuple[Prim, list[ArrayType]]:
    """A convolution along one axis."""
    fields = {"extents": (n - 2,), "strides": (1,), "low": (0,), "dilation": (1,), "groups": 1}
    return Conv(**fields), [ArrayType(float32, (m, n, 4)), ArrayType(float32, (3, 4, m))]


def along(make: Any) -> Any:
    """A primitive along the first axis."""
    return lambda n, m: (make, [ArrayType(float32, (n, m))])


@pytest.mark.parametrize(
    "make", [matmul, conv, gather, scatter, along(Sort(0, 1, False)), along(Cumsum(0, False)), along(Argmax(0))]
)
def test_sizes_are_numbers(make: Any) -> None:
    """Two sizes differ in their numbers alone."""
    found = []
    for n, m in ((50, 6), (70, 9)):
        prim, types = make(n, m)
        made = generic(fuse(_single(prim, types, prim.types(*types))))
        assert made is not None
        found.append(made)

    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]
