"""Scratch memory: alignment, growth, frames, threads."""

import ctypes
import subprocess
import sys
import threading

import pytest

from tianyuan_jit import engine, scratch  # noqa: F401  (registers ty_scratch)

I64 = ctypes.c_int64
BUFFER = ctypes.CFUNCTYPE(I64, I64)
TEXT = """
declare ptr @ty_scratch(i64, i64)
declare ptr @ty_scratch_shared(i64)
declare void @ty_frame_push()
declare void @ty_frame_pop()
define ptr @task(i64 %n) { %p = call ptr @ty_scratch(i64 3, i64 %n)
  ret ptr %p }
define ptr @shared(i64 %n) { %p = call ptr @ty_scratch_shared(i64 %n)
  ret ptr %p }
define void @push() { call void @ty_frame_push()
  ret void }
define void @pop() { call void @ty_frame_pop()
  ret void }
"""


class Scratch:
    """The native functions."""

    def __init__(self) -> None:
        loaded = engine.load(TEXT, name="scratch test", isa="sse2")
        self.task, self.shared = (BUFFER(loaded.address(name)) for name in ("task", "shared"))
        self.push, self.pop = (ctypes.CFUNCTYPE(None)(loaded.address(name)) for name in ("push", "pop"))


@pytest.fixture(scope="module")
def native() -> Scratch:
    """The native functions."""
    return Scratch()


def test_alignment_and_room(native: Scratch) -> None:
    """Buffers can be written to their end; 64-byte aligned, 2 MB from 4 MB on."""
    for nbytes in (0, 1, 64, 100_000, (4 << 20) - 1, 4 << 20, 10_000_000):
        for buffer in (native.task, native.shared):
            native.push()
            start = buffer(nbytes)
            native.pop()
            ctypes.memset(start, 0xAB, nbytes)
            assert start % 64 == 0 and start != 0
    native.push()
    native.push()
    assert native.task(5 << 20) % (2 << 20) == 0
    native.pop()
    native.pop()


def test_buffers_are_used_again_and_grow(native: Scratch) -> None:
    """A smaller request gets the same memory; task and program have different buffers."""
    start = native.task(1 << 20)

    assert native.task(10) == native.task(1 << 20) == start
    assert native.shared(1 << 20) != start
    larger = native.task(3 << 20)
    ctypes.memset(larger, 1, 3 << 20)
    assert native.task(1 << 20) == larger


def test_frames_keep_apart(native: Scratch) -> None:
    """Within push and pop there are other buffers; afterwards the old ones, with their contents."""
    outer = native.task(1000)
    ctypes.memset(outer, 7, 1000)
    addresses = {outer}
    for _ in range(5):
        native.push()
        inner = native.task(1000)
        ctypes.memset(inner, 9, 1000)
        addresses.add(inner)
    for _ in range(5):
        native.pop()

    assert len(addresses) == 6
    assert native.task(1000) == outer
    assert ctypes.string_at(outer, 1000) == b"\7" * 1000
    native.push()
    assert native.task(1000) in addresses  # the inner frames are kept
    native.pop()


def test_threads_do_not_share(native: Scratch) -> None:
    """Every thread has its own buffers, and they are freed with it."""
    barrier, starts = threading.Barrier(4), []

    def work() -> None:
        starts.append(native.task(100_000))
        barrier.wait(20)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(starts)) == 4


def test_ended_threads_leave_nothing(native: Scratch) -> None:
    """A thousand threads with 4 MB each, in nested frames, do not add up."""

    def work() -> None:
        native.task(1 << 20)
        native.push()
        ctypes.memset(native.shared(4 << 20), 1, 4 << 20)

    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    before = resident()
    for _ in range(100):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert resident() - before < 100 << 20


def test_refusal_is_one_sentence() -> None:
    """Without memory for a running kernel, the process says so before it ends."""
    script = f"""import sys; sys.path[:0] = {[*sys.path, "tests/jit"]!r}
from test_scratch import Scratch
Scratch().task(1 << 60)"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)

    assert done.returncode == -6
    assert done.stderr == f"tianyuan: the system refused {1 << 60} bytes of scratch memory\n"
