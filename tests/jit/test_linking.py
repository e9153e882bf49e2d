"""The linker: every kind of reference, protection of pages, and what it refuses."""

import ctypes
from pathlib import Path

import pytest

from tianyuan.errors import MachineError
from tianyuan_jit import engine, linking

REFERENCES = """
declare i64 @double_it(i64)
@counter = internal global i64 5, align 64
@exported = global i64 100
@zeros = internal global [4096 x i64] zeroinitializer, align 128
@table = internal constant [2 x ptr] [ptr @inner, ptr @double_it]
define internal i64 @inner(i64 %x) { %y = add i64 %x, 1
  ret i64 %y }
define i64 @direct(i64 %x) { %y = call i64 @double_it(i64 %x)
  ret i64 %y }
define i64 @indirect(i64 %i, i64 %x) {
  %p = getelementptr ptr, ptr @table, i64 %i
  %f = load ptr, ptr %p
  %y = call i64 %f(i64 %x)
  ret i64 %y }
define i64 @count(i64 %by) { %o = atomicrmw add ptr @counter, i64 %by seq_cst
  ret i64 %o }
define i64 @global() { %v = load i64, ptr @exported
  ret i64 %v }
define ptr @address_of_double() { ret ptr @double_it }
define double @constant(double %x) { %y = fmul double %x, 1.5
  ret double %y }
define i64 @zero(i64 %i) { %p = getelementptr i64, ptr @zeros, i64 %i
  %v = load i64, ptr %p
  store i64 7, ptr %p
  ret i64 %v }
define i64 @jump(i64 %i) {
  switch i64 %i, label %d [ i64 0, label %a
    i64 1, label %b
    i64 2, label %c
    i64 3, label %e
    i64 4, label %f ]
a: ret i64 10
b: ret i64 21
c: ret i64 32
e: ret i64 43
f: ret i64 54
d: ret i64 -1 }
"""
I64 = ctypes.c_int64
DOUBLE_IT = ctypes.CFUNCTYPE(I64, I64)(lambda x: 2 * x)
DOUBLE_IT_ADDRESS = ctypes.cast(DOUBLE_IT, ctypes.c_void_p).value or 0


def linked(text: str, isa: str = "sse2") -> dict[str, int]:
    """Link ``text`` with double_it as the one outside function."""
    module = linking.parse(engine.object_code(text, isa))
    return linking.link(module, {"double_it": DOUBLE_IT_ADDRESS}.__getitem__)


def call(address: int, *args: int) -> int:
    """Call a function of i64s."""
    return ctypes.CFUNCTYPE(I64, *[I64] * len(args))(address)(*args)


@pytest.mark.parametrize("isa", engine.host_isas())
def test_every_kind_of_reference(isa: str) -> None:
    """Calls, pointers in tables, data read and written, constants, jump tables."""
    at = linked(REFERENCES, isa)

    assert call(at["direct"], 21) == 42
    assert [call(at["indirect"], i, 10) for i in (0, 1)] == [11, 20]
    assert [call(at["count"], 3) for _ in range(3)] == [5, 8, 11]
    assert call(at["global"]) == 100
    assert ctypes.CFUNCTYPE(ctypes.c_void_p)(at["address_of_double"])() == DOUBLE_IT_ADDRESS
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(at["constant"])(3.0) == 4.5
    assert [call(at["zero"], i) for i in (0, 4095, 0)] == [0, 0, 7]
    assert [call(at["jump"], i) for i in range(6)] == [10, 21, 32, 43, 54, -1]


def test_alignment_of_data_is_kept() -> None:
    """A global with align 128 stands at a multiple of 128."""
    at = linked("@big = global [3 x i64] zeroinitializer, align 128\n@small = global i8 1\n")

    assert at["big"] % 128 == 0


def test_one_text_twice_is_two_modules() -> None:
    """Each link has its own data, and equal names do not collide."""
    first, second = linked(REFERENCES), linked(REFERENCES)
    call(first["count"], 100)

    assert call(second["count"], 0) == 5


def test_names() -> None:
    """Undefined and exported names, without internal ones."""
    module = linking.parse(engine.object_code(REFERENCES, "sse2"))

    assert module.undefined == ("double_it",)
    assert "inner" not in module.exported
    assert {"direct", "exported", "jump"} <= set(module.exported)


def test_no_page_is_both_writable_and_executable() -> None:
    """Code pages are read-only, data pages are not executable."""
    at = linked(REFERENCES)
    rights: dict[str, str] = {}
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, flags = line.split()[:2]
        low, high = (int(word, 16) for word in span.split("-"))
        rights |= {name: flags for name in ("direct", "exported") if low <= at[name] < high}

    assert rights == {"direct": "r-xp", "exported": "rw-p"}


def test_empty_module() -> None:
    """A module without anything links to nothing."""
    assert linked("") == {}


@pytest.mark.parametrize("code", [b"", b"\x7fELF", b"\x7fELF\x01\x01" + b"\0" * 100, b"MZ" * 100])
def test_foreign_bytes_are_refused(code: bytes) -> None:
    """What is not ELF64 for x86-64 is a MachineError."""
    with pytest.raises(MachineError, match="not relocatable ELF"):
        linking.parse(code)


def test_thread_local_variables_are_refused() -> None:
    """There is no thread-local storage for compiled modules."""
    with pytest.raises(MachineError, match="thread-local"):
        linked("@t = internal thread_local global i64 1\ndefine ptr @f() { ret ptr @t }")
