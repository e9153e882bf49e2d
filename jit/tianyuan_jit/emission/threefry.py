"""Threefry-2x32 with 20 rounds [Salmon2011]: four u32 words to two, element by element.

``rounds`` is the cipher on values, for use inside other kernels; ``emit_threefry`` the lowering;
``emit_counted_threefry`` the same with the row-major position as the 64-bit counter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tianyuan.lowering import Threefry
from tianyuan.types import uint32, uint64
from tianyuan_jit.emission.addressing import Rows
from tianyuan_jit.emission.buffers import (
    Buffer,
    address,
    in_blocks,
    lanes,
    load,
    product,
    splat,
    store,
)
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA  # Random123's SKEIN_KS_PARITY32
_GROUPS = 5  # of four rounds
_VECTOR = 16
Pair = tuple[Value, Value]
_Words = Callable[[Lanes, Extent], Sequence[Value]]  # k0, k1, c0, c1 at an element


def rounds(k: Lanes, key: Pair, counter: Pair) -> Pair:
    """The two words of Threefry-2x32 under ``key`` at ``counter``, all u32 values."""
    third = k.bitxor(k.bitxor(*key), k.const(_PARITY, uint32))
    schedule = (*key, third)
    x, y = k.add(counter[0], key[0]), k.add(counter[1], key[1])
    for group in range(_GROUPS):
        for distance in _ROTATIONS[group % 2]:
            x = k.add(x, y)
            y = k.bitxor(_rotate(k, y, distance), x)
        injected = k.add(schedule[(group + 2) % 3], k.const(group + 1, uint32))
        x, y = k.add(x, schedule[(group + 1) % 3]), k.add(y, injected)
    return x, y


def _rotate(k: Lanes, x: Value, distance: int) -> Value:
    return k.intrinsic("fshl", x, x, k.const(distance, uint32))


def emit_threefry(
    f: Function,
    lowering: Threefry,
    ins: Sequence[Buffer],
    outs: Sequence[Buffer],
    status: str,
    ordinal: Extent,
    *,
    rows: Rows | None = None,
) -> None:
    """Append a Threefry of (k0, k1, c0, c1); an argument of one element meets every element.

    ``rows`` is a range of elements, all by default. Results may be arguments.
    """
    count = product(f, outs[0].shape)
    low, high = rows or (0, count)
    single = [b.shape == () and outs[0].shape != () for b in ins]
    pointers = [b.pointer if s else address(f, b.pointer, uint32, low) for b, s in zip(ins, single, strict=True)]
    targets = [address(f, b.pointer, uint32, low) for b in outs]
    operands = ", ".join([*(f"ptr {p}" for p in (*pointers, *targets)), f"i64 {f.isub(high, low)}"])
    f.do(f"call void @{_words(f, single)}({operands})")


def emit_counted_threefry(f: Function, key: tuple[str, str], outs: Sequence[Buffer], first: Extent = 0) -> None:
    """Append both words at the 64-bit counters ``first``, ``first + 1``, ... of outs' elements.

    ``key`` are pointers to two u32 words; a counter is given to the cipher as (high word, low word).
    """
    name, params = "ty_threefry_counted", ["ptr %w0", "ptr %w1", "i64 %first"]
    if not f.module.has(name):
        _define(f, name, params, _counted)
    operands = f"ptr {key[0]}, ptr {key[1]}, i64 {first}, ptr {outs[0].pointer}, ptr {outs[1].pointer}"
    f.do(f"call void @{name}({operands}, i64 {product(f, outs[0].shape)})")


def _words(caller: Function, single: Sequence[bool]) -> str:
    """``void (ptr k0, ptr k1, ptr c0, ptr c1, ptr x, ptr y, i64 n)``; ``single`` arguments are one word."""
    name = "ty_threefry_" + "".join("s" if s else "v" for s in single)
    if not caller.module.has(name):
        _define(caller, name, [f"ptr %w{j}" for j in range(4)], partial(_loaded, single))
    return name


def _define(caller: Function, name: str, params: Sequence[str], words: Callable[[Function], _Words]) -> None:
    """``void name(params..., ptr x, ptr y, i64 n)``: the cipher on ``words(f)(k, i)``, 16 at a time."""
    f = Function(caller.module)
    source = words(f)

    def body(k: Lanes, i: Extent) -> None:
        k0, k1, c0, c1 = source(k, i)
        for pointer, value in zip(("%x", "%y"), rounds(k, (k0, k1), (c0, c1)), strict=True):
            store(k, value, address(f, pointer, uint32, i))

    in_blocks(f, lanes(f, _VECTOR, True), "%n", body)
    f.finish(f"internal void @{name}({', '.join([*params, 'ptr %x', 'ptr %y', 'i64 %n'])})")


def _loaded(single: Sequence[bool], f: Function) -> _Words:
    """The words at ``%w0`` to ``%w3``; single ones are loaded once."""
    one = lanes(f, 1, True)
    fixed = [load(one, f"%w{j}", uint32) if s else None for j, s in enumerate(single)]

    def words(k: Lanes, i: Extent) -> list[Value]:
        return [
            load(k, address(f, f"%w{j}", uint32, i), uint32) if v is None else splat(k, v) for j, v in enumerate(fixed)
        ]

    return words


def _counted(f: Function) -> _Words:
    """A key at ``%w0`` and ``%w1``, and the counter ``%first + i``."""
    fixed = [load(lanes(f, 1, True), f"%w{j}", uint32) for j in range(2)]

    def words(k: Lanes, i: Extent) -> list[Value]:
        return [*(splat(k, v) for v in fixed), *_counter(k, f.iadd("%first", i))]

    return words


def _counter(k: Lanes, first: Extent) -> list[Value]:
    """The high and low words of ``first + lane``."""
    start = splat(k, Value(str(first), uint64))
    steps = ", ".join(f"i64 {lane}" for lane in range(k.lanes))
    counter = k.add(start, Value(f"<{steps}>", uint64)) if k.lanes > 1 else start
    high = k.shift_right(counter, k.const(32, uint64))
    return [k.convert(word, uint32) for word in (high, counter)]
