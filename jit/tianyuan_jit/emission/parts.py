"""Real and imaginary parts of complex arrays as arrays of their own, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianyuan.types import DType, real_dtype
from tianyuan_jit.emission.buffers import Buffer, address, in_blocks, lanes, load, store
from tianyuan_jit.emission.spreading import Share, spread
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.text import Extent, Function

_One = Callable[[Lanes, Share, Extent], None]
_VECTOR = 16
_PIECE = 4096  # elements of a unit


def combine(f: Function, parts: Sequence[str], result: str, dtype: DType, count: Extent, isa: str) -> None:
    """result = (rr - ii, ri + ir) from the four real arrays rr, ri, ir, ii."""
    part = real_dtype(dtype)
    buffers = [*(Buffer(p, part, ()) for p in parts), Buffer(result, dtype, ())]

    def one(k: Lanes, share: Share, i: Extent) -> None:
        rr, ri, ir, ii = (load(k, address(share.f, b.pointer, part, i), part) for b in share.buffers[:4])
        value = k.complex(k.sub(rr, ii), k.add(ri, ir))
        store(k, value, address(share.f, share.buffers[4].pointer, dtype, i))

    _each(f, "combine", buffers, count, isa, one)


def separate(f: Function, source: str, parts: Sequence[str], dtype: DType, count: Extent, isa: str) -> None:
    """The real and the imaginary parts of ``count`` elements."""
    part = real_dtype(dtype)
    buffers = [Buffer(source, dtype, ()), *(Buffer(p, part, ()) for p in parts)]

    def one(k: Lanes, share: Share, i: Extent) -> None:
        value = load(k, address(share.f, share.buffers[0].pointer, dtype, i), dtype)
        for b, p in zip(share.buffers[1:], (k.real(value), k.imag(value)), strict=True):
            store(k, p, address(share.f, b.pointer, part, i))

    _each(f, "separate", buffers, count, isa, one)


def _each(f: Function, stem: str, buffers: Sequence[Buffer], count: Extent, isa: str, one: _One) -> None:
    """``one(k, share, i)`` for all elements, in vectors."""

    def body(share: Share) -> None:
        g = share.f
        (total,) = share.numbers
        first = g.imul(share.low, _PIECE)
        last = g.imin(g.imul(share.high, _PIECE), total)
        k = lanes(g, _VECTOR, isa != "sse2")
        in_blocks(g, k, g.isub(last, first), lambda k, i: one(k, share, g.iadd(first, i)))

    units = f.idiv(f.iadd(count, _PIECE - 1), _PIECE)
    spread(f, stem, isa, buffers, (count,), units, 4 * _PIECE, body)
