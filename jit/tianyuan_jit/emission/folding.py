"""ORDER(16, 256) in LLVM text: sixteen lanes, folded by halves; chunks of 256, folded by the same rule.

(docs/numerics.md, Sums and other reductions.) 16-bit floats are summed in f32 and rounded by the caller. Orders
do not matter for the other operations, which take the same one. Missing elements are the identity of the
operation: -0.0 for sums.
"""

from __future__ import annotations

import math
from typing import Any

from tianyuan.types import DType, accumulator, bool_
from tianyuan_jit.emission.buffers import address, carry, load, store
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

LANES = 16
CHUNK = 256


def sum_dtype(op: str, dtype: DType) -> DType:
    """The dtype a reduction runs in."""
    return accumulator(dtype) if op in ("add", "mul") else dtype


def combine(k: Lanes, op: str, x: Value, y: Value) -> Value:
    """x op y."""
    if op in ("and", "or", "xor"):
        return getattr(k, f"bit{op}")(x, y)
    return getattr(k, {"add": "add", "mul": "mul", "max": "maximum", "min": "minimum"}[op])(x, y)


def identity(k: Lanes, op: str, dtype: DType) -> Value:
    """What changes nothing: -0.0 for a sum of floats."""
    if op == "add":
        return k.const(complex(-0.0, -0.0) if dtype.kind == "c" else -0.0 if dtype.kind == "f" else 0, dtype)
    if op == "mul":
        return k.const(1, dtype) if dtype.kind != "f" else k.const(1.0, dtype)
    if op in ("or", "xor"):
        return k.const(False if dtype.kind == "b" else 0, dtype)
    if op == "and":
        return k.const(True if dtype.kind == "b" else -1, dtype)
    return k.const(_least(dtype) if op == "max" else _greatest(dtype), dtype)


def _least(dtype: DType) -> Any:
    if dtype.kind == "f":
        return -math.inf
    return False if dtype.kind == "b" else -(1 << (dtype.bits - 1)) if dtype.kind == "i" else 0


def _greatest(dtype: DType) -> Any:
    if dtype.kind == "f":
        return math.inf
    return True if dtype.kind == "b" else (1 << (dtype.bits - (dtype.kind == "i"))) - 1


def empty(k: Lanes, op: str, dtype: DType) -> Value:
    """The reduction of no elements: +0.0 for a sum."""
    return k.const(0.0, dtype) if op == "add" and dtype.kind in "fc" else identity(k, op, dtype)


def halves(k: Lanes, op: str, value: Value) -> Value:
    """v[l] op v[l + 8], then + 4, + 2, + 1: one element, of one lane."""
    for half in (8, 4, 2, 1):
        value = combine(k, op, value, _moved(k, value, half))
    parts = [k.function.op(f"extractelement {k.type_of(value.dtype)} {p}, i64 0") for p in _parts(value)]
    return Value(parts[0], value.dtype, "".join(parts[1:]))


def _parts(value: Value) -> list[str]:
    return [value.operand, value.imaginary] if value.imaginary else [value.operand]


def _moved(k: Lanes, value: Value, by: int) -> Value:
    picks = ", ".join(f"i32 {min(i + by, k.lanes - 1)}" for i in range(k.lanes))
    kind = k.type_of(value.dtype)
    mask = f"<{k.lanes} x i32> <{picks}>"
    parts = [k.function.op(f"shufflevector {kind} {p}, {kind} poison, {mask}") for p in _parts(value)]
    return Value(parts[0], value.dtype, "".join(parts[1:]))


def typed(k: Lanes, value: Value) -> list[tuple[str, str]]:
    """A value as typed operands, to be carried by a loop."""
    return [(k.type_of(value.dtype), p) for p in _parts(value)]


def untyped(operands: Any, dtype: DType) -> Value:
    """The value of carried operands."""
    return Value(operands[0], dtype, "".join(operands[1:]))


def width(dtype: DType) -> int:
    """How many operands carry a value."""
    return 2 if dtype.kind == "c" else 1


def present(k: Lanes, count: Extent) -> Value:
    """A bool in each lane: whether its number is below ``count`` (an i64)."""
    f = k.function
    numbers = ", ".join(f"i32 {i}" for i in range(k.lanes))
    small = f.op(f"trunc i64 {count} to i32")
    first = f.op(f"insertelement <{k.lanes} x i32> poison, i32 {small}, i64 0")
    limit = f.op(
        f"shufflevector <{k.lanes} x i32> {first}, <{k.lanes} x i32> poison, <{k.lanes} x i32> zeroinitializer"
    )
    return Value(f.op(f"icmp ult <{k.lanes} x i32> <{numbers}>, {limit}"), bool_)


