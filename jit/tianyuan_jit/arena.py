"""Where the temporaries of a fused program live: offsets in one block of memory, used again when dead.

plan : FusedProgram -> Plan
replaceable : FusedProgram, donated params -> params whose memory results may take
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field, frozen

from tianyuan.lowering import Scan, While
from tianyuan_jit.kernels import Contraction, Fused, FusedProgram, Kernel, Loop, Operand, Read

ALIGNMENT = 64


@frozen(eq=False)
class Plan:
    """``offsets`` of buffers in the arena; ``direct``: buffers that are written straight to a result's memory.

    ``inner`` are the plans of a Loop's bodies by kernel number, ``spare`` where its working memory starts:
    two copies of each carry, then the arena of its bodies.
    """

    size: int
    offsets: dict[int, int]
    direct: dict[int, int]
    inner: dict[int, tuple[Plan, ...]]
    spare: dict[int, int]


def plan(program: FusedProgram) -> Plan:
    """Give every temporary a place such that those that live at once do not overlap."""
    direct = _direct(program)
    births, deaths = _lifetimes(program)
    inner = {
        i: tuple(plan(b) for b in kernel.bodies) for i, kernel in enumerate(program.kernels) if isinstance(kernel, Loop)
    }
    space = _Space()
    offsets: dict[int, int] = {}
    spare: dict[int, int] = {}
    for i in range(len(program.kernels)):
        for b in births.get(i, ()):
            if b not in direct:
                offsets[b] = space.take(program.buffers[b].nbytes)
        if i in inner:
            kernel = program.kernels[i]
            assert isinstance(kernel, Loop)
            spare[i] = space.take(working_bytes(kernel, inner[i]))
            space.give(spare[i], working_bytes(kernel, inner[i]))
        for b in deaths.get(i, ()):
            if b in offsets:
                space.give(offsets[b], program.buffers[b].nbytes)
    return Plan(space.size, offsets, direct, inner, spare)


def working_bytes(kernel: Loop, inner: Sequence[Plan]) -> int:
    """Memory that a loop needs while it runs."""
    carries = 2 * sum(aligned(o.type.nbytes) for o in carried(kernel))
    condition = ALIGNMENT if isinstance(kernel.lowering, While) else 0
    return carries + condition + max(p.size for p in inner)


def carried(kernel: Loop) -> tuple[Operand, ...]:
    """The results of a loop that are its final carries."""
    if isinstance(kernel.lowering, Scan):
        return kernel.outs[: kernel.lowering.carries]
    return kernel.outs if isinstance(kernel.lowering, While) else ()


def aligned(nbytes: int) -> int:
    """Rounded up."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def _direct(program: FusedProgram) -> dict[int, int]:
    """Buffers that are a whole result: the first result each of them is."""
    found: dict[int, int] = {}
    for i, r in enumerate(program.results):
        whole = r.offset == 0 and r.buffer >= program.params and r.type.nbytes == program.buffers[r.buffer].nbytes
        if whole and r.buffer not in found:
            found[r.buffer] = i
    return found


def replaceable(program: FusedProgram, donated: Sequence[bool]) -> dict[int, int]:
    """Results that may be written where a donated param lies: the param by the number of the result."""
    wanted = {r.buffer for r in program.results}
    free = [p for p, gone in enumerate(donated[: program.params]) if gone and p not in wanted]
    found: dict[int, int] = {}
    for buffer, i in _direct(program).items():
        p = next((p for p in free if _may_replace(program, p, buffer)), None)
        if p is not None:
            free.remove(p)
            found[i] = p
    return found


def _may_replace(program: FusedProgram, param: int, buffer: int) -> bool:
    """Whether a param is read no more once the buffer is written, but by a map at the very places it writes."""
    if program.buffers[param].nbytes != program.buffers[buffer].nbytes:
        return False
    last = max((i for i, k in enumerate(program.kernels) if param in touched(k)), default=-1)
    first = min(i for i, k in enumerate(program.kernels) if buffer in touched(k))
    return last < first or (last == first and _at_same_places(program, program.kernels[first], (param, buffer)))


def _at_same_places(program: FusedProgram, kernel: Kernel, buffers: tuple[int, int]) -> bool:
    """Whether a map reads and writes these buffers element by element."""
    if not isinstance(kernel, Fused) or kernel.folded:
        return False
    views = [n.view for n in kernel.nodes if isinstance(n, Read)] + [w.view for w in kernel.writes]
    places = {(v.offset, v.strides) for v in views if v.buffer in buffers}
    return len(places) == 1 and len({program.buffers[b].dtype.itemsize for b in buffers}) == 1


def _lifetimes(program: FusedProgram) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Buffers by the kernel that first and last touches them; those of results never die."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for i, kernel in enumerate(program.kernels):
        for b in touched(kernel):
            if b >= program.params:
                first.setdefault(b, i)
                last[b] = i
    for r in program.results:
        last.pop(r.buffer, None)
    return _grouped(first), _grouped(last)


def _grouped(by_buffer: dict[int, int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for b, i in by_buffer.items():
        found.setdefault(i, []).append(b)
    return found


def touched(kernel: Kernel) -> list[int]:
    """The buffers that a kernel reads or writes."""
    if isinstance(kernel, Fused | Contraction):
        found = [n.view.buffer for n in kernel.nodes if isinstance(n, Read)]
        found += [w.view.buffer for w in kernel.writes]
        if isinstance(kernel, Contraction):
            found += [*(o.buffer for o in kernel.ins), kernel.out.buffer]
        return found
    return [o.buffer for o in (*kernel.ins, *kernel.outs)]


@define
class _Space:
    """Free intervals below ``size``, in order."""

    size: int = 0
    free: list[tuple[int, int]] = field(factory=list[tuple[int, int]])

    def take(self, nbytes: int) -> int:
        """An interval of ``nbytes``: the smallest that fits, or a new one at the end."""
        want = aligned(max(nbytes, 1))
        fitting = [(n, start) for start, n in self.free if n >= want]
        if fitting:
            n, start = min(fitting)
            self.free.remove((start, n))
            if n > want:
                self.give(start + want, n - want)
            return start
        start = self.size
        if self.free and sum(self.free[-1]) == self.size:
            start = self.free.pop()[0]
        self.size = start + want
        return start

    def give(self, start: int, nbytes: int) -> None:
        """An interval back; neighbours are joined."""
        size = aligned(max(nbytes, 1))
        joined: list[tuple[int, int]] = []
        for at, n in sorted([*self.free, (start, size)]):
            if joined and sum(joined[-1]) == at:
                joined[-1] = (joined[-1][0], joined[-1][1] + n)
            else:
                joined.append((at, n))
        self.free = joined
