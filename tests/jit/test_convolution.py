"""The three convolutions, to the bit: the compiled library against docs/numerics.md in slow NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from tests.jit.chain import Array, chain, same_bits, values
from tests.jit.native import convolutions
from tianyuan_jit.convolution import CONVOLUTION

ISAS = ("avx512", "avx2", "sse2")


@frozen
class Convolution:
    """x[batch, *size, groups*channels], w[*kernel, channels, groups*outputs], y[batch, *out, ...]."""

    size: tuple[int, ...]
    kernel: tuple[int, ...]
    out: tuple[int, ...]
    stride: tuple[int, ...]
    low: tuple[int, ...]
    dilation: tuple[int, ...]
    batch: int = 1
    groups: int = 1
    channels: int = 1
    outputs: int = 1

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of x, w and y."""
        c, o = self.channels * self.groups, self.outputs * self.groups
        return (self.batch, *self.size, c), (*self.kernel, self.channels, o), (self.batch, *self.out, o)


# ---- the model: terms are listed in the order of k, then CHAIN adds them
def forward(v: Convolution, x: Array, w: Array) -> Array:
    """Kernel position, then input channel; positions outside x are zeros that take part."""
    y = np.empty(v.shapes()[2], x.dtype)
    for p in np.ndindex(*v.out):
        for g in range(v.groups):
            taps, filters = [], []
            for k in np.ndindex(*v.kernel):
                taps.append(_at(v, x, g, p, k))
                filters.append(w[k][:, g * v.outputs : (g + 1) * v.outputs])
            terms = chain(np.concatenate(taps, 1), np.concatenate(filters, 0))
            y[(slice(None), *p, slice(g * v.outputs, (g + 1) * v.outputs))] = terms
    return y


def _at(v: Convolution, x: Array, g: int, p: tuple[int, ...], k: tuple[int, ...]) -> Array:
    """x[:, position, channels of the group], or zeros."""
    s = tuple(a * t + b * d - lo for a, t, b, d, lo in zip(p, v.stride, k, v.dilation, v.low, strict=True))
    if all(0 <= a < n for a, n in zip(s, v.size, strict=True)):
        return x[(slice(None), *s, slice(g * v.channels, (g + 1) * v.channels))]
    return np.zeros((v.batch, v.channels), x.dtype)


def weight(v: Convolution, x: Array, y: Array) -> Array:
    """Batch, then output position; positions outside x are zeros that take part."""
    w = np.empty(v.shapes()[1], x.dtype)
    for k in np.ndindex(*v.kernel):
        for g in range(v.groups):
            group = slice(g * v.outputs, (g + 1) * v.outputs)
            xs = np.stack([_at(v, x, g, p, k) for p in np.ndindex(*v.out)], 1)  # [N, P, C]
            ys = np.stack([y[(slice(None), *p, group)] for p in np.ndindex(*v.out)], 1)
            a, b = xs.reshape(-1, v.channels), ys.reshape(-1, v.outputs)
            w[(*k, slice(None), group)] = chain(a.T, b)
    return w


