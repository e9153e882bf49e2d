"""Sort: every dtype with its special values, lines along any axis, several keys, stability, both ways of sorting."""

import numpy as np
import pytest

from tests.jit.emission.harness import run, same_bits, special
from tianyuan.lowering import Sort
from tianyuan.prims.sorting import SORTABLE
from tianyuan.prims.sorting import Sort as SortPrim
from tianyuan.types import as_dtype, complex128
from tianyuan_jit.emission.sorting import SHORT, emit_sort, sort_scratch_bytes

RNG = np.random.default_rng(0)


def sort(arrays, how, *, static=True):
    """The results of the emitter."""
    specs = [(as_dtype(x.dtype), x.shape) for x in arrays]
    bytes_ = 2048 + 32 * arrays[0].shape[how.axis]

    def emit(f, ins, outs):
        sort_scratch_bytes(f, how, ins)
        emit_sort(f, how, ins, outs, "%scratch", True)

    return run(emit, arrays, specs, static=static, scratch=bytes_).results


def expected(arrays, how):
    """The oracle's."""
    return SortPrim(how.axis, how.keys, how.descending).oracle(*arrays)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", SORTABLE, ids=str)
@pytest.mark.parametrize("n", [0, 1, 7, SHORT, SHORT + 1, 700])
def test_every_dtype(dtype, n, descending):
    """Short lines and long ones; positions show that equals keep their order."""
    arrays = [special(RNG, dtype, (n,)), np.arange(n)]
    how = Sort(0, 1, descending)

    for got, want in zip(sort(arrays, how), expected(arrays, how), strict=True):
        assert same_bits(got, want)


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_lines(axis, static):
    """Along any axis, with known or run-time extents."""
    arrays = [RNG.integers(-9, 9, (3, 60, 4)), RNG.random((3, 60, 4)) + 1j]
    assert arrays[1].dtype == complex128.numpy
    how = Sort(axis, 1, False)

    for got, want in zip(sort(arrays, how, static=static), expected(arrays, how), strict=True):
        assert same_bits(got, want)


@pytest.mark.parametrize("n", [20, 500])
@pytest.mark.parametrize("descending", [False, True])
def test_several_keys(n, descending):
    """The first key is foremost."""
    arrays = [RNG.integers(0, 3, n) > 1, RNG.integers(0, 4, n).astype(np.int8), RNG.random(n), np.arange(n)]
    for keys in (2, 3):
        how = Sort(0, keys, descending)
        for got, want in zip(sort(arrays, how), expected(arrays, how), strict=True):
            assert same_bits(got, want)


def test_ranks_that_share_bytes():
    """Passes are left out; an odd and an even number of passes end in the right row."""
    for values in ([5, 3, 4] * 40, [0x300, 0x101, 0x203] * 40, [2**40 + 1, 7, 2**16] * 40):
        x = np.array(values)
        how = Sort(0, 1, False)
        assert same_bits(sort([x, np.arange(len(x))], how)[1], expected([x, np.arange(len(x))], how)[1])
