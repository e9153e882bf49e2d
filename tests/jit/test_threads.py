"""The pool: every task once, whatever the number of threads, nesting, forks and the environment."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tianyuan.settings import MAX_THREADS, config
from tianyuan_jit import engine, threads  # noqa: F401  (registers ty_parallel)

I64, PTR = ctypes.c_int64, ctypes.c_void_p
TASKS = """
declare void @ty_parallel(ptr, ptr, i64)
declare i64 @ty_workers()
declare ptr @ty_scratch(i64, i64)
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse2.pause()

define i64 @workers() { %n = call i64 @ty_workers()
  ret i64 %n }
define void @run(ptr %fn, ptr %ctx, i64 %n) { call void @ty_parallel(ptr %fn, ptr %ctx, i64 %n)
  ret void }

; ctx[task] += 1
define void @count(ptr %ctx, i64 %task, i64 %worker) {
  %p = getelementptr i64, ptr %ctx, i64 %task
  %o = atomicrmw add ptr %p, i64 1 monotonic
  ret void }

; ctx[worker] += 1, slowly
define void @who(ptr %ctx, i64 %task, i64 %worker) {
entry:
  %p = getelementptr i64, ptr %ctx, i64 %worker
  %o = atomicrmw add ptr %p, i64 1 monotonic
  br label %l
l: %i = phi i64 [ 0, %entry ], [ %j, %l ]
  call void @llvm.x86.sse2.pause()
  %j = add i64 %i, 1
  %c = icmp ult i64 %j, 3000
  br i1 %c, label %l, label %x
x: ret void }

; wait until ctx[0] tasks have begun at once
define void @gang(ptr %ctx, i64 %task, i64 %worker) {
entry:
  %o = atomicrmw add ptr %ctx, i64 1 seq_cst
  %w = udiv i64 %o, 2
  %w2 = mul i64 %w, 2
  %goal = add i64 %w2, 2
  br label %l
l: %v = load atomic i64, ptr %ctx seq_cst, align 8
  %c = icmp ult i64 %v, %goal
  br i1 %c, label %l, label %x
x: ret void }
define void @gangs(ptr %ctx, i64 %n) {
entry:
  br label %l
l: %i = phi i64 [ 0, %entry ], [ %j, %l ]
  call void @ty_parallel(ptr @gang, ptr %ctx, i64 2)
  %j = add i64 %i, 1
  %c = icmp ult i64 %j, %n
  br i1 %c, label %l, label %x
x: ret void }

; n jobs of many sizes, whose tasks count into slots of the job: a task of one job run with the
; function or the context of another is a wrong count
define void @many(ptr %ctx, i64 %jobs) {
entry:
  br label %l
l: %i = phi i64 [ 0, %entry ], [ %j, %l ]
  %even = and i64 %i, 1
  %size = add i64 %even, 2
  %long = icmp eq i64 %even, 0
  %n = select i1 %long, i64 7, i64 2
  %f = select i1 %long, ptr @count, ptr @count.far
  call void @ty_parallel(ptr %f, ptr %ctx, i64 %n)
  %j = add i64 %i, 1
  %c = icmp ult i64 %j, %jobs
  br i1 %c, label %l, label %x
x: ret void }
define void @count.far(ptr %ctx, i64 %task, i64 %worker) {
  %far = add i64 %task, 100
  call void @count(ptr %ctx, i64 %far, i64 %worker)
  ret void }

; each of 3 outer tasks writes its number to its scratch, runs 5 inner tasks that do the same, and checks
define void @outer(ptr %ctx, i64 %task, i64 %worker) {
  %s = call ptr @ty_scratch(i64 %worker, i64 8)
  store volatile i64 %task, ptr %s
  call void @ty_parallel(ptr @inner, ptr %ctx, i64 5)
  %s2 = call ptr @ty_scratch(i64 %worker, i64 8)
  %v = load volatile i64, ptr %s2
  %p = getelementptr i64, ptr %ctx, i64 %v
  %o = atomicrmw add ptr %p, i64 1 monotonic
  ret void }
