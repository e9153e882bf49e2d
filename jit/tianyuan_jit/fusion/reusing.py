"""Scatters in place: where a scatter is the last to read the array it starts from, it writes into that array.

in_place : FusedProgram -> FusedProgram, over temporaries
in_loop  : a loop's bodies -> the same, over carries too: what the next iteration gets is what this one was given
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from tianyuan import lowering
from tianyuan_jit.arena import touched
from tianyuan_jit.kernels import Contraction, Fused, FusedProgram, Kernel, Operand, Read, Single


def in_place(program: FusedProgram) -> FusedProgram:
    """The same program with as many scatters in place as may be; params are never written."""
    kernels, results = list(program.kernels), program.results
    for i, kernel in enumerate(kernels):
        if not isinstance(kernel, Single) or not kernel.ins or kernel.ins[0].buffer < program.params:
            continue
        if _may_overwrite(program, kernels, results, i):
            names = {kernel.outs[0].buffer: kernel.ins[0].buffer}
            kernels[i:] = [renamed(k, names) for k in kernels[i:]]
            results = tuple(_operand(r, names) for r in results)
    return evolve(program, kernels=tuple(kernels), results=results)


def in_loop(how: lowering.Lowering, bodies: tuple[FusedProgram, ...]) -> tuple[FusedProgram, ...]:
    """Bodies in which a scatter from a carry to the carry's next value is in place."""
    if isinstance(how, lowering.Scan):
        return (_carried_in_place(bodies[0], how.consts, how.carries),)
    if isinstance(how, lowering.While):
        return bodies[0], _carried_in_place(bodies[1], how.body_consts, len(bodies[1].results))
    return bodies


def _carried_in_place(body: FusedProgram, first: int, carries: int) -> FusedProgram:
    """The body with carries that are params from ``first`` on overwritten where only their next values need it."""
    for k in range(carries):
        body = _carry_in_place(body, first + k, k)
    return body


def _carry_in_place(body: FusedProgram, param: int, result: int) -> FusedProgram:
    target = body.results[result]
    if target.offset != 0 or target.buffer < body.params:
        return body
    for i, kernel in enumerate(body.kernels):
        ends = (kernel.ins[:1], kernel.outs[:1]) if isinstance(kernel, Single) else ((), ())
        fits = [o.buffer for some in ends for o in some] == [param, target.buffer]
        if fits and _may_overwrite(body, body.kernels, body.results, i):
            names = {target.buffer: param}
            kernels = (*body.kernels[:i], *(renamed(k, names) for k in body.kernels[i:]))
            return evolve(body, kernels=kernels, results=tuple(_operand(r, names) for r in body.results))
    return body


def _may_overwrite(program: FusedProgram, kernels: Sequence[Kernel], results: Sequence[Operand], i: int) -> bool:
    """Whether kernel ``i`` is a scatter that is the last to read a whole buffer of its result's type."""
    kernel = kernels[i]
    if not isinstance(kernel, Single) or not isinstance(kernel.lowering, lowering.Scatter):
        return False
    x, *others = kernel.ins
    whole = x.offset == 0 and program.buffers[x.buffer] == kernel.outs[0].type
    later = [*(b for k in kernels[i + 1 :] for b in touched(k)), *(r.buffer for r in results)]
    return whole and x.buffer not in (*later, *(o.buffer for o in others))


def renamed(kernel: Kernel, names: dict[int, int]) -> Kernel:
    """The kernel over buffers by other names."""
    if isinstance(kernel, Fused | Contraction):
        nodes = tuple(evolve(n, view=_view(n.view, names)) if isinstance(n, Read) else n for n in kernel.nodes)
        writes = tuple(evolve(w, view=_view(w.view, names)) for w in kernel.writes)
        kernel = evolve(kernel, nodes=nodes, writes=writes)
        if isinstance(kernel, Fused):
            return kernel
        a, b = (_operand(o, names) for o in kernel.ins)
        return evolve(kernel, ins=(a, b), out=_operand(kernel.out, names))
    ins, outs = (tuple(_operand(o, names) for o in some) for some in (kernel.ins, kernel.outs))
    return evolve(kernel, ins=ins, outs=outs)


def _view(view: Any, names: dict[int, int]) -> Any:
    return evolve(view, buffer=names.get(view.buffer, view.buffer))


def _operand(operand: Operand, names: dict[int, int]) -> Operand:
    return evolve(operand, buffer=names.get(operand.buffer, operand.buffer))
