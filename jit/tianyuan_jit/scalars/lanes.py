"""The scalar machine in LLVM text: ``tianyuan.lowering.Scalars`` over one or many lanes."""

from __future__ import annotations

from functools import partial
from typing import Any

from tianyuan.errors import ArrayTypeError
from tianyuan.types import COMPLEX, DType, bfloat16, bool_, float16, float32, float64
from tianyuan_jit.scalars import complex_functions
from tianyuan_jit.scalars.complex_arithmetic import ComplexArithmetic
from tianyuan_jit.scalars.values import Value

_OPCODES = {"add": ("fadd", "add"), "sub": ("fsub", "sub"), "mul": ("fmul", "mul")}


class Lanes(ComplexArithmetic):
    """Operations by dtype. Calls of elementary functions go to external functions (``linked``)."""

    def add(self, x: Value, y: Value) -> Value:
        """x + y."""
        return self._arithmetic("add", x, y)

    def sub(self, x: Value, y: Value) -> Value:
        """x - y."""
        return self._arithmetic("sub", x, y)

    def mul(self, x: Value, y: Value) -> Value:
        """x * y."""
        return self.complex_mul(x, y) if x.dtype in COMPLEX else self._arithmetic("mul", x, y)

    def _arithmetic(self, name: str, x: Value, y: Value) -> Value:
        self._check_pair(name, x, y)
        float_opcode, integer_opcode = _OPCODES[name]
        if x.dtype in COMPLEX:
            (a, c), (b, d) = self._parts(x, y)
            return self.complex(self.binary(float_opcode, a, c), self.binary(float_opcode, b, d))
        if x.dtype.kind == "f":
            return self.float_binary(float_opcode, x, y)
        return self.binary(integer_opcode, x, y)

    def _check_pair(self, name: str, x: Value, y: Value) -> None:
        if x.dtype != y.dtype or x.dtype == bool_:
            raise ArrayTypeError(f"{name} takes two numbers of one dtype, got {x.dtype} and {y.dtype}")

    def div(self, x: Value, y: Value) -> Value:
        """x / y, floats and complex."""
        return self.complex_div(x, y) if x.dtype in COMPLEX else self.float_binary("fdiv", x, y)

    def fma(self, x: Value, y: Value, z: Value) -> Value:
        """x * y + z with one rounding; complex values multiply, then add."""
        if x.dtype in COMPLEX:
            return self.add(self.complex_mul(x, y), z)
        if x.dtype in (float16, bfloat16):
            return self._fma_half(x, y, z)
        return self.intrinsic("fma", x, y, z) if self.has_fma else self.call("fma", x, y, z)

    def _fma_half(self, x: Value, y: Value, z: Value) -> Value:
        """Computed in f32 and rounded once more to the storage type, as every operation."""
        return self.to_half(self.fma(self.widen(x), self.widen(y), self.widen(z)), x.dtype)

    def neg(self, x: Value) -> Value:
        """-x."""
        if x.dtype in COMPLEX:
            return self.complex(self.float_neg(self.real(x)), self.float_neg(self.imag(x)))
        return self.float_neg(x) if x.dtype.kind == "f" else self.binary("sub", self.like(x, 0), x)

    def abs(self, x: Value) -> Value:
        """|x|; of a complex value, its real magnitude."""
        if x.dtype in COMPLEX:
            return self.complex_abs(x)
        return self.fabs(x) if x.dtype.kind == "f" else self.integer_abs(x)

    def sign(self, x: Value) -> Value:
        """-1, 0 or 1, zeros and NaN as they are; of a complex value, x / |x|."""
        if x.dtype in COMPLEX:
            return self.complex_sign(x)
        return self.float_sign(x) if x.dtype.kind == "f" else self.integer_sign(x)

    def sqrt(self, x: Value) -> Value:
        """The square root, correctly rounded (complex: by formula)."""
        return self.call("sqrt", x) if x.dtype in COMPLEX else self.float_sqrt(x)

    def floor(self, x: Value) -> Value:
        """The largest integer not above x; integers as they are."""
        return self.float_floor(x) if x.dtype.kind == "f" else x

    def ceil(self, x: Value) -> Value:
        """The smallest integer not below x; integers as they are."""
        return self.float_ceil(x) if x.dtype.kind == "f" else x

    def trunc(self, x: Value) -> Value:
        """x without its fraction; integers as they are."""
        return self.float_trunc(x) if x.dtype.kind == "f" else x

    def round(self, x: Value) -> Value:
        """The nearest integer, half to even; integers as they are."""
        return self.float_round(x) if x.dtype.kind == "f" else x

    def minimum(self, x: Value, y: Value) -> Value:
        """The smaller; NaN propagates, -0 < +0."""
        return self.float_minimum(x, y) if x.dtype.kind == "f" else self.choose(self.lt(y, x), y, x)

    def maximum(self, x: Value, y: Value) -> Value:
        """The larger; NaN propagates, -0 < +0."""
        return self.float_maximum(x, y) if x.dtype.kind == "f" else self.choose(self.lt(x, y), y, x)

    # Division with remainder
    def floor_divide(self, x: Value, y: Value) -> Value:
        """floor(x / y); integers by zero give 0, floats round the exact floor (by zero: x / y)."""
        if x.dtype.kind != "f":
            return self.integer_floor_divide(x, y)
        return self.in_single(x.dtype, self._float_floor_divide, x, y)

    def _float_floor_divide(self, x: Value, y: Value) -> Value:
        """(x - rest) / y is within rounding of an integer, found again by rounding; a rest of y's other sign floors."""
        quotient, rest, zero = self.div(x, y), self.fmod(x, y), self.like(x, 0.0)
        whole = self.round(self.div(self.sub(x, rest), y))
        differ = self.bitand(self.ne(rest, zero), self.bitxor(self.lt(rest, zero), self.lt(y, zero)))
        whole = self.choose(differ, self.sub(whole, self.like(x, 1.0)), whole)
        signed = self.choose(self.eq(whole, zero), self.copysign(whole, quotient), whole)
        return self.choose(self.eq(y, zero), quotient, signed)

    def remainder(self, x: Value, y: Value) -> Value:
        """x modulo y with the divisor's sign: fmod, plus the divisor where signs differ."""
        if x.dtype.kind != "f":
            return self.integer_remainder(x, y)
        return self.in_single(x.dtype, self._float_remainder, x, y)

    def _float_remainder(self, x: Value, y: Value) -> Value:
        rest, zero = self.fmod(x, y), self.like(x, 0.0)
        differ = self.bitxor(self.lt(rest, zero), self.lt(y, zero))
        moved = self.choose(differ, self.add(rest, y), rest)
        return self.choose(self.eq(rest, zero), self.copysign(zero, y), moved)

    def fmod(self, x: Value, y: Value) -> Value:
        """x modulo y with the dividend's sign, exact; integers by zero give 0."""
        return self.call("fmod", x, y) if x.dtype.kind == "f" else self.integer_fmod(x, y)

    # Elementary functions
    def call(self, name: str, *args: Value) -> Value:
        """The elementary function ``name``: out of line in f32 and f64; 16-bit floats through f32."""
        dtype = args[0].dtype
        if dtype in COMPLEX:
            return complex_functions.call(self, name, *args)
        if name == "pow" and args[1].constant in POWERS_BY_VALUE:
            return self.in_single(dtype, partial(_power_by_value, self, args[1].constant), args[0])
        if dtype in (float16, bfloat16):
            return self.to_half(self.call(name, *(self.widen(a) for a in args)), dtype)
        if dtype not in (float32, float64):
            raise ArrayTypeError(f"{name} takes floats, got {dtype}")
        kind = self.type_of(dtype)
        symbol = self.provide(name, dtype, len(args))
        operands = ", ".join(f"{kind} {a.operand}" for a in args)
        return self.instruction(f"call {kind} @{symbol}({operands})", dtype)

    def provide(self, name: str, dtype: DType, arity: int) -> str:
        """Make the function callable from this module, here by declaring it; gives its symbol."""
        symbol, kind = symbol_of(name, dtype, self.lanes), self.type_of(dtype)
        self.function.module.declare(f"{kind} @{symbol}({', '.join([kind] * arity)})")
        return symbol


def symbol_of(name: str, dtype: DType, lanes: int) -> str:
    """The library's symbol of an elementary function, e.g. ``ty_exp_f32_16``."""
    return f"ty_{name}_{dtype.short}_{lanes}"


POWERS_BY_VALUE = (0.0, 1.0, 2.0, 3.0, 4.0, -1.0, -2.0)
"""The exponents whose powers are defined as products (docs/numerics.md)."""


def _power_by_value(k: Lanes, exponent: Any, x: Value) -> Value:
    return powers_by_value(k, x)[exponent]


def powers_by_value(k: Lanes, x: Value) -> dict[Any, Value]:
    """x^n for these exponents n."""
    one, square = k.like(x, 1.0), k.mul(x, x)
    powers = (one, x, square, k.mul(square, x), k.mul(square, square), k.div(one, x), k.div(one, square))
    return dict(zip(POWERS_BY_VALUE, powers, strict=True))
