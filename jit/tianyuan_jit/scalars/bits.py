"""Bits, comparisons and selection, of integers, bools and (where they have a meaning) floats."""

from __future__ import annotations

from tianyuan.errors import ArrayTypeError
from tianyuan.types import DType, complex64, complex128, float32, float64
from tianyuan_jit.scalars.emitter import Emitter
from tianyuan_jit.scalars.values import Value

_PAIRED = {"f32": complex64, "f64": complex128}
_PART = {"c64": float32, "c128": float64}


class Bits(Emitter):
    """Bitwise operations, shifts, comparisons, select. Arguments of one call have one dtype."""

    def bitand(self, x: Value, y: Value) -> Value:
        """Bitwise and; of bools, logical."""
        return self.binary("and", x, y)

    def bitor(self, x: Value, y: Value) -> Value:
        """Bitwise or; of bools, logical."""
        return self.binary("or", x, y)

    def bitxor(self, x: Value, y: Value) -> Value:
        """Bitwise exclusive or; of bools, logical."""
        return self.binary("xor", x, y)

    def bitnot(self, x: Value) -> Value:
        """Every bit inverted; of a bool, logical not."""
        return self.binary("xor", x, self.like(x, True if x.dtype.bits == 1 else -1))

    def shift_left(self, x: Value, n: Value) -> Value:
        """x << n; a count of at least the width (counts are unsigned) gives 0."""
        return self._shift("shl", x, n)

    def shift_right(self, x: Value, n: Value) -> Value:
        """x >> n, arithmetic for signed dtypes; a count of at least the width gives 0 or the sign."""
        return self._shift("ashr" if x.dtype.kind == "i" else "lshr", x, n)

    def _shift(self, opcode: str, x: Value, n: Value) -> Value:
        width = x.dtype.bits
        if isinstance(n.constant, int) and 0 <= n.constant < width:
            return self.binary(opcode, x, n)
        inside = self.compare("icmp ult", n, self.like(n, width))
        if opcode == "ashr":
            return self.binary(opcode, x, self.choose(inside, n, self.like(n, width - 1)))
        shifted = self.binary(opcode, x, self.choose(inside, n, self.like(n, 0)))
        return self.choose(inside, shifted, self.like(x, 0))

    def popcount(self, x: Value) -> Value:
        """The number of ones."""
        return self.intrinsic("ctpop", x)

    def clz(self, x: Value) -> Value:
        """Leading zeros; the width for 0."""
        return self.intrinsic("ctlz", x, extra="false")

    # Comparisons
    def eq(self, x: Value, y: Value) -> Value:
        """x == y; false for NaN."""
        if x.dtype.kind == "c":
            return self.bitand(*(self.eq(a, b) for a, b in self._parts(x, y)))
        return self.compare("fcmp oeq" if x.dtype.kind == "f" else "icmp eq", x, y)

    def ne(self, x: Value, y: Value) -> Value:
        """x != y; true for NaN."""
        if x.dtype.kind == "c":
            return self.bitor(*(self.ne(a, b) for a, b in self._parts(x, y)))
        return self.compare("fcmp une" if x.dtype.kind == "f" else "icmp ne", x, y)

    def lt(self, x: Value, y: Value) -> Value:
        """x < y; false for NaN. Raises ArrayTypeError for complex values."""
        return self.compare(self._order("lt", x.dtype), x, y)

    def le(self, x: Value, y: Value) -> Value:
        """x <= y; false for NaN. Raises ArrayTypeError for complex values."""
        return self.compare(self._order("le", x.dtype), x, y)

    def _order(self, relation: str, dtype: DType) -> str:
        if dtype.kind == "c":
            raise ArrayTypeError(f"{dtype} values have no order; compare their parts or abs")
        if dtype.kind == "f":
            return f"fcmp o{relation}"
        return f"icmp {'s' if dtype.kind == 'i' else 'u'}{relation}"

    def is_nan(self, x: Value) -> Value:
        """Whether a float is NaN."""
        return self.compare("fcmp uno", x, x)

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        """x where the bool condition holds, else y."""
        if x.dtype.kind == "c":
            (re, re2), (im, im2) = self._parts(x, y)
            return self.complex(self.choose(condition, re, re2), self.choose(condition, im, im2))
        return self.choose(condition, x, y)

    # Complex values as pairs
    def complex(self, re: Value, im: Value) -> Value:
        """A complex value from two f32 or f64 parts."""
        return Value(re.operand, _PAIRED[re.dtype.short], im.operand)

    def real(self, x: Value) -> Value:
        """The real part; of a real value, itself."""
        return Value(x.operand, _PART[x.dtype.short]) if x.dtype.kind == "c" else x

    def imag(self, x: Value) -> Value:
        """The imaginary part; of a real value, 0."""
        return Value(x.imaginary, _PART[x.dtype.short]) if x.dtype.kind == "c" else self.like(x, 0)

    def _parts(self, x: Value, y: Value) -> tuple[tuple[Value, Value], tuple[Value, Value]]:
        return (self.real(x), self.real(y)), (self.imag(x), self.imag(y))
