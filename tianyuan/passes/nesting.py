"""A pass applied to the Programs inside an equation's fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve, fields

from tianyuan.core import Prim
from tianyuan.program import Program, nested_programs

Pass = Callable[[Program], Program]


def inside(prim: Prim, run: Pass) -> Prim:
    """The primitive with ``run`` applied to every Program it holds; itself where it holds none."""
    values = {f.name: getattr(prim, f.name) for f in fields(type(prim)) if f.eq}
    changed = {name: _mapped(v, run) for name, v in values.items() if nested_programs(v)}
    return evolve(prim, **changed) if changed else prim


def _mapped(value: Any, run: Pass) -> Any:
    if isinstance(value, tuple):
        return tuple(_mapped(v, run) for v in value)  # pyright: ignore
    return run(value) if isinstance(value, Program) else value
