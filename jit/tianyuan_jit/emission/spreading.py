"""Loops over independent units, on this thread or on all: one internal function a structure, called with a frame.

void name(ptr frame, i64 task, i64 worker)
frame = { pointers of buffers, numbers that are known when the kernel runs, units a task, units, (unused) }
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from attrs import frozen

from tianyuan_jit.emission.buffers import Buffer
from tianyuan_jit.emission.frames import PARAMETERS, Frame
from tianyuan_jit.text import Extent, Function

WORTH = 400_000  # simple operations worth waking other threads for: about 20 us on one
GRAIN = 100_000  # of them a task


@frozen(eq=False)
class Share:
    """What a task is given: its function, the buffers and numbers in it, its units, its thread."""

    f: Function
    buffers: tuple[Buffer, ...]
    numbers: tuple[Extent, ...]
    low: Extent
    high: Extent
    worker: str = "%worker"


def spread(
    f: Function,
    stem: str,
    key: object,
    buffers: Sequence[Buffer],
    numbers: Sequence[Extent],
    units: Extent,
    cost: Extent,
    body: Callable[[Share], None],
) -> None:
    """Append ``body`` over ``units`` independent units, each of about ``cost`` simple operations.

    ``stem`` and ``key`` (by its repr) say what the body does; with the dtypes and the known numbers they name
    its function, which is defined once a module. Numbers that are ints are folded into it.
    """
    launch = _Launch(f, stem, key, buffers, numbers)
    if not f.module.has(launch.symbol):
        launch.define(body)
    launch.call(units, cost)


class _Launch:
    def __init__(
        self, f: Function, stem: str, key: object, buffers: Sequence[Buffer], numbers: Sequence[Extent]
    ) -> None:
        self.f, self.buffers, self.numbers = f, buffers, numbers
        self.given = [e for b in buffers for e in b.shape if isinstance(e, str)]
        self.given += [e for e in numbers if isinstance(e, str)]
        form = [(b.dtype.short, [_known(e) for e in b.shape]) for b in buffers]
        text = repr((stem, key, form, [_known(e) for e in numbers]))
        self.symbol = f"{stem}_{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    def define(self, body: Callable[[Share], None]) -> None:
        """The function: its buffers and numbers come from the frame unless they are known."""
        f = Function(self.f.module)
        frame = Frame.read(f, len(self.buffers), len(self.given))
        words = iter(frame.numbers)

        def inside(extents: Sequence[Extent]) -> tuple[Extent, ...]:
            return tuple(next(words) if isinstance(e, str) else e for e in extents)

        buffers = tuple(Buffer(p, b.dtype, inside(b.shape)) for p, b in zip(frame.pointers, self.buffers, strict=True))
        body(Share(f, buffers, inside(self.numbers), *frame.range()))
        f.finish(f"internal void @{self.symbol}({PARAMETERS})")

    def call(self, units: Extent, cost: Extent) -> None:
        """All units in one task, or about four tasks a worker where that pays."""
        f = self.f
        work = f.imul(units, cost)
        if isinstance(work, int) and work < WORTH:
            f.do(f"call void @{self.symbol}(ptr {self.frame(units, units)}, i64 0, i64 0)")
            return
        f.module.declare("void @ty_parallel(ptr, ptr, i64)")
        f.module.declare("i64 @ty_workers()")
        workers = f.op("call i64 @ty_workers()")
        alone = f.op(f"icmp eq i64 {workers}, 1")
        wanted = f.imax(1, f.imin(f.imul(workers, 4), f.idiv(work, GRAIN)))
        wanted = f.op(f"select i1 {alone}, i64 1, i64 {wanted}")
        each = f.imax(1, f.idiv(f.iadd(units, f.isub(wanted, 1)), wanted))
        tasks = f.idiv(f.iadd(units, f.isub(each, 1)), each)
        f.do(f"call void @ty_parallel(ptr @{self.symbol}, ptr {self.frame(each, units)}, i64 {tasks})")

    def frame(self, each: Extent, units: Extent) -> str:
        """A frame on the stack."""
        f = self.f
        fields = [f"ptr {b.pointer}" for b in self.buffers] + [f"i64 {n}" for n in (*self.given, each, units)]
        frame = f.alloca(f"[{len(fields) + 1} x i64]", 8)
        for i, field in enumerate(fields):
            f.do(f"store {field}, ptr {f.gep(frame, 8 * i)}")
        return frame


def _known(extent: Extent) -> object:
    return extent if isinstance(extent, int) else "?"
