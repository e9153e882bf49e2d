"""Fourier transforms: values against SciPy, bits in all forms, derivatives, the adjoint, bad input."""

from typing import Any

import numpy as np
import pytest
import scipy.fft  # pyright: ignore[reportMissingTypeStubs]

import tianyuan as ty
from tianyuan.fft.roots import roots_of_unity

LENGTHS = [1, 2, 3, 4, 7, 8, 11, 17, 26, 60, 97, 128]
SCIPY: Any = scipy.fft
RNG = np.random.default_rng(7)


def real(*shape: int) -> Any:
    """Normal numbers."""
    return RNG.normal(size=shape)


def complex_numbers(*shape: int) -> Any:
    """Complex normal numbers."""
    return real(*shape) + 1j * real(*shape)


def error(expected: Any, actual: Any) -> float:
    """The largest error, in units of the largest value's rounding."""
    actual = np.asarray(actual)
    assert expected.shape == actual.shape
    eps = np.finfo(actual.dtype).eps
    return float(np.abs(expected - actual).max(initial=0) / (eps * np.abs(expected).max(initial=1e-30)))


def bits(x: Any) -> bytes:
    """The bytes of an array."""
    return np.asarray(x).tobytes()


@pytest.mark.parametrize("n", LENGTHS)
def test_one_axis(n: int) -> None:
    """All six transforms of one axis agree with SciPy's to a few units in the last place."""
    z, x = complex_numbers(3, n), real(3, n)
    norm = ("backward", "ortho", "forward")[n % 3]
    pairs = [
        (SCIPY.fft(z, norm=norm), ty.fft.fft(z, norm=norm)),
        (SCIPY.ifft(z, norm=norm), ty.fft.ifft(z, norm=norm)),
        (SCIPY.rfft(x, norm=norm), ty.fft.rfft(x, norm=norm)),
        (SCIPY.ihfft(x, norm=norm), ty.fft.ihfft(x, norm=norm)),
        (SCIPY.irfft(z, n=n, norm=norm), ty.fft.irfft(z, n=n, norm=norm)),
        (SCIPY.hfft(z, n=n, norm=norm), ty.fft.hfft(z, n=n, norm=norm)),
    ]

    assert [e for e in (error(a, b) for a, b in pairs) if e > 8] == []


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_many_axes(dtype: str) -> None:
    """Transforms of several axes and given lengths agree with SciPy's."""
    z = complex_numbers(4, 6, 10).astype(dtype)
    x = np.ascontiguousarray(z.real)
    pairs = [
        (SCIPY.fftn(z), ty.fft.fftn(z)),
        (SCIPY.ifftn(z, axes=(0, 2)), ty.fft.ifftn(z, axes=(0, 2))),
        (SCIPY.fftn(z, s=(5, 12), axes=(2, 0)), ty.fft.fftn(z, s=(5, 12), axes=(2, 0))),
        (SCIPY.fft2(z, axes=(0, 1)), ty.fft.fft2(z, axes=(0, 1))),
        (SCIPY.ifft2(z), ty.fft.ifft2(z)),
        (SCIPY.rfftn(x), ty.fft.rfftn(x)),
        (SCIPY.rfft2(x), ty.fft.rfft2(x)),
        (SCIPY.irfftn(z, s=(6, 9), axes=(0, 2)), ty.fft.irfftn(z, s=(6, 9), axes=(0, 2))),
        (SCIPY.irfft2(z), ty.fft.irfft2(z)),
        (SCIPY.fft(z, n=3, axis=1), ty.fft.fft(z, n=3, axis=1)),
        (SCIPY.rfft(x, n=16, axis=0), ty.fft.rfft(x, n=16, axis=0)),
    ]

    assert [e for e in (error(a, b) for a, b in pairs) if e > 8] == []
    assert [str(b.dtype) for _, b in pairs[:8]] == [dtype] * 7 + [str(x.dtype)]


@pytest.mark.parametrize("n", [12, 30, 17])
def test_bits_in_all_forms(n: int) -> None:
    """Eager, jitted, mapped and looped transforms have the same bits."""
    z, x = ty.asarray(complex_numbers(3, n)), ty.asarray(real(3, n))
    for f, value in [(ty.fft.fft, z), (ty.fft.ifft, z), (ty.fft.rfft, x), (ty.fft.irfft, z)]:
        looped = bits(ty.stack([f(value[i]) for i in range(3)]))

        assert looped == bits(f(value))
        assert looped == bits(ty.jit(f)(value))
        assert looped == bits(ty.vmap(f)(value))
        assert looped == bits(ty.vmap(f, in_axes=1)(ty.swapaxes(value, 0, 1)))


