"""Sort: lines of an array by keys, stable, carrying other arrays along.

Each key becomes an unsigned *rank* that orders as the key does: NaN above infinity, both zeros alike,
complemented where the order descends. A line is a row of pairs (rank, position) in scratch memory, sorted by
the last key first, by insertion where it is short, else by counting the bytes of the ranks; then every
array of the line is read through the positions.
"""

from __future__ import annotations

from collections.abc import Sequence

from tianyuan.lowering import Sort
from tianyuan.types import DType, bool_, dtype_of_name, uint8, uint64
from tianyuan_jit.emission.buffers import Buffer, address, carry, copy, lanes, load, move, three_axes
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

PAIR = 16  # bytes: a rank, u64, and a position, i64
COUNTS = 2048  # bytes of the counts of one byte's values
SHORT = 48  # lines up to here are sorted by insertion


def sort_scratch_bytes(f: Function, lowering: Sort, ins: Sequence[Buffer]) -> Extent:
    """Scratch memory that ``emit_sort`` needs: two rows of pairs, and counts."""
    return f.iadd(COUNTS, f.imul(2 * PAIR, ins[0].shape[lowering.axis]))


def emit_sort(
    f: Function, lowering: Sort, ins: Sequence[Buffer], outs: Sequence[Buffer], scratch: str, has_fma: bool
) -> None:
    """Append a Sort; the results overlap nothing."""
    extents = three_axes(f, ins[0].shape, lowering.axis)
    dtypes = [b.dtype for b in ins]
    way = "down" if lowering.descending else "up"
    name = f"ty_sort_{lowering.keys}_{way}_{'_'.join(d.short for d in dtypes)}"
    if not f.module.has(name):
        _define(f, name, lowering, dtypes, has_fma)
    operands = [*(f"ptr {b.pointer}" for b in (*ins, *outs)), *(f"i64 {e}" for e in extents), f"ptr {scratch}"]
    f.do(f"call void @{name}({', '.join(operands)})")


def _define(caller: Function, name: str, lowering: Sort, dtypes: Sequence[DType], has_fma: bool) -> None:
    """``void (ptr x.., ptr y.., i64 outer, i64 n, i64 inner, ptr scratch)``."""
    f = Function(caller.module)
    one = lanes(f, 1, has_fma)
    row = f.gep("%scratch", COUNTS)
    other = f.gep(row, f.imul(PAIR, "%n"))
    with f.loop(0, "%outer") as i, f.loop(0, "%inner") as j:
        start = f.iadd(f.imul(i, f.imul("%n", "%inner")), j)
        with f.loop(0, "%n") as r:
            f.do(f"store i64 {r}, ptr {f.gep(_pair(f, row, r), 8)}")
        for key in reversed(range(lowering.keys)):
            _fill(one, Buffer(f"%x{key}", dtypes[key], ()), row, start, lowering.descending)
            symbol = _sorter(f, _word(dtypes[key]).itemsize)
            f.do(f"call void @{symbol}(ptr {row}, ptr {other}, i64 %n, ptr %scratch)")
        with f.loop(0, "%n") as r:
            source = f.iadd(start, f.imul(_position(f, row, r), "%inner"))
            target = f.iadd(start, f.imul(r, "%inner"))
            for k, dtype in enumerate(dtypes):
                move(f, dtype, address(f, f"%y{k}", dtype, target), address(f, f"%x{k}", dtype, source))
    pointers = [f"ptr %{side}{k}" for side in "xy" for k in range(len(dtypes))]
    params = [*pointers, "i64 %outer", "i64 %n", "i64 %inner", "ptr %scratch"]
    f.finish(f"internal void @{name}({', '.join(params)})")


def _pair(f: Function, row: str, index: Extent) -> str:
    return f.gep(row, f.imul(PAIR, index))


def _position(f: Function, row: str, index: Extent) -> str:
    return f.op(f"load i64, ptr {f.gep(_pair(f, row, index), 8)}")


def _fill(k: Lanes, x: Buffer, row: str, start: Extent, descending: bool) -> None:
    """The ranks of a line's elements, in the order of the row."""
    f = k.function
    with f.loop(0, "%n") as r:
        place = f.iadd(start, f.imul(_position(f, row, r), "%inner"))
        rank = _rank(k, load(k, address(f, x.pointer, x.dtype, place), x.dtype))
        wide = k.convert(k.bitnot(rank) if descending else rank, uint64)
        f.do(f"store i64 {wide.operand}, ptr {_pair(f, row, r)}")


def _word(dtype: DType) -> DType:
    """The unsigned dtype of a key's rank."""
    return uint8 if dtype == bool_ else dtype_of_name(f"uint{dtype.bits}")


def _rank(k: Lanes, x: Value) -> Value:
    """An unsigned integer of the same width that orders as x does."""
    word = _word(x.dtype)
    if x.dtype.kind in "bu":
        return k.convert(x, word)
    top = k.const(1 << (word.bits - 1), word)
    if x.dtype.kind == "i":
        return k.bitxor(k.convert(x, word), top)
    zero = k.const(0.0, x.dtype)
    bits = k.bitcast(k.select(k.eq(x, zero), zero, x), word)  # every NaN is the positive one
    return k.select(k.lt(bits, top), k.bitor(bits, top), k.bitnot(bits))


