"""The thread pool: fork-join over tasks, in compiled code alone.

Native symbols:

- ``void @ty_parallel(ptr fn, ptr ctx, i64 ntasks)``: call ``fn(ctx, task, worker)`` (i64s) for every task
  once, in any order, on up to ``config.num_threads`` threads with the caller among them, and return when
  all are done. Within a task, and while another thread uses the pool, the caller runs them all itself.
- ``i64 @ty_workers()``: the number of threads in force; ``worker`` is below it, 0 for the caller.

Workers are plain pthreads that never touch Python. A task is claimed by a cmpxchg on one word,
``generation << 32 | next task``, so a worker that slept through a generation cannot claim from it; and the
caller waits for tasks that were claimed, never for workers, so one that is asleep or descheduled delays
nobody. Before a new job is written the word is *closed* (next task 2^32 - 1): without that, a worker
between reading the word and claiming could take a task of the old generation with the new function.
Waiting is 20 us of spinning at most, then a futex. Which thread computes a task cannot change a bit
(docs/numerics.md).
"""

from __future__ import annotations

import atexit
import ctypes
import os

from tianyuan.settings import MAX_THREADS, config, on_change
from tianyuan_jit import engine
from tianyuan_jit.engine import Loaded
from tianyuan_jit.environment import DEFAULT_FLOATS
from tianyuan_jit.scratch import FRAMES

SPIN_CYCLES = 40_000  # 10 to 20 us of a time-stamp counter at 4 to 2 GHz

