"""CHAIN(256, 16), to the bit: the compiled library against a transcription of docs/numerics.md."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.jit.chain import NUMPY, Array, chain, fma32, libm, same_bits, values
from tests.jit.native import describe, gemm
from tianyuan_jit.contraction import DTYPES, library

ISAS = ("avx512", "avx2", "sse2")


# ---- calls
def contract(dtype: str, isa: str, a: Array, b: Array, workers: int = 1, **more: Any) -> Array:
    """The library's c[batch, m, n], in rows that are longer than needed."""
    room = np.full((a.shape[0], a.shape[1], b.shape[2] + 3), 77, a.dtype)
    c = room[:, :, : b.shape[2]]
    native = gemm(dtype, isa)
    native.threads(workers)
    d = describe(a, b, c, **more)
    native.function(f"ty_gemm_{dtype}_run", ctypes.c_void_p)(d.ctypes.data)
    assert np.all(room[:, :, b.shape[2] :] == np.asarray(77, a.dtype)), "wrote outside the result"
    return c


LAYOUTS = ("C", "F", "steps", "reversed", "repeated")


def laid_out(rng: np.random.Generator, shape: tuple[int, int, int], dtype: str, layout: str) -> Array:
    """An operand whose strides are those of ``layout``."""
    batch, m, n = shape
    if layout == "F":
        return values(rng, (batch, n, m), dtype).transpose(0, 2, 1)
    if layout == "steps":
        return values(rng, (batch, 2 * m, 3 * n), dtype)[:, ::2, ::3]
    if layout == "reversed":
        return values(rng, shape, dtype)[:, ::-1, ::-1]
    if layout == "repeated":
        return np.broadcast_to(values(rng, (1, m, 1), dtype), shape)
    return values(rng, shape, dtype)


SIDES = (1, 2, 3, 5, 6, 7, 12, 13, 15, 16, 17, 31, 32, 33, 48, 64, 65, 97, 100, 128, 131, 193)
DEPTHS = (0, 1, 2, 7, 15, 16, 17, 64, 255, 256, 257, 513, 1023, 1024, 1025, 1291, 4095, 4096, 4097, 8193)


@st.composite
def problems(draw: st.DrawFn, budget: int) -> tuple[int, int, int, int]:
    """Batch, M, N, K whose product stays within ``budget``."""
    k = draw(st.sampled_from(DEPTHS))
    room = budget // max(k, 1)
    m = draw(st.sampled_from([s for s in SIDES if s <= room]))
    n = draw(st.sampled_from([s for s in SIDES if m * s <= room]))
    batch = draw(st.sampled_from([b for b in (1, 2, 7) if b * m * n <= room]))
    return batch, m, n, k


@settings(max_examples=60, deadline=None)
@given(st.data(), problems(1_500_000), st.sampled_from(ISAS), st.sampled_from((1, 2, 3)))
@pytest.mark.parametrize("dtype", ["f32", "i32", "bf16"])
def test_every_shape_layout_and_thread_count_gives_the_chain(
    dtype: str, data: st.DataObject, problem: tuple[int, int, int, int], isa: str, workers: int
) -> None:
    check(dtype, data, problem, isa, workers)


@settings(max_examples=15, deadline=None)
@given(st.data(), problems(60_000), st.sampled_from(ISAS), st.sampled_from((1, 2)))
@pytest.mark.parametrize("dtype", ["f64", "f16", "i8", "i16", "i64"])
def test_every_dtype_gives_the_chain(
    dtype: str, data: st.DataObject, problem: tuple[int, int, int, int], isa: str, workers: int
) -> None:
    check(dtype, data, problem, isa, workers)


def check(dtype: str, data: st.DataObject, problem: tuple[int, ...], isa: str, workers: int) -> None:
    batch, m, n, k = problem
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    a = laid_out(rng, (batch, m, k), dtype, data.draw(st.sampled_from(LAYOUTS)))
    b = laid_out(rng, (batch, k, n), dtype, data.draw(st.sampled_from(LAYOUTS)))
    assert same_bits(chain(a, b), contract(dtype, isa, a, b, workers))


