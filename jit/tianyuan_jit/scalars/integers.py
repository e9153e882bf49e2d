"""Integer arithmetic: wraps, floors, and never traps."""

from __future__ import annotations

from tianyuan_jit.scalars.bits import Bits
from tianyuan_jit.scalars.values import Value


class Integers(Bits):
    """``//`` floors, ``%`` has the divisor's sign, either by zero gives 0, INT_MIN // -1 is INT_MIN."""

    def integer_abs(self, x: Value) -> Value:
        """|x|, wrapping: abs(INT_MIN) is INT_MIN."""
        return self.intrinsic("abs", x, extra="false") if x.dtype.kind == "i" else x

    def integer_sign(self, x: Value) -> Value:
        """-1, 0 or 1."""
        zero, one = self.like(x, 0), self.like(x, 1)
        positive = self.choose(self.compare("icmp ne", x, zero), one, zero)
        if x.dtype.kind != "i":
            return positive
        return self.choose(self.lt(x, zero), self.like(x, -1), positive)

    def integer_floor_divide(self, x: Value, y: Value) -> Value:
        """floor(x / y); 0 where y is 0."""
        quotient, rest = self._divide(x, y)
        if x.dtype.kind == "i":
            lower = self.binary("sub", quotient, self.like(x, 1))
            quotient = self.choose(self._floors_down(rest, y), lower, quotient)
        return self.choose(self._is_zero(y), self.like(x, 0), quotient)

    def integer_remainder(self, x: Value, y: Value) -> Value:
        """x - floor(x / y) * y; 0 where y is 0."""
        _, rest = self._divide(x, y)
        if x.dtype.kind == "i":
            rest = self.choose(self._floors_down(rest, y), self.binary("add", rest, y), rest)
        return self.choose(self._is_zero(y), self.like(x, 0), rest)

    def integer_fmod(self, x: Value, y: Value) -> Value:
        """The remainder of truncating division, with x's sign; 0 where y is 0."""
        _, rest = self._divide(x, y)
        return self.choose(self._is_zero(y), self.like(x, 0), rest)

    def _divide(self, x: Value, y: Value) -> tuple[Value, Value]:
        """Truncating quotient and rest, with y replaced by 1 where the division would trap."""
        traps = self._is_zero(y)
        if x.dtype.kind == "i":
            lowest = self.eq(x, self.like(x, -(1 << (x.dtype.bits - 1))))
            traps = self.bitor(traps, self.bitand(lowest, self.eq(y, self.like(y, -1))))
        divisor = self.choose(traps, self.like(y, 1), y)
        quotient = self.binary("sdiv" if x.dtype.kind == "i" else "udiv", x, divisor)
        return quotient, self.binary("sub", x, self.binary("mul", quotient, divisor))

    def _floors_down(self, rest: Value, y: Value) -> Value:
        """Whether truncation rounded up: a rest of the other sign than y's."""
        differ = self.lt(self.bitxor(rest, y), self.like(y, 0))
        return self.bitand(self.bitnot(self._is_zero(rest)), differ)

    def _is_zero(self, x: Value) -> Value:
        return self.compare("icmp eq", x, self.like(x, 0))