def _sorter(caller: Function, width: int) -> str:
    """``void (ptr row, ptr other, i64 n, ptr counts)``: sort pairs by ranks of ``width`` bytes, stably."""
    name = f"ty_sort_pairs_{8 * width}"
    if caller.module.has(name):
        return name
    f = Function(caller.module)
    short, long, end = f.fresh("short"), f.fresh("long"), f.fresh("end")
    f.branch(f.op(f"icmp sle i64 %n, {SHORT}"), short, long)
    f.label(short)
    _insertion(f)
    f.jump(end)
    f.label(long)
    _counting(f, width)
    f.jump(end)
    f.label(end)
    f.finish(f"internal void @{name}(ptr %row, ptr %other, i64 %n, ptr %counts)")
    return name


def _insertion(f: Function) -> None:
    """Move each pair down past those of larger rank."""
    f.module.declare("void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    with f.loop(1, "%n") as i:
        source = _pair(f, "%row", i)
        rank, position = f.op(f"load i64, ptr {source}"), f.op(f"load i64, ptr {f.gep(source, 8)}")
        head, check, shift, done = (f.fresh(stem) for stem in ("head", "check", "shift", "done"))
        j, before = "%" + f.fresh("j"), f.block
        f.jump(head)
        f.label(head)
        phi = f.slot()
        f.branch(f.op(f"icmp sgt i64 {j}, 0"), check, done)
        f.label(check)
        below = f.op(f"sub i64 {j}, 1")
        lower = _pair(f, "%row", below)
        f.branch(f.op(f"icmp ugt i64 {f.op(f'load i64, ptr {lower}')}, {rank}"), shift, done)
        f.label(shift)
        _copy_pair(f, _pair(f, "%row", j), lower)
        f.jump(head)
        f.fill(phi, f"{j} = phi i64 [ {i}, %{before} ], [ {below}, %{shift} ]")
        f.label(done)
        target = _pair(f, "%row", j)
        f.do(f"store i64 {rank}, ptr {target}")
        f.do(f"store i64 {position}, ptr {f.gep(target, 8)}")


def _copy_pair(f: Function, target: str, source: str) -> None:
    pair = f.op(f"load <2 x i64>, ptr {source}, align 8")
    f.do(f"store <2 x i64> {pair}, ptr {target}, align 8")


def _counting(f: Function, width: int) -> None:
    """One pass a byte, the lowest first, between the two rows; a byte that all ranks share needs none."""

    def one_pass(byte: str, source: str, target: str) -> tuple[str, str]:
        shift = f.op(f"mul i64 {byte}, 8")
        _count(f, source, shift)
        first = _digit(f, source, 0, shift)
        needed = f.op(f"icmp ne i64 {f.op(f'load i64, ptr {_counter(f, first)}')}, %n")
        with f.when(needed):
            _starts(f)
            _distribute(f, source, target, shift)
        chosen = f.op(f"select i1 {needed}, ptr {target}, ptr {source}")
        return chosen, f.op(f"select i1 {needed}, ptr {source}, ptr {target}")

    last, _ = carry(f, 0, width, [("ptr", "%row"), ("ptr", "%other")], one_pass)
    with f.when(f.op(f"icmp ne ptr {last}, %row")):
        copy(f, uint8, "%row", last, f.imul(PAIR, "%n"))


def _digit(f: Function, row: str, index: Extent, shift: str) -> str:
    rank = f.op(f"load i64, ptr {_pair(f, row, index)}")
    return f.op(f"and i64 {f.op(f'lshr i64 {rank}, {shift}')}, 255")


def _counter(f: Function, digit: Extent) -> str:
    return f.gep("%counts", f.imul(8, digit))


def _count(f: Function, row: str, shift: str) -> None:
    """How often every value of the byte occurs."""
    with f.loop(0, 256) as d:
        f.do(f"store i64 0, ptr {_counter(f, d)}")
    with f.loop(0, "%n") as r:
        _next(f, _digit(f, row, r, shift))


def _next(f: Function, digit: str) -> str:
    """The counter of a value, which is then one more."""
    place = _counter(f, digit)
    count = f.op(f"load i64, ptr {place}")
    f.do(f"store i64 {f.op(f'add i64 {count}, 1')}, ptr {place}")
    return count


def _starts(f: Function) -> None:
    """Counts to the places where the pairs of each value begin."""

    def step(d: str, total: str) -> list[str]:
        count = f.op(f"load i64, ptr {_counter(f, d)}")
        f.do(f"store i64 {total}, ptr {_counter(f, d)}")
        return [f.op(f"add i64 {total}, {count}")]

    carry(f, 0, 256, [("i64", "0")], step)


def _distribute(f: Function, source: str, target: str, shift: str) -> None:
    """Every pair to the next place of its value."""
    with f.loop(0, "%n") as r:
        place = _next(f, _digit(f, source, r, shift))
        _copy_pair(f, _pair(f, target, place), _pair(f, source, r))
