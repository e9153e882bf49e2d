"""The first failure of a program: what a checked index writes and its caller reads after the run.

``{i64 equation, i64 position, i64 value, i64 axis, i64 size}``: the equation's number in the program, the
row-major position of the index vector, the bad index, the axis of x (counted without batch axes) and its size.
The smallest (equation, position) wins, whatever the order of execution: several threads may write one status,
one after the other.
"""

from __future__ import annotations

from tianyuan_jit.text import Extent, Function

FIELDS = ("equation", "position", "value", "axis", "size")
NO_FAILURE = (1 << 63) - 1  # the equation of a status before the run
BYTES = 8 * len(FIELDS)
_SYMBOL = "ty_record_failure"
_LOCK = "ty_status_lock"


def record(
    f: Function, status: str, ordinal: Extent, *, position: Extent, value: Extent, axis: int, size: Extent
) -> None:
    """Store a failure unless ``status`` holds an earlier one, or one of the same equation and position."""
    _define(f)
    operands = ", ".join(f"i64 {x}" for x in (ordinal, position, value, axis, size))
    f.do(f"call void @{_SYMBOL}(ptr {status}, {operands})")


def _define(caller: Function) -> None:
    if caller.module.has(_SYMBOL):
        return
    f = Function(caller.module)
    f.module.define(_LOCK, f"@{_LOCK} = internal global i32 0")
    _acquire(f)
    equation, position = (f.op(f"load i64, ptr {f.gep('%status', 8 * i)}") for i in range(2))
    same = f.op(f"icmp eq i64 %equation, {equation}")
    nearer = f.op(f"and i1 {same}, {f.op(f'icmp slt i64 %position, {position}')}")
    earlier = f.op(f"icmp slt i64 %equation, {equation}")
    with f.when(f.op(f"or i1 {earlier}, {nearer}")):
        for i, name in enumerate(FIELDS):
            f.do(f"store i64 %{name}, ptr {f.gep('%status', 8 * i)}")
    f.do(f"store atomic i32 0, ptr @{_LOCK} release, align 4")
    params = ", ".join(["ptr %status", *(f"i64 %{name}" for name in FIELDS)])
    f.finish(f"internal void @{_SYMBOL}({params})", attributes="nounwind cold noinline")


def _acquire(f: Function) -> None:
    """Wait for the lock: failures are rare, and end the program."""
    again, got = f.fresh("again"), f.fresh("got")
    f.jump(again)
    f.label(again)
    pair = f.op(f"cmpxchg ptr @{_LOCK}, i32 0, i32 1 acquire monotonic")
    f.branch(f.op(f"extractvalue {{ i32, i1 }} {pair}, 1"), got, again)
    f.label(got)
