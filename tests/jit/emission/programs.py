"""A kernel run as the only one of a program, from NumPy arrays to NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from tianyuan.types import ArrayType, as_dtype
from tianyuan_jit import engine
from tianyuan_jit import environment as environment
from tianyuan_jit import threads as threads
from tianyuan_jit.emission.status import FIELDS, NO_FAILURE
from tianyuan_jit.emission.whole import emit_contraction, emit_single
from tianyuan_jit.kernels import Contraction, Kernel, Operand, Single
from tianyuan_jit.scalars import linked as linked
from tianyuan_jit.text import Function, Module

GUARD = 64  # bytes around every buffer that must stay as they are


def text(kernel: Kernel, types: Sequence[ArrayType], isa: str, numbers: int = 0) -> str:
    """The module of ``void @kernel(ptr block)``: pointers of buffers, the status, numbers."""
    module = Module()
    f = Function(module)
    pointers = [f.op(f"load ptr, ptr {f.gep('%block', 8 * i)}") for i in range(len(types) + 1)]
    first = len(pointers)
    words = [f.op(f"load i64, ptr {f.gep('%block', 8 * (first + i))}") for i in range(numbers)]
    module.declare("i64 @ty_enter()")
    module.declare("void @ty_leave(i64)")
    saved = f.op("call i64 @ty_enter()")
    if isinstance(kernel, Contraction):
        emit_contraction(f, kernel, types, pointers[:-1], words, isa)
    else:
        assert isinstance(kernel, Single)
        emit_single(f, kernel, types, pointers[:-1], words, isa, pointers[-1])
    f.do(f"call void @ty_leave(i64 {saved})")
    f.finish("void @kernel(ptr %block)")
    return module.text()


def run(
    kernel: Kernel, arrays: Sequence[Any], types: Sequence[ArrayType], isa: str, numbers: Sequence[int] = ()
) -> tuple[list[Any], dict[str, int]]:
    """All buffers after a run, and the status; ``arrays`` are the first ones, the others hold rubbish."""
    loaded = engine.load(text(kernel, types, isa, len(numbers)), name="a kernel", isa=isa)
    held = [_guarded(types[i], arrays[i] if i < len(arrays) else None) for i in range(len(types))]
    status = np.array([NO_FAILURE, 0, 0, 0, 0], np.int64)
    block = np.array([*(h.ctypes.data + GUARD for h in held), status.ctypes.data, *numbers], np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(loaded.address("kernel"))(block.ctypes.data)
    for h in held:
        assert np.all(h[:GUARD] == 0xA5) and np.all(h[len(h) - GUARD :] == 0xA5), "wrote outside"
    results = [h[GUARD : len(h) - GUARD].view(t.dtype.numpy).reshape(t.shape) for h, t in zip(held, types, strict=True)]
    return results, dict(zip(FIELDS, status.tolist(), strict=True))


def _guarded(type: ArrayType, value: Any) -> Any:
    inside = np.full(type.nbytes, 0xA5, np.uint8)
    if value is not None:
        assert as_dtype(value.dtype) == type.dtype and value.shape == type.shape
        inside = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    edge = np.full(GUARD, 0xA5, np.uint8)
    return np.concatenate([edge, inside, edge])


def single(lowering: Any, ins: Sequence[Any], outs: Sequence[ArrayType], isa: str = "") -> list[Any]:
    """The results of a kernel that stands alone, which must not fail."""
    types = [*(ArrayType(as_dtype(x.dtype), x.shape) for x in ins), *outs]
    operands = [Operand(i, t) for i, t in enumerate(types)]
    kernel = Single(lowering, tuple(operands[: len(ins)]), tuple(operands[len(ins) :]), 3)
    results, status = run(kernel, ins, types, isa or engine.isa())
    assert status["equation"] == NO_FAILURE
    return results[len(ins) :]