@pytest.mark.parametrize("n", [6, 9, 17])
def test_derivatives(n: int) -> None:
    """jvp of a linear map is the map; grad agrees with it, is its adjoint, and has the same bits jitted."""
    x, dx, z = ty.asarray(real(n)), ty.asarray(real(n)), ty.asarray(complex_numbers(n))

    assert bits(ty.fft.rfft(dx)) == bits(ty.jvp(ty.fft.rfft, (x,), (dx,))[1])

    def power(x: Any) -> Any:
        """A real function of both sides."""
        y = ty.fft.fft(ty.fft.irfft(ty.fft.rfft(x) * ty.fft.rfft(ty.sin(x)), n=n))
        return ty.sum(ty.real(y * z) + ty.imag(y))

    slope = float(ty.jvp(power, (x,), (dx,))[1])
    step = 1e-6
    quotient = (float(power(x + step * dx)) - float(power(x - step * dx))) / (2 * step)
    gradient = ty.grad(power)(x)

    assert abs(slope - quotient) < 1e-7 * abs(slope)
    assert abs(slope - float(ty.sum(gradient * dx))) < 1e-12 * abs(slope)
    assert bits(gradient) == bits(ty.jit(ty.grad(power))(x))


def test_roots_of_unity() -> None:
    """Tables are correctly rounded, and exact where they can be."""
    exact = pytest.importorskip("mpmath")
    exact.mp.prec = 200
    for n, dtype in [(7, np.float64), (360, np.float64), (48, np.float32), (1000, np.float32)]:
        cos, sin = roots_of_unity(n, dtype)
        angles = [2 * exact.pi * k / n for k in range(n)]
        for table, f in ((cos, exact.cos), (sin, exact.sin)):
            for k, a in enumerate(angles):
                gap = abs(exact.mpf(float(table[k])) - f(a))
                spacing = exact.mpf(float(np.spacing(np.abs(table[k]))))
                assert gap <= spacing / 2 or gap < exact.mpf(2) ** -190

    cos, sin = roots_of_unity(12, np.float64)
    assert [1.0, 0.5, 0.0, -0.5, -1.0] == [cos[k] for k in (0, 2, 3, 4, 6)]
    assert [0.0, 0.5, 1.0, -1.0] == [sin[k] for k in (0, 1, 3, 9)]


def test_frequencies_and_shifts() -> None:
    """Frequencies and shifts are NumPy's."""
    for n in (1, 2, 5, 8):
        x = np.arange(3.0 * n).reshape(3, n)

        assert np.fft.fftfreq(n, 0.5).tolist() == ty.fft.fftfreq(n, d=0.5, dtype=ty.float64).tolist()
        assert np.fft.rfftfreq(n, 2.0).tolist() == ty.fft.rfftfreq(n, d=2.0, dtype=ty.float64).tolist()
        assert np.fft.fftshift(x).tolist() == np.asarray(ty.fft.fftshift(x)).tolist()
        assert np.fft.ifftshift(x, axes=1).tolist() == np.asarray(ty.fft.ifftshift(x, axes=1)).tolist()


def test_empty_batches_and_other_dtypes() -> None:
    """A stack of no signals is a stack of no spectra; integers and 16-bit floats count as f32."""
    assert (0, 8) == ty.fft.fft(ty.zeros((0, 8))).shape
    assert "complex64" == str(ty.fft.fft(ty.arange(4)).dtype)
    assert "complex64" == str(ty.fft.rfft(ty.zeros(4, dtype=ty.float16)).dtype)
    assert [6, -2 + 2j, -2, -2 - 2j] == np.asarray(ty.fft.fft(ty.arange(4))).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ty.fft.fft(ty.ones(3), n=0), "fft: a transform has at least 1 point, got 0"),
        (lambda: ty.fft.fft(ty.ones(3), axis=1), "fft: axis 1 is out of range"),
        (lambda: ty.fft.fft(ty.ones(3), norm="unit"), "fft: norm must be 'backward', 'ortho' or 'forward'"),
        (lambda: ty.fft.rfft(ty.ones(3) * 1j), "rfft takes real numbers, got c"),
        (lambda: ty.fft.fftn(ty.ones((3, 3)), axes=(0, 0)), "fftn: axes must name different axes"),
        (lambda: ty.fft.fftn(ty.ones((3, 3)), s=(3,), axes=(0, 1)), "fftn: s and axes must have one length"),
        (lambda: ty.fft.fft2(ty.ones((3, 3)), axes=(0,)), "fft2 takes two axes"),
        (lambda: ty.fft.irfft(ty.ones(1)), "irfft: a transform has at least 1 point, got 0"),
        (lambda: ty.fft.fftfreq(0), "fftfreq: n must be at least 1, got 0"),
        (lambda: ty.fft.rfftfreq(4, dtype=ty.int32), "rfftfreq: dtype must be a real float"),
    ],
)
def test_bad_input(call: Any, message: str) -> None:
    """A wrong length, axis, norm or dtype is named."""
    with pytest.raises(ty.ArrayTypeError, match=message):
        call()
