"""LLVM IR as plain text: modules, functions, structured loops.

Text is ten times faster to make than an object model of it (docs/design.md). Operands are strings;
integers stay Python ints as long as they are known, so that address arithmetic folds by itself:
``Extent = int | str``.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

Extent = int | str


class Module:
    """Declarations, constants and functions under way, by name; ``text()`` is the module."""

    def __init__(self) -> None:
        self._pieces: dict[str, str] = {}

    def declare(self, signature: str) -> None:
        """Add an external declaration, e.g. ``double @llvm.fma.f64(double, double, double)``, once."""
        self._pieces.setdefault(signature, f"declare {signature}")

    def define(self, name: str, text: str) -> None:
        """Add a function or global under its name; a second definition of one name is ignored."""
        self._pieces.setdefault("define " + name, text)

    def has(self, name: str) -> bool:
        """Whether ``name`` has been defined."""
        return "define " + name in self._pieces

    def text(self) -> str:
        """The whole module."""
        return "\n".join(self._pieces.values()) + "\n"


class Function:
    """One function's text. ``op`` appends an instruction and returns its name."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.block = "entry"
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._count = 0

    def fresh(self, stem: str = "v") -> str:
        """A new local name, without its sigil."""
        self._count += 1
        return f"{stem}{self._count}"

    def op(self, expression: str) -> str:
        """Append ``%new = expression`` and return ``%new``."""
        name = "%" + self.fresh()
        self._lines.append(f"  {name} = {expression}")
        return name

    def do(self, instruction: str) -> None:
        """Append an instruction without a result."""
        self._lines.append("  " + instruction)

    def intrinsic(self, result: str, name: str, *args: str) -> str:
        """Call ``@name`` on typed operands (``"double %x"``), declaring it by their types."""
        types = ", ".join(a.rsplit(" ", 1)[0] for a in args)
        self.module.declare(f"{result} @{name}({types})")
        return self.op(f"call {result} @{name}({', '.join(args)})")

    def alloca(self, kind: str, align: int = 64) -> str:
        """Stack space, always in the entry block."""
        name = "%" + self.fresh("s")
        self._allocas.append(f"  {name} = alloca {kind}, align {align}")
        return name

    def label(self, name: str) -> None:
        """Start block ``name``."""
        self._lines.append(name + ":")
        self.block = name

    def jump(self, name: str) -> None:
        """Branch to ``name``."""
        self.do(f"br label %{name}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        """Branch on an i1."""
        self.do(f"br i1 {condition}, label %{yes}, label %{no}")

    def slot(self) -> int:
        """Reserve a line to be filled later by ``fill`` (for phis)."""
        self._lines.append("")
        return len(self._lines) - 1

    def fill(self, slot: int, line: str) -> None:
        """Fill a reserved line."""
        self._lines[slot] = "  " + line

    # i64 arithmetic that folds
    def iadd(self, x: Extent, y: Extent) -> Extent:
        """x + y."""
        if isinstance(x, int) and isinstance(y, int):
            return x + y
        if x == 0:
            return y
        return x if y == 0 else self.op(f"add i64 {x}, {y}")

    def isub(self, x: Extent, y: Extent) -> Extent:
        """x - y."""
        if isinstance(x, int) and isinstance(y, int):
            return x - y
        return x if y == 0 else self.op(f"sub i64 {x}, {y}")

    def imul(self, x: Extent, y: Extent) -> Extent:
        """x * y."""
        if isinstance(x, int) and isinstance(y, int):
            return x * y
        if x == 0 or y == 0:
            return 0
        if x == 1:
            return y
        return x if y == 1 else self.op(f"mul i64 {x}, {y}")

    def idiv(self, x: Extent, y: Extent) -> Extent:
        """x / y, both non-negative."""
        if isinstance(x, int) and isinstance(y, int):
            return x // y
        return x if y == 1 else self.op(f"udiv i64 {x}, {y}")

    def irem(self, x: Extent, y: Extent) -> Extent:
        """x mod y, both non-negative."""
        if isinstance(x, int) and isinstance(y, int):
            return x % y
        return 0 if y == 1 else self.op(f"urem i64 {x}, {y}")

    def imin(self, x: Extent, y: Extent) -> Extent:
        """The smaller, signed."""
        if isinstance(x, int) and isinstance(y, int):
            return min(x, y)
        return self.intrinsic("i64", "llvm.smin.i64", f"i64 {x}", f"i64 {y}")

    def imax(self, x: Extent, y: Extent) -> Extent:
        """The larger, signed."""
        if isinstance(x, int) and isinstance(y, int):
            return max(x, y)
        return self.intrinsic("i64", "llvm.smax.i64", f"i64 {x}", f"i64 {y}")

    def gep(self, pointer: str, offset: Extent) -> str:
        """``pointer`` plus ``offset`` bytes."""
        return pointer if offset == 0 else self.op(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    @contextmanager
    def loop(self, start: Extent, stop: Extent, step: Extent = 1) -> Generator[str]:
        """``for i in range(start, stop, step)`` over i64 (zero or more times); yields ``i``."""
        head, body, end = self.fresh("head"), self.fresh("body"), self.fresh("end")
        i, following, before = "%" + self.fresh("i"), "%" + self.fresh("n"), self.block
        self.jump(head)
        self.label(head)
        phi = self.slot()
        self.branch(self.op(f"icmp slt i64 {i}, {stop}"), body, end)
        self.label(body)
        yield i
        self.do(f"{following} = add nsw i64 {i}, {step}")
        self.fill(phi, f"{i} = phi i64 [ {start}, %{before} ], [ {following}, %{self.block} ]")
        self.jump(head)
        self.label(end)

    @contextmanager
    def when(self, condition: str) -> Generator[None]:
        """``if condition:`` without values."""
        yes, end = self.fresh("then"), self.fresh("end")
        self.branch(condition, yes, end)
        self.label(yes)
        yield
        self.jump(end)
        self.label(end)

    def finish(self, signature: str, result: str = "void", attributes: str = "nounwind") -> None:
        """Define the function in its module: ``signature`` is e.g. ``internal void @f(ptr %x)``."""
        self.do(f"ret {result}")
        name = signature.split("@", 1)[1].split("(", 1)[0]
        lines = ["entry:", *self._allocas, *self._lines]
        self.module.define(name, f"define {signature} {attributes} {{\n" + "\n".join(lines) + "\n}")
