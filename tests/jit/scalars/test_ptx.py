"""The elementary functions as PTX: every operation rounds to nearest, none is approximate, none is external."""

from __future__ import annotations

import re

import llvmlite.binding as llvm
import pytest

from tianyuan.types import DType, float32, float64
from tianyuan_jit import text
from tianyuan_jit.scalars.library import FUNCTIONS, SelfContained

llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()
TRIPLE = "nvptx64-nvidia-cuda"
ROUNDED = re.compile(r"\b(?:add|sub|mul|div|fma|mad|sqrt|rcp)\.(?!lo|hi|wide)(?:\w+\.)*f(?:32|64)\b")


def ptx(name: str, dtype: DType) -> str:
    """One function and what it calls."""
    module = text.Module()
    k = SelfContained(text.Function(module), 1, "nvptx64")
    k.provide(name, dtype, FUNCTIONS[name][0])
    source = llvm.parse_assembly(module.text().replace("define internal", "define"))
    source.triple = TRIPLE
    return llvm.Target.from_triple(TRIPLE).create_target_machine(cpu="sm_80", opt=1).emit_assembly(source)


@pytest.mark.parametrize("dtype", [float32, float64], ids=str)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_operation_rounds_to_nearest(name: str, dtype: DType) -> None:
    """No .approx, no .ftz, no calls outside."""
    made = ptx(name, dtype)

    assert [op for op in ROUNDED.findall(made) if ".rn" not in op] == []
    assert re.findall(r"\.(?:approx|ftz)\b", made) == []
    assert ".extern" not in made