def load_some(k: Lanes, pointer: str, dtype: DType, count: Extent) -> Value:
    """``count`` < lanes consecutive elements, zeros in the other lanes; nothing else is read."""
    f, size = k.function, dtype.itemsize
    if _has_masks(k, dtype):
        kind, symbol = k.memory_type(dtype), _masked(k, "load", dtype)
        mask = present(k, count).operand
        operands = f"ptr {pointer}, i32 {size}, <{k.lanes} x i1> {mask}, {kind} zeroinitializer"
        return k.from_memory(f.op(f"call {kind} {symbol}({operands})"), dtype)
    block = f.alloca(f"[{k.lanes * size} x i8]")
    f.do(f"store [{k.lanes * size} x i8] zeroinitializer, ptr {block}, align 64")
    _memcpy(f, block, pointer, f.imul(count, size))
    return load(k, block, dtype)


def store_some(k: Lanes, value: Value, pointer: str, count: Extent) -> None:
    """Store the first ``count`` lanes."""
    f, size = k.function, value.dtype.itemsize
    if _has_masks(k, value.dtype):
        kind, symbol = k.memory_type(value.dtype), _masked(k, "store", value.dtype)
        mask = present(k, count).operand
        f.do(f"call void {symbol}({kind} {k.to_memory(value)}, ptr {pointer}, i32 {size}, <{k.lanes} x i1> {mask})")
        return
    block = f.alloca(f"[{k.lanes * size} x i8]")
    store(k, value, block)
    _memcpy(f, pointer, block, f.imul(count, size))


def _has_masks(k: Lanes, dtype: DType) -> bool:
    """Whether the CPU reads and writes some of a vector's elements at once: memcpy takes five times as long."""
    return k.target == "x86_64" and k.has_fma and dtype.kind in "fiu" and dtype.itemsize >= 4


def _masked(k: Lanes, what: str, dtype: DType) -> str:
    """The name of the intrinsic, declared."""
    kind = k.memory_type(dtype)
    symbol = f"@llvm.masked.{what}.v{k.lanes}{'f' if dtype.kind == 'f' else 'i'}{dtype.bits}.p0"
    mask = f"ptr, i32, <{k.lanes} x i1>"
    k.function.module.declare(
        f"{kind} {symbol}({mask}, {kind})" if what == "load" else f"void {symbol}({kind}, {mask})"
    )
    return symbol


def _memcpy(f: Function, target: str, source: str, nbytes: Extent) -> None:
    f.module.declare("void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {target}, ptr {source}, i64 {nbytes}, i1 false)")


def fold_sequence(caller: Lanes, op: str, dtype: DType, pointer: str, count: Extent) -> Value:
    """The reduction of ``count`` elements in memory, which is overwritten: one element, of one lane."""
    f, symbol = caller.function, f"ty_fold_{op}_{dtype.short}"
    if not f.module.has(symbol):
        _define_fold(caller, op, dtype, symbol)
    f.do(f"call void @{symbol}(ptr {pointer}, i64 {count})")
    return load(Lanes(f, 1, caller.target, caller.has_fma), pointer, dtype)


def _define_fold(caller: Lanes, op: str, dtype: DType, symbol: str) -> None:
    """``void @ty_fold(ptr data, i64 n)``: chunk after chunk in place, until one element is left in data[0]."""
    f = Function(caller.function.module)
    k = Lanes(f, LANES, caller.target, caller.has_fma)
    head, body, end, before = f.fresh("head"), f.fresh("body"), f.fresh("end"), f.block
    f.jump(head)
    f.label(head)
    slot, n = f.slot(), "%" + f.fresh("n")
    f.branch(f.op(f"icmp ugt i64 {n}, 1"), body, end)
    f.label(body)
    chunks = f.idiv(f.iadd(n, CHUNK - 1), CHUNK)
    with f.loop(0, chunks) as c:
        start = f.imul(c, CHUNK)
        here = address(f, "%data", dtype, start)
        result = _fold_chunk(k, op, dtype, here, f.imin(f.isub(n, start), CHUNK))
        store(Lanes(f, 1, k.target, k.has_fma), result, address(f, "%data", dtype, c))
    f.fill(slot, f"{n} = phi i64 [ %count, %{before} ], [ {chunks}, %{f.block} ]")
    f.jump(head)
    f.label(end)
    f.finish(f"internal void @{symbol}(ptr %data, i64 %count)")


def _fold_chunk(k: Lanes, op: str, dtype: DType, pointer: str, count: Extent) -> Value:
    f = k.function
    full = f.imul(f.idiv(count, LANES), LANES)
    start = identity(k, op, dtype)

    def step(i: str, *state: str) -> list[str]:
        value = load(k, address(f, pointer, dtype, i), dtype)
        return [p for _, p in typed(k, combine(k, op, untyped(state, dtype), value))]

    state = carry(f, 0, full, typed(k, start), step, LANES)
    rest = f.isub(count, full)
    value = load_some(k, address(f, pointer, dtype, full), dtype, rest)
    value = k.select(present(k, rest), value, start)
    return halves(k, op, combine(k, op, untyped(state, dtype), value))
