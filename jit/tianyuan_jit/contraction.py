"""C[b, i, j] = sum over k of A[b, i, k] B[b, k, j] by CHAIN(256, 16): a library with run-time sizes.

``library(dtype, isa)`` is the text of one module. It is compiled once per instruction set; compiled
programs fill a descriptor (``GEMM``) and call ``ty_gemm_<dtype>_run``.

A *task* is a rectangle of C, computed by one worker over all of k (``rectangle``): no phases, no
barriers, and any number of tasks gives the same bits.
"""

from __future__ import annotations

from tianyuan_jit.microkernel import ELEMENTS, ISAS, Element, Isa, accumulator, either
from tianyuan_jit.record import Record
from tianyuan_jit.rectangle import GEMM, Pieces, ceil_div, emit_rectangle, select
from tianyuan_jit.text import Extent, Function, Module
from tianyuan_jit.thin import emit_thin

__all__ = ["DTYPES", "GEMM", "emit_library", "library"]

PARALLEL = 1 << 22  # multiply-adds worth waking other threads for: about 100 us on one

DTYPES = ("f32", "f64", "f16", "bf16", "i8", "i16", "i32", "i64")


def library(dtype: str, isa: str) -> str:
    """The module of contractions of ``dtype`` (``DTYPES``; unsigned integers use the signed) for ``isa``.

    Exports, with the descriptor ``d``: ``void @ty_gemm_<dt>_run(ptr d)``, on all threads where that
    pays; ``void @ty_gemm_<dt>_serial(ptr d, i64 worker)``, on the calling thread, which is ``worker``.
    Imports ``void @ty_parallel(ptr fn, ptr ctx, i64 tasks)``, ``i64 @ty_workers()`` and ``ptr
    @ty_scratch(i64 worker, i64 bytes)``.
    """
    module = Module()
    emit_library(module, ELEMENTS[dtype], ISAS[isa])
    return module.text()


def emit_library(module: Module, element: Element, isa: Isa) -> None:
    """Define the contractions of one element in ``module``; a second time does nothing."""
    if module.has(f"ty_gemm_{element.short}_run"):
        return
    module.declare("void @ty_parallel(ptr, ptr, i64)")
    module.declare("i64 @ty_workers()")
    module.declare("ptr @ty_scratch(i64, i64)")
    emit_rectangle(module, element, isa)
    emit_thin(module, element, isa)
    _emit_task(module, element)
    _emit_serial(module, element)
    _emit_run(module, element, isa)


# A context of a parallel call: descriptor, pieces of rows and of columns of a matrix, matrices a task.
_CONTEXT = Record.of("d", "row_pieces column_pieces group")


def _emit_task(module: Module, element: Element) -> None:
    """``task_<dt>(ctx, task, worker)``: some matrices of the batch, or a rectangle of one."""
    f = Function(module)
    d, row_pieces, column_pieces, group = (_CONTEXT.load(f, "%ctx", name) for name in _CONTEXT.names)
    batch, m, n = (GEMM.load(f, d, name) for name in ("batch", "m", "n"))
    column_piece, rest = f.irem("%task", column_pieces), f.idiv("%task", column_pieces)
    row_piece, first = f.irem(rest, row_pieces), f.imul(f.idiv(rest, row_pieces), group)
    rows, columns = Pieces(f, m, ceil_div(f, m, row_pieces)), Pieces(f, n, ceil_div(f, n, column_pieces))
    values = (
        rows.start(row_piece),
        rows.size(row_piece),
        columns.start(column_piece),
        columns.size(column_piece),
    )
    inside = f.op(f"icmp slt i64 {row_piece}, {rows.count}")
    inside = f.op(f"and i1 {inside}, {f.op(f'icmp slt i64 {column_piece}, {columns.count}')}")
    with f.when(inside), f.loop(first, f.imin(f.iadd(first, group), batch)) as b:
        args = ", ".join(f"i64 {x}" for x in ("%worker", b, *values))
        f.do(f"call void @piece_{element.short}(ptr {d}, {args})")
    f.finish(f"internal void @task_{element.short}(ptr %ctx, i64 %task, i64 %worker)")


