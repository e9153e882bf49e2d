"""Elementary functions linked through the engine."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from tests.jit.scalars.compiled import compiled, same_bits
from tianyuan.errors import MachineError
from tianyuan.types import DType, float32, float64
from tianyuan_jit import engine, text
from tianyuan_jit.scalars import linked
from tianyuan_jit.scalars.lanes import Lanes, symbol_of


def kernel(dtype: DType, lanes: int, isa: str) -> Any:
    """``void kernel(ptr out, ptr in)`` on one group of lanes, which calls the linked function."""
    module = text.Module()
    f = text.Function(module)
    k = Lanes(f, lanes, "x86_64", isa != "sse2")
    kind = k.type_of(dtype)
    x = k.from_memory(f.op(f"load {kind}, ptr %in, align 1"), dtype)
    f.do(f"store {kind} {exponential(k, x).operand}, ptr %out, align 1")
    f.finish("void @kernel(ptr %out, ptr %in)")
    address = engine.load(module.text(), name="kernel", isa=isa).address("kernel")
    return ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(address)


def exponential(k: Any, x: Any) -> Any:
    return k.call("exp", x)


@pytest.mark.parametrize("isa", engine.host_isas())
@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
def test_the_same_bits_as_inside_the_module(dtype: DType, isa: str) -> None:
    """exp, at every width, on every instruction set; where there is no FMA it is linked in turn."""
    x = np.linspace(-20, 20, 32).astype(dtype.numpy)
    expected = compiled(exponential, [dtype], dtype)(x)
    for lanes in linked.WIDTHS:
        out = np.zeros_like(x)
        kernel(dtype, lanes, isa)(out.ctypes.data, x.ctypes.data)

        assert same_bits(out[:lanes], expected[:lanes]), lanes


def test_one_symbol_a_module() -> None:
    """A function is defined alone; what it calls is declared."""
    made = linked.text("exp", float32, 16, "sse2")

    assert made.count("define ") == 1
    assert f"declare <16 x float> @{symbol_of('fma', float32, 16)}" in made


def test_unknown() -> None:
    """A function that is not in the library has no symbol."""
    with pytest.raises(MachineError, match="ty_nothing_f32_1"):
        engine.symbol("ty_nothing_f32_1", engine.isa())
