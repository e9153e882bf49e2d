"""Places of temporaries: lifetimes, no overlap of live values, donated params, the peak."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownLambdaType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import tianyuan as ty
from tianyuan.lowering import Cumulate, Scan
from tianyuan.passes import optimize
from tianyuan.prims.pointwise.arithmetic import neg
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, float32, uint8
from tianyuan_jit.arena import ALIGNMENT, Plan, aligned, plan, replaceable, touched, working_bytes
from tianyuan_jit.fusion import fuse
from tianyuan_jit.kernels import Apply, Fused, FusedProgram, Kernel, Loop, Operand, Read, Single, View, Write

Step = tuple[int, list[int]]  # bytes of the buffer that a kernel writes; which older ones it reads


def straight(params: Sequence[int], steps: Sequence[Step], results: Sequence[int]) -> FusedProgram:
    """A program of kernels that stand alone, each with one new buffer."""
    types = [ArrayType(uint8, (n,)) for n in (*params, *(size for size, _ in steps))]
    kernels: list[Kernel] = []
    for i, (_, reads) in enumerate(steps):
        b = len(params) + i
        ins = tuple(Operand(r % b, types[r % b]) for r in reads)
        kernels.append(Single(Cumulate("add", 0, False), ins, (Operand(b, types[b]),)))
    wanted = tuple(Operand(r % len(types), types[r % len(types)]) for r in results)
    return FusedProgram(tuple(types), len(params), tuple(kernels), wanted)


def live(program: FusedProgram, i: int) -> set[int]:
    """The temporaries that hold something while kernel ``i`` runs: made by then, wanted then or later."""
    made = {b for k in program.kernels[: i + 1] for b in touched(k) if b >= program.params}
    wanted = {b for k in program.kernels[i:] for b in touched(k)} | {r.buffer for r in program.results}
    return made & wanted


def check(program: FusedProgram, layout: Plan) -> None:
    """What lives at once lies apart, inside the arena, aligned; bodies too."""
    for i, kernel in enumerate(program.kernels):
        spans = [(layout.offsets[b], program.buffers[b].nbytes) for b in live(program, i) if b not in layout.direct]
        if isinstance(kernel, Loop):
            spans.append((layout.spare[i], working_bytes(kernel, layout.inner[i])))
            for body, inner in zip(kernel.bodies, layout.inner[i], strict=True):
                check(body, inner)
        end = 0
        for start, nbytes in sorted(s for s in spans if s[1]):
            assert start % ALIGNMENT == 0
            assert start >= end
            end = start + nbytes
        assert end <= layout.size
    assert not set(layout.offsets) & set(layout.direct)
    for b, i in layout.direct.items():
        assert program.results[i].buffer == b


STEPS = st.lists(st.tuples(st.integers(0, 500), st.lists(st.integers(0, 40), max_size=3)), max_size=14)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, results=st.lists(st.integers(0, 40), max_size=4))
def test_nothing_alive_overlaps(steps: list[Step], results: list[int]) -> None:
    """Of any program of kernels in a row."""
    program = straight([100, 0], steps, results)

    check(program, plan(program))


def loops(x: ty.Array, w: ty.Array) -> list[ty.Array]:
    """Loops within loops, with temporaries before, within and behind them."""
    h = ty.cumulative_sum(x, axis=0)

    def inner(carry: ty.Array, row: ty.Array) -> tuple[ty.Array, ty.Array]:
        made = ty.cumulative_sum(carry @ w, axis=0)
        turned = ty.while_loop(lambda c: ty.sum(c) > 1e9, lambda c: ty.cumulative_sum(c @ w, axis=0), made)
        return ty.sort(turned + row, axis=1), ty.cumulative_sum(made, axis=1)

    def outer(carry: ty.Array, row: ty.Array) -> tuple[ty.Array, ty.Array]:
        last, ys = ty.scan(inner, carry, h)
        return last, ty.cumulative_sum(ys[0], axis=0) + row

    last, ys = ty.scan(outer, x, h)
    return [last, ty.cumulative_sum(ys[0], axis=0), h]


def test_loops() -> None:
    """The working memory of a loop lies apart from what lives around it; so do its carries and its bodies' arenas."""
    x = ArrayType(float32, (20, 20))
    program = fuse(optimize(trace(loops, [x, x]).program))
    loop = next(k for k in program.kernels if isinstance(k, Loop))
    layout = plan(program)

    check(program, layout)
    assert isinstance(loop.lowering, Scan)
    assert working_bytes(loop, layout.inner[program.kernels.index(loop)]) > 2 * loop.lowering.carries * x.nbytes


