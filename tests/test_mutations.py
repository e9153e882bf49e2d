"""The suite can fail: each mutation is one plausible defect in one place, and a named test must find it.

A mutation runs in a child process, so that nothing that was compiled with the defect is seen by other tests.
"""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pytest
from attrs import evolve, frozen

from tests.laws import test_batching, test_derivatives, test_orders, test_random_programs
from tests.laws.drawing import Law, laws
from tests.laws.programs import Recipe
from tests.tianyuan import test_parser
from tests.tianyuan.passes import test_merging, test_simplifying
from tests.tianyuan.prims import test_reduction
from tests.tianyuan.transforms import test_composition
from tianyuan import program, types
from tianyuan.control.scanning import Scan
from tianyuan.core import REGISTRY
from tianyuan.passes import optimize, simplifying
from tianyuan.prims import convolution
from tianyuan.prims.contraction import DotGeneral
from tianyuan.prims.cumulation import Cumsum
from tianyuan.prims.linear import Broadcast, Gather, ReduceSum, Transpose, reduce_sum, transpose
from tianyuan.prims.pointwise import base as pointwise
from tianyuan.prims.pointwise.products import Fma, Mul
from tianyuan.prims.reduction import ReduceMax
from tianyuan.transforms import reverse
from tianyuan_jit import engine
from tianyuan_jit.cpu import Cpu, machine
from tianyuan_jit.emission import folding, rows
from tianyuan_jit.scalars.values import Value

Patch = pytest.MonkeyPatch


@frozen
class Mutation:
    """A defect, and the test that must fail because of it."""

    name: str
    patch: Callable[[Patch], Any]
    test: Callable[[], Any]
    error: type[Exception] = AssertionError  # what the test fails with; a patch that is broken itself raises another

    def __str__(self) -> str:
        return self.name


def law(name: str, wanted: Callable[[Law], bool] = lambda law: True, dtype: Any = types.float64) -> Law:
    """The first case of a primitive that is as wanted."""
    return next(found for found in laws((dtype,)) if found.prim.name == name and wanted(found))


def random_program(check: Callable[[Recipe], None], *steps: tuple[str, int, int, int]) -> Callable[[], None]:
    """One law of random programs for one of them."""
    return partial(check, Recipe(((4, 3), (4, 3)), steps))


# ---- the defects


def wrong_transpose(patch: Patch) -> None:
    """The adjoint of a permutation is taken for the permutation itself."""
    patch.setattr(Transpose, "transpose", lambda self, ct, *args: (transpose(ct, self.permutation),))


def wrong_batch_axis(patch: Patch) -> None:
    """The batch axis is not moved down by the axes that were summed before it."""

    def batch(self: Any, size: int, args: Any, dims: Any) -> Any:
        (x,), (d,) = args, dims
        y = reduce_sum(x, tuple(a + (a >= d) for a in self.axes))
        return y, min(d, y.ndim - 1)

    patch.setattr(ReduceSum, "batch", batch)


def fused_multiply_add(patch: Patch) -> None:
    """a · b + c is rounded once."""

    def simplify(self: Any, args: Any, rewriting: Any) -> Any:
        inner, given = rewriting.definition(args[0])
        return rewriting.apply(Fma(), *given, args[1]) if isinstance(inner, Mul) else None

    patch.setattr(pointwise.Add, "simplify", simplify)


def reassociated_sum(patch: Patch) -> None:
    """Neighbours are added first when the lanes of a row are folded."""

    def halves(k: Any, op: str, value: Any) -> Any:
        for step in (1, 2, 4, 8):
            value = folding.combine(k, op, value, folding._moved(k, value, step))
        return Value(k.function.op(f"extractelement {k.type_of(value.dtype)} {value.operand}, i64 0"), value.dtype)

    patch.setattr(rows, "halves", halves)


def mask_off_by_one(patch: Patch) -> None:
    """The last element of a row that is no multiple of sixteen is missing."""
    right = rows.present
    patch.setattr(rows, "present", lambda k, count: right(k, k.function.isub(count, 1)))


