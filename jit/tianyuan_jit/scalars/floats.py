"""Float arithmetic: one rounding each; 16-bit floats compute in f32 and round once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tianyuan.types import DType, bfloat16, float16, float32, float64, int32, int64, uint32, uint64
from tianyuan_jit.scalars.half import Half
from tianyuan_jit.scalars.values import Value

_HALVES = (float16, bfloat16)
_INTEGER = {"f32": int32, "f64": int64, "f16": int32, "bf16": int32}


def integer_dtype(dtype: DType) -> DType:
    """The signed integer as wide as the register of a float dtype."""
    return _INTEGER[dtype.short]


def unsigned_dtype(dtype: DType) -> DType:
    """The unsigned integer as wide as the register of a float dtype."""
    return uint64 if dtype == float64 else uint32


class Floats(Half):
    """Correctly rounded operations on real floats of one dtype."""

    def widen(self, x: Value) -> Value:
        """A 16-bit float as the f32 it is held in; other floats unchanged."""
        return Value(x.operand, float32) if x.dtype in _HALVES else x

    def in_single(self, dtype: DType, operation: Callable[..., Value], *args: Value) -> Value:
        """``operation`` in f32, rounded once to ``dtype``, if that is a 16-bit float."""
        if dtype not in _HALVES:
            return operation(*args)
        return self.to_half(operation(*(self.widen(a) for a in args)), dtype)

    def float_binary(self, opcode: str, x: Value, y: Value) -> Value:
        """fadd, fsub, fmul or fdiv."""
        return self.in_single(x.dtype, partial(self.binary, opcode), x, y)

    def float_neg(self, x: Value) -> Value:
        """-x, exact."""
        return self.instruction(f"fneg {self.type_of(x.dtype)} {x.operand}", x.dtype)

    def fabs(self, x: Value) -> Value:
        """|x|, exact."""
        return self.intrinsic("fabs", x)

    def float_floor(self, x: Value) -> Value:
        """The largest integer not above x."""
        if self._rounds_natively():
            return self.intrinsic("floor", x)
        near = self._nearest(x)
        lower = self.binary("fsub", near, self.like(x, 1.0))
        return self.copysign(self.choose(self.lt(x, near), lower, near), x)

    def float_ceil(self, x: Value) -> Value:
        """The smallest integer not below x."""
        if self._rounds_natively():
            return self.intrinsic("ceil", x)
        return self.float_neg(self.float_floor(self.float_neg(x)))

    def float_trunc(self, x: Value) -> Value:
        """x without its fraction."""
        if self._rounds_natively():
            return self.intrinsic("trunc", x)
        return self.copysign(self.float_floor(self.fabs(x)), x)

    def float_round(self, x: Value) -> Value:
        """The nearest integer, half to even."""
        return self.intrinsic("roundeven", x) if self._rounds_natively() else self._nearest(x)

    def _nearest(self, x: Value) -> Value:
        """Half to even without an instruction for it: adding 2^(p-1) leaves no room for a fraction."""
        wide = self.widen(x)  # a 16-bit float could not hold the constant
        size, big = self.fabs(wide), self.like(wide, 2.0**52 if x.dtype == float64 else 2.0**23)
        near = self.binary("fsub", self.binary("fadd", size, big), big)
        chosen = self.choose(self.lt(size, big), self.copysign(near, wide), wide)
        return Value(chosen.operand, x.dtype)

    def _rounds_natively(self) -> bool:
        return self.has_fma or self.target != "x86_64"

    def float_sqrt(self, x: Value) -> Value:
        """The square root, correctly rounded."""
        return self.in_single(x.dtype, partial(self.intrinsic, "sqrt"), x)

    def float_sign(self, x: Value) -> Value:
        """-1 or 1; zeros and NaN as they are."""
        zero = self.like(x, 0.0)
        below = self.choose(self.lt(x, zero), self.like(x, -1.0), x)
        return self.choose(self.lt(zero, x), self.like(x, 1.0), below)

    def float_minimum(self, x: Value, y: Value) -> Value:
        """IEEE 754-2019 minimum."""
        return self._extremum(x, y, self.lt(x, y), "or")

    def float_maximum(self, x: Value, y: Value) -> Value:
        """IEEE 754-2019 maximum."""
        return self._extremum(x, y, self.lt(y, x), "and")

    def _extremum(self, x: Value, y: Value, first: Value, tie: str) -> Value:
        """Equal values differ at most in the sign of a zero, which ``tie`` settles; NaN + y is NaN."""
        kind = integer_dtype(x.dtype)
        tied = self.raw_bits(self.binary(tie, self.raw_bits(x, kind), self.raw_bits(y, kind)), x.dtype)
        ordered = self.choose(first, x, self.choose(self.eq(x, y), tied, y))
        return self.choose(self.compare("fcmp uno", x, y), self.binary("fadd", x, y), ordered)

    def copysign(self, x: Value, sign: Value) -> Value:
        """x with the sign bit of ``sign`` as it stands (inside functions, where NaNs do not matter)."""
        return self.intrinsic("copysign", x, sign)
