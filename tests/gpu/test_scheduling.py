"""Every element-wise primitive and every reduction, in every dtype, becomes PTX that passes the lint."""

import shutil
import subprocess

import numpy as np
import pytest

import tianyuan as ty
from tianyuan.core import REGISTRY
from tianyuan.lowering import Bits, Map, Reduce
from tianyuan.prims.pointwise.arithmetic import add, div, sub
from tianyuan.prims.pointwise.elementary import exp
from tianyuan.program import Eqn, Program, Var
from tianyuan.types import ArrayType, float32, float64, int64
from tianyuan_gpu.ptx import TARGETS, ptx
from tianyuan_gpu.scheduling import emit_kernel
from tianyuan_jit.fusion import fuse
from tianyuan_jit.kernels import Apply, Arg, Const, Fold, Fused, Index, Read, View, Write
from tianyuan_jit.text import Module


def lowering(cls):
    """What a primitive is, by its first case; None where it has none."""
    if cls.cases is None:
        return None
    case = next(iter(cls.cases.sweep(cls.cases.dtypes[0])), None) if cls.cases.dtypes else None
    return cls(**case.fields).lower(*case.args) if case is not None and case.args else None


def of_kind(*kinds):
    """The primitives with such a lowering, by name."""
    return [cls for _, cls in sorted(REGISTRY.items()) if isinstance(lowering(cls), kinds)]


POINTWISE, REDUCTIONS = of_kind(Map, Bits), of_kind(Reduce)


def kernels(prim, types):
    """The fused kernels of a program of one equation, and the types of its buffers."""
    outs = prim.types(*types)
    params = tuple(Var(i, t) for i, t in enumerate(types))
    results = tuple(Var(len(types) + i, t) for i, t in enumerate(outs))
    fused = fuse(Program(params, (Eqn(results, prim, params),), results))
    return fused.kernels, fused.buffers


def text_of(*made):
    """The IR of several kernels in one module: (kernel, types) each."""
    module = Module()
    for i, (kernel, types) in enumerate(made):
        emit_kernel(module, f"kernel{i}", kernel, types)
    return module.text()


def cases(cls, dtype):
    """Cases with elements."""
    return [c for c in cls.cases.sweep(dtype) if all(a.size for a in c.args)]


@pytest.mark.parametrize("cls", POINTWISE, ids=[c.name for c in POINTWISE])
def test_pointwise(cls):
    """A grid-stride loop for every dtype: one module, one entry each."""
    made = []
    for dtype in cls.cases.dtypes:
        case = next((c for c in cases(cls, dtype) if c.args[0].shape), cases(cls, dtype)[0])
        found, types = kernels(cls(**case.fields), case.args)
        made += [(k, types) for k in found]
    assert len(made) == ptx(text_of(*made)).count(".visible .entry")


@pytest.mark.parametrize("cls", REDUCTIONS, ids=[c.name for c in REDUCTIONS])
def test_reductions(cls):
    """Rows of sixteen threads with shuffles, for every dtype and several sets of axes."""
    made = []
    for dtype in cls.cases.dtypes:
        for case in cases(cls, dtype)[:6]:
            found, types = kernels(cls(**case.fields), case.args)
            made += [(k, types) for k in found]
    assert any(isinstance(n, Fold) for k, _ in made for n in k.nodes)
    text = ptx(text_of(*made))
    assert len(made) == text.count(".visible .entry")
    assert text.count("shfl.sync") >= 5


def softmax(n):
    """Two folds and what follows them, over rows of a [3, n] array; n may be a number of the run."""
    row = View(0, 0, (n, 1))
    nodes = (
        Read(row, float32),
        Fold("max", 0, float32),
        Apply(sub, (0, 1), float32),
        Apply(exp, (2,), float32),
        Fold("add", 3, float32),
        Apply(div, (3, 4), float32),
    )
    writes = (Write(5, View(1, 0, (n, 1))), Write(4, View(2, 0, (1, 0))))
    return Fused((3, n), 1, nodes, writes)


@pytest.mark.parametrize("architecture", TARGETS)
@pytest.mark.parametrize("n", [7, 1000, Arg(0)], ids=str)
def test_rows_with_what_follows(architecture, n):
    """Several folds in one kernel, of known and unknown length, for every target."""
    module = Module()
    emit_kernel(module, "softmax", softmax(n), [ArrayType(float32)] * 3, numbers=1)
    text = ptx(module.text(), architecture)
    assert f".target {architecture}" in text
    assert "div.rn.f32" in text
    assembled(text, architecture)


@pytest.mark.parametrize("architecture", TARGETS)
def test_maps(architecture):
    """Indices, constants and several results."""
    half = Const(np.array(0.5).tobytes(), float64)
    nodes = (Read(View(0, 3, (Arg(0), 1)), float64), Index(Arg(1), (0, 1), float64), half, Apply(add, (0, 1), float64))
    nodes = (*nodes, Apply(add, (3, 2), float64), Index(0, (1, 0), int64))
    writes = (Write(4, View(1, 0, (1, Arg(2)))), Write(5, View(2, 0, (Arg(0), 1))))
    module = Module()
    types = [ArrayType(float64), ArrayType(float64), ArrayType(int64)]
    emit_kernel(module, "map", Fused((Arg(2), Arg(0)), 0, nodes, writes), types, numbers=3)
    text = ptx(module.text(), architecture)
    assert 2 == text.count("add.rn.f64")
    assembled(text, architecture)


def loss(w, v, x):
    """Two layers with what normalises between and after them."""
    h = ty.maximum(x @ w, 0.0)
    d = (h - ty.mean(h, axis=0)) / ty.sqrt(ty.var(h, axis=0) + 1e-5)
    z = ty.tanh(d) @ v
    m = ty.max(z, axis=1, keepdims=True)
    return ty.mean((z - m - ty.log(ty.sum(ty.exp(z - m), axis=1, keepdims=True))) ** 2)


def test_kernels_of_a_training_step():
    """All that fusion makes of a value and its gradients: rows, columns, several results."""
    args = [ty.ones(s, dtype="float32") for s in ((40, 30), (30, 10), (16, 40))]
    fused = fuse(ty.jit(ty.value_and_grad(loss)).trace(*args))
    made = [(k, fused.buffers) for k in fused.kernels if isinstance(k, Fused)]
    assert {0, 1} <= {k.folded for k, _ in made}
    assembled(ptx(text_of(*made)), "sm_80")


def assembled(text, architecture):
    """The text is what the assembler takes, where there is one."""
    if shutil.which("ptxas") is None:
        return
    found = subprocess.run(
        ["ptxas", f"-arch={architecture}", "-", "-o", "/dev/null"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (found.returncode, found.stderr)
