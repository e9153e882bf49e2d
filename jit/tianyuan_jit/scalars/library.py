"""The elementary functions as functions of a module: for linking, or inside the module that needs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tianyuan.types import DType, float32, float64
from tianyuan_jit import text as llvm
from tianyuan_jit.scalars import (
    division,
    exponential,
    fused,
    hyperbolic,
    logarithm,
)
from tianyuan_jit.scalars.lanes import Lanes, symbol_of
from tianyuan_jit.scalars.values import Value

FUNCTIONS: dict[str, tuple[int, Callable[..., Value]]] = {
    "fma": (3, fused.fma),
    "fmod": (2, division.fmod),
    "exp": (1, exponential.exp),
    "exp2": (1, exponential.exp2),
    "expm1": (1, exponential.expm1),
    "logistic": (1, exponential.logistic),
    "log": (1, logarithm.log),
    "tanh": (1, hyperbolic.tanh),
}
"""Name to number of arguments and program; fma only serves targets without the instruction."""


class SelfContained(Lanes):
    """Lanes that put the definition of every function they call into the same module."""

    linkage = "internal "

    def provide(self, name: str, dtype: DType, arity: int) -> str:
        """Define the function here unless it is; gives its symbol."""
        symbol = symbol_of(name, dtype, self.lanes)
        if not self.function.module.has(symbol):
            self._define(symbol, name, dtype)
        return symbol

    def _define(self, symbol: str, name: str, dtype: DType) -> None:
        arity, program = FUNCTIONS[name]
        inner = type(self)(llvm.Function(self.function.module), self.lanes, self.target, self.has_fma)
        args = [Value(f"%x{i}", dtype) for i in range(arity)]
        result, kind = program(inner, *args), self.type_of(dtype)
        params = ", ".join(f"{kind} {a.operand}" for a in args)
        signature = f"{self.linkage}{kind} @{symbol}({params})"
        inner.function.finish(signature, f"{kind} {result.operand}")


class _Exported(SelfContained):
    linkage = ""


def names(has_fma: bool = True) -> tuple[str, ...]:
    """The functions of the library (fma only where the target lacks the instruction)."""
    return tuple(name for name in FUNCTIONS if name != "fma" or not has_fma)


def text(lanes_by_dtype: Mapping[DType, int], target: str, has_fma: bool = True) -> str:
    """LLVM text of every function in f32 and f64, at the given widths and at one lane.

    Symbols are ``symbol_of(name, dtype, lanes)``, with external linkage.
    """
    module = llvm.Module()
    for dtype in (float32, float64):
        for lanes in sorted({1, lanes_by_dtype[dtype]}):
            emitter: Any = _Exported(llvm.Function(module), lanes, target, has_fma)
            for name in names(has_fma):
                emitter.provide(name, dtype, FUNCTIONS[name][0])
    return module.text()
