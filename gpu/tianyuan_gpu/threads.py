"""Where a thread stands in its grid, and what the sixteen threads of a row tell each other.

Names of the intrinsics as in LLVM's NVPTX usage guide; shuffles as in the PTX ISA, *shfl.sync*.
"""

from __future__ import annotations

from tianyuan.types import COMPLEX, DType, real_dtype
from tianyuan_jit.emission.folding import LANES
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value, element_type
from tianyuan_jit.text import Extent

_SEGMENT = (32 - LANES) << 8  # shuffles stay within sixteen lanes
_REGISTERS = "llvm.nvvm.read.ptx.sreg"


class Threads:
    """Of the function that ``k`` appends to."""

    def __init__(self, k: Lanes) -> None:
        self.k, self.f = k, k.function

    def register(self, name: str) -> str:
        """A special register, as an i64."""
        return self.f.op(f"zext i32 {self.f.intrinsic('i32', f'{_REGISTERS}.{name}')} to i64")

    def first(self) -> Extent:
        """This thread's number in the grid."""
        f = self.f
        return f.iadd(f.imul(self.register("ctaid.x"), self.register("ntid.x")), self.register("tid.x"))

    def count(self) -> Extent:
        """Threads of the grid."""
        return self.f.imul(self.register("nctaid.x"), self.register("ntid.x"))

    def lane(self) -> Extent:
        """This thread's number in its row."""
        return self.f.op(f"and i64 {self.register('tid.x')}, {LANES - 1}")

    def half(self) -> Extent:
        """Which of the two rows of its warp this thread works on."""
        thread = self.register("tid.x")
        return self.f.op(f"and i64 {self.f.op(f'lshr i64 {thread}, 4')}, 1")

    def down(self, value: Value, by: int) -> Value:
        """The value ``by`` lanes further on; lanes past the end keep their own."""
        return self._each_word(value, "down", by, _SEGMENT | 31)

    def of_first(self, value: Value) -> Value:
        """The value of lane 0."""
        return self._each_word(value, "idx", 0, _SEGMENT | 31)

    def _each_word(self, value: Value, mode: str, by: int, clamp: int) -> Value:
        dtype = value.dtype
        if dtype in COMPLEX:
            part = real_dtype(dtype)
            halves = (Value(p, part) for p in (value.operand, value.imaginary))
            re, im = (self._each_word(h, mode, by, clamp) for h in halves)
            return Value(re.operand, dtype, im.operand)
        words = self._to_words(value)
        moved = [
            self.f.intrinsic(
                "i32", f"llvm.nvvm.shfl.sync.{mode}.i32", "i32 -1", f"i32 {w}", f"i32 {by}", f"i32 {clamp}"
            )
            for w in words
        ]
        return self._from_words(moved, dtype)

    def _to_words(self, value: Value) -> list[str]:
        """The register as words of 32 bits, the low one first."""
        f, kind = self.f, element_type(value.dtype)
        if kind == "float":
            return [f.op(f"bitcast float {value.operand} to i32")]
        if kind in ("double", "i64"):
            wide = f.op(f"bitcast double {value.operand} to i64") if kind == "double" else value.operand
            return [f.op(f"trunc i64 {w} to i32") for w in (wide, f.op(f"lshr i64 {wide}, 32"))]
        return [value.operand if kind == "i32" else f.op(f"zext {kind} {value.operand} to i32")]

    def _from_words(self, words: list[str], dtype: DType) -> Value:
        f, kind = self.f, element_type(dtype)
        if kind == "float":
            return Value(f.op(f"bitcast i32 {words[0]} to float"), dtype)
        if kind in ("double", "i64"):
            low, high = (f.op(f"zext i32 {w} to i64") for w in words)
            wide = f.op(f"or i64 {low}, {f.op(f'shl i64 {high}, 32')}")
            return Value(f.op(f"bitcast i64 {wide} to double") if kind == "double" else wide, dtype)
        return Value(words[0] if kind == "i32" else f.op(f"trunc i32 {words[0]} to {kind}"), dtype)
