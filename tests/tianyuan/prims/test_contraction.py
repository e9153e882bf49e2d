"""DotGeneral: types, batching, derivatives, with the oracle as the machine; orders of the rules."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests import oracle_machine
from tests.laws.bits import same_bits
from tests.tianyuan.prims.checks import check_batch, check_linear, check_types_and_oracle
from tianyuan.array import Array
from tianyuan.core import Undef
from tianyuan.eager import from_numpy
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.parser import parse
from tianyuan.prims.contraction import DotGeneral, dot_general
from tianyuan.transforms.forward import jvp_flat
from tianyuan.transforms.mapping import vmap
from tianyuan.transforms.reverse import linearize_flat
from tianyuan.transforms.tracing import trace
from tianyuan.types import ArrayType, float32, float64, int32


@pytest.fixture
def machine() -> Iterator[None]:
    """Programs and transformations run on the oracle."""
    oracle_machine.install()
    yield
    oracle_machine.uninstall()


def test_oracle() -> None:
    """Every dtype and case has the type of its rule."""
    check_types_and_oracle(DotGeneral)


@pytest.mark.parametrize("dtype", [float32, int32], ids=str)
def test_batching_is_a_loop(dtype: Any) -> None:
    """At every axis of either operand or both."""
    check_batch(DotGeneral, dtype)


def test_derivatives_are_adjoint() -> None:
    """Linear in each operand; the cotangents have the operands' types."""
    check_linear(DotGeneral, float64, (0, 1))


@pytest.mark.parametrize(
    ("a", "b", "batch", "contract", "error"),
    [
        ("f32[2,3]", "f64[3]", (), ((1, 0),), "one dtype"),
        ("bool[2,3]", "bool[3]", (), ((1, 0),), "numbers of one dtype"),
        ("f32[2,3]", "f32[4]", (), ((1, 0),), "one extent"),
        ("f32[2,3]", "f32[3]", (), ((2, 0),), "at most once"),
        ("f32[3,3]", "f32[3,3]", ((0, 0),), ((0, 1),), "at most once"),
        ("f32[3]", "f32[3]", ((0, 0),), (), "at least one pair"),
    ],
)
def test_types_that_do_not_fit(a: str, b: str, batch: Any, contract: Any, error: str) -> None:
    """Each is an error that names the types."""
    types = parse(f"program (%0: {a}, %1: {b}) -> () {{ return }}").in_types
    with pytest.raises((ArrayTypeError, ShapeError), match=error):
        DotGeneral(batch, contract).types(*types)


def test_a_weight_gradient_is_one_contraction(machine: None) -> None:
    """dW of x[B,T,I] @ W contracts over (B, T) in this order, and nothing is transposed or repeated."""
    x, ct = ArrayType(float32, (2, 3, 5)), ArrayType(float32, (2, 3, 4))
    w = Undef(ArrayType(float32, (5, 4)))

    program = trace(lambda x, ct: [DotGeneral((), ((2, 0),)).transpose(ct, x, w)[1]], [x, ct]).program

    (eqn,) = program.eqns
    assert eqn.prim == DotGeneral((), ((0, 0), (1, 1)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mapped_axis_comes_first(machine: None, axis: int) -> None:
    """The weight gradient of a mapped x contracts over the mapped axis, then x's own, wherever it was mapped."""
    shape = [3, 5]
    shape.insert(axis, 2)

    def gradient(x: Array, w: Array, ct: Array) -> list[Any]:
        product = lambda w: vmap(lambda row: dot_general(row, w, (), ((1, 0),)), axis)(x)  # noqa: E731
        _, linear = linearize_flat(lambda w: [product(w)], [w], [True])
        return linear.transpose([ct])

    program = trace(gradient, [ArrayType(float32, s) for s in (tuple(shape), (5, 4), (2, 3, 4))]).program
    (last,) = [e for e in program.eqns if program.results[0] in e.outs]

    assert last.prim == DotGeneral((), ((0, 0), (1, 1)))


def test_an_unmapped_operand_is_not_repeated(machine: None) -> None:
    """Batching one operand leaves the other as it is."""
    for dims in ((0, None), (None, 0)):
        types = [ArrayType(float32, (7, *s) if d == 0 else s) for s, d in zip(((2, 5), (5, 4)), dims, strict=True)]

        program = trace(lambda a, b: [vmap(lambda p, q: dot_general(p, q, (), ((1, 0),)), dims)(a, b)], types).program  # noqa: B023

        assert {e.prim.name for e in program.eqns} <= {"dot_general", "transpose"}


def test_a_product_where_nothing_is_contracted(machine: None) -> None:
    """The gradient of a matrix-vector product is an outer product, batch by batch."""
    rng = np.random.default_rng(0)
    a, b, ct = (rng.integers(-4, 4, s).astype(np.float64) for s in ((3, 2, 5), (3, 5), (3, 2)))

    prim = DotGeneral(((0, 0),), ((2, 1),))
    given, _ = prim.transpose(from_numpy(ct), Undef(ArrayType(float64, (3, 2, 5))), from_numpy(b))

    same_bits(given, ct[:, :, None] * b[:, None, :])
    assert dot_general(from_numpy(b), from_numpy(ct), (), ()).shape == (3, 5, 3, 2)


def test_second_derivatives(machine: None) -> None:
    """d²/dε² of C(A + εA', B + εB') is 2 C(A', B')."""
    rng = np.random.default_rng(0)
    a, b, da, db = (from_numpy(rng.integers(-4, 4, s).astype(np.float64)) for s in ((2, 5), (5, 4), (2, 5), (5, 4)))

    def first(a: Array, b: Array) -> Any:
        return jvp_flat(lambda a, b: [dot_general(a, b, (), ((1, 0),))], [a, b], [da, db])[1]

    _, (second,) = jvp_flat(first, [a, b], [da, db])

    same_bits(second, 2 * np.asarray(da) @ np.asarray(db))
