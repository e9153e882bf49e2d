"""Complex arithmetic on pairs of real operands (docs/numerics.md)."""

from __future__ import annotations

from tianyuan.types import float32, float64
from tianyuan_jit.scalars.conversion import Conversion
from tianyuan_jit.scalars.values import Value


class ComplexArithmetic(Conversion):
    """Products, quotients and magnitudes; c64 quotients and magnitudes are computed in f64."""

    def complex_mul(self, x: Value, y: Value) -> Value:
        """(ac - bd, ad + bc), every product rounded."""
        (a, c), (b, d) = self._parts(x, y)
        re = self.binary("fsub", self.binary("fmul", a, c), self.binary("fmul", b, d))
        return self.complex(re, self.binary("fadd", self.binary("fmul", a, d), self.binary("fmul", b, c)))

    def complex_div(self, x: Value, y: Value) -> Value:
        """x / y: for c64 in f64 by the textbook formula, rounded once; for c128 by Smith's method."""
        (a, c), (b, d) = self._parts(x, y)
        if a.dtype == float64:
            return self.complex(*self._smith(a, b, c, d))
        a, b, c, d = (self.cast("fpext", part, float64) for part in (a, b, c, d))
        size = self._dot(c, c, "fadd", d, d)
        re = self.binary("fdiv", self._dot(a, c, "fadd", b, d), size)
        im = self.binary("fdiv", self._dot(b, c, "fsub", a, d), size)
        return self.complex(self.cast("fptrunc", re, float32), self.cast("fptrunc", im, float32))

    def _dot(self, a: Value, b: Value, opcode: str, c: Value, d: Value) -> Value:
        return self.binary(opcode, self.binary("fmul", a, b), self.binary("fmul", c, d))

    def _smith(self, a: Value, b: Value, c: Value, d: Value) -> tuple[Value, Value]:
        """(a + ib) / (c + id), dividing through by the larger part of the divisor [Smith1962].

        For |c| < |d| numerator and divisor are multiplied by -i first, which swaps the parts.
        """
        swap = self.lt(self.fabs(c), self.fabs(d))
        a, b = self.choose(swap, b, a), self.choose(swap, self.float_neg(a), b)
        c, d = self.choose(swap, d, c), self.choose(swap, self.float_neg(c), d)
        ratio = self.binary("fdiv", d, c)
        size = self.binary("fadd", c, self.binary("fmul", d, ratio))
        re = self.binary("fadd", a, self.binary("fmul", b, ratio))
        im = self.binary("fsub", b, self.binary("fmul", a, ratio))
        return self.binary("fdiv", re, size), self.binary("fdiv", im, size)

    def complex_abs(self, x: Value) -> Value:
        """|x| as a real value; infinite if a part is, even beside NaN."""
        a, b = self.fabs(self.real(x)), self.fabs(self.imag(x))
        size = self._hypot(a, b) if a.dtype == float64 else self._hypot_single(a, b)
        infinity = self.like(a, float("inf"))
        infinite = self.bitor(self.eq(a, infinity), self.eq(b, infinity))
        return self.choose(infinite, infinity, size)

    def _hypot_single(self, a: Value, b: Value) -> Value:
        a, b = self.cast("fpext", a, float64), self.cast("fpext", b, float64)
        return self.cast("fptrunc", self.intrinsic("sqrt", self._dot(a, a, "fadd", b, b)), float32)

    def _hypot(self, a: Value, b: Value) -> Value:
        """sqrt(a*a + b*b), both scaled by 2^-600 or 2^600 where their squares leave the range."""
        larger = self.choose(self.lt(a, b), b, a)
        one = self.like(a, 1.0)
        down = self.choose(self.lt(self.like(a, 2.0**500), larger), self.like(a, 2.0**-600), one)
        scale = self.choose(self.lt(larger, self.like(a, 2.0**-400)), self.like(a, 2.0**600), down)
        a, b = self.binary("fmul", a, scale), self.binary("fmul", b, scale)
        size = self.intrinsic("sqrt", self._dot(a, a, "fadd", b, b))
        return self.binary("fdiv", size, scale)

    def complex_sign(self, x: Value) -> Value:
        """x / |x|, c64 in f64 and rounded once; zero as it is."""
        a, b = self.real(x), self.imag(x)
        single = a.dtype == float32
        if single:
            a, b = self.cast("fpext", a, float64), self.cast("fpext", b, float64)
        a, b = self._tamed(a, b)
        size = self._hypot(self.fabs(a), self.fabs(b))
        parts = [self.binary("fdiv", part, size) for part in (a, b)]
        unit = self.complex(*(self.cast("fptrunc", p, float32) if single else p for p in parts))
        return self.select(self.eq(size, self.like(size, 0.0)), x, unit)

    def _tamed(self, a: Value, b: Value) -> tuple[Value, Value]:
        """Both f64 parts times a power of two that keeps their modulus from overflow and subnormals."""
        larger = self.float_maximum(self.fabs(a), self.fabs(b))
        up = self.choose(self.lt(larger, self.like(a, 2.0**-900)), self.like(a, 2.0**200), self.like(a, 1.0))
        factor = self.choose(self.lt(self.like(a, 2.0**1000), larger), self.like(a, 2.0**-200), up)
        return self.binary("fmul", a, factor), self.binary("fmul", b, factor)
