"""Values of the scalar machine, their LLVM types, and constants rounded once.

In registers a bool is ``i1`` and a 16-bit float is a ``float`` that the 16-bit type can represent; in
memory they are ``i8`` (0 or 1) and ``i16``. A random key is its 64 bits. A complex value is a pair of
real operands; in memory the parts alternate.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction

from attrs import frozen

from tianyuan.types import DType, bfloat16, bool_, float16, float32, float64, real_dtype

Number = complex | float | int | bool


@frozen
class Value:
    """An operand of LLVM text, one element or a vector of lanes.

    ``imaginary`` is the second operand of a complex value; ``constant`` the Python number where the value
    is one (already rounded to the dtype).
    """

    operand: str
    dtype: DType
    imaginary: str = ""
    constant: Number | None = None


def element_type(dtype: DType) -> str:
    """The LLVM type of one element in registers (of one part, for complex dtypes)."""
    if dtype.kind in "fc":
        return "double" if real_dtype(dtype) == float64 else "float"
    return "i1" if dtype == bool_ else f"i{dtype.bits}"


def memory_type(dtype: DType) -> str:
    """The LLVM type of one element in memory (of one part, for complex dtypes)."""
    if dtype == bool_:
        return "i8"
    return "i16" if dtype in (float16, bfloat16) else element_type(dtype)


# dtype: bits of precision (the leading one included), exponent of the smallest normal, of the largest
_FORMATS = {
    float16: (11, -14, 15),
    bfloat16: (8, -126, 127),
    float32: (24, -126, 127),
    float64: (53, -1022, 1023),
}


def rounded(value: float | int, dtype: DType) -> float:
    """``value`` rounded once to ``dtype`` (f16, bf16, f32 or f64), ties to even, as a Python float."""
    if value == 0 or math.isinf(value) or math.isnan(value):
        return float(value)
    precision, smallest, largest = _FORMATS[dtype]
    exact = Fraction(value)
    quantum = Fraction(2) ** (max(_exponent(exact), smallest) - precision + 1)
    result = round(exact / quantum) * quantum  # Fraction.__round__ is half to even
    if abs(result) >= Fraction(2) ** (largest + 1):
        return math.copysign(math.inf, value)
    return math.copysign(float(result), value)


def _exponent(x: Fraction) -> int:
    """floor(log2 |x|)."""
    guess = abs(x.numerator).bit_length() - x.denominator.bit_length()
    return guess if abs(x) >= Fraction(2) ** guess else guess - 1


def literal(value: float | int | bool, dtype: DType) -> str:
    """The LLVM text of one constant element; integers wrap, floats are rounded already."""
    if dtype == bool_:
        return "true" if value else "false"
    if dtype.kind in "fc":
        bits = struct.unpack("<Q", struct.pack("<d", float(value)))[0]
        return f"0x{bits:016X}" if not math.isnan(value) else "0x7FF8000000000000"
    return str(int(value) % (1 << dtype.bits))


def coefficients(text: str) -> tuple[float, ...]:
    """Hexadecimal floats, separated by blanks, in the order written."""
    return tuple(float.fromhex(word) for word in text.split())
