"""The laws of one primitive's rules, on its own cases, with the oracle as the machine.

These are the quick checks beside each primitive; tests/laws runs the machines.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tianyuan.array import Array
from tianyuan.cases import Case
from tianyuan.core import Interpreter, Prim, Undef, interpreting
from tianyuan.eager import from_numpy, to_numpy
from tianyuan.transforms.derivatives import jvp, linearize, vjp
from tianyuan.types import FLOATS, ArrayType, DType, float64

SIZE = 3  # of the batch; no case has only sides of this length


class OracleInterpreter(Interpreter):
    """Runs a primitive by its oracle, and checks the results' types."""

    def process(self, prim: Prim, args: Sequence[Array]) -> list[Array]:
        """Results of the oracle as arrays."""
        types = prim.types(*(a.type for a in args))
        results = prim.oracle(*(a.owner for a in args))
        values = results if prim.multiple else (results,)
        for value, type in zip(values, types, strict=True):
            assert (np.shape(value), np.asarray(value).dtype) == (type.shape, type.dtype.numpy), prim
        return [Array(t, np.asarray(v), 0) for v, t in zip(values, types, strict=True)]


class OracleMemory:
    """What stands for the CPU's memory: literals are NumPy arrays too."""

    name = "cpu"

    def from_numpy(self, value: np.ndarray[Any, Any], type: ArrayType) -> Array:
        """An array that the interpreter understands."""
        return array(value, type)

    def to_numpy(self, value: Array) -> np.ndarray[Any, Any]:
        """Its elements."""
        return value.owner


def array(value: Any, type: ArrayType) -> Array:
    """An array the interpreter understands."""
    return Array(type, np.asarray(value, type.dtype.numpy).reshape(type.shape), 0)


def drawn(prim: type[Prim], case: Case, rng: np.random.Generator) -> list[Array]:
    """Arguments for one case."""
    return [array(_value(prim, t, i, case, rng), t) for i, t in enumerate(case.args)]


def _value(prim: type[Prim], t: ArrayType, i: int, case: Case, rng: np.random.Generator) -> Any:
    made = prim.cases.draw(rng, t, i, case) if prim.cases.draw else None
    if made is not None:
        return made
    if t.dtype.kind in "biu":
        return rng.integers(0, 2 if t.dtype.kind == "b" else 5, t.shape)
    return rng.integers(-8, 8, t.shape) / 4  # exact in every float: sums and products do not round


def instances(prim: type[Prim], dtype: DType) -> Iterator[tuple[Any, Case]]:
    """Every case of a primitive for a dtype, with the primitive made."""
    for case in prim.cases.sweep(dtype):
        yield prim(**case.fields), case


def check_types_and_oracle(prim: type[Prim]) -> None:
    """The type rule gives the oracle's types, for every dtype and case."""
    rng = np.random.default_rng(0)
    for dtype in prim.cases.dtypes:
        for p, case in instances(prim, dtype):
            OracleInterpreter().process(p, drawn(prim, case, rng))


def check_batch(prim: type[Prim], dtype: DType) -> None:
    """Batching at every axis of every selection of arguments equals the loop, to the bit; nested too."""
    rng = np.random.default_rng(0)
    for p, case in instances(prim, dtype):
        entries = [drawn(prim, case, rng) for _ in range(SIZE)]
        for mapped in itertools.product([False, True], repeat=len(case.args)):
            if any(mapped):
                _check_mapped(p, case, entries, mapped)


def _check_mapped(p: Any, case: Case, entries: list[list[Array]], mapped: tuple[bool, ...]) -> None:
    ranks = [range(t.ndim + 1) if m else [None] for t, m in zip(case.args, mapped, strict=True)]
    looped = [
        OracleInterpreter().process(
            p, [e if m else entries[0][i] for i, (e, m) in enumerate(zip(entry, mapped, strict=True))]
        )
        for entry in entries
    ]
    for dims in itertools.product(*ranks):
        stacked = [entries[0][i] if d is None else _stack([e[i] for e in entries], d) for i, d in enumerate(dims)]
        with interpreting(OracleInterpreter()):
            outs, out_dims = p.batch(SIZE, stacked, dims)
        if not p.multiple:
            outs, out_dims = (outs,), (out_dims,)
        for k, (out, d) in enumerate(zip(outs, out_dims, strict=True)):
            for b in range(SIZE):
                got = out.owner if d is None else np.take(out.owner, b, d)
                assert same(got, looped[b][k].owner), (p, case, dims)


