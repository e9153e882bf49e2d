"""16-bit floats: rounding an f32 or f64 register to f16 or bf16 once, and their bits in memory.

The integer code needs no library call on any target. Rounding to nearest even adds half a unit in the
last place, less one, plus the parity of the bit that stays.
"""

from __future__ import annotations

from tianyuan.types import DType, bfloat16, float16, float32, float64, int32, int64, uint16, uint32
from tianyuan_jit.scalars.integers import Integers
from tianyuan_jit.scalars.values import Value


class Half(Integers):
    """Conversions between f32 or f64 registers and 16-bit floats (held as f32 registers)."""

    def to_half(self, x: Value, dtype: DType) -> Value:
        """An f32 or f64 value rounded once to f16 or bf16."""
        single = self.round_to_odd(x) if x.dtype == float64 else x
        if dtype == bfloat16:
            return Value(self._bfloat(single).operand, dtype)
        return self._from_float16_bits(self._float16_bits(single))

    def half_bits(self, x: Value) -> Value:
        """The 16 bits (u16) of an f16 or bf16 value."""
        single = Value(x.operand, float32)
        if x.dtype == float16:
            return self._float16_bits(single)
        word = self.raw_bits(single, uint32)
        return self.cast("trunc", self.shift_right(word, self.like(word, 16)), uint16)

    def from_half_bits(self, bits: Value, dtype: DType) -> Value:
        """The f16 or bf16 value with these 16 bits."""
        if dtype == float16:
            return self._from_float16_bits(bits)
        word = self.cast("zext", bits, uint32)
        single = self.raw_bits(self.shift_left(word, self.like(word, 16)), float32)
        return Value(single.operand, dtype)

    def round_to_odd(self, x: Value) -> Value:
        """f64 to f32, inexact results to the neighbour with an odd last bit.

        A further rounding to at most 22 bits then gives the same as one rounding [BoldoMelquiond2008].
        """
        near = self.cast("fptrunc", x, float32)
        back = self.cast("fpext", near, float64)
        exact = self.bitor(self.eq(back, x), self.is_nan(x))
        too_big = self.lt(self.intrinsic("fabs", x), self.intrinsic("fabs", back))
        bits = self.raw_bits(near, int32)
        toward_zero = self.choose(too_big, self.binary("sub", bits, self.like(bits, 1)), bits)
        odd = self.bitor(toward_zero, self.like(bits, 1))
        return self.raw_bits(self.choose(exact, bits, odd), float32)

    def round_to_odd_integer(self, x: Value) -> Value:
        """i64 or u64 to f64, inexact results to the odd neighbour: the low 11 bits stick together."""
        mask, zero = self.like(x, 2047), self.like(x, 0)
        low = self.bitand(x, mask)
        sticky = self.choose(self.compare("icmp ne", low, zero), self.like(x, 2048), zero)
        coarse = self.bitor(self.bitxor(x, low), sticky)
        top = self.like(x, 53)
        shifted = self.binary("lshr", self.integer_abs(x), top)
        large = self.compare("icmp ne", shifted, zero)
        opcode = "sitofp" if x.dtype == int64 else "uitofp"
        return self.cast(opcode, self.choose(large, coarse, x), float64)

    def _bfloat(self, x: Value) -> Value:
        bits = self.raw_bits(x, uint32)
        parity = self.bitand(self.shift_right(bits, self.like(bits, 16)), self.like(bits, 1))
        up = self.binary("add", self.binary("add", bits, self.like(bits, 0x7FFF)), parity)
        kept = self.bitand(up, self.like(bits, 0xFFFF0000))
        return self.raw_bits(self.choose(self.is_nan(x), self.like(bits, 0x7FC00000), kept), float32)

    def _float16_bits(self, x: Value) -> Value:
        """f32 to the bits of f16."""
        if self._native():
            half = self.function.op(f"fptrunc {self.type_of(float32)} {x.operand} to {self.vector('half')}")
            return self.instruction(f"bitcast {self.vector('half')} {half} to {self.vector('i16')}", uint16)
        word = self.raw_bits(x, uint32)
        sign = self.bitand(self.shift_right(word, self.like(word, 16)), self.like(word, 0x8000))
        magnitude = self.bitand(word, self.like(word, 0x7FFFFFFF))
        bits = self.bitor(self._float16_magnitude(magnitude), sign)
        nan = self.choose(self.is_nan(x), self.like(word, 0x7E00), bits)
        return self.cast("trunc", nan, uint16)

    def _float16_magnitude(self, u: Value) -> Value:
        """Bits of |f32| to bits of |f16|; the exponent's bias falls from 127 to 15."""
        parity = self.bitand(self.shift_right(u, self.like(u, 13)), self.like(u, 1))
        offset = self.like(u, (0xFFF - (112 << 23)) % (1 << 32))
        normal = self.shift_right(self.binary("add", self.binary("add", u, offset), parity), self.like(u, 13))
        # Below 2^-14: the unit in the last place of |x| + 1/2 is 2^-24, that of a subnormal f16.
        half = self.const(0.5, float32)
        sum_ = self.binary("fadd", self.raw_bits(u, float32), half)
        subnormal = self.binary("sub", self.raw_bits(sum_, uint32), self.like(u, 0x3F000000))
        bits = self.choose(self.lt(u, self.like(u, 0x38800000)), subnormal, normal)
        return self.choose(self.lt(u, self.like(u, 0x477FF000)), bits, self.like(u, 0x7C00))

    def _from_float16_bits(self, bits: Value) -> Value:
        if self._native():
            half = self.function.op(f"bitcast {self.vector('i16')} {bits.operand} to {self.vector('half')}")
            kind = self.type_of(float16)
            return self.instruction(f"fpext {self.vector('half')} {half} to {kind}", float16)
        word = self.cast("zext", bits, uint32)
        magnitude = self.shift_left(self.bitand(word, self.like(word, 0x7FFF)), self.like(word, 13))
        normal = self.binary("add", magnitude, self.like(word, 112 << 23))
        special = self.binary("add", normal, self.like(word, 112 << 23))
        tiny = self.raw_bits(self.binary("add", magnitude, self.like(word, 113 << 23)), float32)
        subnormal = self.raw_bits(self.binary("fsub", tiny, self.const(2.0**-14, float32)), uint32)
        finite = self.choose(self.lt(magnitude, self.like(word, 1 << 23)), subnormal, normal)
        top = self.le(self.like(word, 31 << 23), magnitude)
        sign = self.shift_left(self.bitand(word, self.like(word, 0x8000)), self.like(word, 16))
        single = self.raw_bits(self.bitor(self.choose(top, special, finite), sign), float32)
        return Value(single.operand, float16)

    def _native(self) -> bool:
        return self.has_fma or self.target != "x86_64"