def input_gradient(v: Convolution, y: Array, w: Array) -> Array:
    """Kernel position, then output channel; no term where the stride does not divide."""
    x = np.empty(v.shapes()[0], y.dtype)
    for s, g in product(np.ndindex(*v.size), range(v.groups)):
        group = slice(g * v.outputs, (g + 1) * v.outputs)
        taps, filters = [np.zeros((v.batch, 0), y.dtype)], [np.zeros((0, v.channels), y.dtype)]
        for k in np.ndindex(*v.kernel):
            up = [a + lo - b * d for a, lo, b, d in zip(s, v.low, k, v.dilation, strict=True)]
            if any(u % t for u, t in zip(up, v.stride, strict=True)):
                continue
            p = tuple(u // t for u, t in zip(up, v.stride, strict=True))
            inside = all(0 <= a < n for a, n in zip(p, v.out, strict=True))
            taps.append(y[(slice(None), *p, group)] if inside else np.zeros((v.batch, v.outputs), y.dtype))
            filters.append(w[k][:, group].T)
        terms = chain(np.concatenate(taps, 1), np.concatenate(filters, 0))
        x[(slice(None), *s, slice(g * v.channels, (g + 1) * v.channels))] = terms
    return x


MODELS = {
    "forward": (forward, "xw", "y"),
    "weight": (weight, "xy", "w"),
    "input": (input_gradient, "yw", "x"),
}


# ---- calls
def prepared(
    which: str, dtype: str, isa: str, v: Convolution, arrays: dict[str, Array], **more: int
) -> Callable[[], None]:
    """The call that computes the result among ``arrays`` (x, w, y)."""
    d = np.zeros(len(CONVOLUTION.names), np.int64)
    fields: dict[str, int] = {name: array.ctypes.data for name, array in arrays.items()} | more
    fields |= {name: getattr(v, name) for name in ("batch", "groups", "channels", "outputs")}
    fill = {"size": 1, "kernel": 1, "out": 1, "stride": 1, "low": 0, "dilation": 1}
    for stem, missing in fill.items():
        three = (*(missing,) * (3 - len(v.size)), *getattr(v, stem))
        fields |= {f"{stem}{axis}": value for axis, value in enumerate(three)}
    for name, value in fields.items():
        d[CONVOLUTION.names.index(name)] = value
    run = convolutions(dtype, isa).function(f"ty_conv_{which}_{dtype}_run", ctypes.c_void_p)
    address = ctypes.c_void_p(d.ctypes.data)
    return lambda keep=(d, arrays): run(address)


def convolve(
    which: str, dtype: str, isa: str, v: Convolution, arrays: dict[str, Array], workers: int = 1, **more: int
) -> None:
    """Run into the result among ``arrays``."""
    convolutions(dtype, isa).threads(workers)
    prepared(which, dtype, isa, v, arrays, **more)()


def operands(v: Convolution, dtype: str, seed: int) -> dict[str, Array]:
    """x, w and y."""
    rng = np.random.default_rng(seed)
    return {name: values(rng, shape, dtype) for name, shape in zip("xwy", v.shapes(), strict=True)}


def check(which: str, dtype: str, isa: str, v: Convolution, workers: int = 1, seed: int = 0) -> None:
    """Compiled and model agree to the bit, and nothing else is written."""
    arrays = operands(v, dtype, seed)
    model, given_names, result = MODELS[which]
    expected = model(v, *(arrays[name] for name in given_names))
    room = np.full(arrays[result].size + 80, 77, arrays[result].dtype)
    arrays[result] = room[: arrays[result].size].reshape(arrays[result].shape)
    convolve(which, dtype, isa, v, arrays, workers)
    assert same_bits(expected, arrays[result]), (which, v)
    assert np.all(room[arrays[result].size :] == np.asarray(77, room.dtype))


@st.composite
def cases(draw: st.DrawFn) -> Convolution:
    """Small convolutions of one to three axes, with every kind of window."""
    rank = draw(st.integers(1, 3))
    most = {1: 11, 2: 6, 3: 4}[rank]

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    size, kernel, stride, dilation, low = each(1, most), each(1, 3), each(1, 3), each(1, 3), each(-2, 3)
    high = each(-2, 3)
    spans = [n + a + b - (k - 1) * d - 1 for n, a, b, k, d in zip(size, low, high, kernel, dilation, strict=True)]
    out = tuple(max(s // t + 1, 1) for s, t in zip(spans, stride, strict=True))
    counts = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    channels, outputs = (draw(st.sampled_from((1, 2, 3, 5, 17))) for _ in range(2))
    return Convolution(size, kernel, out, stride, low, dilation, *counts, channels, outputs)


@pytest.mark.parametrize("which", MODELS)
@settings(max_examples=60, deadline=None)
@given(v=cases(), isa=st.sampled_from(ISAS), seed=st.integers(0, 9))
def test_every_window_gives_the_chain(which: str, v: Convolution, isa: str, seed: int) -> None:
    check(which, "f32", isa, v, seed=seed)


@pytest.mark.parametrize("which", MODELS)
@pytest.mark.parametrize("dtype", ["f64", "f16", "bf16", "i8", "i32"])
def test_every_dtype_gives_the_chain(which: str, dtype: str) -> None:
    v = Convolution((4, 5), (2, 3), (2, 3), (2, 2), (1, 1), (1, 2), 2, 2, 3, 5)
    for isa in ISAS:
        check(which, dtype, isa, v)


# k beyond one block, one step of packing, one segment; rows beyond one block; threads.
LARGE = {
    "3x3": Convolution((9, 10), (3, 3), (9, 10), (1, 1), (1, 1), (1, 1), 2, 1, 40, 33),
    "many terms": Convolution((5,), (5,), (5,), (1,), (2,), (1,), 1, 1, 230, 240),
    "strided": Convolution((17, 9), (3, 3), (9, 5), (2, 2), (1, 1), (1, 1), 2, 1, 64, 48),
    "grouped": Convolution((12,), (3,), (12,), (1,), (1,), (1,), 2, 4, 24, 16),
    "pointwise": Convolution((9, 9), (1, 1), (9, 9), (1, 1), (0, 0), (1, 1), 2, 1, 70, 40),
    "long batch": Convolution((70, 10), (1, 2), (70, 10), (1, 1), (0, 1), (1, 1), 7, 1, 3, 5),
    "one channel": Convolution((30,), (7,), (30,), (1,), (3,), (1,), 2, 1, 1, 20),
}


@pytest.mark.parametrize("which", MODELS)
@pytest.mark.parametrize("name", LARGE)
def test_large_convolutions(which: str, name: str) -> None:
    for isa, workers in (("avx512", 1), ("avx2", 3), ("avx512", 2)):
        check(which, "f32", isa, LARGE[name], workers)


@pytest.mark.parametrize("isa", ISAS)
def test_padding_takes_part_and_holes_do_not(isa: str) -> None:
    v = Convolution((3,), (2,), (2,), (2,), (1,), (1,))
    arrays = {
        "x": np.zeros((1, 3, 1), np.float32),
        "w": np.full((2, 1, 1), np.inf, np.float32),
        "y": np.ones((1, 2, 1), np.float32),
    }
    convolve("forward", "f32", isa, v, arrays)
    assert np.isnan(arrays["y"]).all()
    arrays["y"][...] = 1
    convolve("input", "f32", isa, v, arrays)
    assert np.isposinf(arrays["x"]).all()  # one tap each, no zero times infinity


def test_values_are_those_of_scipy() -> None:
    v = Convolution((8, 9), (3, 2), (6, 8), (1, 1), (0, 0), (1, 1), 1, 1, 4, 3)
    arrays = operands(v, "f64", 1)
    convolve("forward", "f64", "avx512", v, arrays)
    for o in range(v.outputs):
        planes = (signal.correlate2d(arrays["x"][0, ..., c], arrays["w"][..., c, o], "valid") for c in range(4))
        np.testing.assert_allclose(arrays["y"][0, ..., o], sum(planes), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("v", [LARGE["strided"], LARGE["grouped"], LARGE["3x3"]])
def test_gradients_are_adjoint(v: Convolution) -> None:
    a = operands(v, "f64", 2)
    results: dict[str, Array] = {}
    for which, (_, _, name) in MODELS.items():
        results[name] = np.empty_like(a[name])
        convolve(which, "f64", "avx2", v, {**a, name: results[name]})
    inner = [float(np.vdot(results[name], a[name])) for name in "xwy"]
    np.testing.assert_allclose(inner, inner[0], rtol=1e-10)


@pytest.mark.parametrize("which", ["forward", "weight"])
def test_epilogue_sees_finished_tiles(which: str) -> None:
    v = LARGE["3x3"]
    arrays = operands(v, "f32", 3)
    model, given_names, result = MODELS[which]
    expected = model(v, *(arrays[name] for name in given_names))
    flat, reference = arrays[result].reshape(-1, v.outputs), expected.reshape(-1, v.outputs)

    def epilogue(_: int, __: int, ___: int, row: int, rows: int, column: int, columns: int) -> None:
        tile = np.s_[row : row + rows, column : column + columns]
        assert same_bits(reference[tile], flat[tile])
        flat[tile] += 1

    callback = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 5)(epilogue)
    convolve(which, "f32", "avx512", v, arrays, epilogue=ctypes.cast(callback, ctypes.c_void_p).value or 0)
    assert same_bits(expected + np.float32(1), arrays[result])


@pytest.mark.parametrize("which", MODELS)
@pytest.mark.parametrize("change", ["batch", "channels", "outputs", "kernel", "out", "size"])
@pytest.mark.parametrize("stride", [1, 2])
def test_empty_extents(which: str, change: str, stride: int) -> None:
    """An extent of 0 gives nothing, or zeros."""
    v = Convolution((4, 5), (2, 3), (2, 3), (stride, stride), (1, 1), (1, 2), 2, 2, 3, 5)
    empty = evolve(v, **{change: (0, 3) if isinstance(getattr(v, change), tuple) else 0})
    arrays = operands(empty, "f32", 0)
    result = MODELS[which][2]
    room = np.full(arrays[result].size + 80, 77, np.float32)
    arrays[result] = room[: arrays[result].size].reshape(arrays[result].shape)
    convolve(which, "f32", "avx2", empty, arrays)
    assert same_bits(np.zeros_like(arrays[result]), arrays[result])
    assert np.all(room[arrays[result].size :] == 77)


def test_nothing_to_do() -> None:
    v = evolve(LARGE["3x3"], batch=0)
    arrays = operands(v, "f32", 0)
    convolve("weight", "f32", "avx2", v, arrays)
    assert same_bits(np.zeros_like(arrays["w"]), arrays["w"])
    convolve("forward", "f32", "avx2", v, arrays)
