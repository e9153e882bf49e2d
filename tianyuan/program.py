"""The typed IR: ``Var Lit Eqn Program``, A-normal form, closed, immutable.

    program   = "program" "(" binders ")" "->" "(" types ")" "{" eqn* "return" atoms "}"
    eqn       = binders "=" primitive fields atoms        binder = %n: type
    atom      = %n | value:type                            fields = [name=value, ...] or nothing

Ids count up from 0 in binding order, so equality is alpha-equivalence and the digest keys the caches.
``Eqn.source``, the user's line, is neither compared nor hashed nor printed (unless asked).

``verify`` checks the invariants: params, then each equation's results, bind 0, 1, 2, ... once each; an
argument is a literal or bound before with the very type it was bound with; a literal is 0-d; every
equation's results have the types that its primitive's rule gives; nested programs are verified too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import define, evolve, field, fields, frozen

from tianyuan.core import Prim
from tianyuan.errors import TianyuanError, VerificationError
from tianyuan.sources import Source
from tianyuan.types import ArrayType, DType


@frozen(cache_hash=True)
class Var:
    """A variable, by number in binding order."""

    id: int
    type: ArrayType

    def __str__(self) -> str:
        return f"%{self.id}"


@frozen
class Lit:
    """A scalar constant: ``bits`` are its little-endian bytes, so that equality is equality of bits."""

    bits: bytes
    type: ArrayType

    @property
    def value(self) -> Any:
        """The value as a NumPy scalar."""
        return np.frombuffer(self.bits, self.type.dtype.numpy)[0]

    def __str__(self) -> str:
        return f"{number_text(self.value, self.type.dtype)}:{self.type.dtype.short}{'*' * self.type.weak}"


Atom = Var | Lit


@frozen
class Eqn:
    """``outs = prim args``."""

    outs: tuple[Var, ...]
    prim: Prim
    args: tuple[Atom, ...]
    source: Source | None = field(default=None, eq=False, repr=False)


@define(frozen=True, slots=False, eq=True, hash=False)
class Program:
    """A closed function from arrays to arrays."""

    params: tuple[Var, ...]
    eqns: tuple[Eqn, ...]
    results: tuple[Atom, ...]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.params, self.eqns, self.results))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the text, which identifies the program."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    @property
    def in_types(self) -> tuple[ArrayType, ...]:
        """Types of the params."""
        return tuple(p.type for p in self.params)

    @property
    def out_types(self) -> tuple[ArrayType, ...]:
        """Types of the results."""
        return tuple(r.type for r in self.results)

    @cached_property
    def effects(self) -> frozenset[str]:
        """The effects of all equations."""
        return frozenset[str]().union(*(e.prim.effects() for e in self.eqns))

    def __str__(self) -> str:
        return "\n".join(lines(self))

    def text(self, sources: bool = False, names: Sequence[str] = ()) -> str:
        """The program's text. If asked, with the user's line behind the first equation made by it.

        ``names`` are the user's words for the params. Both are comments: the text parses back.
        """
        head, *rest = lines(self, sources=sources)
        known = [f"  ; {p}: {name}" for p, name in zip(self.params, names, strict=False)]
        return "\n".join([head, *known, *rest])

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        """Run on arrays under the current interpreter; results in order."""
        return tuple(evaluate(self, args))


def evaluate(program: Program, args: Sequence[Any]) -> list[Any]:
    """Apply a program equation by equation under the current interpreter."""
    if len(args) != len(program.params):
        raise VerificationError(f"the program takes {len(program.params)} arrays, got {len(args)}")
    env = dict(zip((p.id for p in program.params), args, strict=True))
    remaining = last_uses(program)
    for i, eqn in enumerate(program.eqns):
        values = [literal(a) if isinstance(a, Lit) else env[a.id] for a in eqn.args]
        with_source = REPLAY["bind"](eqn, values)
        env.update(zip((v.id for v in eqn.outs), with_source, strict=True))
        for dead in remaining.get(i, ()):
            env.pop(dead, None)
    return [literal(r) if isinstance(r, Lit) else env[r.id] for r in program.results]


REPLAY: dict[str, Any] = {}  # how to bind an equation and make a literal's array: installed by eager.py


def literal(lit: Lit) -> Any:
    """The 0-d array of a literal."""
    return REPLAY["literal"](lit)


def last_uses(program: Program) -> dict[int, list[int]]:
    """For each equation's index, the variables that are not needed after it."""
    last: dict[int, int] = {}
    for i, eqn in enumerate(program.eqns):
        last.update((a.id, i) for a in eqn.args if isinstance(a, Var))
    kept = {r.id for r in program.results if isinstance(r, Var)}
    dying: dict[int, list[int]] = {}
    for var, i in last.items():
        if var not in kept:
            dying.setdefault(i, []).append(var)
    return dying


def renumber(params: Sequence[Var], eqns: Sequence[Eqn], results: Sequence[Atom]) -> Program:
    """A Program whose variables are numbered in binding order."""
    names: dict[int, Var] = {}

    def bound(var: Var) -> Var:
        names[var.id] = Var(len(names), var.type)
        return names[var.id]

    def used(atom: Atom) -> Atom:
        return atom if isinstance(atom, Lit) else names[atom.id]

    new_params = tuple(bound(p) for p in params)
    new_eqns: list[Eqn] = []
    for e in eqns:
        args = tuple(used(a) for a in e.args)
        new_eqns.append(evolve(e, args=args, outs=tuple(bound(v) for v in e.outs)))
    return Program(new_params, tuple(new_eqns), tuple(used(r) for r in results))