def _stack(parts: list[Array], at: int) -> Array:
    value = np.stack([p.owner for p in parts], at)
    return Array(ArrayType(parts[0].dtype, value.shape), value, 0)


def same(a: Any, b: Any) -> bool:
    """The same dtype, shape and values, NaN equal to NaN."""
    return a.dtype == b.dtype and a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))


def check_linear(prim: type[Prim], dtype: DType, linear: Sequence[int] = (0,)) -> None:
    """J is linear in each of the arguments ``linear`` alone, jvp agrees, and ⟨ct, J v⟩ = ⟨Jᵀ ct, v⟩."""
    assert dtype in FLOATS
    rng = np.random.default_rng(0)
    for p, case in instances(prim, dtype):
        args, tangents = drawn(prim, case, rng), drawn(prim, case, rng)
        for i in linear:
            if i < len(args):
                _check_argument(p, args, tangents, i, rng)


def _check_argument(p: Any, args: list[Array], tangents: list[Array], i: int, rng: Any) -> None:
    only = [t if j == i else None for j, t in enumerate(tangents)]
    with interpreting(OracleInterpreter()):
        result, out = p.jvp(args, only)
        ct = array(rng.integers(-8, 8, result.shape) / 4, result.type)
        undef = [Undef(a.type) if j == i else a for j, a in enumerate(args)]
        cts = p.transpose(ct, *undef)

    (expected,) = OracleInterpreter().process(p, args)
    assert same(result.owner, expected.owner), p
    assert out is None or out.type == result.type
    assert all(c is None for j, c in enumerate(cts) if j != i), p
    assert cts[i] is None or cts[i].type == args[i].type, p
    forward = 0.0 if out is None else inner(ct, out)
    backward = 0.0 if cts[i] is None else inner(cts[i], tangents[i])
    assert forward == backward, (p, args, forward, backward)


def inner(x: Array, y: Array) -> float:
    """⟨x, y⟩ in f64."""
    return float(np.sum(x.owner.astype(np.float64) * y.owner.astype(np.float64)))


def check_derivatives(prim: type[Prim]) -> None:
    """In f64, on the oracle machine: jvp against differences, ⟨ct, J v⟩ = ⟨Jᵀ ct, v⟩, linearize ≡ jvp."""
    rng = np.random.default_rng(0)
    for p, case in instances(prim, float64):
        xs = [rng.uniform(*prim.cases.values, t.shape) for t in case.args]
        vs = [rng.standard_normal(t.shape) for t in case.args]
        f = lambda *args: p(*args) if p.multiple else (p(*args),)  # noqa: E731, B023
        at, along = ([from_numpy(v) for v in part] for part in (xs, vs))

        values, tangents = jvp(f, tuple(at), tuple(along))
        linear, push = linearize(f, *at)
        _, pull = vjp(f, *at)
        cts = [rng.standard_normal(y.shape) for y in values]
        grads = pull(tuple(from_numpy(c) for c in cts))

        up, down = (f(*(from_numpy(x + s * 1e-6 * v) for x, v in zip(xs, vs, strict=True))) for s in (1.0, -1.0))
        for t, a, b in zip(tangents, up, down, strict=True):
            slope = (np.asarray(to_numpy(a)) - np.asarray(to_numpy(b))) / 2e-6
            np.testing.assert_allclose(to_numpy(t), slope, rtol=1e-6, atol=1e-7, err_msg=str((p, case)))
        for a, b in zip((*linear, *push(*along)), (*values, *tangents), strict=True):
            assert same(to_numpy(a), to_numpy(b)), (p, case)
        left = sum(float(np.sum(c * to_numpy(t))) for c, t in zip(cts, tangents, strict=True))
        right = sum(float(np.sum(to_numpy(g) * v)) for g, v in zip(grads, vs, strict=True))
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9, err_msg=str((p, case)))
