"""vmap(f)(xs)[i] ≡ f(xs[i]): every subset of arguments, every axis."""

import itertools

import numpy as np
import pytest

from tests.laws.bits import same_bits
from tests.laws.drawing import Law, arrays, laws, numpy_inputs, results
from tianyuan.transforms.mapping import vmap
from tianyuan.types import float32, int64

SIZE = 3
CASES = [law for law in laws((float32, int64)) if law.prim.cases.symbolic and law.case.args]


def layouts(law: Law) -> list[tuple[int | None, ...]]:
    """For each non-empty subset of at most three arguments, the axis in front, and the last one."""
    count = min(3, len(law.case.args))
    chosen: list[tuple[int | None, ...]] = []
    for subset in itertools.product((False, True), repeat=count):
        if any(subset):
            picks = [*subset, *([False] * (len(law.case.args) - count))]
            chosen.append(tuple(0 if p else None for p in picks))
            chosen.append(tuple(len(t.shape) if p else None for p, t in zip(picks, law.case.args, strict=True)))
    axes = [a for a in range(1, len(law.case.args[0].shape))]
    return list(dict.fromkeys([*chosen, *((a, *([None] * (len(law.case.args) - 1))) for a in axes)]))


@pytest.mark.parametrize("law", CASES, ids=str)
def test_vmap_is_a_loop(law: Law) -> None:
    """Each entry has the bits of the call on that entry."""
    entries = [numpy_inputs(law, seed) for seed in range(SIZE)]
    for dims in layouts(law):
        stacked = [
            entries[0][j] if d is None else np.stack([e[j] for e in entries], axis=d) for j, d in enumerate(dims)
        ]

        mapped = vmap(lambda *xs: results(law, list(xs)), in_axes=dims)(*arrays(stacked))

        for i in range(SIZE):
            own = arrays([entries[0][j] if d is None else entries[i][j] for j, d in enumerate(dims)])
            for a, e in zip(mapped, results(law, own), strict=True):
                same_bits(np.asarray(a)[i], e)
