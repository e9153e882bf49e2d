"""LLVM IR text to running code: instruction sets, compilation, the disk cache, libraries, symbols.

No LLVM passes run and codegen is at level 1: more costs time and wins nothing (docs/design.md). A module
is compiled for one instruction set and resolves its names among the libraries compiled for the same one,
because vectors are passed differently; a *shared* library exists once a process, for every instruction
set, and is where state lives (threads, scratch memory).

Only ``library`` makes names visible to other modules; what ``load`` exports is found through its result.
"""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import llvmlite.binding  # pyright: ignore[reportMissingTypeStubs]
from attrs import field, frozen

from tianyuan.errors import MachineError, SettingError
from tianyuan.settings import NUMERICS_VERSION, VERSION, config, on_change
from tianyuan_jit import cache, linking

llvm: Any = llvmlite.binding  # it has no types

# The x86-64 psABI's levels, narrowest first: the CPU that LLVM is given, the features it may then use.
_LEVELS = {
    "sse2": ("x86-64", ()),
    "avx2": ("x86-64-v3", ("avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe")),
    "avx512": ("x86-64-v4", ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
}
ISAS = tuple(_LEVELS)
_FROM_LIBC = ("memcpy", "memmove", "memset")  # LLVM calls these of its own accord
_CODEGEN_LEVEL = 1
_TRIPLE = "x86_64-unknown-linux-gnu"

_lock = threading.RLock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@frozen
class Loaded:
    """A module in memory, until the end of the process: ``name`` for messages, addresses by symbol."""

    name: str
    isa: str
    addresses: Mapping[str, int] = field(repr=False)

    def address(self, symbol: str) -> int:
        """Where ``symbol`` starts. Raises MachineError if the module does not export it."""
        found = self.addresses.get(symbol)
        if found is None:
            raise MachineError(f"{self.name} exports {', '.join(self.addresses) or 'nothing'}, not {symbol!r}")
        return found


@functools.cache
def host_isas() -> tuple[str, ...]:
    """The instruction sets that this CPU and its operating system have, narrowest first."""
    _initialize()
    features = llvm.get_host_cpu_features()
    found: list[str] = []
    for isa, (_, needed) in _LEVELS.items():
        if not all(features.get(feature) for feature in needed):
            break
        found.append(isa)
    return tuple(found)


def isa() -> str:
    """The instruction set in force: ``config.cpu_isa``, or the widest of the host.

    Raises SettingError if the setting asks for one that this CPU lacks.
    """
    if not _in_force:
        available, chosen = host_isas(), config.cpu_isa
        if chosen is not None and chosen not in available:
            raise SettingError(f"cpu_isa is {chosen!r}, but this CPU has only {', '.join(available)}")
        _in_force.append(chosen or available[-1])
    return _in_force[0]


_in_force: list[str] = []  # what ``isa`` answers, until the setting changes
on_change("cpu_isa", _in_force.clear)


def object_code(text: str, isa: str) -> bytes:
    """Compile LLVM IR to a relocatable object. Raises MachineError with LLVM's message for invalid IR."""
    with _lock:
        return _target(isa).emit_object(_parse(text))


def assembly(text: str, isa: str) -> str:
    """Compile LLVM IR to assembly, to be read."""
    with _lock:
        return _target(isa).emit_assembly(_parse(text))


def load(text: str, *, name: str, isa: str) -> Loaded:
    """Compile LLVM IR, or take it from a cache, and place it in memory; the same text is loaded once.

    ``name`` is what errors call the module. Raises MachineError for invalid IR and for a declared function
    that no library has; SettingError for an instruction set that this CPU lacks.
    """
    with _lock:
        identity = cache.key(text, isa, ".".join(map(str, llvm.llvm_version_info)), str(NUMERICS_VERSION), VERSION)
        if identity not in _loaded:
            _loaded[identity] = _load(text, name, isa, identity)
        return _loaded[identity]


_loaded: dict[bytes, Loaded] = {}


def _load(text: str, name: str, isa: str, identity: bytes) -> Loaded:
    if isa not in host_isas():
        raise SettingError(f"{name} asks for {isa!r}, but this CPU has only {', '.join(host_isas())}")
    code = cache.find(identity)
    if code is None:
        code = object_code(text, isa)
        cache.store(identity, code)
    return Loaded(name, isa, linking.link(linking.parse(code), functools.partial(_resolve, isa, name)))


@frozen(eq=False)
class _Library:
    name: str
    make_text: Callable[[str], str]
    shared: bool
    on_load: Callable[[Loaded], object] | None
    loaded: dict[str, Loaded] = field(factory=dict[str, Loaded])

    def get(self, isa: str) -> Loaded:
        isa = ISAS[0] if self.shared else isa
        if isa not in self.loaded:
            self.loaded[isa] = load(self.make_text(isa), name=self.name, isa=isa)
            if self.on_load is not None:
                self.on_load(self.loaded[isa])
        return self.loaded[isa]


_library_of: dict[str, _Library] = {}
_host: dict[str, int] = {}


def library(
    name: str,
    make_text: Callable[[str], str],
    *,
    exports: Iterable[str],
    shared: bool = False,
    on_load: Callable[[Loaded], object] | None = None,
) -> None:
    """Register a module whose ``exports`` other modules may declare and call.

    ``make_text(isa)`` is called, and the text compiled or taken from the disk, when one of the exports is
    first needed for an instruction set; once a process if ``shared``. ``on_load`` then receives the result.
    A second registration of an export is ignored.
    """
    made = _Library(name, make_text, shared, on_load)
    with _lock:
        for export in exports:
            _library_of.setdefault(export, made)


def define(symbols: Mapping[str, int]) -> None:
    """Let every module declare and call host functions: addresses by name."""
    with _lock:
        _host.update(symbols)


def addresses(host: ctypes.CDLL, *names: str) -> dict[str, int]:
    """The addresses of functions of a C library, as ``define`` takes them."""
    return {name: ctypes.cast(host[name], ctypes.c_void_p).value or 0 for name in names}


def symbol(name: str, isa: str) -> int:
    """The address of a library's or the host's function. Raises MachineError if there is none."""
    return _resolve(isa, "the caller", name)


def _resolve(isa: str, module: str, name: str) -> int:
    with _lock:
        if name in _host:
            return _host[name]
        if name in _library_of:
            return _library_of[name].get(isa).address(name)
    raise MachineError(f"{module} calls {name!r}, which no library has")


def _parse(text: str) -> Any:
    try:
        module = llvm.parse_assembly(text, llvm.create_context())
        module.verify()
    except RuntimeError as error:
        raise MachineError(f"LLVM refuses the module: {error}") from None
    return module


@functools.cache
def _target(isa: str) -> Any:
    _initialize()
    return llvm.Target.from_triple(_TRIPLE).create_target_machine(
        cpu=_LEVELS[isa][0], opt=_CODEGEN_LEVEL, reloc="pic", codemodel="small"
    )


@functools.cache
def _initialize() -> None:
    if platform.machine() != "x86_64":
        raise MachineError(f"the CPU machine needs x86-64, and this is {platform.machine()}")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    define(addresses(ctypes.CDLL(None), *_FROM_LIBC))
