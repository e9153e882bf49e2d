"""Complex numbers from and to their parts. Linear over the reals; transposes pair ct · z without conjugation.

⟨ct, z⟩ = Re(ct · z), so real: ct + 0i;  imag: 0 - ct i;  complex: Re ct and -Im ct;  conj: conj ct.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.core import Undef, primitive
from tianyuan.lowering import Scalars
from tianyuan.prims.pointwise.base import Pointwise, Tangents, gathered, neg, number, spread
from tianyuan.prims.pointwise.oracles import joined
from tianyuan.types import COMPLEX, DType, complex64, complex128, float32, float64, real_dtype


class Part(Pointwise):
    """A function of one argument, linear over the reals: its tangent is itself."""

    dtypes = COMPLEX

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """The part of the tangent."""
        (x,), (dx,) = primals, tangents
        return self(x), None if dx is None else self(dx)


@primitive
class Complex(Pointwise):
    """A complex number from its parts: y = re + i · im. f32 gives c64, f64 c128. Linear."""

    dtypes = (float32, float64)

    def result_dtype(self, dtype: DType) -> DType:
        """The complex dtype whose parts are of ``dtype``."""
        return complex64 if dtype == float32 else complex128

    def scalar(self, k: Scalars, re: Any, im: Any) -> Any:
        return k.complex(re, im)

    def jvp(self, primals: Sequence[Array], tangents: Tangents) -> tuple[Any, Any]:
        """dre + i · dim, where a missing tangent is 0."""
        y = self(*primals)
        parts = [number(0.0, x) if d is None else spread(d, y.shape) for x, d in zip(primals, tangents, strict=True)]
        return y, complex_(*parts)

    def transpose(self, cts: Any, re: Any, im: Any) -> tuple[Any, ...]:
        """Re ct and -Im ct."""
        ct_im = gathered(neg(imag(cts)), im) if isinstance(im, Undef) else None
        return gathered(real(cts), re), ct_im

    def oracle(self, re: Any, im: Any) -> Any:
        return joined(re, im)


@primitive
class Real(Part):
    """The real part."""

    def result_dtype(self, dtype: DType) -> DType:
        """The dtype of the parts."""
        return real_dtype(dtype)

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.real(x)

    def transpose(self, cts: Any, x: Any) -> tuple[Any, ...]:
        """ct + 0i."""
        return (complex_(cts, number(0.0, cts)),)

    def oracle(self, x: Any) -> Any:
        return np.real(x)


@primitive
class Imag(Part):
    """The imaginary part."""

    def result_dtype(self, dtype: DType) -> DType:
        """The dtype of the parts."""
        return real_dtype(dtype)

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.imag(x)

    def transpose(self, cts: Any, x: Any) -> tuple[Any, ...]:
        """0 - ct i."""
        return (complex_(number(0.0, cts), neg(cts)),)

    def oracle(self, x: Any) -> Any:
        return np.imag(x)


@primitive
class Conj(Part):
    """The conjugate: y = re - i · im."""

    def scalar(self, k: Scalars, x: Any) -> Any:
        return k.complex(k.real(x), k.neg(k.imag(x)))

    def transpose(self, cts: Any, x: Any) -> tuple[Any, ...]:
        """conj ct."""
        return (conj(cts),)

    def oracle(self, x: Any) -> Any:
        return np.conj(x)


complex_ = Complex()
real = Real()
imag = Imag()
conj = Conj()
