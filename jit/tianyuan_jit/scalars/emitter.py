"""Instructions, constants and control flow over lanes: the ground floor of the scalar machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianyuan.types import COMPLEX, DType, bool_, real_dtype
from tianyuan_jit import text
from tianyuan_jit.scalars.values import Number, Value, element_type, literal, rounded

_SUFFIX = {"float": "f32", "double": "f64"}


class Emitter:
    """Appends instructions on ``lanes`` elements to a function.

    lanes: 1 for plain scalars, else the vector width. target: the architecture, ``x86_64``, ``aarch64`` or
    ``nvptx64``. has_fma: whether the target has fused multiply-add (every such x86 CPU also converts f16).
    """

    def __init__(self, function: text.Function, lanes: int, target: str, has_fma: bool = True) -> None:
        self.function = function
        self.lanes = lanes
        self.target = target
        self.has_fma = has_fma

    # Types
    def vector(self, element: str) -> str:
        """The LLVM type of ``lanes`` elements."""
        return element if self.lanes == 1 else f"<{self.lanes} x {element}>"

    def type_of(self, dtype: DType) -> str:
        """The LLVM type of a value (of one part, for complex dtypes)."""
        return self.vector(element_type(dtype))

    def dtype(self, x: Value) -> DType:
        """The dtype of a value."""
        return x.dtype

    # Constants
    def const(self, value: Number, dtype: DType) -> Value:
        """A constant: floats rounded once, integers wrapped."""
        if dtype in COMPLEX:
            parts = complex(value)
            re, im = (self.const(p, real_dtype(dtype)) for p in (parts.real, parts.imag))
            return Value(re.operand, dtype, im.operand)
        assert not isinstance(value, complex)
        number = rounded(value, dtype) if dtype.kind == "f" else value
        return Value(self.splat(literal(number, dtype), element_type(dtype)), dtype, constant=number)

    def like(self, x: Value, value: float | int | bool) -> Value:
        """A constant of x's dtype."""
        return self.const(value, x.dtype)

    def splat(self, element: str, kind: str) -> str:
        """One literal in every lane."""
        return element if self.lanes == 1 else f"splat ({kind} {element})"

    # Instructions
    def instruction(self, expression: str, dtype: DType) -> Value:
        """Append ``expression``; its result has ``dtype``."""
        return Value(self.function.op(expression), dtype)

    def binary(self, opcode: str, x: Value, y: Value) -> Value:
        """``opcode`` on two values of one dtype."""
        return self.instruction(f"{opcode} {self.type_of(x.dtype)} {x.operand}, {y.operand}", x.dtype)

    def compare(self, predicate: str, x: Value, y: Value) -> Value:
        """``icmp`` or ``fcmp`` with its predicate, on two values of one dtype."""
        return self.instruction(f"{predicate} {self.type_of(x.dtype)} {x.operand}, {y.operand}", bool_)

    def cast(self, opcode: str, x: Value, dtype: DType) -> Value:
        """A conversion instruction from x's register type to that of ``dtype``."""
        source, target = self.type_of(x.dtype), self.type_of(dtype)
        return self.instruction(f"{opcode} {source} {x.operand} to {target}", dtype)

    def intrinsic(self, name: str, *args: Value, dtype: DType | None = None, extra: str = "") -> Value:
        """``@llvm.<name>``, overloaded on the arguments (and on a different result dtype where given)."""
        kind = self.type_of(args[0].dtype)
        result = kind if dtype is None else self.type_of(dtype)
        overloads = [element_type(a) for a in ([args[0].dtype] if dtype is None else [dtype, args[0].dtype])]
        suffix = "".join("." + self._suffix(e) for e in overloads)
        types = ", ".join([kind] * len(args) + (["i1"] if extra else []))
        operands = ", ".join([f"{kind} {a.operand}" for a in args] + ([f"i1 {extra}"] if extra else []))
        self.function.module.declare(f"{result} @llvm.{name}{suffix}({types})")
        return self.instruction(f"call {result} @llvm.{name}{suffix}({operands})", dtype or args[0].dtype)

    def _suffix(self, element: str) -> str:
        short = _SUFFIX.get(element, element)
        return short if self.lanes == 1 else f"v{self.lanes}{short}"

    def choose(self, condition: Value, x: Value, y: Value) -> Value:
        """x where the condition holds, else y; real dtypes."""
        kind, flag = self.type_of(x.dtype), self.vector("i1")
        expression = f"select {flag} {condition.operand}, {kind} {x.operand}, {kind} {y.operand}"
        return self.instruction(expression, x.dtype)

    def raw_bits(self, x: Value, dtype: DType) -> Value:
        """The register's bits under another dtype of the same register width, NaNs as they are."""
        return self.cast("bitcast", x, dtype)

    def lookup(self, table: str, values: Sequence[float | int], index: Value, dtype: DType) -> Value:
        """``values[index]``, from a constant array named ``table``; the index (an i32 or i64) is in range."""
        module, element = self.function.module, element_type(dtype)
        exact = [rounded(v, dtype) if dtype.kind == "f" else v for v in values]
        words = ", ".join(f"{element} {literal(v, dtype)}" for v in exact)
        module.define(table, f"@{table} = private constant [{len(values)} x {element}] [{words}], align 64")
        kind, indices = self.type_of(dtype), f"{self.type_of(index.dtype)} {index.operand}"
        pointers = self.function.op(f"getelementptr {element}, ptr @{table}, {indices}")
        if self.lanes == 1:
            return self.instruction(f"load {element}, ptr {pointers}", dtype)
        name = f"llvm.masked.gather.{self._suffix(element)}.v{self.lanes}p0"
        flags, places = self.vector("i1"), self.vector("ptr")
        module.declare(f"{kind} @{name}({places}, {flags}, {kind})")
        align = dtype.itemsize
        mask = f"{flags} splat (i1 true)"
        return self.instruction(f"call {kind} @{name}({places} align {align} {pointers}, {mask}, {kind} undef)", dtype)

    # Control flow. Every lane's result is chosen by its own condition, so that neighbours change no bit.
    def anywhere(self, condition: Value) -> str:
        """An i1: whether the condition holds in any lane."""
        if self.lanes == 1:
            return condition.operand
        flags = self.vector("i1")
        name = f"llvm.vector.reduce.or.v{self.lanes}i1"
        self.function.module.declare(f"i1 @{name}({flags})")
        return self.function.op(f"call i1 @{name}({flags} {condition.operand})")

    def patch(self, condition: Value, usual: Sequence[Value], rare: Callable[[], Sequence[Value]]) -> tuple[Value, ...]:
        """``rare()`` in the lanes where the condition holds, else ``usual``; computed only if any does."""
        f = self.function
        yes, end, before = f.fresh("rare"), f.fresh("end"), f.block
        f.branch(self.anywhere(condition), yes, end)
        f.label(yes)
        chosen = [self.choose(condition, r, u) for r, u in zip(rare(), usual, strict=True)]
        after = f.block
        f.jump(end)
        f.label(end)
        return tuple(self._phi(u, before, c, after) for u, c in zip(usual, chosen, strict=True))

    def _phi(self, x: Value, x_block: str, y: Value, y_block: str) -> Value:
        kind = self.type_of(x.dtype)
        return self.instruction(f"phi {kind} [ {x.operand}, %{x_block} ], [ {y.operand}, %{y_block} ]", x.dtype)

    def repeat(
        self,
        state: Sequence[Value],
        unfinished: Callable[..., Value],
        step: Callable[..., Sequence[Value]],
    ) -> tuple[Value, ...]:
        """``while unfinished(*state): state = step(*state)``, lane by lane."""
        f = self.function
        head, body, end, before = f.fresh("head"), f.fresh("body"), f.fresh("end"), f.block
        f.jump(head)
        f.label(head)
        slots = [f.slot() for _ in state]
        current = [Value("%" + f.fresh("p"), s.dtype) for s in state]
        going = unfinished(*current)
        f.branch(self.anywhere(going), body, end)
        f.label(body)
        following = [self.choose(going, n, c) for n, c in zip(step(*current), current, strict=True)]
        for slot, now, first, then in zip(slots, current, state, following, strict=True):
            edges = f"[ {first.operand}, %{before} ], [ {then.operand}, %{f.block} ]"
            f.fill(slot, f"{now.operand} = phi {self.type_of(now.dtype)} {edges}")
        f.jump(head)
        f.label(end)
        return tuple(current)
