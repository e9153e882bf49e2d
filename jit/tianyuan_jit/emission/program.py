"""A fused program as one module: ``i64 @ty_program(ptr block)``, kernel after kernel.

The block holds, as 8-byte words: pointers to params, to results, to the arena, to the status, to the table of
host functions; then the numbers. Returns 0, or 1 if the status has a failure. Loops and branches are native.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen

from tianyuan.lowering import Branch, Check, Extern, Scan, While
from tianyuan.types import int64
from tianyuan_jit.arena import Plan, aligned, carried, plan
from tianyuan_jit.emission.buffers import address, copy, lanes, load
from tianyuan_jit.emission.fused import emit_fused
from tianyuan_jit.emission.status import NO_FAILURE, record
from tianyuan_jit.emission.whole import emit_contraction, emit_single
from tianyuan_jit.kernels import Contraction, Fused, FusedProgram, Kernel, Loop, Operand, Single
from tianyuan_jit.text import Extent, Function, Module

ENTRY = "ty_program"
INTERRUPTED = -1  # the ordinal of a signal: before every equation
POLL_EVERY = 64  # iterations


def emit_program(program: FusedProgram, isa: str, numbers: int = 0) -> str:
    """The module's text."""
    module = Module()
    _emit_inner(module, program, isa, numbers)
    f = Function(module)
    module.declare("i64 @ty_enter()")
    module.declare("void @ty_leave(i64)")
    saved = f.op("call i64 @ty_enter()")
    f.do("call void @ty_body(ptr %block)")
    f.do(f"call void @ty_leave(i64 {saved})")
    status = f.op(f"load ptr, ptr {f.gep('%block', 8 * _status_word(program))}")
    equation = f.op(f"load i64, ptr {status}")
    failed = f.op(f"icmp ne i64 {equation}, {NO_FAILURE}")
    f.finish(f"i64 @{ENTRY}(ptr %block)", f"i64 {f.op(f'zext i1 {failed} to i64')}")
    return module.text()


def _status_word(program: FusedProgram) -> int:
    return program.params + len(program.results) + 1


def words(program: FusedProgram) -> int:
    """Words of a block, without the numbers."""
    return _status_word(program) + 2


def _emit_inner(module: Module, program: FusedProgram, isa: str, numbers: int) -> None:
    f = Function(module)
    pointers = [f.op(f"load ptr, ptr {f.gep('%block', 8 * i)}") for i in range(words(program))]
    first = words(program)
    values = [f.op(f"load i64, ptr {f.gep('%block', 8 * (first + i))}") for i in range(numbers)]
    params, rest = pointers[: program.params], pointers[program.params :]
    results, (arena, status, host) = rest[: len(program.results)], rest[len(program.results) :]
    site = Site(f, isa, status, host, values)
    _Body(site, program, plan(program), arena).emit(params, results, outermost=True)
    f.finish("internal void @ty_body(ptr %block)")


def _still(body: FusedProgram, first: int, carries: int) -> frozenset[int]:
    """Carries (params from ``first`` on) whose next value is the param itself, changed in place or not at all."""
    results = enumerate(body.results[:carries])
    return frozenset(k for k, r in results if r.buffer == first + k and r.offset == 0)


def _kept(still: frozenset[int], those: Sequence[str], others: Sequence[str]) -> list[str]:
    """``others``, but those of the carries that are still."""
    return [those[k] if k in still else other for k, other in enumerate(others)]


@frozen(eq=False)
class Site:
    """What all bodies of a program share."""

    f: Function
    isa: str
    status: str
    host: str
    numbers: Sequence[str]

    def failed(self) -> str:
        """An i1: whether the program has failed so far."""
        equation = self.f.op(f"load i64, ptr {self.status}")
        return self.f.op(f"icmp ne i64 {equation}, {NO_FAILURE}")