_IR = """
@word = internal global i64 CLOSED, align 128         ; generation << 32 | next task
@done = internal global i64 0, align 128              ; tasks done, of this job
@waiting = internal global i64 0                      ; whether the caller sleeps on @done
@fn = internal global ptr null, align 128             ; the job
@ctx = internal global ptr null
@count = internal global i64 0
@sleepers = internal global i64 0, align 128          ; workers asleep on the generation
@stop = internal global i64 0
@busy = internal global i64 0, align 128              ; the lock of all that follows, and of the job
@ty_pool_limit = global i64 1                         ; threads a job may use
@wanted = internal global i64 1                       ; the limit for which workers were last made
@size = internal global i64 1                         ; threads there are, the caller included
@threads = internal global [MAX_THREADS x i64] zeroinitializer
@every.signal = internal constant [16 x i64] [ALL_ONES]

declare i64 @syscall(i64, ...)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare void @llvm.x86.sse2.pause()
declare i64 @llvm.readcyclecounter()
declare i64 @llvm.umin.i64(i64, i64)

define i64 @ty_workers() nounwind {
  %limit = load atomic i64, ptr @ty_pool_limit monotonic, align 8
  ret i64 %limit
}

; Sleep while the i32 at %at equals %value; wake up to %n of its sleepers. (SYS_futex, private WAIT and WAKE.)
define internal void @sleep(ptr %at, i32 %value) nounwind {
  %v = zext i32 %value to i64
  %r = call i64 (i64, ...) @syscall(i64 202, ptr %at, i64 128, i64 %v, i64 0, i64 0, i64 0)
  ret void
}
define internal void @wake(ptr %at, i64 %n) nounwind {
  %r = call i64 (i64, ...) @syscall(i64 202, ptr %at, i64 129, i64 %n, i64 0, i64 0, i64 0)
  ret void
}

; Claim and run tasks of whatever job there is, until none is left.
define internal void @work(i64 %worker) nounwind {
entry:
  br label %look
look:
  %w = load atomic i64, ptr @word seq_cst, align 8
  %fn = load atomic ptr, ptr @fn monotonic, align 8
  %ctx = load atomic ptr, ptr @ctx monotonic, align 8
  %n = load atomic i64, ptr @count monotonic, align 8
  %task = and i64 %w, 4294967295
  %left = icmp ult i64 %task, %n
  br i1 %left, label %claim, label %out
claim:
  %next = add i64 %w, 1
  %swap = cmpxchg ptr @word, i64 %w, i64 %next seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %swap, 1
  br i1 %mine, label %run, label %look
run:
  call void %fn(ptr %ctx, i64 %task, i64 %worker)
  %before = atomicrmw add ptr @done, i64 1 seq_cst
  %now = add i64 %before, 1
  %all = icmp eq i64 %now, %n
  br i1 %all, label %last, label %look
last:
  %asleep = load atomic i64, ptr @waiting seq_cst, align 8
  %someone = icmp ne i64 %asleep, 0
  br i1 %someone, label %rouse, label %out
rouse:
  call void @wake(ptr @done, i64 1)
  br label %out
out:
  ret void
}

; Return when the generation is another: spin, then sleep.
define internal void @await(i32 %generation) nounwind {
entry:
  %at = getelementptr i8, ptr @word, i64 4
  br label %start
start:
  %begin = call i64 @llvm.readcyclecounter()
  br label %spin
spin:
  %g = load atomic i32, ptr %at seq_cst, align 4
  %same = icmp eq i32 %g, %generation
  br i1 %same, label %patience, label %out
patience:
  call void @llvm.x86.sse2.pause()
  %now = call i64 @llvm.readcyclecounter()
  %spent = sub i64 %now, %begin
  %long = icmp ugt i64 %spent, SPIN_CYCLES
  br i1 %long, label %doze, label %spin
doze:
  %s1 = atomicrmw add ptr @sleepers, i64 1 seq_cst
  call void @sleep(ptr %at, i32 %generation)
  %s2 = atomicrmw sub ptr @sleepers, i64 1 seq_cst
  br label %start
out:
  ret void
}

define internal ptr @worker(ptr %arg) nounwind {
entry:
  %worker = ptrtoint ptr %arg to i64
  %r = call i32 @pthread_sigmask(i32 0, ptr @every.signal, ptr null)
  br label %serve
serve:
  %w = load atomic i64, ptr @word seq_cst, align 8
  %high = lshr i64 %w, 32
  %generation = trunc i64 %high to i32
  %f = call i32 @default_floats()
  call void @work(i64 %worker)
  %s = load atomic i64, ptr @stop seq_cst, align 8
  %stop = icmp ne i64 %s, 0
  br i1 %stop, label %quit, label %rest
rest:
  call void @await(i32 %generation)
  br label %serve
quit:
  ret ptr null
}

; Begin the next generation with task number %first, and wake up to %n workers for it.
define internal void @open(i64 %first, i64 %n) nounwind {
  %w = load atomic i64, ptr @word monotonic, align 8
  %g = lshr i64 %w, 32
  %g1 = add i64 %g, 1
  %high = shl i64 %g1, 32
  %new = or i64 %high, %first
  %old = atomicrmw xchg ptr @word, i64 %new seq_cst
  %asleep = load atomic i64, ptr @sleepers seq_cst, align 8
  %some = icmp ne i64 %asleep, 0
  br i1 %some, label %rouse, label %out
rouse:
  %at = getelementptr i8, ptr @word, i64 4
  call void @wake(ptr %at, i64 %n)
  br label %out
out:
  ret void
}

define internal void @publish(ptr %fn, ptr %ctx, i64 %n) nounwind {
  %closed = atomicrmw or ptr @word, i64 CLOSED seq_cst
  store atomic ptr %fn, ptr @fn monotonic, align 8
  store atomic ptr %ctx, ptr @ctx monotonic, align 8
  store atomic i64 %n, ptr @count monotonic, align 8
  store atomic i64 0, ptr @done monotonic, align 8
  %others = sub i64 %n, 1
  %wake = call i64 @llvm.umin.i64(i64 %others, i64 MAX_THREADS)
  call void @open(i64 0, i64 %wake)
  ret void
}

; Return when all %n tasks are done: spin, then sleep.
define internal void @join(i64 %n) nounwind {
entry:
  %begin = call i64 @llvm.readcyclecounter()
  br label %spin
spin:
  %d = load atomic i64, ptr @done acquire, align 8
  %all = icmp eq i64 %d, %n
  br i1 %all, label %out, label %patience
patience:
  call void @llvm.x86.sse2.pause()
  %now = call i64 @llvm.readcyclecounter()
  %spent = sub i64 %now, %begin
  %long = icmp ugt i64 %spent, SPIN_CYCLES
  br i1 %long, label %doze, label %spin
doze:
  store atomic i64 1, ptr @waiting seq_cst, align 8
  %d2 = load atomic i64, ptr @done seq_cst, align 8
  %all2 = icmp eq i64 %d2, %n
  br i1 %all2, label %up, label %down
down:
  %seen = trunc i64 %d2 to i32
  call void @sleep(ptr @done, i32 %seen)
  br label %doze
up:
  store atomic i64 0, ptr @waiting seq_cst, align 8
  br label %out
out:
  ret void
}

; End all workers. The lock is held, no job is open.
define internal void @disband() nounwind {
entry:
  %size = load i64, ptr @size
  store atomic i64 1, ptr @stop seq_cst, align 8
  call void @open(i64 CLOSED, i64 MAX_THREADS)
  br label %head
head:
  %i = phi i64 [ 1, %entry ], [ %next, %body ]
  %more = icmp ult i64 %i, %size
  br i1 %more, label %body, label %end
body:
  %slot = getelementptr i64, ptr @threads, i64 %i
  %thread = load i64, ptr %slot
  %r = call i32 @pthread_join(i64 %thread, ptr null)
  %next = add i64 %i, 1
  br label %head
end:
  store i64 1, ptr @size
  store atomic i64 0, ptr @stop seq_cst, align 8
  ret void
}

; Make workers until there are %limit threads; as many as the system allows. The lock is held.
define internal void @recruit(i64 %limit) nounwind {
entry:
  store i64 %limit, ptr @wanted
  br label %head
head:
  %i = phi i64 [ 1, %entry ], [ %next, %made ]
  store i64 %i, ptr @size
  %more = icmp ult i64 %i, %limit
  br i1 %more, label %body, label %end
body:
  %slot = getelementptr i64, ptr @threads, i64 %i
  %arg = inttoptr i64 %i to ptr
  %r = call i32 @pthread_create(ptr %slot, ptr null, ptr @worker, ptr %arg)
  %failed = icmp ne i32 %r, 0
  br i1 %failed, label %end, label %made
made:
  %next = add i64 %i, 1
  br label %head
end:
  ret void
}

define internal void @pooled(ptr %fn, ptr %ctx, i64 %n, i64 %limit) nounwind {
  %wanted = load i64, ptr @wanted
  %same = icmp eq i64 %wanted, %limit
  br i1 %same, label %run, label %resize
resize:
  call void @disband()
  call void @recruit(i64 %limit)
  br label %run
run:
  call void @publish(ptr %fn, ptr %ctx, i64 %n)
  call void @work(i64 0)
  call void @join(i64 %n)
  ret void
}

define internal void @alone(ptr %fn, ptr %ctx, i64 %n) nounwind {
entry:
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %body, label %end
body:
  call void %fn(ptr %ctx, i64 %i, i64 0)
  %next = add i64 %i, 1
  br label %head
end:
  ret void
}

define internal i1 @acquire() nounwind {
  %swap = cmpxchg ptr @busy, i64 0, i64 1 seq_cst seq_cst
  %mine = extractvalue { i64, i1 } %swap, 1
  ret i1 %mine
}
define internal void @release() nounwind {
  store atomic i64 0, ptr @busy seq_cst, align 8
  ret void
}

define void @ty_parallel(ptr %fn, ptr %ctx, i64 %n) nounwind {
entry:
  call void @ty_frame_push()
  %limit = load atomic i64, ptr @ty_pool_limit monotonic, align 8
  %threads = icmp ugt i64 %limit, 1
  %tasks = icmp sgt i64 %n, 1
  %numbered = icmp ult i64 %n, CLOSED
  %several = and i1 %threads, %tasks
  %fit = and i1 %several, %numbered
  br i1 %fit, label %try, label %serial
try:
  %mine = call i1 @acquire()
  br i1 %mine, label %pool, label %serial
pool:
  call void @pooled(ptr %fn, ptr %ctx, i64 %n, i64 %limit)
  call void @release()
  br label %out
serial:
  call void @alone(ptr %fn, ptr %ctx, i64 %n)
  br label %out
out:
  call void @ty_frame_pop()
  ret void
}

; At exit: end the workers, unless a job is running, which then dies with the process.
define void @ty_pool_stop() nounwind {
  store atomic i64 1, ptr @ty_pool_limit seq_cst, align 8
  %mine = call i1 @acquire()
  br i1 %mine, label %end, label %out
end:
  call void @disband()
  store i64 1, ptr @wanted
  call void @release()
  br label %out
out:
  ret void
}

; In the child of a fork: there are no workers, and whoever held the lock is gone.
define void @ty_pool_forget() nounwind {
  store i64 1, ptr @size
  store i64 1, ptr @wanted
  store i64 0, ptr @sleepers
  store i64 0, ptr @waiting
  store i64 0, ptr @stop
  %closed = atomicrmw or ptr @word, i64 CLOSED seq_cst
  call void @release()
  ret void
}
"""
_VALUES = {
    "MAX_THREADS": str(MAX_THREADS),
    "SPIN_CYCLES": str(SPIN_CYCLES),
    "CLOSED": str(2**32 - 1),
    "ALL_ONES": ", ".join(["i64 -1"] * 16),
}
_NEEDS = ("syscall", "pthread_create", "pthread_join", "pthread_sigmask")


def _text(isa: str) -> str:
    text = FRAMES + DEFAULT_FLOATS + _IR
    for name, value in _VALUES.items():
        text = text.replace(name, value)
    return text


def _start(loaded: Loaded) -> None:
    """Let the pool follow the setting, forks and the end of the process. The first job makes the workers."""
    limit = ctypes.c_int64.from_address(loaded.address("ty_pool_limit"))

    def follow() -> None:
        limit.value = config.num_threads

    follow()
    on_change("num_threads", follow)
    native = ctypes.CFUNCTYPE(None)
    os.register_at_fork(after_in_child=native(loaded.address("ty_pool_forget")))
    atexit.register(native(loaded.address("ty_pool_stop")))


engine.define(engine.addresses(ctypes.CDLL(None), *_NEEDS))
engine.library("threads", _text, exports=("ty_parallel", "ty_workers"), shared=True, on_load=_start)