# Shapes large enough for packed operands, several blocks of rows and columns, and tasks.
LARGE = {
    "rows": (1, 211, 70, 300, "C", "C"),
    "packed B": (1, 130, 300, 257, "C", "C"),
    "packed A, by rows": (1, 101, 321, 512, "C", "C"),
    "packed A, by k": (1, 256, 321, 130, "F", "F"),
    "segments": (1, 100, 40, 8300, "C", "C"),
    "tall segments": (1, 1100, 3, 4100, "C", "F"),
    "wide": (1, 7, 2100, 70, "C", "F"),
    "blocks of columns": (1, 100, 1100, 40, "F", "F"),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
def test_plans_for_large_shapes(name: str, dtype: str) -> None:
    batch, m, n, k, la, lb = LARGE[name]
    rng = np.random.default_rng(5)
    a, b = laid_out(rng, (batch, m, k), dtype, la), laid_out(rng, (batch, k, n), dtype, lb)
    expected = chain(a, b)
    for isa in ISAS:
        for workers in (1, 3):
            assert same_bits(expected, contract(dtype, isa, a, b, workers)), (isa, workers)


def test_threads_are_asked_only_for_large_work() -> None:
    native = gemm("f32", "avx512")
    before = native.forks()
    x = np.ones((1, 64, 64), np.float32)
    contract("f32", "avx512", x, x, 3)
    assert native.forks() == before
    x = np.ones((1, 200, 200), np.float32)
    contract("f32", "avx512", x, x, 3)
    assert native.forks() == before + 1


@pytest.mark.parametrize("isa", ISAS)
def test_special_values(isa: str) -> None:
    rng = np.random.default_rng(1)
    special = np.array([0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, 3e38, -3e38, 1e-38], np.float32)
    a, b = rng.choice(special[:4], (1, 40, 9)), rng.choice(special, (1, 9, 50))
    assert same_bits(chain(a, b), contract("f32", isa, a, b))
    a = rng.choice(special[[2, 3, 7, 10]], (1, 40, 9))
    assert same_bits(chain(a, a.transpose(0, 2, 1)), contract("f32", isa, a, a.transpose(0, 2, 1)))


def test_no_terms_give_positive_zero() -> None:
    for dtype in DTYPES:
        a = np.zeros((2, 5, 0), NUMPY[dtype])
        assert same_bits(np.zeros((2, 5, 4), NUMPY[dtype]), contract(dtype, "avx2", a, a[:, :4].transpose(0, 2, 1)))


def test_one_negative_zero_gives_positive_zero() -> None:
    a = np.full((1, 1, 1), -0.0, np.float32)
    assert not np.signbit(contract("f32", "avx512", a, np.ones_like(a)))[0, 0, 0]


def test_no_rows_or_columns_write_nothing() -> None:
    a, b = np.ones((1, 0, 3), np.float32), np.ones((1, 3, 4), np.float32)
    assert contract("f32", "avx2", a, b).size == 0
    assert contract("f32", "avx2", b.transpose(0, 2, 1), b[:, :, :0]).size == 0


EPILOGUE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 5)
LOADER = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 6)


def address(callback: Any) -> int:
    """A callback as a number for the descriptor."""
    return ctypes.cast(callback, ctypes.c_void_p).value or 0


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("shape", [(2, 33, 70, 20), (1, 150, 90, 4200), (1, 5, 9, 0)])
def test_epilogue_sees_each_element_once_after_its_last_term(
    isa: str, dtype: str, shape: tuple[int, int, int, int]
) -> None:
    batch, m, n, k = shape
    rng = np.random.default_rng(2)
    a, b = values(rng, (batch, m, k), dtype), values(rng, (batch, k, n), dtype)
    seen, expected = np.zeros((batch, m, n), int), chain(a, b)
    result = np.full((batch, m, n), 77, a.dtype)

    def epilogue(_: int, tile: int, index: int, row: int, rows: int, column: int, columns: int) -> None:
        where = np.s_[index, row : row + rows, column : column + columns]
        assert tile == result[index, row:, column:].ctypes.data
        assert same_bits(expected[where], result[where])
        seen[where] += 1
        result[where] = -result[where]

    callback = EPILOGUE(epilogue)
    d = describe(a, b, result, epilogue=address(callback))
    native = gemm(dtype, isa)
    native.threads(2)
    native.function(f"ty_gemm_{dtype}_run", ctypes.c_void_p)(d.ctypes.data)
    assert np.all(seen == 1)
    assert same_bits(-expected, result)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("by_k", [0, 1])
@pytest.mark.parametrize("dtype", ["f32", "bf16"])
@pytest.mark.parametrize("shape", [(2, 33, 70, 20), (1, 150, 90, 1100), (1, 1, 300, 40)])
def test_loaders_stand_for_operands(isa: str, by_k: int, dtype: str, shape: tuple[int, int, int, int]) -> None:
    batch, m, n, k = shape
    rng = np.random.default_rng(3)
    a, b = values(rng, (batch, m, k), dtype), values(rng, (batch, k, n), dtype)
    acc = ctypes.c_float

    def write(dst: int, stride: int, block: Array) -> None:
        room = (acc * (stride * block.shape[0])).from_address(dst)
        for i, row in enumerate(block.astype(np.float32)):
            np.frombuffer(room, np.float32)[i * stride : i * stride + len(row)] = row

    def load_a(_: int, dst: int, stride: int, i: int, ni: int, k0: int, nk: int, index: int) -> None:
        block = a[index, i : i + ni, k0 : k0 + nk]
        write(dst, stride, block.T if by_k else block)

    def load_b(_: int, dst: int, stride: int, j: int, nj: int, k0: int, nk: int, index: int) -> None:
        write(dst, stride, b[index, k0 : k0 + nk, j : j + nj])

    loaders = LOADER(load_a), LOADER(load_b)
    for use in ((1, 0), (0, 1), (1, 1)):
        more = {name: address(x) for name, x, u in zip(("load_a", "load_b"), loaders, use, strict=True) if u}
        assert same_bits(chain(a, b), contract(dtype, isa, a, b, 2, a_by_k=by_k, **more)), use


def test_the_model_is_fma() -> None:
    rng = np.random.default_rng(4)
    a, b, c = (rng.standard_normal(3000).astype(np.float32) * 2.0 ** rng.integers(-30, 30, 3000) for _ in "abc")
    a, b, c = (x.astype(np.float32) for x in (a, b, c))
    c[:1000] = -(a * b)[:1000]
    expected = np.array([libm.fmaf(*t) for t in zip(a, b, c, strict=True)], np.float32)
    assert same_bits(expected, fma32(a, b, c))


def test_the_text_is_the_same_every_time() -> None:
    assert library("f32", "avx2") == library("f32", "avx2")
