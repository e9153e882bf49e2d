"""What surrounds a run of compiled code: the floating-point environment, and Ctrl-C.

Native symbols:

- ``i64 @ty_enter()``: set the default floating-point environment and open a frame of scratch memory;
  returns what ``void @ty_leave(i64)`` puts back. About 10 ns together. Other libraries set flush-to-zero
  (PyTorch's ``set_flush_denormal``, code linked with -ffast-math), which would change results.
- ``i64 @ty_poll()``: 1 if a signal handler has raised, so that the program must return soon; called on the
  back edges of loops. It reads the cycle counter, and about every 5 ms, in the main thread, lets Python
  run the handlers of signals that have arrived. Of other threads it is always 0: Python never runs
  handlers there. It takes the GIL itself, whether or not it was released.

``take_interrupt`` gives the handler's exception (KeyboardInterrupt) to the caller that must raise it.
"""

from __future__ import annotations

import ctypes
import os
import threading

from tianyuan_jit import engine
from tianyuan_jit.engine import Loaded
from tianyuan_jit.scratch import FRAMES

# MXCSR: bits 0-5 flags that have been raised, 6 DAZ, 7-12 masks of exceptions, 13-14 rounding, 15 FTZ.
# (Intel SDM volume 1, section 10.2.3.) The default: all masked, to nearest, denormals kept: 0x1F80.
DEFAULT_FLOATS = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

; Set the default unless it is in force; return what was.
define internal i32 @default_floats() nounwind {
  %slot = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %slot)
  %saved = load i32, ptr %slot
  %control = and i32 %saved, 65472                    ; 0xFFC0: all but the flags
  %default = icmp eq i32 %control, 8064               ; 0x1F80
  br i1 %default, label %done, label %set
set:
  store i32 8064, ptr %slot
  call void @llvm.x86.sse.ldmxcsr(ptr %slot)
  br label %done
done:
  ret i32 %saved
}
"""
POLL_CYCLES = 12_000_000  # 3 to 8 ms of a time-stamp counter at 4 to 1.5 GHz

_IR = """
define i64 @ty_enter() nounwind {
  call void @ty_frame_push()
  %saved = call i32 @default_floats()
  %r = zext i32 %saved to i64
  ret i64 %r
}

define void @ty_leave(i64 %saved) nounwind {
  call void @ty_frame_pop()
  %slot = alloca i32
  %word = trunc i64 %saved to i32
  %control = and i32 %word, 65472
  %default = icmp eq i32 %control, 8064
  br i1 %default, label %done, label %set
set:
  store i32 %word, ptr %slot
  call void @llvm.x86.sse.ldmxcsr(ptr %slot)
  br label %done
done:
  ret void
}

@ty_poll_thread = global i64 0                        ; the thread that runs Python's signal handlers
@ty_poll_raised = global [3 x ptr] zeroinitializer    ; type, value, traceback of a handler's exception
@last = internal global i64 0                         ; the cycle of the last look; 0 once one has raised

declare i64 @llvm.readcyclecounter()
declare i64 @pthread_self()
declare i32 @PyGILState_Ensure()
declare void @PyGILState_Release(i32)
declare i32 @PyErr_CheckSignals()
declare void @PyErr_Fetch(ptr, ptr, ptr)

define i64 @ty_poll() nounwind {
  %now = call i64 @llvm.readcyclecounter()
  %last = load atomic i64, ptr @last monotonic, align 8
  %since = sub i64 %now, %last                        ; a counter that has jumped back counts as long ago
  %due = icmp ugt i64 %since, POLL_CYCLES
  br i1 %due, label %who, label %no
who:
  %self = call i64 @pthread_self()
  %handler = load i64, ptr @ty_poll_thread
  %mine = icmp eq i64 %self, %handler
  br i1 %mine, label %look, label %no
look:
  store atomic i64 %now, ptr @last monotonic, align 8
  %type = load ptr, ptr @ty_poll_raised
  %raised = icmp ne ptr %type, null
  br i1 %raised, label %yes, label %check
check:
  %gil = call i32 @PyGILState_Ensure()
  %status = call i32 @PyErr_CheckSignals()
  %failed = icmp slt i32 %status, 0
  br i1 %failed, label %fetch, label %quiet
quiet:
  call void @PyGILState_Release(i32 %gil)
  ret i64 0
fetch:
  %value = getelementptr ptr, ptr @ty_poll_raised, i64 1
  %trace = getelementptr ptr, ptr @ty_poll_raised, i64 2
  call void @PyErr_Fetch(ptr @ty_poll_raised, ptr %value, ptr %trace)
  call void @PyGILState_Release(i32 %gil)
  br label %yes
yes:                                                  ; until it is taken, every look finds it
  store atomic i64 0, ptr @last monotonic, align 8
  ret i64 1
no:
  ret i64 0
}
"""
_restore_error = ctypes.PYFUNCTYPE(None, *[ctypes.c_void_p] * 3)(("PyErr_Restore", ctypes.pythonapi))


class _Raised:
    """The words in which ``ty_poll`` leaves an exception, once the library has been loaded."""

    words: ctypes.Array[ctypes.c_void_p] | None = None


def take_interrupt() -> BaseException | None:
    """The exception for which ``ty_poll`` returned 1, to be raised by the caller; None if there is none."""
    words = _Raised.words
    if words is None or words[0] is None:
        return None
    type_, value, trace = words
    words[:] = [None] * 3
    try:
        _restore_error(type_, value, trace)  # ctypes raises it: the references are ours to give
    except BaseException as error:
        return error
    raise AssertionError("PyErr_Restore did not raise")


def _prepare(loaded: Loaded) -> None:
    thread = ctypes.c_uint64.from_address(loaded.address("ty_poll_thread"))
    thread.value = threading.main_thread().ident or 0

    def follow_fork() -> None:
        thread.value = threading.get_ident()  # the thread that forks is the child's main thread

    os.register_at_fork(after_in_child=follow_fork)
    _Raised.words = (ctypes.c_void_p * 3).from_address(loaded.address("ty_poll_raised"))


def _text(isa: str) -> str:
    return FRAMES + DEFAULT_FLOATS + _IR.replace("POLL_CYCLES", str(POLL_CYCLES))


_PYTHON = ("PyGILState_Ensure", "PyGILState_Release", "PyErr_CheckSignals", "PyErr_Fetch")
engine.define(engine.addresses(ctypes.pythonapi, *_PYTHON))
engine.define(engine.addresses(ctypes.CDLL(None), "pthread_self"))
engine.library("environment", _text, exports=("ty_enter", "ty_leave", "ty_poll"), shared=True, on_load=_prepare)
