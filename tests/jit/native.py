"""Library modules compiled and called from tests and benchmarks, with stand-ins for the thread pool."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from tianyuan_jit.contraction import GEMM, library
from tianyuan_jit.convolution import library as convolution_library

CPUS = {"avx512": "x86-64-v4", "avx2": "x86-64-v3", "sse2": "x86-64"}

# Tasks run last to first on alternating workers; scratch is filled with NaNs, so that nothing may
# depend on an order or on what scratch held before.
STUBS = """
@stub_workers = global i64 1
@stub_memory = global [8 x ptr] zeroinitializer
@stub_bytes = global i64 0
@stub_forks = global i64 0
define i64 @ty_workers() {
  %n = load i64, ptr @stub_workers
  ret i64 %n
}
define ptr @ty_scratch(i64 %worker, i64 %bytes) {
  %size = load i64, ptr @stub_bytes
  %fits = icmp ule i64 %bytes, %size
  br i1 %fits, label %yes, label %no
no:
  call void @llvm.trap()
  unreachable
yes:
  %p = getelementptr ptr, ptr @stub_memory, i64 %worker
  %m = load ptr, ptr %p
  ret ptr %m
}
declare void @llvm.trap()
define void @ty_parallel(ptr %fn, ptr %ctx, i64 %n) {
entry:
  %forks = load i64, ptr @stub_forks
  %more = add i64 %forks, 1
  store i64 %more, ptr @stub_forks
  %w = load i64, ptr @stub_workers
  br label %head
head:
  %i = phi i64 [ %n, %entry ], [ %j, %body ]
  %go = icmp ugt i64 %i, 0
  br i1 %go, label %body, label %end
body:
  %j = sub i64 %i, 1
  %worker = urem i64 %j, %w
  call void %fn(ptr %ctx, i64 %j, i64 %worker)
  br label %head
end:
  ret void
}
"""
SCRATCH = 96 << 20


@cache
def scratch(worker: int) -> np.ndarray[Any, Any]:
    """One worker's scratch, aligned as the runtime's: 2 MB."""
    memory = np.full(SCRATCH + (2 << 20), 0xFF, np.uint8)
    start = -memory.ctypes.data % (2 << 20)
    return memory[start : start + SCRATCH]


class Native:
    """Compiled modules that see one another, and the stubs."""

    def __init__(self, isa: str, *texts: str) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        target = llvm.Target.from_default_triple()
        machine = target.create_target_machine(cpu=CPUS[isa], opt=1, codemodel="jitdefault", jit=True)
        self.engine = llvm.create_mcjit_compiler(llvm.parse_assembly(STUBS), machine)
        for text in texts:
            self.engine.add_module(llvm.parse_assembly(text))
        self.engine.finalize_object()
        for worker in range(3):
            self._store("stub_memory", scratch(worker).ctypes.data, 8 * worker)
        self._store("stub_bytes", SCRATCH)

    def _store(self, name: str, value: int, offset: int = 0) -> None:
        ctypes.c_int64.from_address(self.engine.get_global_value_address(name) + offset).value = value

    def threads(self, workers: int) -> None:
        """Pretend to have ``workers`` threads."""
        self._store("stub_workers", workers)

    def forks(self) -> int:
        """How many times ty_parallel has been called."""
        return ctypes.c_int64.from_address(self.engine.get_global_value_address("stub_forks")).value

    def function(self, name: str, *types: Any) -> Any:
        """An exported void function."""
        return ctypes.CFUNCTYPE(None, *types)(self.engine.get_function_address(name))


@cache
def gemm(dtype: str, isa: str) -> Native:
    """The contraction library."""
    return Native(isa, library(dtype, isa))


@cache
def convolutions(dtype: str, isa: str) -> Native:
    """The convolution library, with the contractions it calls."""
    return Native(isa, convolution_library(dtype, isa), library(dtype, isa))


def descriptor(**values: int) -> np.ndarray[Any, Any]:
    """Fields by name; the others are zero."""
    d = np.zeros(len(GEMM.names), np.int64)
    for name, value in values.items():
        d[GEMM.names.index(name)] = value
    return d


def strides(x: np.ndarray[Any, Any]) -> list[int]:
    """Strides in elements."""
    return [s // x.itemsize for s in x.strides]


def describe(a: Any, b: Any, c: Any, **more: int) -> np.ndarray[Any, Any]:
    """The descriptor of c[b,m,n] = a[b,m,k] b[b,k,n], three arrays of three axes."""
    (ab, am, ak), (bb, bk, bn), (cb, cm, _) = strides(a), strides(b), strides(c)
    return descriptor(
        a=a.ctypes.data, b=b.ctypes.data, c=c.ctypes.data,
        batch=c.shape[0], m=c.shape[1], n=c.shape[2], k=a.shape[2],
        a_batch=ab, a_m=am, a_k=ak, b_batch=bb, b_k=bk, b_n=bn, c_batch=cb, c_m=cm, **more,
    )  # fmt: skip
