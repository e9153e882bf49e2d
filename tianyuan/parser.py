"""``parse``, the inverse of ``str(program)``: the grammar is that of ``program.py``. Nothing is evaluated.

    value = int | float | "nan" | "inf" | "true" | "false" | (float,float)         of a literal, by its dtype
    field = int | float | str | True | False | None | dtype | type | program | (field, ...)

A comment goes from ``;`` to the end of the line. Primitives are looked up by name in the registry.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from attrs import frozen

from tianyuan.core import REGISTRY, Prim
from tianyuan.errors import ArrayTypeError, ParseError
from tianyuan.program import Atom, Eqn, Lit, Program, Var
from tianyuan.types import ArrayType, DType, dtype_of_name

T = TypeVar("T")

_TOKENS = re.compile(
    r"""(?P<space>\s+|;[^\n]*)|(?P<var>%\d+)|(?P<number>-?(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|inf\b|nan\b))
    |(?P<word>[A-Za-z_]\w*)|(?P<string>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|(?P<mark>->|[](){}[,:=*])""",
    re.VERBOSE,
)
_CONSTANTS: dict[str, Any] = {"True": True, "False": False, "None": None}


@frozen
class Token:
    """A piece of the text: its kind (``var number word string mark end``), and where it starts."""

    kind: str
    text: str
    start: int


def parse(text: str) -> Program:
    """The Program that prints as ``text``. Raises ParseError with line, column and the faulty line.

    Invariants beyond the grammar (types, order of binding) are those of ``program.verify``.
    """
    parser = _Parser(text)
    program = parser.program()
    if parser.token.kind != "end":
        raise parser.fault(f"expected the end of the text after the program, got {parser.token.text!r}")
    return program


def tokens(text: str) -> list[Token]:
    """The pieces of a text, the last of kind ``end``."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise fault(text, at, f"{text[at]!r} starts nothing that a program can hold")
        if match.lastgroup != "space":
            found.append(Token(match.lastgroup or "", match[0], at))
        at = match.end()
    return [*found, Token("end", "the end of the text", len(text))]


def fault(text: str, at: int, message: str) -> ParseError:
    """The error at a place, with its line and a caret under the column."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    shown = text.split("\n")[line - 1]
    return ParseError(f"line {line}, column {column}: {message}\n  {shown}\n  {' ' * (column - 1)}^")


class _Parser:
    """Recursive descent: one method for each rule of the grammar, each starting at ``self.token``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.bound: dict[str, Var] = {}

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def fault(self, message: str, token: Token | None = None) -> ParseError:
        return fault(self.text, (token or self.token).start, message)

    def take(self, kind: str, what: str) -> str:
        """The next token's text, which must be of a kind."""
        if self.token.kind != kind:
            raise self.fault(f"expected {what}, got {self.token.text!r}")
        self.at += 1
        return self.tokens[self.at - 1].text

    def sees(self, text: str) -> bool:
        """Whether the next token is this mark or word."""
        return self.token.text == text and self.token.kind in ("mark", "word")

    def skip(self, text: str) -> bool:
        """Pass over this mark or word, if it comes next."""
        seen = self.sees(text)
        self.at += seen
        return seen

    def need(self, text: str) -> None:
        """Pass over this mark or word, which must come next."""
        if not self.skip(text):
            raise self.fault(f"expected {text!r}, got {self.token.text!r}")

    def listed(self, item: Callable[[], T], opening: str, closing: str) -> list[T]:
        """``opening item, item, ... closing``; a comma may stand behind the last."""
        self.need(opening)
        items: list[T] = []
        while not self.skip(closing):
            items.append(item())
            if not self.sees(closing):
                self.need(",")
        return items

    # ---- programs

    def program(self) -> Program:
        outer, self.bound = self.bound, {}
        self.need("program")
        params = self.listed(self.binder, "(", ")")
        self.need("->")
        start = self.token
        promised = self.listed(self.type, "(", ")")
        self.need("{")
        eqns: list[Eqn] = []
        while not self.skip("return"):
            eqns.append(self.eqn())
        results = self.atoms()
        self.need("}")
        if promised != [r.type for r in results]:
            given = ", ".join(str(r.type) for r in results)
            raise self.fault(f"the program promises ({', '.join(map(str, promised))}), but returns ({given})", start)
        self.bound = outer
        return Program(tuple(params), tuple(eqns), tuple(results))

    def binder(self) -> Var:
        token = self.token
        name = self.take("var", "a variable like %0")
        self.need(":")
        var = Var(int(name[1:]), self.type())
        if name in self.bound:
            raise self.fault(f"{name} is bound already", token)
        self.bound[name] = var
        return var

    def eqn(self) -> Eqn:
        outs: list[Var] = []
        while self.token.kind == "var":
            outs.append(self.binder())
            if not self.skip(","):
                break
        if outs:
            self.need("=")
        later = {f"%{v.id}": self.bound.pop(f"%{v.id}") for v in outs}  # an equation does not see its own results
        prim = self.primitive()
        args = self.atoms()
        self.bound.update(later)
        return Eqn(tuple(outs), prim, tuple(args))

    def primitive(self) -> Prim:
        token = self.token
        name = self.take("word", "a primitive or 'return'")
        found = REGISTRY.get(name)
        if found is None:
            close = difflib.get_close_matches(name, REGISTRY, 1)
            raise self.fault(f"no primitive is called {name!r}" + (f"; {close[0]!r} is" if close else ""), token)
        given = dict(self.listed(self.field, "[", "]")) if self.sees("[") else {}
        try:
            return found(**given)
        except TypeError as error:
            raise self.fault(f"{name}: {str(error).rpartition('__init__() ')[2]}", token) from None

    def field(self) -> tuple[str, Any]:
        name = self.take("word", "a field's name")
        self.need("=")
        return name, self.value()

    def value(self) -> Any:
        """A field's value."""
        kind, text = self.token.kind, self.token.text
        if self.sees("("):
            return tuple(self.listed(self.value, "(", ")"))
        if self.sees("program"):
            return self.program()
        if kind == "word" and text not in _CONSTANTS:
            return self.dtype_or_type()
        if kind not in ("word", "number", "string"):
            raise self.fault(f"expected a field's value, got {text!r}")
        self.at += 1
        if kind == "word":
            return _CONSTANTS[text]
        if kind == "string":
            return ast.literal_eval(text)
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)

    # ---- types and atoms

    def dtype(self) -> DType:
        token = self.token
        try:
            return dtype_of_name(self.take("word", "a dtype like f32"))
        except ArrayTypeError as error:
            raise self.fault(str(error), token) from None

    def type(self) -> ArrayType:
        dtype = self.dtype()
        return self.shaped(dtype)

    def shaped(self, dtype: DType) -> ArrayType:
        weak = self.skip("*")
        return ArrayType(dtype, tuple(self.listed(self.extent, "[", "]")), weak)

    def extent(self) -> int:
        token = self.token
        text = self.take("number", "an extent")
        if not text.isdigit():
            raise self.fault(f"an extent is a number from 0, got {text}", token)
        return int(text)

    def dtype_or_type(self) -> DType | ArrayType:
        dtype = self.dtype()
        return self.shaped(dtype) if self.sees("[") or self.sees("*") else dtype

    def atoms(self) -> list[Atom]:
        """Atoms with commas between them, or none."""
        found: list[Atom] = []
        while self.at_atom():
            found.append(self.atom())
            if not self.skip(","):
                break
        return found

    def at_atom(self) -> bool:
        """Whether an atom comes next; a variable before a colon is the binder of the next equation."""
        if self.token.kind == "var":
            return self.tokens[self.at + 1].text != ":"
        return self.token.kind == "number" or any(map(self.sees, ("true", "false", "(")))

    def atom(self) -> Atom:
        token = self.token
        if token.kind != "var":
            return self.literal()
        self.at += 1
        if token.text not in self.bound:
            raise self.fault(f"{token.text} is used before it is bound", token)
        return self.bound[token.text]

    def literal(self) -> Lit:
        token = self.token
        parts = self.listed(self.number, "(", ")") if self.sees("(") else [self.number()]
        self.need(":")
        dtype = self.dtype()
        weak = self.skip("*")
        try:
            value = number(parts, dtype)
        except (ValueError, OverflowError):
            shown = f"({','.join(parts)})" if len(parts) > 1 else parts[0]
            raise self.fault(f"{shown} is not a number of {dtype}", token) from None
        return Lit(np.asarray(value, dtype.numpy).tobytes(), ArrayType(dtype, (), weak))

    def number(self) -> str:
        if self.sees("true") or self.sees("false"):
            self.at += 1
            return self.tokens[self.at - 1].text
        return self.take("number", "a number")