def test_the_peak_of_a_chain_is_two_values() -> None:
    """However long it is; the last one goes where the result is wanted."""
    for length in (3, 4, 50):
        program = straight([1000], [(1000, [i]) for i in range(length)], [length])

        assert plan(program).size == 2 * aligned(1000)


def test_the_peak_of_a_fan() -> None:
    """Values that are all wanted at the end need memory each; small ones use what large ones leave."""
    steps: list[Step] = [(640, [0]), (640, [0]), (640, [0]), (8, [1, 2, 3]), (320, [0]), (320, [4]), (8, [5, 6])]
    program = straight([8], steps, [7])

    assert plan(program).size == 3 * 640 + ALIGNMENT


def test_results_are_written_where_they_are_wanted() -> None:
    """Unless a value is a result twice, or already an argument."""
    program = straight([64], [(64, [0]), (64, [1])], [2, 0, 2, 1])
    layout = plan(program)

    assert layout.direct == {2: 0, 1: 3}
    assert layout.size == 0


def mapped(read: View, write: View, n: int, folded: int = 0) -> FusedProgram:
    """One kernel that makes -x."""
    x = ArrayType(float32, (n,))
    nodes = (Read(read, float32), Apply(neg, (0,), float32))
    kernel = Fused((n,), folded, nodes, (Write(1, write),))
    return FusedProgram((x, x), 1, (kernel,), (Operand(1, x),))


def test_donated_params_give_their_memory_to_results() -> None:
    """Where nothing is read behind the first write: by a later kernel, or by a map at the very same places."""
    forth, back = (0, (1,)), (7, (-1,))

    assert replaceable(mapped(View(0, *forth), View(1, *forth), 8), (True,)) == {0: 0}
    assert replaceable(mapped(View(0, *forth), View(1, *forth), 8), (False,)) == {}
    assert replaceable(mapped(View(0, *back), View(1, *forth), 8), (True,)) == {}
    assert replaceable(mapped(View(0, *forth), View(1, *forth), 8, folded=1), (True,)) == {}
    assert replaceable(straight([64, 64], [(64, [0]), (64, [1, 2])], [3]), (True, True)) == {0: 0}
    assert replaceable(straight([64, 64], [(64, [0]), (64, [0, 2])], [3]), (True, True)) == {0: 1}
    assert replaceable(straight([64, 32], [(64, [0, 1])], [2]), (True, True)) == {}
    assert replaceable(straight([64], [(64, []), (64, [])], [0, 1]), (True,)) == {}
    assert replaceable(straight([64], [(64, []), (64, [])], [1, 2]), (True,)) == {0: 0}


def test_donated_arrays_are_overwritten() -> None:
    """The result has the address of the argument; values are those without donation."""
    step = lambda p, g: p - 0.5 * g  # noqa: E731
    x, g = np.linspace(0, 1, 5000, dtype=np.float32), np.linspace(2, 1, 5000, dtype=np.float32)
    a, b = ty.asarray(x), ty.asarray(g)
    address = a.address

    y = ty.jit(step, donate_argnums=0)(a, b)

    assert y.address == address
    assert np.array_equal(np.asarray(y), x - np.float32(0.5) * g)
    assert np.array_equal(np.asarray(b), g)


def test_memory_that_others_see_is_not_overwritten() -> None:
    """A NumPy view, a reshaped array, a second argument that is the same array: all keep their values."""
    f = ty.jit(lambda p, g: p * 2.0 + g, donate_argnums=0)
    zeros = ty.zeros(5000)
    for share in (np.asarray, lambda a: ty.reshape(a, (50, 100))):
        a = ty.asarray(np.ones(5000, np.float32))
        other = share(a)
        assert float(f(a, zeros)[0]) == 2.0
        assert float(np.asarray(other).reshape(-1)[7]) == 1.0
    a = ty.asarray(np.ones(5000, np.float32))
    reversed_too = ty.jit(lambda p, g: (p * 2.0, g[::-1] + 1.0), donate_argnums=0)

    found = reversed_too(a, a)

    assert float(found[0][0]) == 2.0
    assert np.array_equal(np.asarray(found[1]), np.full(5000, 2, np.float32))