class _Body:
    """One fused program, with pointers for everything it touches."""

    def __init__(self, site: Site, program: FusedProgram, layout: Plan, arena: str) -> None:
        self.site, self.f, self.program, self.layout, self.arena = site, site.f, program, layout, arena

    def emit(self, params: Sequence[str], results: Sequence[str], outermost: bool = False) -> None:
        """The kernels in order, then results that are not where they belong.

        A result of the outermost program that is (part of) a param shares its memory: nothing is to do.
        """
        self.pointers = [self.pointer(b, params, results) for b in range(len(self.program.buffers))]
        for i, kernel in enumerate(self.program.kernels):
            self.kernel(i, kernel)
        for i, r in enumerate(self.program.results):
            shared = outermost and r.buffer < self.program.params
            there = r.offset == 0 and self.pointers[r.buffer] == results[i]
            if self.layout.direct.get(r.buffer) != i and not shared and not there:
                copy(self.f, r.type.dtype, results[i], self.at(r), r.type.size)

    def pointer(self, buffer: int, params: Sequence[str], results: Sequence[str]) -> str:
        """Where a buffer lies."""
        if buffer < self.program.params:
            return params[buffer]
        if buffer in self.layout.direct:
            return results[self.layout.direct[buffer]]
        return self.f.gep(self.arena, self.layout.offsets.get(buffer, 0))

    def at(self, operand: Operand) -> str:
        """Where an operand starts."""
        return address(self.f, self.pointers[operand.buffer], operand.type.dtype, self._number(operand.offset))

    def _number(self, value: object) -> Extent:
        assert isinstance(value, int)
        return value

    def kernel(self, i: int, kernel: Kernel) -> None:
        """One kernel."""
        site, types = self.site, self.program.buffers
        if isinstance(kernel, Fused):
            emit_fused(self.f, kernel, types, self.pointers, site.numbers, site.isa)
        elif isinstance(kernel, Contraction):
            emit_contraction(self.f, kernel, types, self.pointers, site.numbers, site.isa)
        elif isinstance(kernel, Loop):
            self.loop(i, kernel)
        elif isinstance(kernel.lowering, Extern):
            self.extern(kernel)
        elif isinstance(kernel.lowering, Check):
            self.check(kernel)
        else:
            emit_single(self.f, kernel, types, self.pointers, site.numbers, site.isa, site.status)

    # ---- the host

    def extern(self, kernel: Single) -> None:
        """Call a host function with the addresses of arguments and results, unless the program has failed."""
        f = self.f
        with f.when(f.op(f"xor i1 {self.site.failed()}, true")):
            operands = [*kernel.ins, *kernel.outs]
            table = f.alloca(f"[{max(1, len(operands))} x ptr]", 8)
            for i, o in enumerate(operands):
                f.do(f"store ptr {self.at(o)}, ptr {f.gep(table, 8 * i)}")
            function = f.op(f"load ptr, ptr {f.gep(self.site.host, 8 * kernel.ordinal)}")
            result = f.op(f"call i32 {function}(ptr {table})")
            with f.when(f.op(f"icmp ne i32 {result}, 0")):
                record(f, self.site.status, kernel.ordinal, position=0, value=0, axis=0, size=0)

    def check(self, kernel: Single) -> None:
        """Record the first element that is false."""
        f, operand = self.f, kernel.ins[0]
        start = self.at(operand)
        with f.loop(0, operand.type.size) as i:
            value = f.op(f"load i8, ptr {f.gep(start, i)}")
            with f.when(f.op(f"icmp eq i8 {value}, 0")):
                record(f, self.site.status, kernel.ordinal, position=i, value=i, axis=0, size=0)

    # ---- loops and branches

    def loop(self, i: int, kernel: Loop) -> None:
        """A scan, while, branch or call."""
        how, plans = kernel.lowering, self.layout.inner[i]
        spare = self.f.gep(self.arena, self.layout.spare[i])
        if isinstance(how, Scan):
            self.scan(kernel, how, plans[0], spare)
        elif isinstance(how, While):
            self.while_(kernel, how, plans, spare)
        elif isinstance(how, Branch):
            self.branch(kernel, plans, spare)
        else:
            self.nested(kernel.bodies[0], plans[0], spare, self.places(kernel.ins), self.places(kernel.outs))

    def nested(
        self, program: FusedProgram, layout: Plan, arena: str, params: Sequence[str], results: Sequence[str]
    ) -> None:
        """A nested program's kernels."""
        _Body(self.site, program, layout, arena).emit(params, results)

    def places(self, operands: Sequence[Operand]) -> list[str]:
        """Where operands start."""
        return [self.at(o) for o in operands]

    def working(self, kernel: Loop, spare: str) -> tuple[list[str], list[str], str]:
        """Two places for each carry, and the memory behind them."""
        at, pairs = 0, (list[str](), list[str]())
        for o in carried(kernel):
            for place in pairs:
                place.append(self.f.gep(spare, at))
                at += aligned(o.type.nbytes)
        return *pairs, self.f.gep(spare, at)

    def scan(self, kernel: Loop, how: Scan, layout: Plan, spare: str) -> None:
        """A counted loop; carries go back and forth between two places, slices are addresses."""
        f = self.f
        ins, outs = self.places(kernel.ins), self.places(kernel.outs)
        consts, carries, xs = ins[: how.consts], ins[how.consts : how.consts + how.carries], kernel.ins
        first, second, arena = self.working(kernel, spare)
        still = _still(kernel.bodies[0], how.consts, how.carries)
        carries = self.settled(kernel, still, carries, first)
        xs = xs[how.consts + how.carries :]
        ys = kernel.outs[how.carries :]

        def body(t: str, current: Sequence[str], following: Sequence[str]) -> None:
            place: Extent = f.isub(how.length - 1, t) if how.reverse else t
            slices = [self.slice(o, place) for o in xs]
            after = [*_kept(still, current, following), *(self.slice(o, place) for o in ys)]
            self.nested(kernel.bodies[0], layout, arena, [*consts, *current, *slices], after)

        last = self.iterate(lambda t, _: f.op(f"icmp slt i64 {t}, {how.length}"), body, carries, first, second, still)
        self.settle(kernel, last, outs)

    def slice(self, operand: Operand, t: Extent) -> str:
        """Where entry ``t`` of an array starts."""
        each = operand.type.drop((0,)).nbytes
        return self.f.gep(self.at(operand), self.f.imul(t, each))

    def while_(self, kernel: Loop, how: While, plans: Sequence[Plan], spare: str) -> None:
        """A loop that runs as long as its condition holds."""
        f = self.f
        ins, outs = self.places(kernel.ins), self.places(kernel.outs)
        middle = how.cond_consts + how.body_consts
        cond_consts, body_consts, carries = ins[: how.cond_consts], ins[how.cond_consts : middle], ins[middle:]
        first, second, flag = self.working(kernel, spare)
        still = _still(kernel.bodies[1], how.body_consts, len(carries))
        carries = self.settled(kernel, still, carries, first)
        arena = f.gep(flag, 64)

        def more(t: str, current: Sequence[str]) -> str:
            self.nested(kernel.bodies[0], plans[0], arena, [*cond_consts, *current], [flag])
            return f.op(f"icmp ne i8 {f.op(f'load i8, ptr {flag}')}, 0")

        def body(t: str, current: Sequence[str], following: Sequence[str]) -> None:
            after = _kept(still, current, following)
            self.nested(kernel.bodies[1], plans[1], arena, [*body_consts, *current], after)

        self.settle(kernel, self.iterate(more, body, carries, first, second, still), outs)

    def iterate(
        self,
        more: Callable[[str, Sequence[str]], str],
        body: Callable[[str, Sequence[str], Sequence[str]], None],
        start: Sequence[str],
        first: Sequence[str],
        second: Sequence[str],
        still: frozenset[int],
    ) -> list[str]:
        """``while more(t, carry): carry = body(t, carry)``; where the last carry is.

        Stops early after a failure or a signal. The carry of iteration t is read from one place and written to
        the next: start, first, second, first, ...; those that are ``still`` stay where they start.
        """
        f = self.f
        head, inside, end, before = f.fresh("head"), f.fresh("body"), f.fresh("end"), f.block
        state = [("i64", "0"), *(("ptr", p) for p in (*start, *first, *second))]
        f.jump(head)
        f.label(head)
        slots, names = [f.slot() for _ in state], ["%" + f.fresh("c") for _ in state]
        n = len(start)
        current, following, spare = names[1 : 1 + n], names[1 + n : 1 + 2 * n], names[1 + 2 * n :]
        going = f.op(f"and i1 {more(names[0], current)}, {f.op(f'xor i1 {self.stopped(names[0])}, true')}")
        f.branch(going, inside, end)
        f.label(inside)
        body(names[0], current, following)
        then = [f.op(f"add i64 {names[0]}, 1"), *_kept(still, current, following), *spare, *following]
        for slot, name, (kind, value), after in zip(slots, names, state, then, strict=True):
            f.fill(slot, f"{name} = phi {kind} [ {value}, %{before} ], [ {after}, %{f.block} ]")
        f.jump(head)
        f.label(end)
        return current

    def stopped(self, t: str) -> str:
        """An i1: whether the program has failed, or a signal has raised (looked for now and then)."""
        f = self.f
        f.module.declare("i64 @ty_poll()")
        due = f.op(f"icmp eq i64 {f.op(f'and i64 {t}, {POLL_EVERY - 1}')}, {POLL_EVERY - 1}")
        with f.when(due):
            raised = f.op(f"icmp ne i64 {f.op('call i64 @ty_poll()')}, 0")
            with f.when(raised):
                record(f, self.site.status, INTERRUPTED, position=0, value=0, axis=0, size=0)
        return self.site.failed()

    def settled(self, kernel: Loop, still: frozenset[int], start: Sequence[str], first: Sequence[str]) -> list[str]:
        """Where carries start: those that are still in memory of the loop's own."""
        for k in sorted(still):
            operand = carried(kernel)[k]
            copy(self.f, operand.type.dtype, first[k], start[k], operand.type.size)
        return _kept(still, first, start)

    def settle(self, kernel: Loop, last: Sequence[str], outs: Sequence[str]) -> None:
        """Copy the last carries to where they are wanted."""
        for source, target, operand in zip(last, outs, carried(kernel), strict=False):
            copy(self.f, operand.type.dtype, target, source, operand.type.size)

    def branch(self, kernel: Loop, plans: Sequence[Plan], spare: str) -> None:
        """One of several programs."""
        f = self.f
        ins, outs = self.places(kernel.ins), self.places(kernel.outs)
        index = load(lanes(f, 1, True), ins[0], int64).operand
        labels, end = [f.fresh("case") for _ in kernel.bodies], f.fresh("end")
        cases = " ".join(f"i64 {i}, label %{name}" for i, name in enumerate(labels[1:], 1))
        f.do(f"switch i64 {index}, label %{labels[0]} [ {cases} ]")
        for name, program, layout in zip(labels, kernel.bodies, plans, strict=True):
            f.label(name)
            self.nested(program, layout, spare, ins[1:], outs)
            f.jump(end)
        f.label(end)