def stale_cache_key(patch: Patch) -> None:
    """Compiled code of an eager operation is found by its primitive, whatever the types."""

    def evaluate(self: Any, prim: Any, args: Any, source: Any) -> Any:
        key = (prim, "of any type")
        if key not in self._eager:
            self._eager[key] = self._prepare((prim, tuple(a.type for a in args), engine.isa()))
        return self._eager[key](args)

    patch.setattr(Cpu, "evaluate", evaluate)


def wrong_cotangent_order(patch: Patch) -> None:
    """Cotangents are added first use first."""

    def give(self: Any, atom: Any, ct: Any) -> None:
        if ct is not None and self.is_linear(atom):
            parts = vars(self).setdefault("parts", {}).setdefault(atom.id, [])
            parts.append(ct)
            self.ct[atom.id] = functools.reduce(pointwise.add, reversed(parts))

    patch.setattr(reverse._Backward, "give", give)


def dropped_check(patch: Patch) -> None:
    """An index that nothing reads is not checked."""
    patch.setattr(Gather, "effects", lambda self: frozenset())


def plain_product_in_derivatives(patch: Patch) -> None:
    """0 times an infinite factor is NaN."""
    patch.setattr(pointwise.Scale, "scalar", lambda self, k, ct, f: k.mul(ct, f))


def sign_of_zero_forgotten(patch: Patch) -> None:
    """x + 0.0 is taken for x."""
    patch.setattr(pointwise, "vanishes", lambda constant, sign: constant is not None and bool(constant == 0))


def unrolled_backwards(patch: Patch) -> None:
    """A loop is transposed without turning it round."""
    right = Scan.transpose_into

    def into(self: Any, *args: Any) -> Any:
        return right(evolve(self, reverse=not self.reverse), *args)

    patch.setattr(Scan, "transpose_into", into)


def digits_lost(patch: Patch) -> None:
    """Numbers are printed with six digits."""
    patch.setattr(program, "_float_text", lambda value: f"{float(value):.5e}")


def wrong_fold_of_groups(patch: Patch) -> None:
    """A batch becomes the faster part of the channels instead of the slower."""

    def fold(x: Any, role: str, letter: str, groups: int) -> Any:
        if letter != "g":
            return right(x, role, letter, groups)
        moved = convolution.moveaxis(x, 0, x.ndim - 1)
        return convolution.reshape(moved, (*moved.shape[:-2], moved.shape[-2] * moved.shape[-1]))

    right = convolution.fold
    patch.setattr(convolution, "fold", fold)


def ties_not_shared(patch: Patch) -> None:
    """Each of the largest gets the whole cotangent."""

    def jvp(self: Any, primals: Any, tangents: Any) -> Any:
        (x,), (dx,) = primals, tangents
        y = self(x)
        kept = [a for a in range(x.ndim) if a not in self.axes]
        equal = REGISTRY["eq"]()(x, Broadcast(x.shape, tuple(kept))(y))
        return y, reduce_sum(REGISTRY["select"]()(equal, dx, pointwise.number(0.0, x)), self.axes)

    patch.setattr(ReduceMax, "jvp", jvp)


def contraction_in_another_order(patch: Patch) -> None:
    """The weight gradient runs over (T, B)."""
    right = DotGeneral._of_b

    def of_b(self: Any, ct: Any, a: Any, b: Any) -> Any:
        made = REGISTRY["dot_general"]
        patch.setattr("tianyuan.prims.contraction.dot_general", lambda p, q, m, c: made(tuple(m), tuple(c)[::-1])(p, q))
        return right(self, ct, a, b)

    patch.setattr(DotGeneral, "_of_b", of_b)


def adjoint_of_a_running_sum(patch: Patch) -> None:
    """The adjoint runs in the same direction."""
    patch.setattr(Cumsum, "transpose", lambda self, ct, *args: (self(ct),))


def wrong_constant(patch: Patch) -> None:
    """Constants are folded with a rounding too many."""

    def folded(self: Any, prim: Any, args: Any, type: Any) -> Any:
        if prim.name != "convert" or not isinstance(args[0], program.Lit):
            return None
        return self.literal(np.nextafter(np.float32(args[0].value), np.float32(np.inf)), type.dtype)

    patch.setattr(simplifying._Rewriting, "_folded", folded)


def merged_over_zeros(patch: Patch) -> None:
    """Literals are equal when their values are."""
    patch.setattr(program.Lit, "__eq__", lambda a, b: isinstance(b, program.Lit) and bool(a.value == b.value))
    patch.setattr(program.Lit, "__hash__", lambda a: hash(float(a.value)))


