"""Every element-wise primitive by its oracle: types, derivatives, adjoints, in every dtype it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from attrs import fields

import tianyuan.prims.pointwise.arithmetic
import tianyuan.prims.pointwise.bitwise
import tianyuan.prims.pointwise.special  # noqa: F401
from tests.laws.drawing import Law, arrays, numpy_inputs, results
from tianyuan.cases import Case
from tianyuan.core import REGISTRY
from tianyuan.eager import from_numpy
from tianyuan.prims.pointwise.base import Pointwise
from tianyuan.transforms.derivatives import jvp, vjp
from tianyuan.types import FLOATS, ArrayType, bfloat16, complex128, float16, float32, float64

PRIMS = [cls for _, cls in sorted(REGISTRY.items()) if issubclass(cls, Pointwise) and not fields(cls)]


def named(items: Any) -> Any:
    """pytest's ids for primitives."""
    return pytest.mark.parametrize("cls", items, ids=[c.name for c in items])


@named(PRIMS)
def test_oracle_gives_the_types_of_the_rule(cls: Any) -> None:
    """At every case of every dtype (the machine checks shapes and kinds), weak types too."""
    for dtype in cls.cases.dtypes:
        for case in cls.cases.sweep(dtype):
            law = Law(cls(), case, dtype)
            (y,) = results(law, arrays(numpy_inputs(law)))
            assert y.type == cls().types(*case.args)[0]


def points(cls: Any, dtype: Any) -> tuple[Law, list[Any]]:
    """Arguments of the first vector case."""
    case = next(c for c in cls.cases.sweep(dtype) if c.args[0].shape)
    law = Law(cls(), Case(case.args), dtype)
    return law, numpy_inputs(law)


SMOOTH = [c for c in PRIMS if float64 in c.cases.dtypes and c.cases.differentiable]


@named(SMOOTH)
def test_derivative(cls: Any) -> None:
    """jvp is the difference quotient, and the transpose its adjoint, in f64."""
    law, xs = points(cls, float64)
    floats = [i for i, t in enumerate(law.case.args) if t.dtype in FLOATS]
    rng = np.random.default_rng(1)
    vs = [rng.standard_normal(x.shape) for x in xs]

    def f(*args: Any) -> Any:
        full = arrays(xs)
        for i, a in zip(floats, args, strict=True):
            full[i] = a
        return law.prim(*full)

    def shifted(s: float) -> Any:
        return np.asarray(f(*(from_numpy(xs[i] + s * vs[i]) for i in floats)))

    if f(*(from_numpy(xs[i]) for i in floats)).dtype.kind not in "fc":
        return
    args = [from_numpy(xs[i]) for i in floats]
    y, dy = jvp(f, args, [from_numpy(vs[i]) for i in floats])
    with np.errstate(all="ignore"):
        quotient = (shifted(1e-6) - shifted(-1e-6)) / 2e-6
    np.testing.assert_allclose(np.asarray(dy), quotient, rtol=1e-6, atol=1e-6)
    ct = rng.standard_normal(y.shape).astype(np.asarray(y).dtype)
    back = vjp(f, *args)[1](from_numpy(ct))
    pulled = sum(float(np.sum(np.asarray(b) * vs[i])) for b, i in zip(back, floats, strict=True))
    assert abs(np.sum(ct * np.asarray(dy)).real - pulled) <= 1e-12 * (1 + abs(pulled))


HOLOMORPHIC = [c for c in PRIMS if complex128 in c.cases.dtypes and c.name not in ("eq", "ne", "select")]
REAL_LINEAR = ("real", "imag", "conj", "abs", "sign")


