"""Conversions between dtypes, rounding once, and between registers and memory."""

from __future__ import annotations

from tianyuan.types import (
    COMPLEX,
    DType,
    bfloat16,
    bool_,
    float16,
    float32,
    float64,
    int32,
    real_dtype,
    uint16,
)
from tianyuan_jit.scalars.floats import Floats
from tianyuan_jit.scalars.values import Value, element_type, memory_type

_HALVES = (float16, bfloat16)
_CANONICAL = {float16: 0x7E00, bfloat16: 0x7FC0, float32: 0x7FC00000, float64: 0x7FF8000000000000}


class Conversion(Floats):
    """``convert``, ``bitcast``, and the forms values have in memory."""

    def convert(self, x: Value, dtype: DType) -> Value:
        """x as ``dtype``: rounded once; float to integer truncates, saturates, NaN to 0; to bool x != 0.

        Complex to real keeps the real part (to bool: any part not 0).
        """
        if x.dtype == dtype:
            return x
        if dtype == bool_:
            return self.ne(x, self.like(x, 0))
        if x.dtype in COMPLEX:
            re = self.convert(self.real(x), real_dtype(dtype))
            return self.complex(re, self.convert(self.imag(x), real_dtype(dtype))) if dtype in COMPLEX else re
        if dtype in COMPLEX:
            re = self.convert(x, real_dtype(dtype))
            return self.complex(re, self.like(re, 0.0))
        if x.dtype.kind == "f":
            return self._from_float(x, dtype)
        return self._integer_to_float(x, dtype) if dtype.kind == "f" else self._resize(x, dtype)

    def _from_float(self, x: Value, dtype: DType) -> Value:
        wide = self.widen(x)
        if dtype.kind != "f":
            return self._float_to_integer(wide, dtype)
        if dtype in _HALVES:
            return self.to_half(wide, dtype)
        if element_type(wide.dtype) == element_type(dtype):
            return Value(wide.operand, dtype)
        return self.cast("fpext" if dtype == float64 else "fptrunc", wide, dtype)

    def _float_to_integer(self, x: Value, dtype: DType) -> Value:
        signed = dtype.kind == "i"
        if dtype.bits >= 32:
            return self.intrinsic("fptosi.sat" if signed else "fptoui.sat", x, dtype=dtype)
        wide = self.intrinsic("fptosi.sat", x, dtype=int32)
        low = -(1 << (dtype.bits - 1)) if signed else 0
        high = self.like(wide, low + (1 << dtype.bits) - 1)
        above = self.choose(self.lt(wide, high), wide, high)
        floor = self.like(wide, low)
        return self.cast("trunc", self.choose(self.lt(floor, above), above, floor), dtype)

    def _integer_to_float(self, x: Value, dtype: DType) -> Value:
        opcode = "sitofp" if x.dtype.kind == "i" else "uitofp"
        if dtype not in _HALVES:
            return self.cast(opcode, x, dtype)
        if x.dtype.bits == 64:
            return self.to_half(self.round_to_odd_integer(x), dtype)
        return self.to_half(self.cast(opcode, x, float64 if x.dtype.bits == 32 else float32), dtype)

    def _resize(self, x: Value, dtype: DType) -> Value:
        if x.dtype.bits == dtype.bits:
            return Value(x.operand, dtype)
        if dtype.bits < x.dtype.bits:
            return self.cast("trunc", x, dtype)
        return self.cast("sext" if x.dtype.kind == "i" else "zext", x, dtype)

    def bitcast(self, x: Value, dtype: DType) -> Value:
        """The same bits under another dtype of the same width; a NaN reads as the canonical one."""
        if x.dtype.kind != "f" and dtype.kind != "f":
            return Value(x.operand, dtype)
        if x.dtype.kind == "f" and dtype.kind == "f":
            return self.bitcast(self.bitcast(x, uint16), dtype) if x.dtype != dtype else x
        if dtype.kind == "f":
            return self.from_half_bits(x, dtype) if dtype in _HALVES else self.raw_bits(x, dtype)
        bits = self._memory_bits(x, dtype)
        return self.choose(self.is_nan(x), self.const(_CANONICAL[x.dtype], dtype), bits)

    def _memory_bits(self, x: Value, dtype: DType) -> Value:
        if x.dtype in _HALVES:
            return Value(self.half_bits(x).operand, dtype)
        return self.raw_bits(x, dtype)

    # Memory
    def memory_type(self, dtype: DType) -> str:
        """The LLVM type of ``lanes`` elements in memory; complex: twice as many alternating parts."""
        if dtype in COMPLEX:
            return f"<{2 * self.lanes} x {memory_type(dtype)}>"
        return self.vector(memory_type(dtype))

    def from_memory(self, operand: str, dtype: DType) -> Value:
        """The value of an operand loaded with ``memory_type(dtype)``."""
        if dtype == bool_:
            bytes_ = self.vector("i8")
            return self.instruction(f"icmp ne {bytes_} {operand}, {self.splat('0', 'i8')}", bool_)
        if dtype in _HALVES:
            return self.from_half_bits(Value(operand, uint16), dtype)
        if dtype in COMPLEX:
            return self.complex(self._every_second(operand, dtype, 0), self._every_second(operand, dtype, 1))
        return Value(operand, dtype)

    def to_memory(self, x: Value) -> str:
        """The operand to store, of ``memory_type(x.dtype)``."""
        if x.dtype == bool_:
            return self.function.op(f"zext {self.vector('i1')} {x.operand} to {self.vector('i8')}")
        if x.dtype in _HALVES:
            return self.half_bits(x).operand
        return self._alternate(x) if x.dtype in COMPLEX else x.operand

    def _every_second(self, operand: str, dtype: DType, first: int) -> Value:
        kind, part = self.memory_type(dtype), real_dtype(dtype)
        if self.lanes == 1:
            return self.instruction(f"extractelement {kind} {operand}, i64 {first}", part)
        picks = ", ".join(f"i32 {first + 2 * i}" for i in range(self.lanes))
        mask = f"<{self.lanes} x i32> <{picks}>"
        return self.instruction(f"shufflevector {kind} {operand}, {kind} poison, {mask}", part)

    def _alternate(self, x: Value) -> str:
        kind, part, f = self.memory_type(x.dtype), element_type(x.dtype), self.function
        if self.lanes == 1:
            first = f.op(f"insertelement {kind} poison, {part} {x.operand}, i64 0")
            return f.op(f"insertelement {kind} {first}, {part} {x.imaginary}, i64 1")
        half = self.type_of(x.dtype)
        picks = ", ".join(f"i32 {i}, i32 {i + self.lanes}" for i in range(self.lanes))
        operands = f"{half} {x.operand}, {half} {x.imaginary}"
        return f.op(f"shufflevector {operands}, <{2 * self.lanes} x i32> <{picks}>")
