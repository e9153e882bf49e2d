"""The first failure of a program: what a checked index writes and its caller reads after the run.

``{i64 equation, i64 position, i64 value, i64 axis, i64 size}``: the equation's number in the program, the
row-major position of the index vector, the bad index, the axis of x (counted without batch axes) and its size.
The smallest (equation, position) wins, whatever the order of execution. One thread writes one status; those of
several tasks are compared by their caller.
"""

from __future__ import annotations

from tianyuan_jit.text import Extent, Function

FIELDS = ("equation", "position", "value", "axis", "size")
NO_FAILURE = (1 << 63) - 1  # the equation of a status before the run
BYTES = 8 * len(FIELDS)
_SYMBOL = "ty_record_failure"


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
    equation, position = (f.op(f"load i64, ptr {f.gep('%status', 8 * i)}") for i in range(2))
    same = f.op(f"icmp eq i64 %equation, {equation}")
    nearer = f.op(f"and i1 {same}, {f.op(f'icmp slt i64 %position, {position}')}")
    earlier = f.op(f"icmp slt i64 %equation, {equation}")
    with f.when(f.op(f"or i1 {earlier}, {nearer}")):
        for i, name in enumerate(FIELDS):
            f.do(f"store i64 %{name}, ptr {f.gep('%status', 8 * i)}")
    params = ", ".join(["ptr %status", *(f"i64 %{name}" for name in FIELDS)])
    f.finish(f"internal void @{_SYMBOL}({params})", attributes="nounwind cold noinline")