@named(HOLOMORPHIC)
def test_complex_derivative(cls: Any) -> None:
    """In a complex direction; the transpose pairs Re(ct · y), without conjugation."""
    arity = cls.arity
    rng = np.random.default_rng(0)

    def draw() -> Any:
        return (rng.uniform(0.3, 0.9, 5) + 1j * rng.uniform(0.3, 0.9, 5)) * np.array([1, 1j, -1, -1j, 1])

    xs, vs = [draw() for _ in range(arity)], [draw() for _ in range(arity)]
    f = cls()
    y, dy = jvp(f, [from_numpy(x) for x in xs], [from_numpy(v) for v in vs])
    up, down = (np.asarray(f(*(from_numpy(x + s * v) for x, v in zip(xs, vs, strict=True)))) for s in (1e-6, -1e-6))

    np.testing.assert_allclose(np.asarray(dy), (up - down) / 2e-6, rtol=1e-6, atol=1e-7)
    ct = draw().astype(np.asarray(y).dtype) if y.dtype.kind == "c" else rng.standard_normal(5)
    back = vjp(f, *(from_numpy(x) for x in xs))[1](from_numpy(ct))
    forward = np.sum(ct * np.asarray(dy))
    pulled = sum(np.sum(np.asarray(b) * v) for b, v in zip(back, vs, strict=True))
    if cls.name in REAL_LINEAR:
        forward, pulled = forward.real, pulled.real
    assert abs(forward - pulled) <= 1e-12 * (1 + abs(pulled))


@named([c for c in SMOOTH if c.name != "digamma"])
def test_second_derivative(cls: Any) -> None:
    """The derivative has a derivative, and it is the difference quotient of the first."""
    law, xs = points(cls, float64)
    if not law.case.args[0].dtype.kind == "f" or cls().types(*law.case.args)[0].dtype != float64:
        return
    rest = arrays(xs[1:])
    one = from_numpy(np.ones(xs[0].shape))

    def slope(x: Any) -> Any:
        return jvp(lambda x: law.prim(x, *rest), (x,), (one,))[1]

    x = from_numpy(xs[0])
    second = np.asarray(jvp(slope, (x,), (one,))[1])
    up, down = (np.asarray(slope(from_numpy(xs[0] + s))) for s in (1e-6, -1e-6))
    np.testing.assert_allclose(second, (up - down) / 2e-6, rtol=1e-5, atol=1e-5)


@named(SMOOTH)
@pytest.mark.parametrize("dtype", [float16, bfloat16, float32], ids=str)
def test_derivative_in_narrower_floats(cls: Any, dtype: Any) -> None:
    """The same as in f64, to the precision of the dtype, and of that dtype."""
    if dtype not in cls.cases.dtypes:
        return
    law, xs = points(cls, dtype)
    pairs = zip(xs, law.case.args, strict=True)
    narrow, wide = arrays(xs), arrays([x.astype(np.float64) if t.dtype in FLOATS else x for x, t in pairs])
    if law.prim.types(*law.case.args)[0].dtype != dtype:
        return
    ones = [(from_numpy(np.ones(x.shape, np.asarray(x).dtype)) if x.dtype in FLOATS else None) for x in narrow]
    wide_ones = [None if o is None else from_numpy(np.ones(o.shape)) for o in ones]

    y, dy = law.prim.jvp(narrow, ones)
    _, expected = law.prim.jvp(wide, wide_ones)

    if expected is None:
        assert dy is None
        return
    assert dy.type == y.type
    eps = {float16: 2.0**-10, bfloat16: 2.0**-7, float32: 2.0**-23}[dtype]
    np.testing.assert_allclose(np.asarray(dy).astype(np.float64), np.asarray(expected), rtol=40 * eps, atol=4 * eps)


def test_weak_types_stay_weak() -> None:
    """A function of Python numbers is one, but for truth values."""
    weak = {k: ArrayType(t, (), True) for k, t in (("f", float64), ("c", complex128))}

    for cls in PRIMS:
        for kind, other in (("f", "f"), ("c", "f")):
            if weak[kind].dtype in cls.dtypes and cls.name != "select":
                (out,) = cls().types(*[weak[kind]] * cls.arity)
                assert out.weak == (out.dtype.kind != "b"), cls.name
                assert out.dtype.kind in ("b", kind, other) or cls.name == "complex"
