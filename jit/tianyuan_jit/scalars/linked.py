"""The elementary functions as libraries of the engine: one a function, dtype and width, compiled when first called.

Importing this module registers every symbol ``symbol_of(name, dtype, lanes)``, e.g. ``ty_exp_f32_16``: a module
that declares it (which ``Lanes`` does) is linked to it. A program pays for the functions it uses, and a machine
once, since the engine keeps the objects on disk. A function that calls another one is linked in the same way.
"""

from __future__ import annotations

import functools

from tianyuan.types import DType, float32, float64
from tianyuan_jit import engine
from tianyuan_jit import text as llvm
from tianyuan_jit.scalars.lanes import Lanes, symbol_of
from tianyuan_jit.scalars.library import FUNCTIONS, define

WIDTHS = (1, 2, 4, 8, 16, 32)
"""The numbers of lanes that functions can be linked at."""


def text(name: str, dtype: DType, lanes: int, isa: str) -> str:
    """LLVM text of one function for an instruction set of ``engine.ISAS``, calling others by their symbols."""
    module = llvm.Module()
    define(Lanes(llvm.Function(module), lanes, "x86_64", has_fma=isa != "sse2"), name, dtype)
    return module.text()


def _register(name: str, dtype: DType, lanes: int) -> None:
    symbol = symbol_of(name, dtype, lanes)
    engine.library(symbol, functools.partial(text, name, dtype, lanes), exports=(symbol,))


for _name in FUNCTIONS:
    for _dtype in (float32, float64):
        for _lanes in WIDTHS:
            _register(_name, _dtype, _lanes)
