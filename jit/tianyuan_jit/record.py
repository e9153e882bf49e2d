"""Structures of 8-byte fields that emitted code and its callers share."""

from __future__ import annotations

from attrs import frozen

from tianyuan_jit.text import Extent, Function


@frozen
class Record:
    """Field names in order; those in ``pointers`` hold addresses, the others i64."""

    names: tuple[str, ...]
    pointers: frozenset[str]

    @classmethod
    def of(cls, pointers: str, numbers: str, more_pointers: str = "") -> Record:
        """A record of blank-separated names: pointers, then i64s, then pointers again."""
        first, last = pointers.split(), more_pointers.split()
        return cls((*first, *numbers.split(), *last), frozenset((*first, *last)))

    def kind(self, name: str) -> str:
        """The LLVM type of a field."""
        return "ptr" if name in self.pointers else "i64"

    def place(self, f: Function, base: str, name: str) -> str:
        """The address of a field."""
        return f.gep(base, 8 * self.names.index(name))

    def load(self, f: Function, base: str, name: str) -> str:
        """The value of a field."""
        return f.op(f"load {self.kind(name)}, ptr {self.place(f, base, name)}, align 8")

    def store(self, f: Function, base: str, **values: Extent) -> None:
        """Set fields."""
        for name, value in values.items():
            f.do(f"store {self.kind(name)} {value}, ptr {self.place(f, base, name)}, align 8")

    def allocate(self, f: Function) -> str:
        """A record on the stack, all fields 0 or null."""
        base = f.alloca(f"[{len(self.names)} x i64]")
        for name in self.names:
            self.store(f, base, **{name: "null" if name in self.pointers else 0})
        return base