# ---- numbers


def number(parts: list[str], dtype: DType) -> Any:
    """The value of a literal's text, as a NumPy scalar; ValueError or OverflowError where it is not of the dtype."""
    if len(parts) != 1 + (dtype.kind == "c"):
        raise ValueError(parts)
    if dtype.kind == "c":
        real = np.dtype(f"f{dtype.itemsize // 2}")
        value = np.zeros((), dtype.numpy)
        value.real, value.imag = (_rounded(p, real.type) for p in parts)
        return value
    (text,) = parts
    if dtype.kind == "b":
        return {"true": True, "false": False}[text] if text in ("true", "false") else _refuse(text)
    if dtype.kind in "iuk":
        return np.array(int(text), dtype.numpy)
    if dtype.name == "bfloat16":  # printed as the f32 it is
        return np.float32(_rounded(text, np.float32)).astype(dtype.numpy)
    return _rounded(text, dtype.numpy.type)


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _rounded(text: str, kind: Any) -> Any:
    """The number of a NumPy float type nearest to a decimal text: rounded once, not through f64."""
    near = kind(float(text))
    if kind is np.float64 or not np.isfinite(near) or near == 0:
        return near
    exact = Fraction(text)
    with np.errstate(all="ignore"):
        around = [near, np.nextafter(near, kind(np.inf)), np.nextafter(near, kind(-np.inf))]
    return min((c for c in around if np.isfinite(c)), key=lambda c: abs(Fraction(float(c)) - exact))