# ---- text


def lines(program: Program, indent: str = "", sources: bool = False) -> Iterator[str]:
    """The program's text, line by line."""
    binders = ", ".join(f"{p}: {p.type}" for p in program.params)
    yield f"program ({binders}) -> ({', '.join(map(str, program.out_types))}) {{"
    before: Source | None = None
    for eqn in program.eqns:
        note = f"  ; {eqn.source.name}  {eqn.source.text}" if sources and eqn.source and eqn.source != before else ""
        before = eqn.source
        yield f"{indent}  {eqn_text(eqn, indent + '  ')}{note}".rstrip()
    yield f"{indent}  return {', '.join(map(str, program.results))}".rstrip()
    yield indent + "}"


def eqn_text(eqn: Eqn, indent: str = "") -> str:
    """One equation."""
    binders = ", ".join(f"{v}: {v.type}" for v in eqn.outs)
    equals = f"{binders} = " if binders else ""
    return f"{equals}{eqn.prim.name}{_fields_text(eqn.prim, indent)} {', '.join(map(str, eqn.args))}".rstrip()


def _fields_text(prim: Prim, indent: str) -> str:
    pairs = [f"{f.name}={value_text(getattr(prim, f.name), indent)}" for f in fields(type(prim)) if f.eq]
    return f"[{', '.join(pairs)}]" if pairs else ""


def value_text(value: Any, indent: str = "") -> str:
    """A field's value: int, bool, float, str, None, dtype, Program, or a tuple of these."""
    if isinstance(value, tuple):
        inner = ", ".join(value_text(v, indent) for v in value)  # pyright: ignore
        return f"({inner},)" if len(value) == 1 else f"({inner})"  # pyright: ignore
    if isinstance(value, Program):
        return "\n".join(lines(value, indent))
    if isinstance(value, DType):
        return value.short
    if isinstance(value, ArrayType):
        return str(value)
    return repr(value)


def number_text(value: Any, dtype: DType) -> str:
    """The shortest text that parses back to the same bits (NaN payloads aside)."""
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind in "iuk":
        return str(int(value))
    if dtype.kind == "c":
        return f"({_float_text(value.real)},{_float_text(value.imag)})"
    return _float_text(value)


def _float_text(value: Any) -> str:
    if isinstance(value, np.floating | float):
        return np.format_float_scientific(value, unique=True, trim="-") if np.isfinite(value) else str(value)
    return _float_text(np.float32(value))  # bfloat16: exact in f32


# ---- verification


def verify(program: Program) -> None:
    """Check the invariants (module docstring); VerificationError shows the faulty line."""
    bound: dict[int, ArrayType] = {}
    for p in program.params:
        _bind(program, None, p, bound)
    for i, eqn in enumerate(program.eqns):
        for a in eqn.args:
            _check_atom(program, i, a, bound)
        _check_types(program, i, eqn)
        for v in eqn.outs:
            _bind(program, i, v, bound)
    for r in program.results:
        _check_atom(program, len(program.eqns), r, bound)


def _bind(program: Program, at: int | None, var: Var, bound: dict[int, ArrayType]) -> None:
    if var.id != len(bound):
        raise fault(program, at, f"binds {var}, but the next id is %{len(bound)}")
    bound[var.id] = var.type


def _check_atom(program: Program, at: int, atom: Atom, bound: dict[int, ArrayType]) -> None:
    if isinstance(atom, Lit):
        if atom.type.shape:
            raise fault(program, at, f"a literal is 0-d, got {atom.type}")
    elif atom.id not in bound:
        raise fault(program, at, f"{atom} is used before it is bound")
    elif bound[atom.id] != atom.type:
        raise fault(program, at, f"{atom} is used as {atom.type}, but bound as {bound[atom.id]}")


def _check_types(program: Program, at: int, eqn: Eqn) -> None:
    for f in fields(type(eqn.prim)):
        for nested in nested_programs(getattr(eqn.prim, f.name)):
            verify(nested)
    try:
        given = eqn.prim.types(*(a.type for a in eqn.args))
    except TianyuanError as error:
        raise fault(program, at, str(error)) from None
    if given != tuple(v.type for v in eqn.outs):
        types, got = (", ".join(map(str, t)) for t in ((v.type for v in eqn.outs), given))
        raise fault(program, at, f"bound as {types}, but {eqn.prim.name} gives {got}")


def nested_programs(value: Any) -> list[Program]:
    """The programs inside a field's value."""
    if isinstance(value, Program):
        return [value]
    if isinstance(value, tuple):
        return [p for v in value for p in nested_programs(v)]  # pyright: ignore
    return []


def fault(program: Program, at: int | None, message: str) -> VerificationError:
    """The program around equation ``at`` with the message hung under that line."""
    head, *body = lines(program)
    if at is None:
        return VerificationError(f"{head}\n^ {message}")
    shown = [eqn_text(e, "  ") for e in program.eqns] + [body[-2].strip()]
    low, high = max(0, at - 5), min(len(shown), at + 3)
    out = [head, *(["  ..."] if low else [])]
    for i in range(low, high):
        out.append("  " + shown[i])
        if i == at:
            out.append("  " + "^" * max(3, len(shown[i].split("=")[0].rstrip())) + "  " + message)
    return VerificationError("\n".join(out + (["  ..."] if high < len(shown) else ["}"])))