PRODUCTS = [("mul", 0, 1, 0), ("add", 0, 1, 0), ("mul", 0, 1, 0), ("add", 0, 1, 0)]
SHAPES = [("sin", 0, 0, 0), ("sum", 0, 0, 0), ("sin", 0, 0, 0)]
MUTATIONS = [
    Mutation(
        "wrong transpose",
        wrong_transpose,
        lambda: test_derivatives.test_adjoint(law("transpose", lambda w: w.prim.permutation == (1, 2, 0))),
        ValueError,  # the cotangent has another shape
    ),
    Mutation(
        "wrong batch axis",
        wrong_batch_axis,
        lambda: test_batching.test_vmap_is_a_loop(
            law("reduce_sum", lambda w: w.prim.axes == (0,) and len(w.case.args[0].shape) == 3, types.float32)
        ),
    ),
    Mutation("fused multiply-add", fused_multiply_add, random_program(test_random_programs.jit_is_eager, *PRODUCTS)),
    Mutation("reassociated sum", reassociated_sum, lambda: test_orders.test_sums(300, np.float32)),
    Mutation("mask off by one", mask_off_by_one, lambda: test_orders.test_sums(17, np.float32)),
    Mutation("stale cache key", stale_cache_key, random_program(test_random_programs.jit_is_eager, *SHAPES)),
    Mutation("wrong cotangent order", wrong_cotangent_order, test_orders.test_cotangents_are_added_last_use_first),
    Mutation("dropped check", dropped_check, test_composition.test_out_of_bounds_raises_the_same_everywhere),
    Mutation(
        "plain product in derivatives",
        plain_product_in_derivatives,
        test_composition.test_zero_times_infinity_in_derivatives,
    ),
    Mutation(
        "sign of zero forgotten",
        sign_of_zero_forgotten,
        lambda: test_simplifying.test_what_is_not_exact_stays("%1: f32[11] = add %0, 0e+00:f32"),
    ),
    Mutation(
        "loop transposed forwards", unrolled_backwards, lambda: test_composition.test_scan_is_the_unrolled_loop(0)
    ),
    Mutation(
        "digits lost in print", digits_lost, lambda: test_parser.test_special_floats(types.float32, "3.4028235e38")
    ),
    Mutation(
        "wrong fold of groups",
        wrong_fold_of_groups,
        lambda: test_batching.test_vmap_is_a_loop(
            law("conv", lambda w: w.case.args[0].shape[-1] > 1 and w.case.args[0].size > 0, types.float32)
        ),
    ),
    Mutation("ties not shared", ties_not_shared, lambda: test_reduction.test_ties_share(None)),
    Mutation(
        "contraction in another order", contraction_in_another_order, test_orders.test_a_weight_gradient_is_one_chain
    ),
    Mutation(
        "adjoint of a running sum",
        adjoint_of_a_running_sum,
        lambda: test_derivatives.test_adjoint(law("cumsum", lambda w: w.case.args[0].shape == (5,))),
    ),
    Mutation("constant folded wrongly", wrong_constant, lambda: test_simplifying.test_constants_fold()),
    Mutation("zeros of two signs merged", merged_over_zeros, test_merging.test_zeros_of_both_signs_are_different),
]


# ---- running them


@contextmanager
def child() -> Iterator[int]:
    """A forked process: 0 inside it; outside, when the block ends, its exit status is asserted to be 0."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            yield 0
            os._exit(0)
        except BaseException:
            os.write(write, traceback.format_exc().encode()[-4000:])
            os._exit(1)
    os.close(write)
    yield pid
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    assert status == 0, said or f"the child ended with status {status}"


def run(mutation: Mutation) -> None:
    """The test passes, and fails under the mutation."""
    mutation.test()
    optimize.cache_clear()
    machine._eager.clear()
    with pytest.MonkeyPatch.context() as patch:
        mutation.patch(patch)
        with pytest.raises((mutation.error, pytest.fail.Exception)):
            mutation.test()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_mutation_is_found(mutation: Mutation) -> None:
    """The named test fails."""
    with child() as pid:
        if pid == 0:
            run(mutation)