define void @inner(ptr %ctx, i64 %task, i64 %worker) {
  %s = call ptr @ty_scratch(i64 %worker, i64 8)
  store volatile i64 63, ptr %s
  %n = add i64 %task, 10
  call void @count(ptr %ctx, i64 %n, i64 %worker)
  ret void }

; ctx[task] = the control bits of MXCSR
define void @floats(ptr %ctx, i64 %task, i64 %worker) {
  call void @who(ptr %ctx, i64 0, i64 0)
  %slot = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %slot)
  %v = load i32, ptr %slot
  %w = and i32 %v, 65472
  %x = zext i32 %w to i64
  %p = getelementptr i64, ptr %ctx, i64 %task
  store i64 %x, ptr %p
  ret void }

define i64 @nop(i64 %x) { ret i64 %x }
"""


@pytest.fixture(scope="module")
def native() -> engine.Loaded:
    """The tasks above."""
    return engine.load(TASKS, name="tasks", isa="sse2")


def run(native: engine.Loaded, task: str, n: int, slots: int) -> np.ndarray:
    """Run ``n`` tasks over ``slots`` zeros."""
    slot = np.zeros(slots, np.int64)
    parallel = ctypes.CFUNCTYPE(None, PTR, PTR, I64)(native.address("run"))
    parallel(native.address(task), slot.ctypes.data, n)
    return slot


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_every_task_once(native: engine.Loaded, count: int) -> None:
    """Any number of tasks on any number of threads, more than there are CPUs included."""
    with config.override(num_threads=count):
        for n in (0, 1, 2, 3, 10, 1000):
            for _ in range(20):
                assert run(native, "count", n, 1000).tolist() == [1] * n + [0] * (1000 - n)


@pytest.mark.parametrize("count", [2, 4])
def test_jobs_follow_each_other_without_mixing(native: engine.Loaded, count: int) -> None:
    """Jobs of other sizes and functions one right after the other."""
    jobs, slot = 100_000, np.zeros(200, np.int64)
    with config.override(num_threads=count):
        ctypes.CFUNCTYPE(None, PTR, I64)(native.address("many"))(slot.ctypes.data, jobs)

    expected = np.zeros(200, np.int64)
    expected[:7] = jobs // 2
    expected[100:102] = jobs // 2
    assert slot.tolist() == expected.tolist()


def test_number_of_threads_follows_the_setting(native: engine.Loaded) -> None:
    """``ty_workers`` and the workers seen follow ``config.num_threads`` without compiling again."""
    workers = ctypes.CFUNCTYPE(I64)(native.address("workers"))
    for count in (3, 1, 2, 5, 2):
        with config.override(num_threads=count):
            seen = np.nonzero(run(native, "who", 400, MAX_THREADS))[0]
            assert workers() == count
            assert max(seen) < count
    assert workers() == config.num_threads


def test_surplus_workers_end(native: engine.Loaded) -> None:
    """There are never more workers than the last job was allowed."""
    counts: list[int] = []
    for count in (2, 5, 2):
        with config.override(num_threads=count):
            run(native, "count", 100, 100)
            counts.append(native_threads())

    assert counts == [counts[0], counts[0] + 3, counts[0]]


def native_threads() -> int:
    """Threads of this process that Python does not know: the pool's, and other libraries'."""
    return len(os.listdir("/proc/self/task")) - threading.active_count()


def test_two_threads_really_run_at_once(native: engine.Loaded) -> None:
    """Tasks that wait for each other end."""
    with config.override(num_threads=2):
        run(native, "gang", 2, 1)


def test_nested_loops_run_in_the_task(native: engine.Loaded) -> None:
    """A task's own loop gives every task once, and leaves the task's scratch alone."""
    with config.override(num_threads=2):
        for _ in range(200):
            slots = run(native, "outer", 3, 64)
            assert slots.tolist() == [1] * 3 + [0] * 7 + [3] * 5 + [0] * 49


def test_python_threads_at_once(native: engine.Loaded) -> None:
    """Whoever finds the pool taken runs its tasks itself."""
    wrong: list[object] = []

    def work() -> None:
        for _ in range(300):
            slots = run(native, "count", 50, 50).tolist()
            if slots != [1] * 50:
                wrong.append(slots)

    with config.override(num_threads=2):
        callers = [threading.Thread(target=work) for _ in range(4)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert wrong == []


def test_workers_have_the_default_floating_point_environment(native: engine.Loaded) -> None:
    """Workers made by a thread that flushes denormals do not."""
    flush = engine.load(
        """declare void @llvm.x86.sse.ldmxcsr(ptr)
        define void @set(i32 %v) { %s = alloca i32
        store i32 %v, ptr %s
        call void @llvm.x86.sse.ldmxcsr(ptr %s)
        ret void }""",
        name="flush",
        isa="sse2",
    )
    set_mxcsr = ctypes.CFUNCTYPE(None, ctypes.c_uint32)(flush.address("set"))
    slots = np.zeros(0)
    with config.override(num_threads=2):
        set_mxcsr(0x9FC0)
        try:
            slots = run(native, "floats", 200, 201)
        finally:
            set_mxcsr(0x1F80)
    seen = set(slots[1:200].tolist())

    assert seen == {0x9FC0, 0x1F80}  # the caller's own tasks, and the worker's


def test_after_fork(native: engine.Loaded) -> None:
    """The child makes workers of its own, and the parent keeps its."""
    with config.override(num_threads=2):
        run(native, "gang", 2, 1)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            run(native, "gang", 2, 1)
            good = run(native, "count", 100, 100).tolist() == [1] * 100
            os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
        run(native, "gang", 2, 1)


def test_fork_while_another_thread_uses_the_pool(native: engine.Loaded) -> None:
    """A child does not inherit the lock of a thread that it does not have."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            run(native, "who", 50, 2)

    with config.override(num_threads=2):
        caller = threading.Thread(target=work)
        caller.start()
        try:
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    signal.alarm(20)
                    run(native, "gang", 2, 1)
                    os._exit(0)
                assert os.waitpid(child, 0)[1] == 0
        finally:
            stop.set()
            caller.join()


