"""Scatters in place: where a scatter is the last to read the array it starts from, it writes into that array.

in_place : FusedProgram -> FusedProgram
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
        if isinstance(kernel, Single) and _may_overwrite(program, kernels, results, i):
            names = {kernel.outs[0].buffer: kernel.ins[0].buffer}
            kernels[i:] = [renamed(k, names) for k in kernels[i:]]
            results = tuple(_operand(r, names) for r in results)
    return evolve(program, kernels=tuple(kernels), results=results)


def _may_overwrite(program: FusedProgram, kernels: Sequence[Kernel], results: Sequence[Operand], i: int) -> bool:
    """Whether kernel ``i`` is a scatter that is the last to read a temporary of its result's size."""
    kernel = kernels[i]
    if not isinstance(kernel, Single) or not isinstance(kernel.lowering, lowering.Scatter):
        return False
    x, *others = kernel.ins
    whole = x.buffer >= program.params and x.offset == 0 and program.buffers[x.buffer] == kernel.outs[0].type
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
