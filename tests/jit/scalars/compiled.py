"""Scalar programs compiled over arrays, for the tests of this folder."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from tianyuan.types import COMPLEX, DType
from tianyuan_jit import text
from tianyuan_jit.scalars.library import SelfContained
from tianyuan_jit.scalars.values import Value, memory_type

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

MACHINES = {"host": True, "haswell": True, "x86-64": False}  # name: has_fma
_ENGINES: list[Any] = []  # code must outlive the functions that point into it


def target_machine(machine: str) -> Any:
    """This host, or the instruction set of another x86 CPU that runs here."""
    target = llvm.Target.from_default_triple()
    if machine == "host":
        features = llvm.get_host_cpu_features().flatten()
        return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=1, jit=True)
    return target.create_target_machine(cpu=machine, features="", opt=1, jit=True)


def module_text(program: Callable[..., Value], dtypes: Sequence[DType], lanes: int, has_fma: bool) -> str:
    """``void kernel(ptr out, ptr in..., i64 n)``: the program on n / lanes groups of elements."""
    module = text.Module()
    f = text.Function(module)
    k = SelfContained(f, lanes, "x86_64", has_fma)
    with f.loop(0, "%n", lanes) as i:
        args = [_load(f, k, f"%in{j}", i, d) for j, d in enumerate(dtypes)]
        result = program(k, *args)
        _store(f, k, result, i)
    params = ", ".join(["ptr %out", *(f"ptr %in{j}" for j in range(len(dtypes))), "i64 %n"])
    f.finish(f"void @kernel({params})")
    return module.text()


def _pointer(f: text.Function, base: str, i: str, dtype: DType) -> str:
    parts = f.imul(i, 2) if dtype in COMPLEX else i
    return f.op(f"getelementptr {memory_type(dtype)}, ptr {base}, i64 {parts}")


def _load(f: text.Function, k: SelfContained, base: str, i: str, dtype: DType) -> Value:
    pointer = _pointer(f, base, i, dtype)
    return k.from_memory(f.op(f"load {k.memory_type(dtype)}, ptr {pointer}, align 1"), dtype)


def _store(f: text.Function, k: SelfContained, result: Value, i: str) -> None:
    operand = k.to_memory(result)
    pointer = _pointer(f, "%out", i, result.dtype)
    f.do(f"store {k.memory_type(result.dtype)} {operand}, ptr {pointer}, align 1")


def compiled(
    program: Callable[..., Value],
    dtypes: Sequence[DType],
    result: DType,
    lanes: int = 16,
    machine: str = "host",
) -> Callable[..., Any]:
    """A function of NumPy arrays of one length; the last group is padded with ones."""
    source = llvm.parse_assembly(module_text(program, dtypes, lanes, MACHINES[machine]))
    machine_ = target_machine(machine)
    source.triple, source.data_layout = machine_.triple, str(machine_.target_data)
    engine = llvm.create_mcjit_compiler(source, machine_)
    engine.finalize_object()
    _ENGINES.append(engine)
    address = engine.get_function_address("kernel")
    signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (1 + len(dtypes)), ctypes.c_int64)
    return functools.partial(_run, signature(address), list(dtypes), result, lanes)


def _run(kernel: Any, dtypes: list[DType], result: DType, lanes: int, *arrays: Any) -> Any:
    n = len(arrays[0])
    padding = -n % lanes
    inputs = [
        np.concatenate([np.asarray(a, d.numpy), np.ones(padding, d.numpy)]) for a, d in zip(arrays, dtypes, strict=True)
    ]
    out = np.empty(n + padding, result.numpy)
    kernel(out.ctypes.data, *(a.ctypes.data for a in inputs), n + padding)
    return out[:n]


def same_bits(x: Any, y: Any) -> bool:
    """Equal bits, all NaNs counting as one value."""
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind in "fc" or x.dtype.name == "bfloat16":
        word = f"u{x.dtype.itemsize if x.dtype.kind != 'c' else x.dtype.itemsize // 2}"
        parts = (lambda a: a.view(a.real.dtype)) if x.dtype.kind == "c" else (lambda a: a)
        x, y = parts(x), parts(y)
        return bool(np.all((x.view(word) == y.view(word)) | ((x != x) & (y != y))))
    return bool(np.array_equal(x, y))
