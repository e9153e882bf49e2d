"""Batching: run a function on arrays with one axis more.

    batch : (a -> b) -> (a[size], ..) -> b[size]

A batched value names its owner and the axis that is the batch; a value that no owner batched is the
same for all entries.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from attrs import fields

from tianyuan.array import REPAIRS, Array
from tianyuan.core import Interpreter, Prim, current, interpreting
from tianyuan.eager import user_source
from tianyuan.errors import ConcretizationError
from tianyuan.prims.linear import broadcast, moveaxis
from tianyuan.program import nested_programs


class Batched(Array):
    """A value whose axis ``dim`` is the batch."""

    __slots__ = ("value", "dim")

    def __init__(self, owner: Batch, value: Array, dim: int) -> None:
        self.type = value.type.drop((dim,))
        self.owner = owner
        self.value = value
        self.dim = dim
        self.literal = False
        self.device_name = value.device_name

    def known(self, need: str = "array") -> Array:
        """A batched value is many values."""
        raise ConcretizationError(
            f"Python asked at {user_source()} for the {need} of a vmapped {self.type}, which differs from entry "
            f"to entry; {REPAIRS[need]}"
        )


class Batch(Interpreter):
    """Batches primitives by their ``batch`` rules; the rules run one interpreter further down."""

    def __init__(self, size: int, name: str | None = None) -> None:
        self.prev = current()
        self.size = size
        self.name = name

    def process(self, prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
        """Apply the batch rule, or only the primitive where nothing is batched."""
        values, dims = self.split(args)
        named = self.name is not None and self.name in named_axes(prim)
        with interpreting(self.prev), _inherited(self.name):
            if all(d is None for d in dims) and not named:
                return self.prev.process(prim, values)
            rule = prim.collect if named and prim.collective_axis == self.name else prim.batch
            outs, out_dims = rule(self.size, values, dims)
        if not prim.multiple:
            outs, out_dims = (outs,), (out_dims,)
        return [self.join(x, d) for x, d in zip(outs, out_dims, strict=True)]

    def custom(self, rule: Any, args: Sequence[Array]) -> Sequence[Array]:
        """A custom function batched is a custom function whose functions are batched."""
        values, dims = self.split(args)
        with interpreting(self.prev), _inherited(self.name):
            if all(d is None for d in dims):
                return self.prev.custom(rule, values)
            outs = self.prev.custom(rule.batched(self.size, dims), values)
        return [self.join(x, 0) for x in outs]

    def split(self, args: Sequence[Array]) -> tuple[list[Array], list[int | None]]:
        """Values and their batch axes; what this interpreter does not own has none."""
        mine = [isinstance(a, Batched) and a.owner is self for a in args]
        values = [a.value if m else a for a, m in zip(args, mine, strict=True)]  # pyright: ignore
        return values, [a.dim if m else None for a, m in zip(args, mine, strict=True)]  # pyright: ignore

    def join(self, value: Array, dim: int | None) -> Array:
        """A batched value, or the value itself."""
        return value if dim is None else Batched(self, value, dim)


def batch_flat(
    fun: Callable[..., Sequence[Array]], size: int, values: Sequence[Array], dims: Sequence[int | None]
) -> tuple[list[Array], list[int | None]]:
    """Batch a function of flat arrays; results with their batch axes. Within a batch rule, the axis keeps its name."""
    interpreter = Batch(size, _NAME.get())
    with interpreting(interpreter):
        outs = fun(*(interpreter.join(x, d) for x, d in zip(values, dims, strict=True)))
    return interpreter.split(list(outs))


def at_front(value: Array, dim: int | None, size: int) -> Array:
    """The value with its batch axis first; repeated along a new one if it has none."""
    if dim is None:
        return broadcast(value, (size, *value.shape), tuple(range(1, value.ndim + 1)))
    return moveaxis(value, dim, 0)


# ---- axis names

_SIZES: ContextVar[dict[str, int] | None] = ContextVar("tianyuan_axis_sizes", default=None)
_NAME: ContextVar[str | None] = ContextVar("tianyuan_axis_name", default=None)


def axes_in_force() -> dict[str, int]:
    """Sizes of the axes that have a name here, by name, outermost first."""
    return _SIZES.get() or {}


def batch_name() -> str | None:
    """The name of the axis that the batch rule under way batches over."""
    return _NAME.get()


@contextmanager
def named_axis(name: str | None, size: int) -> Generator[None]:
    """Within the block, ``batch_flat`` batches over an axis called ``name``."""
    sizes = axes_in_force() if name is None else {**axes_in_force(), name: size}
    in_force, own = _SIZES.set(sizes), _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(own)
        _SIZES.reset(in_force)


@contextmanager
def _inherited(name: str | None) -> Generator[None]:
    """While a batch rule runs, programs it batches are batched over the same axis."""
    token = _NAME.set(name)
    try:
        yield
    finally:
        _NAME.reset(token)


@functools.lru_cache(4096)
def named_axes(prim: Prim) -> frozenset[str]:
    """The axis names that a primitive, or an equation in a Program it holds, works over."""
    own = frozenset[str]() if prim.collective_axis is None else frozenset((prim.collective_axis,))
    programs = (p for f in fields(type(prim)) for p in nested_programs(getattr(prim, f.name)))
    return own.union(*(named_axes(e.prim) for p in programs for e in p.eqns))
