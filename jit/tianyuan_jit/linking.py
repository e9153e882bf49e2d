"""Object code to running code: an ELF object (x86-64, as LLVM makes it) placed in memory and relocated.

Ours and not MCJIT, for four reasons. An undefined symbol is an exception and not the end of the process.
Many modules may export one name. Code in the small, position-independent model addresses its constants
directly, where MCJIT's large model spends a register on each. And loading takes a tenth of the time.

Pages are writable or executable, never both, and are never given back: code must outlive whatever may
still call it, the destructors that run at the interpreter's exit included.
Names as in the System V ABI, AMD64 supplement, section 4.4.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable

from attrs import field, frozen

from tianyuan.errors import MachineError

_PAGE = mmap.PAGESIZE
_NOBITS, _RELA, _SYMTAB = 8, 4, 2  # section types
_WRITE, _ALLOC, _TLS = 1, 2, 0x400  # section flags
_ABSOLUTE = 1  # R_X86_64_64: S + A in 8 bytes
_RELATIVE = (2, 4)  # PC32, PLT32: S + A - P in 4 bytes
_THROUGH_TABLE = (9, 41, 42)  # GOTPCREL, GOTPCRELX, REX_GOTPCRELX: (where S is written) + A - P in 4 bytes
_JUMP = b"\xff\x25\x02\x00\x00\x00\x90\x90"  # jmp *2(%rip), to the address in the next 8 bytes

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


@frozen
class _Section:
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int


@frozen
class _Symbol:
    name: str
    info: int
    section: int
    value: int

    @property
    def is_global(self) -> bool:
        return self.info >> 4 != 0


@frozen
class Object:
    """A relocatable object, parsed: its sections and symbols."""

    code: bytes
    sections: list[_Section]
    symbols: list[_Symbol]

    @property
    def undefined(self) -> tuple[str, ...]:
        """The names it needs from elsewhere."""
        return tuple(s.name for s in self.symbols if s.is_global and s.section == 0)

    @property
    def exported(self) -> tuple[str, ...]:
        """The names it defines for others."""
        return tuple(s.name for s in self.symbols if s.is_global and s.section != 0)


def parse(code: bytes) -> Object:
    """Parse an ELF64 x86-64 relocatable object. Raises MachineError for anything else."""
    if code[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<HH", code, 16) != (1, 62):
        raise MachineError("the object code is not relocatable ELF for x86-64")
    (table,) = struct.unpack_from("<Q", code, 40)
    (count,) = struct.unpack_from("<H", code, 60)
    sections = [_Section(*struct.unpack_from("<IIQQQQIIQQ", code, table + 64 * i)) for i in range(count)]
    symbols: list[_Symbol] = []
    for section in sections:
        if section.type == _SYMTAB:
            symbols = _symbols(code, section, sections[section.link])
    return Object(code, sections, symbols)


def _symbols(code: bytes, table: _Section, strings: _Section) -> list[_Symbol]:
    result: list[_Symbol] = []
    entries = code[table.offset : table.offset + table.size]
    for name, info, _, section, value, _ in struct.iter_unpack("<IBBHQQ", entries):
        start = strings.offset + name
        result.append(_Symbol(code[start : code.index(b"\0", start)].decode(), info, section, value))
    return result


def link(module: Object, resolve: Callable[[str], int]) -> dict[str, int]:
    """Place ``module`` in memory and return the addresses of the names it exports.

    ``resolve`` gives the address of an undefined name and raises if there is none. Raises MachineError for
    thread-local data and for relocations that LLVM does not make from our IR, MemoryError without memory.
    """
    if any(s.flags & _TLS for s in module.sections):
        raise MachineError("thread-local variables cannot be linked")
    addresses = {name: resolve(name) for name in module.undefined}
    layout = _layout(module)
    base = _map(layout.size)
    for symbol in module.symbols:
        if symbol.is_global and symbol.section:
            addresses[symbol.name] = base + layout.sections[symbol.section] + symbol.value
    image = _Image(module, layout, base, addresses)
    image.fill()
    ctypes.memmove(base, bytes(image.content), layout.size)
    _protect(base, layout.writable)
    return {name: addresses[name] for name in module.exported}


@frozen
class _Layout:
    """Offsets in the image: sections by index; a jump for every global name; where writable pages start."""

    sections: dict[int, int]
    jumps: dict[str, int]
    writable: int
    size: int


def _layout(module: Object) -> _Layout:
    sections: dict[int, int] = {}
    end = _arrange(module, sections, start=0, flags=_ALLOC)
    names = [s.name for s in module.symbols if s.is_global]
    jumps = {name: _up(end, 16) + 16 * i for i, name in enumerate(names)}
    writable = _up(end + 16 + 16 * len(names), _PAGE)
    end = _arrange(module, sections, start=writable, flags=_ALLOC | _WRITE)
    return _Layout(sections, jumps, writable, _up(end, _PAGE))


def _arrange(module: Object, sections: dict[int, int], *, start: int, flags: int) -> int:
    """Place the sections that have ``flags`` one after another, from ``start``; return the end."""
    for i, section in enumerate(module.sections):
        if section.flags & (_ALLOC | _WRITE) == flags:
            sections[i] = _up(start, section.align)
            start = sections[i] + section.size
    return start


def _up(n: int, align: int) -> int:
    return -(-n // align) * align if align > 1 else n


def _map(size: int) -> int:
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    base = _libc.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    if base == ctypes.c_void_p(-1).value:
        raise MemoryError(f"the system refused {size} bytes for compiled code")
    return base


def _protect(base: int, size: int) -> None:
    if _libc.mprotect(base, size, mmap.PROT_READ | mmap.PROT_EXEC):
        raise MachineError("the system does not let this process run code that it has made")


@frozen
class _Image:
    """The bytes of ``module`` as they will stand at address ``base``."""

    module: Object
    layout: _Layout
    base: int
    addresses: dict[str, int]
    content: bytearray = field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "content", bytearray(self.layout.size))

    def fill(self) -> None:
        """Copy the sections, write the jumps, apply the relocations."""
        for i, start in self.layout.sections.items():
            section = self.module.sections[i]
            if section.type != _NOBITS:
                source = section.offset
                self.content[start : start + section.size] = self.module.code[source : source + section.size]
        for name, start in self.layout.jumps.items():
            self.content[start : start + 16] = _JUMP + struct.pack("<Q", self.addresses[name])
        for section in self.module.sections:
            if section.type == _RELA and section.info in self.layout.sections:
                self._relocate(section)

    def _relocate(self, table: _Section) -> None:
        entries = self.module.code[table.offset : table.offset + table.size]
        for offset, info, addend in struct.iter_unpack("<QQq", entries):
            place = self.layout.sections[table.info] + offset
            symbol = self.module.symbols[info >> 32]
            self._apply(info & 0xFFFFFFFF, symbol, addend, place)

    def _apply(self, kind: int, symbol: _Symbol, addend: int, place: int) -> None:
        if kind == _ABSOLUTE:
            struct.pack_into("<Q", self.content, place, self._address(symbol) + addend)
        elif kind in _RELATIVE:
            struct.pack_into("<i", self.content, place, self._near(symbol) + addend - place)
        elif kind in _THROUGH_TABLE:
            entry = self.layout.jumps[symbol.name] + len(_JUMP)
            struct.pack_into("<i", self.content, place, entry + addend - place)
        else:
            raise MachineError(f"relocation {kind} of {symbol.name!r} cannot be linked")

    def _address(self, symbol: _Symbol) -> int:
        return self.addresses[symbol.name] if symbol.section == 0 else self.base + self._near(symbol)

    def _near(self, symbol: _Symbol) -> int:
        """The offset in the image of a symbol, or of the jump to one that is elsewhere."""
        if symbol.section == 0:
            return self.layout.jumps[symbol.name]
        return self.layout.sections[symbol.section] + symbol.value