def _emit_serial(module: Module, element: Element) -> None:
    f = Function(module)
    batch, m, n = (GEMM.load(f, "%d", name) for name in ("batch", "m", "n"))
    some = f.op(f"icmp sgt i64 {f.imin(m, n)}, 0")
    with f.when(some), f.loop(0, batch) as b:
        args = f"i64 %worker, i64 {b}, i64 0, i64 {m}, i64 0, i64 {n}"
        f.do(f"call void @piece_{element.short}(ptr %d, {args})")
    f.finish(f"void @ty_gemm_{element.short}_serial(ptr %d, i64 %worker)")


def _emit_run(module: Module, element: Element, isa: Isa) -> None:
    f = Function(module)
    sizes = [GEMM.load(f, "%d", name) for name in ("batch", "m", "n", "k")]
    work: Extent = 1
    for size in sizes:
        work = f.imul(work, size)
    workers = f.op("call i64 @ty_workers()")
    worth = f.op(f"icmp sge i64 {work}, {PARALLEL}")
    worth = f.op(f"and i1 {worth}, {f.op(f'icmp sgt i64 {workers}, 1')}")

    def serial() -> None:
        f.do(f"call void @ty_gemm_{element.short}_serial(ptr %d, i64 0)")

    either(f, worth, lambda: _fork(f, element, isa, workers, sizes), serial)
    f.finish(f"void @ty_gemm_{element.short}_run(ptr %d)")


def _fork(f: Function, element: Element, isa: Isa, workers: str, sizes: list[str]) -> None:
    """About three tasks a worker: groups of the batch, or rectangles of a matrix."""
    batch, m, n, _ = sizes
    wanted = f.imul(workers, 3)
    group = f.imax(f.idiv(batch, wanted), 1)
    groups = ceil_div(f, batch, group)
    least_columns = 4 * isa.vector_bytes // accumulator(element).size
    rows, columns = _halvings(f, (m, n), (48, least_columns), ceil_div(f, wanted, groups))
    context = _CONTEXT.allocate(f)
    _CONTEXT.store(f, context, d="%d", row_pieces=rows, column_pieces=columns, group=group)
    tasks = f.imul(f.imul(rows, columns), groups)
    f.do(f"call void @ty_parallel(ptr @task_{element.short}, ptr {context}, i64 {tasks})")


def _halvings(f: Function, sides: tuple[str, str], least: tuple[int, int], pieces: Extent) -> tuple[str, str]:
    """Into how many rows and columns of pieces to cut a matrix, halving its longer side each time."""
    before, head, halve, end = f.block, f.fresh("head"), f.fresh("halve"), f.fresh("end")
    f.jump(head)
    f.label(head)
    slots = [f.slot(), f.slot()]
    counts = "%" + f.fresh("rows"), "%" + f.fresh("columns")
    lengths = [f.idiv(side, count) for side, count in zip(sides, counts, strict=True)]
    tall, wide = (f.op(f"icmp sge i64 {x}, {2 * y}") for x, y in zip(lengths, least, strict=True))
    few = f.op(f"icmp slt i64 {f.imul(*counts)}, {pieces}")
    f.branch(f.op(f"and i1 {few}, {f.op(f'or i1 {tall}, {wide}')}"), halve, end)
    f.label(halve)
    taller = f.op(f"icmp sge i64 {lengths[0]}, {lengths[1]}")
    taller = f.op(f"or i1 {taller}, {f.op(f'xor i1 {wide}, true')}")
    by_rows = f.op(f"and i1 {tall}, {taller}")
    rows = select(f, by_rows, f.imul(counts[0], 2), counts[0])
    columns = select(f, by_rows, counts[1], f.imul(counts[1], 2))
    for slot, count, new in zip(slots, counts, (rows, columns), strict=True):
        f.fill(slot, f"{count} = phi i64 [ 1, %{before} ], [ {new}, %{halve} ]")
    f.jump(head)
    f.label(end)
    return counts
