"""Convolutions over any number of axes as plain loops, one element of the result at a time by CHAIN(256, 16).

For shapes that the library does not know; correct, not fast. The order of k is the order of the loops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tianyuan.types import DType, accumulator
from tianyuan_jit.emission.buffers import Buffer, address, lanes, load, nest, product, store, strides
from tianyuan_jit.emission.frames import dot, unravel
from tianyuan_jit.emission.spreading import Share, spread
from tianyuan_jit.microkernel import BLOCK, SEGMENT
from tianyuan_jit.scalars.lanes import Lanes
from tianyuan_jit.scalars.values import Value
from tianyuan_jit.text import Extent, Function


def emit_nest(
    f: Function,
    which: str,
    operands: dict[str, Buffer],
    window: tuple[Sequence[Extent], Sequence[Extent], Sequence[Extent], Extent],
    has_fma: bool,
) -> None:
    """Append a convolution of ``operands`` x, w and y; ``window`` is strides, low, dilation, groups."""
    buffers = [operands[name] for name in "xwy"]
    numbers = [*window[0], *window[1], *window[2], window[3]]
    result = operands[Convolution.results[which]]
    terms = product(f, operands["w"].shape)

    def body(share: Share) -> None:
        Convolution(share, which, has_fma).emit()

    spread(f, "convolution", (which, has_fma), buffers, numbers, product(f, result.shape), f.imul(10, terms), body)


class Convolution:
    """The elements of a task."""

    results = {"forward": "y", "input": "x", "weight": "w"}

    def __init__(self, share: Share, which: str, has_fma: bool) -> None:
        self.share, self.f, self.which = share, share.f, which
        self.k = lanes(self.f, 1, has_fma)
        self.of = dict(zip("xwy", share.buffers, strict=True))
        rank = len(self.of["x"].shape) - 2
        self.stride, self.low = share.numbers[:rank], share.numbers[rank : 2 * rank]
        self.dilation, self.groups = share.numbers[2 * rank : 3 * rank], share.numbers[-1]
        f, w = self.f, self.of["w"].shape
        self.channels, self.outputs = w[-2], f.idiv(w[-1], f.imax(self.groups, 1))
        self.batch, self.kernel = self.of["x"].shape[0], w[:-2]
        self.size, self.out = self.of["x"].shape[1:-1], self.of["y"].shape[1:-1]

    def emit(self) -> None:
        """Element after element."""
        f, name = self.f, self.results[self.which]
        result = self.of[name]
        with f.loop(self.share.low, self.share.high) as flat:
            chain = Chain(self.k, result.dtype)
            at = unravel(f, flat, result.shape)
            {"y": self.forward, "x": self.input, "w": self.weight}[name](at, chain)
            store(self.k, chain.result(), address(f, result.pointer, result.dtype, flat))

    def element(self, name: str, at: Sequence[Extent]) -> Value:
        """An element of an operand."""
        b = self.of[name]
        return load(self.k, address(self.f, b.pointer, b.dtype, dot(self.f, 0, at, strides(self.f, b.shape))), b.dtype)

    def element_or_zero(self, name: str, at: Sequence[Extent], inside: str) -> Value:
        """An element, or zero where the position lies outside."""
        f, dtype = self.f, self.of[name].dtype
        slot = f.alloca("[16 x i8]")
        store(self.k, self.k.const(0, dtype), slot)
        with f.when(inside):
            store(self.k, self.element(name, at), slot)
        return load(self.k, slot, dtype)

    def forward(self, at: Sequence[Extent], chain: Chain) -> None:
        """k: kernel position, then input channel."""
        f, (n, *p, o) = self.f, at
        group = f.idiv(o, self.outputs)
        with nest(f, [*self.kernel, self.channels]) as (*kernel, c):
            s, inside = self.position(p, kernel)
            x = self.element_or_zero("x", [n, *s, f.iadd(f.imul(group, self.channels), c)], inside)
            chain.add(x, self.element("w", [*kernel, c, o]))

    def weight(self, at: Sequence[Extent], chain: Chain) -> None:
        """k: batch, then output position."""
        f, (*kernel, c, o) = self.f, at
        group = f.idiv(o, self.outputs)
        with nest(f, [self.batch, *self.out]) as (n, *p):
            s, inside = self.position(p, kernel)
            x = self.element_or_zero("x", [n, *s, f.iadd(f.imul(group, self.channels), c)], inside)
            chain.add(x, self.element("y", [n, *p, o]))

    def input(self, at: Sequence[Extent], chain: Chain) -> None:
        """k: kernel position, then output channel; no term where the stride does not divide."""
        f, (n, *s, channel) = self.f, at
        group, c = f.idiv(channel, self.channels), f.irem(channel, self.channels)
        with nest(f, [*self.kernel, self.outputs]) as (*kernel, o):
            p, whole, inside = self.origin(s, kernel)
            with f.when(whole):
                out = f.iadd(f.imul(group, self.outputs), o)
                y = self.element_or_zero("y", [n, *p, out], inside)
                chain.add(y, self.element("w", [*kernel, c, out]))

    def position(self, p: Sequence[Extent], kernel: Sequence[Extent]) -> tuple[list[Extent], str]:
        """p * stride + k * dilation - low by axis, and whether it lies inside x."""
        f, inside = self.f, "true"
        s: list[Extent] = []
        for i, n in enumerate(self.size):
            there = f.iadd(f.imul(p[i], self.stride[i]), f.imul(kernel[i], self.dilation[i]))
            s.append(f.isub(there, self.low[i]))
            inside = self.both(inside, self.within(s[-1], n))
        return s, inside

    def origin(self, s: Sequence[Extent], kernel: Sequence[Extent]) -> tuple[list[Extent], str, str]:
        """The p of a position of x by axis, whether the stride divides, and whether it lies inside y."""
        f, whole, inside = self.f, "true", "true"
        p: list[Extent] = []
        for i, n in enumerate(self.out):
            up = f.isub(f.iadd(s[i], self.low[i]), f.imul(kernel[i], self.dilation[i]))
            rest = f.op(f"srem i64 {up}, {self.stride[i]}")
            whole = self.both(whole, f.op(f"icmp eq i64 {rest}, 0"))
            p.append(f.op(f"sdiv i64 {up}, {self.stride[i]}"))
            inside = self.both(inside, self.within(p[-1], n))
        return p, whole, inside

    def within(self, x: Extent, n: Extent) -> str:
        """0 <= x < n."""
        return self.f.op(f"icmp ult i64 {x}, {n}")

    def both(self, x: str, y: str) -> str:
        """x and y."""
        return y if x == "true" else self.f.op(f"and i1 {x}, {y}")


class Chain:
    """One sum by CHAIN(256, 16), its state on the stack."""

    def __init__(self, k: Lanes, dtype: DType) -> None:
        self.k, self.f, self.dtype, self.sum = k, k.function, dtype, accumulator(dtype)
        f = self.f
        self.count = f.alloca("i64", 8)
        self.acc, self.segment, self.total = (f.alloca("[16 x i8]") for _ in range(3))
        f.do(f"store i64 0, ptr {self.count}")
        for slot in (self.acc, self.segment, self.total):
            store(k, k.const(0, self.sum), slot)

    def add(self, x: Value, y: Value) -> None:
        """One more term."""
        f, k = self.f, self.k
        x, y = k.convert(x, self.sum), k.convert(y, self.sum)
        acc = load(k, self.acc, self.sum)
        store(k, k.fma(x, y, acc) if self.sum.kind == "f" else k.add(k.mul(x, y), acc), self.acc)
        count = f.iadd(f.op(f"load i64, ptr {self.count}"), 1)
        f.do(f"store i64 {count}, ptr {self.count}")
        with f.when(self.multiple(count, BLOCK)):
            self.end_block(count)
        with f.when(self.multiple(count, SEGMENT)):
            self.end_segment(count)

    def multiple(self, count: Extent, of: int) -> str:
        """Whether the count is one."""
        return self.f.op(f"icmp eq i64 {self.f.op(f'and i64 {count}, {of - 1}')}, 0")

    def end_block(self, count: Extent) -> None:
        """The block that ends with term ``count`` goes to its segment, the first as it is."""
        f = self.f
        first = f.op(f"icmp ult i64 {f.op(f'and i64 {f.isub(count, 1)}, {SEGMENT - 1}')}, {BLOCK}")
        self.merge(first, self.acc, self.segment)
        store(self.k, self.k.const(0, self.sum), self.acc)

    def end_segment(self, count: Extent) -> None:
        """The segment that ends with term ``count`` goes to the total, the first as it is."""
        self.merge(self.f.op(f"icmp ule i64 {count}, {SEGMENT}"), self.segment, self.total)

    def merge(self, first: str, source: str, target: str) -> None:
        k = self.k
        x, y = load(k, target, self.sum), load(k, source, self.sum)
        kind = k.type_of(self.sum)
        chosen = k.instruction(f"select i1 {first}, {kind} {y.operand}, {kind} {k.add(x, y).operand}", self.sum)
        store(k, chosen, target)

    def result(self) -> Value:
        """The sum, rounded once."""
        f = self.f
        count = f.op(f"load i64, ptr {self.count}")
        for multiple, end in ((BLOCK, self.end_block), (SEGMENT, self.end_segment)):
            self.unless(self.multiple(count, multiple), end, count)
        return self.k.convert(load(self.k, self.total, self.sum), self.dtype)

    def unless(self, condition: str, end: Callable[[Extent], None], count: Extent) -> None:
        with self.f.when(self.f.op(f"xor i1 {condition}, true")):
            end(count)