EXIT = """
import ctypes, os, sys, threading
sys.path[:0] = {path!r}
from tianyuan.settings import config
from tianyuan_jit import engine, threads
config.num_threads = 4
tasks = engine.load({tasks!r}, name="tasks", isa="sse2")
run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(tasks.address("run"))
slot = (ctypes.c_int64 * 1000)()
{body}
"""


@pytest.mark.parametrize(
    "body",
    [
        "run(tasks.address('count'), ctypes.addressof(slot), 100); print(sum(slot))",
        "import atexit\nothers = len(os.listdir('/proc/self/task'))\natexit._run_exitfuncs()\n"
        "run(tasks.address('count'), ctypes.addressof(slot), 100)\n"
        "print(sum(slot) + len(os.listdir('/proc/self/task')) - others)",
        "def forever():\n    while True: run(tasks.address('who'), ctypes.addressof(slot), 100)\n"
        "threading.Thread(target=forever, daemon=True).start()\nprint(100)",
    ],
    ids=["idle", "used after it stopped", "in use by a daemon thread"],
)
def test_process_ends(body: str) -> None:
    """A process with workers ends at once and quietly, whatever they do."""
    script = EXIT.format(path=sys.path, tasks=TASKS, body=body)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, text=True)

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "100", "")


def test_latency(native: engine.Loaded) -> None:
    """A fork-join with a hand-over to another CPU takes microseconds."""
    gangs, slot, n = ctypes.CFUNCTYPE(None, PTR, I64)(native.address("gangs")), np.zeros(1, np.int64), 2000
    best = float("inf")
    with config.override(num_threads=2):
        for _ in range(20):
            start = time.perf_counter()
            gangs(slot.ctypes.data, n)
            best = min(best, (time.perf_counter() - start) / n)
    assert best < 100e-6
