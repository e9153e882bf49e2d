"""Scratch memory for compiled code: buffers that belong to the calling thread and are used again.

Native symbols:

- ``ptr @ty_scratch(i64 worker, i64 bytes)``: a buffer for the task that a thread is running.
- ``ptr @ty_scratch_shared(i64 bytes)``: a buffer for the body of a program, which may hand it to its tasks.
- ``void @ty_frame_push()``, ``void @ty_frame_pop()``: within the two, the thread has buffers of its own.

A buffer is aligned to 64 bytes, to 2 MB and on huge pages when large; it holds anything at first and is
the caller's until the same thread asks again in the same frame. Frames keep apart what one thread does at
once: a program and the program that a callback or signal handler runs in the midst of it, a task and the
tasks of a nested parallel loop. No two threads ever share, whatever ``worker`` is. Buffers grow, and are
freed with their thread.
"""

from __future__ import annotations

import ctypes

from tianyuan_jit import engine
from tianyuan_jit.engine import Loaded

FRAMES = """
declare void @ty_frame_push()
declare void @ty_frame_pop()
"""
_IR = """
; A thread's frames are a list, kept for later; the current one is the thread's value of @ty_scratch_key.
%Buffer = type { ptr, i64 }
%Frame = type { ptr, ptr, %Buffer, %Buffer }         ; outer, inner, the task's, the program's

@ty_scratch_key = global i32 0
@refused = internal constant [58 x i8] c"tianyuan: the system refused %zu bytes of scratch memory\\0A\\00"

declare ptr @pthread_getspecific(i32)
declare i32 @pthread_setspecific(i32, ptr)
declare ptr @calloc(i64, i64)
declare ptr @aligned_alloc(i64, i64)
declare void @free(ptr)
declare i32 @madvise(ptr, i64, i32)
declare i32 @dprintf(i32, ptr, ...)
declare void @abort()

define internal void @set_frame(ptr %frame) nounwind {
  %key = load i32, ptr @ty_scratch_key
  %r = call i32 @pthread_setspecific(i32 %key, ptr %frame)
  ret void
}

define internal ptr @new_frame(ptr %outer) nounwind {
  %end = getelementptr %Frame, ptr null, i64 1
  %size = ptrtoint ptr %end to i64
  %frame = call ptr @calloc(i64 1, i64 %size)
  %none = icmp eq ptr %frame, null
  br i1 %none, label %no, label %yes
no:
  call void @refuse(i64 %size)
  unreachable
yes:
  store ptr %outer, ptr %frame
  ret ptr %frame
}

define internal ptr @frame() nounwind {
  %key = load i32, ptr @ty_scratch_key
  %found = call ptr @pthread_getspecific(i32 %key)
  %none = icmp eq ptr %found, null
  br i1 %none, label %first, label %done
first:
  %made = call ptr @new_frame(ptr null)
  call void @set_frame(ptr %made)
  ret ptr %made
done:
  ret ptr %found
}

define void @ty_frame_push() nounwind {
  %frame = call ptr @frame()
  %slot = getelementptr %Frame, ptr %frame, i64 0, i32 1
  %kept = load ptr, ptr %slot
  %none = icmp eq ptr %kept, null
  br i1 %none, label %first, label %done
first:
  %made = call ptr @new_frame(ptr %frame)
  store ptr %made, ptr %slot
  call void @set_frame(ptr %made)
  ret void
done:
  call void @set_frame(ptr %kept)
  ret void
}

define void @ty_frame_pop() nounwind {
  %frame = call ptr @frame()
  %outer = load ptr, ptr %frame
  call void @set_frame(ptr %outer)
  ret void
}

define ptr @ty_scratch(i64 %worker, i64 %bytes) nounwind {
  %frame = call ptr @frame()
  %buffer = getelementptr %Frame, ptr %frame, i64 0, i32 2
  %r = call ptr @at_least(ptr %buffer, i64 %bytes)
  ret ptr %r
}

define ptr @ty_scratch_shared(i64 %bytes) nounwind {
  %frame = call ptr @frame()
  %buffer = getelementptr %Frame, ptr %frame, i64 0, i32 3
  %r = call ptr @at_least(ptr %buffer, i64 %bytes)
  ret ptr %r
}

define internal ptr @at_least(ptr %buffer, i64 %bytes) nounwind {
  %slot = getelementptr %Buffer, ptr %buffer, i64 0, i32 1
  %size = load i64, ptr %slot
  %start = load ptr, ptr %buffer
  %none = icmp eq ptr %start, null
  %small = icmp ult i64 %size, %bytes
  %grow = or i1 %none, %small
  br i1 %grow, label %more, label %done
more:                                                 ; half as much again, at least, so that growing ends
  call void @free(ptr %start)
  %half = lshr i64 %size, 1
  %longer = add i64 %size, %half
  %ask = call i64 @llvm.umax.i64(i64 %longer, i64 %bytes)
  %made = call ptr @new_buffer(ptr %buffer, i64 %ask)
  ret ptr %made
done:
  ret ptr %start
}
declare i64 @llvm.umax.i64(i64, i64)

define internal ptr @new_buffer(ptr %buffer, i64 %bytes) nounwind {
  %large = icmp uge i64 %bytes, LARGE
  %align = select i1 %large, i64 HUGE_PAGE, i64 64
  %mask = sub i64 %align, 1
  %over = add i64 %bytes, %mask
  %down = xor i64 %mask, -1
  %rounded = and i64 %over, %down
  %size = call i64 @llvm.umax.i64(i64 %rounded, i64 %align)
  %start = call ptr @aligned_alloc(i64 %align, i64 %size)
  %none = icmp eq ptr %start, null
  br i1 %none, label %no, label %yes
no:
  call void @refuse(i64 %size)
  unreachable
yes:
  br i1 %large, label %advise, label %done
advise:
  %r = call i32 @madvise(ptr %start, i64 %size, i32 MADV_HUGEPAGE)
  br label %done
done:
  store ptr %start, ptr %buffer
  %slot = getelementptr %Buffer, ptr %buffer, i64 0, i32 1
  store i64 %size, ptr %slot
  ret ptr %start
}

; A kernel under way can neither go on without memory nor raise.
define internal void @refuse(i64 %bytes) nounwind noreturn {
  %n = call i32 (i32, ptr, ...) @dprintf(i32 2, ptr @refused, i64 %bytes)
  call void @abort()
  unreachable
}

; When a thread ends: its frames, from the current one outwards to the first, then all of them inwards.
define void @ty_scratch_end(ptr %current) nounwind {
entry:
  br label %out
out:
  %frame = phi ptr [ %current, %entry ], [ %outer, %out ]
  %outer = load ptr, ptr %frame
  %first = icmp eq ptr %outer, null
  br i1 %first, label %in, label %out
in:
  %next = phi ptr [ %frame, %out ], [ %inner, %in ]
  %inner.slot = getelementptr %Frame, ptr %next, i64 0, i32 1
  %inner = load ptr, ptr %inner.slot
  %task = getelementptr %Frame, ptr %next, i64 0, i32 2
  %task.start = load ptr, ptr %task
  call void @free(ptr %task.start)
  %shared = getelementptr %Frame, ptr %next, i64 0, i32 3
  %shared.start = load ptr, ptr %shared
  call void @free(ptr %shared.start)
  call void @free(ptr %next)
  %last = icmp eq ptr %inner, null
  br i1 %last, label %end, label %in
end:
  ret void
}
"""
HUGE_PAGE = 2 << 20
LARGE = 4 << 20  # from here on, page faults cost more than 2 MB of alignment
MADV_HUGEPAGE = 14  # linux/mman.h

_NEEDS = (
    "pthread_getspecific",
    "pthread_setspecific",
    "calloc",
    "aligned_alloc",
    "free",
    "madvise",
    "dprintf",
    "abort",
)
_EXPORTS = ("ty_scratch", "ty_scratch_shared", "ty_frame_push", "ty_frame_pop")


def _text(isa: str) -> str:
    values = {"LARGE": LARGE, "HUGE_PAGE": HUGE_PAGE, "MADV_HUGEPAGE": MADV_HUGEPAGE}
    text = _IR
    for name, value in values.items():
        text = text.replace(f" {name}", f" {value}")
    return text


def _make_key(loaded: Loaded) -> None:
    """Give the library its thread-specific key, whose destructor frees a thread's frames."""
    key = ctypes.c_uint32.from_address(loaded.address("ty_scratch_key"))
    end = ctypes.c_void_p(loaded.address("ty_scratch_end"))
    if ctypes.CDLL(None).pthread_key_create(ctypes.byref(key), end):
        raise MemoryError("the system refused a key for thread-specific memory")


engine.define(engine.addresses(ctypes.CDLL(None), *_NEEDS))
engine.library("scratch", _text, exports=_EXPORTS, shared=True, on_load=_make_key)
