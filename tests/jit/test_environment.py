"""The floating-point environment of a run, and signals while compiled code loops."""

import ctypes
import os
import signal
import threading
import time
from types import FrameType

import pytest

from tianyuan_jit import engine
from tianyuan_jit.environment import take_interrupt

I64, U32 = ctypes.c_int64, ctypes.c_uint32
TEXT = """
declare i64 @ty_enter()
declare void @ty_leave(i64)
declare i64 @ty_poll()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
declare i64 @llvm.readcyclecounter()

define i32 @get() { %s = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %s)
  %v = load i32, ptr %s
  ret i32 %v }
define void @set(i32 %v) { %s = alloca i32
  store i32 %v, ptr %s
  call void @llvm.x86.sse.ldmxcsr(ptr %s)
  ret void }

; x * y under the caller's environment, and between enter and leave
define double @raw(double %x, double %y) { %z = fmul double %x, %y
  ret double %z }
define double @safe(double %x, double %y) { %t = call i64 @ty_enter()
  %z = fmul double %x, %y
  call void @ty_leave(i64 %t)
  ret double %z }

; loop until told, or for that many cycles; the number of rounds, negative if told
define i64 @spin(i64 %cycles) {
entry: %start = call i64 @llvm.readcyclecounter()
  br label %l
l: %i = phi i64 [ 1, %entry ], [ %j, %m ]
  %stop = call i64 @ty_poll()
  %told = icmp ne i64 %stop, 0
  br i1 %told, label %out, label %m
m: %j = add i64 %i, 1
  %now = call i64 @llvm.readcyclecounter()
  %spent = sub i64 %now, %start
  %more = icmp ult i64 %spent, %cycles
  br i1 %more, label %l, label %x
x: ret i64 %j
out: %k = sub i64 0, %i
  ret i64 %k }
"""
SECONDS = 2 * 10**9  # cycles of about a second


@pytest.fixture(scope="module")
def native() -> engine.Loaded:
    """The functions above."""
    return engine.load(TEXT, name="environment test", isa="sse2")


@pytest.fixture
def alarm():
    """Install a handler for SIGALRM, and restore."""
    before = signal.getsignal(signal.SIGALRM)
    yield lambda handler: signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("mxcsr", [0x9FC0, 0x1FC0, 0x9F80, 0x3F80, 0x5F80, 0x7F80])
def test_floats_are_default_inside_and_restored_outside(native: engine.Loaded, mxcsr: int) -> None:
    """Flush-to-zero, denormals-are-zero and other roundings of the caller neither enter nor are lost."""
    get, set_ = (
        ctypes.CFUNCTYPE(U32)(native.address("get")),
        ctypes.CFUNCTYPE(None, U32)(native.address("set")),
    )
    product = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)
    raw, safe = product(native.address("raw")), product(native.address("safe"))
    pairs = [(5e-324, 1.0), (1e-308, 0.1), (0.1, 0.1), (1 / 3, 1 / 3), (-0.1, 0.3), (0.1, 0.3)]
    expected = [x * y for x, y in pairs]
    set_(mxcsr)
    try:
        results = [[f(x, y) for x, y in pairs] for f in (safe, raw)]
        after = get()
    finally:
        set_(0x1F80)

    assert results[0] == expected
    assert results[1] != expected  # the test can fail
    assert after & 0xFFC0 == mxcsr


def spin(native: engine.Loaded, seconds: float) -> int:
    """Loop in compiled code, the GIL released."""
    return ctypes.CFUNCTYPE(I64, I64)(native.address("spin"))(int(seconds * SECONDS))


def test_loop_ends_by_itself(native: engine.Loaded) -> None:
    """Without signals the poll says 0."""
    assert spin(native, 0.05) > 0
    assert take_interrupt() is None


def test_ctrl_c_stops_a_loop(native: engine.Loaded) -> None:
    """SIGINT ends a compiled loop within milliseconds, and KeyboardInterrupt is there for the caller."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    try:
        timer.start()
        start = time.perf_counter()
        rounds = spin(native, 30)
        spent = time.perf_counter() - start
        error = take_interrupt()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)

    assert rounds < 0
    assert spent < 5
    assert type(error) is KeyboardInterrupt
    assert take_interrupt() is None
    assert spin(native, 0.02) > 0


def test_exception_of_a_handler_keeps_its_type_value_and_traceback(native: engine.Loaded, alarm) -> None:
    """Any exception of any handler arrives as it was raised."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise LookupError("from the handler", 42)

    alarm(handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    assert spin(native, 30) < 0
    error = take_interrupt()

    assert isinstance(error, LookupError)
    assert error.args == ("from the handler", 42)
    assert error.__traceback__ is not None


def test_interrupt_stays_until_taken(native: engine.Loaded, alarm) -> None:
    """An outer loop hears of it too, at once."""

    def handler(number: int, frame: FrameType | None) -> None:
        raise LookupError

    alarm(handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    assert spin(native, 30) < -1
    assert spin(native, 30) == -1
    assert isinstance(take_interrupt(), LookupError)


def test_handler_that_returns_lets_the_loop_go_on(native: engine.Loaded, alarm) -> None:
    """A handler runs while the loop runs, and may itself run compiled code."""
    rounds: list[int] = []
    alarm(lambda number, frame: rounds.append(spin(native, 0.001)))
    signal.setitimer(signal.ITIMER_REAL, 0.02)

    assert spin(native, 0.2) > 0
    assert len(rounds) == 1 and rounds[0] > 0
    assert take_interrupt() is None


def test_other_threads_are_never_told(native: engine.Loaded) -> None:
    """A loop in another thread goes on while the main thread handles the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    rounds: list[int] = []
    thread = threading.Thread(target=lambda: rounds.append(spin(native, 0.3)))
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    try:
        thread.start()
        timer.start()
        told = spin(native, 30)
        error = take_interrupt()
        thread.join()
    finally:
        signal.signal(signal.SIGINT, before)

    assert told < 0 and type(error) is KeyboardInterrupt
    assert len(rounds) == 1 and rounds[0] > 0


def test_threads_that_python_does_not_know(native: engine.Loaded) -> None:
    """The poll may be called where there is no Python thread."""
    libc, thread = ctypes.CDLL(None), ctypes.c_ulong()
    function = ctypes.c_void_p(native.address("spin"))
    assert libc.pthread_create(ctypes.byref(thread), None, function, ctypes.c_void_p(SECONDS // 20)) == 0
    result = ctypes.c_int64()
    assert libc.pthread_join(thread, ctypes.byref(result)) == 0

    assert result.value > 0


def test_child_of_a_fork_in_a_thread(native: engine.Loaded, alarm) -> None:
    """The thread that forks is the child's main thread, and is told of signals there."""
    status: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        raise LookupError

    def work() -> None:
        child = os.fork()
        if child == 0:
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            good = spin(native, 10) < 0 and isinstance(take_interrupt(), LookupError)
            os._exit(0 if good else 1)
        status.append(os.waitpid(child, 0)[1])

    spin(native, 0.01)
    alarm(handler)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert status == [0]


def test_handlers_do_not_leak(native: engine.Loaded, alarm) -> None:
    """The exception dies with its last reference."""
    alive: list[object] = []

    class Told(Exception):
        def __del__(self) -> None:
            alive.pop()

    def handler(number: int, frame: FrameType | None) -> None:
        alive.append(None)
        raise Told

    alarm(handler)
    for _ in range(3):
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        assert spin(native, 30) < 0
        assert isinstance(take_interrupt(), Told)
    assert alive == []
