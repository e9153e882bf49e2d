"""Compilation, libraries and symbols."""

import ctypes
import os
import threading
from pathlib import Path

import pytest

from tianyuan.errors import MachineError, SettingError
from tianyuan.settings import config
from tianyuan_jit import cache, engine

I64 = ctypes.c_int64


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path):
    """Each test has an empty disk cache."""
    with config.override(cache_dir=str(tmp_path / "cache"), cache=True):
        yield


def add(n: int) -> str:
    """A module whose ``f`` adds ``n``."""
    return f"define i64 @f(i64 %x) {{ %y = add i64 %x, {n}\n ret i64 %y }}\n"


def call(address: int, *args: int) -> int:
    """Call a function of i64s."""
    return ctypes.CFUNCTYPE(I64, *[I64] * len(args))(address)(*args)


def test_isa_is_the_widest_or_the_one_asked_for() -> None:
    """``config.cpu_isa`` chooses among those of the host."""
    for isa in engine.host_isas():
        with config.override(cpu_isa=isa):
            assert engine.isa() == isa
    with config.override(cpu_isa=None):
        assert engine.isa() == engine.host_isas()[-1]


def test_isa_that_the_cpu_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for more than the CPU has is a SettingError that says what it has."""
    monkeypatch.setattr(engine, "host_isas", lambda: ("sse2", "avx2"))
    with config.override(cpu_isa="avx512"), pytest.raises(SettingError, match="only sse2, avx2"):
        engine.isa()
    with pytest.raises(SettingError, match="only sse2, avx2"):
        engine.load(add(1), name="m", isa="avx512")


@pytest.mark.parametrize(("isa", "register"), [("sse2", "%xmm"), ("avx2", "%ymm"), ("avx512", "%zmm")])
def test_vectors_use_the_registers_of_the_isa(isa: str, register: str) -> None:
    """Explicit 16-lane vectors are not split below the width of the instruction set."""
    text = """define void @f(ptr %p) { %x = load <16 x float>, ptr %p
      %y = fadd <16 x float> %x, %x
      store <16 x float> %y, ptr %p
      ret void }"""
    wider = {"sse2": "%ymm", "avx2": "%zmm", "avx512": "%none"}[isa]

    assert register in engine.assembly(text, isa)
    assert wider not in engine.assembly(text, isa)


def test_load_and_call() -> None:
    """Two modules that export one name stay apart."""
    one, two = (engine.load(add(n), name=f"add{n}", isa="sse2") for n in (1, 2))

    assert (call(one.address("f"), 40), call(two.address("f"), 40)) == (41, 42)
    assert engine.load(add(1), name="again", isa="sse2") is one
    with pytest.raises(MachineError, match="add1 exports f, not 'g'"):
        one.address("g")


@pytest.mark.parametrize("text", ["nonsense", "define i64 @f() { ret i32 0 }", "define i64 @f() { ret i64 %x }"])
def test_invalid_ir(text: str) -> None:
    """LLVM's message arrives in a MachineError."""
    with pytest.raises(MachineError, match="LLVM refuses the module: "):
        engine.load(text, name="m", isa="sse2")


def test_unknown_function_is_an_error_and_not_an_abort() -> None:
    """A declared function that nothing provides names itself; libm is not linked behind our back."""
    with pytest.raises(MachineError, match="m calls 'nowhere', which no library has"):
        engine.load(
            "declare void @nowhere()\ndefine void @f() { call void @nowhere()\n ret void }",
            name="m",
            isa="sse2",
        )
    fma = """declare double @llvm.fma.f64(double, double, double)
      define double @f(double %x) { %y = call double @llvm.fma.f64(double %x, double %x, double %x)
      ret double %y }"""
    with pytest.raises(MachineError, match="m calls 'fma'"):
        engine.load(fma, name="m", isa="sse2")


def test_memory_functions_are_there() -> None:
    """LLVM turns large copies into calls of memcpy."""
    text = """declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
      define void @f(ptr %to, ptr %from, i64 %n) {
      call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %n, i1 false)
      ret void }"""
    copy = engine.load(text, name="copy", isa="sse2").address("f")
    source, target = ctypes.create_string_buffer(b"x" * 9999), ctypes.create_string_buffer(10000)
    call(copy, ctypes.addressof(target), ctypes.addressof(source), 9999)

    assert target.value == b"x" * 9999


def caller_of(name: str) -> str:
    """A module whose ``f`` calls ``name``."""
    return f"declare i64 @{name}()\ndefine i64 @f() {{ %y = call i64 @{name}()\n ret i64 %y }}\n"


def test_library_is_made_once_an_isa_when_first_needed() -> None:
    """The text is asked for on first use, for the instruction set of the user."""
    made: list[str] = []

    def make_text(isa: str) -> str:
        made.append(isa)
        return f"define i64 @lib_width() {{ ret i64 {engine.ISAS.index(isa)} }}"

    engine.library("lib", make_text, exports=["lib_width"])
    assert made == []

    for isa in (*engine.host_isas(), *engine.host_isas()):
        f = engine.load(caller_of("lib_width") + f"; {len(made)}", name="m", isa=isa).address("f")
        assert call(f) == engine.ISAS.index(isa)
        assert call(engine.symbol("lib_width", isa)) == engine.ISAS.index(isa)
    assert made == list(engine.host_isas())


def test_shared_library_has_one_state() -> None:
    """A shared library is one module for every instruction set, and says when it has been loaded."""
    text = """@n = internal global i64 0
      define i64 @shared_count() { %o = atomicrmw add ptr @n, i64 1 seq_cst
      ret i64 %o }"""
    heard: list[str] = []
    engine.library(
        "counter",
        lambda isa: text,
        exports=["shared_count"],
        shared=True,
        on_load=lambda m: heard.append(m.name),
    )
    calls = [call(engine.load(caller_of("shared_count"), name="m", isa=isa).address("f")) for isa in engine.host_isas()]

    assert calls == list(range(len(calls)))
    assert heard == ["counter"]


def test_host_functions() -> None:
    """Python callbacks and functions of libc can be called under a name."""
    engine.define(engine.addresses(ctypes.CDLL(None), "getpid"))
    with_pid = "declare i32 @getpid()\ndefine i32 @f() { %y = call i32 @getpid()\n ret i32 %y }"

    assert call(engine.load(with_pid, name="m", isa="sse2").address("f")) == os.getpid()


def test_second_load_comes_from_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the memory of this process, the object comes from the disk and LLVM is not asked."""
    text = add(12345)
    engine.load(text, name="m", isa="sse2")
    monkeypatch.setattr(engine, "_loaded", {})
    monkeypatch.setattr(engine, "object_code", lambda *_: pytest.fail("compiled again"))
    before = cache.hits
    again = engine.load(text, name="m", isa="sse2")

    assert call(again.address("f"), 1) == 12346
    assert cache.hits == before + 1


def test_threads_load_at_once() -> None:
    """Many threads compile different modules, and the same one, without harm."""
    results: list[int] = []

    def work(n: int) -> None:
        for k in (n, 0):
            results.append(call(engine.load(add(7000 + k), name="m", isa="sse2").address("f"), 0) - 7000)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(results) == sorted([*range(8), *[0] * 8])
