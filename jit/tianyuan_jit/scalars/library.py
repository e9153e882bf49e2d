"""The elementary functions by name, and their definition inside the module that needs them."""

from __future__ import annotations

from collections.abc import Callable

from tianyuan.types import DType
from tianyuan_jit import text as llvm
from tianyuan_jit.scalars import (
    division,
    error_functions,
    exponential,
    fused,
    gamma_functions,
    hyperbolic,
    inverse_hyperbolic,
    inverse_trigonometric,
    logarithm,
    powers,
    roots,
    trigonometric,
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
    "log2": (1, logarithm.log2),
    "log10": (1, logarithm.log10),
    "log1p": (1, logarithm.log1p),
    "tanh": (1, hyperbolic.tanh),
    "sin": (1, trigonometric.sin),
    "cos": (1, trigonometric.cos),
    "tan": (1, trigonometric.tan),
    "asin": (1, inverse_trigonometric.asin),
    "acos": (1, inverse_trigonometric.acos),
    "atan": (1, inverse_trigonometric.atan),
    "atan2": (2, inverse_trigonometric.atan2),
    "sinh": (1, hyperbolic.sinh),
    "cosh": (1, hyperbolic.cosh),
    "asinh": (1, inverse_hyperbolic.asinh),
    "acosh": (1, inverse_hyperbolic.acosh),
    "atanh": (1, inverse_hyperbolic.atanh),
    "pow": (2, powers.pow),
    "rsqrt": (1, roots.rsqrt),
    "cbrt": (1, roots.cbrt),
    "erf": (1, error_functions.erf),
    "erfc": (1, error_functions.erfc),
    "erfinv": (1, error_functions.erfinv),
    "lgamma": (1, gamma_functions.lgamma),
    "digamma": (1, gamma_functions.digamma),
}
"""Name to number of arguments and program; fma only serves targets without the instruction."""


def define(k: Lanes, name: str, dtype: DType, linkage: str = "") -> str:
    """Define a function in the module of ``k``, for its lanes and target; gives its symbol."""
    arity, program = FUNCTIONS[name]
    args = [Value(f"%x{i}", dtype) for i in range(arity)]
    result, kind, symbol = program(k, *args), k.type_of(dtype), symbol_of(name, dtype, k.lanes)
    params = ", ".join(f"{kind} {a.operand}" for a in args)
    k.function.finish(f"{linkage}{kind} @{symbol}({params})", f"{kind} {result.operand}")
    return symbol


class SelfContained(Lanes):
    """Lanes that put the definition of every function they call into the same module."""

    linkage = "internal "

    def provide(self, name: str, dtype: DType, arity: int) -> str:
        """Define the function here unless it is; gives its symbol."""
        symbol = symbol_of(name, dtype, self.lanes)
        if not self.function.module.has(symbol):
            inner = type(self)(llvm.Function(self.function.module), self.lanes, self.target, self.has_fma)
            define(inner, name, dtype, self.linkage)
        return symbol
