"""Batching: run a function on arrays with one axis more.

    batch : (a -> b) -> (a[size], ..) -> b[size]

A batched value names its owner and the axis that is the batch; a value that no owner batched is the
same for all entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tianyuan.prims.linear import broadcast, moveaxis

from tianyuan.array import Array
from tianyuan.core import Interpreter, Prim, current, interpreting
from tianyuan.eager import user_source
from tianyuan.errors import ConcretizationError


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

    def known(self) -> Array:
        """A batched value is many values."""
        raise ConcretizationError(
            f"Python asked at {user_source()} for the value of a vmapped {self.type}, which differs from entry "
            "to entry; use ty.where, ty.cond or ty.while_loop"
        )


class Batch(Interpreter):
    """Batches primitives by their ``batch`` rules; the rules run one interpreter further down."""

    def __init__(self, size: int) -> None:
        self.prev = current()
        self.size = size

    def process(self, prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
        """Apply the batch rule, or only the primitive where nothing is batched."""
        values, dims = self.split(args)
        with interpreting(self.prev):
            if all(d is None for d in dims):
                return self.prev.process(prim, values)
            outs, out_dims = prim.batch(self.size, values, dims)
        if not prim.multiple:
            outs, out_dims = (outs,), (out_dims,)
        return [self.join(x, d) for x, d in zip(outs, out_dims, strict=True)]

    def custom(self, rule: Any, args: Sequence[Array]) -> Sequence[Array]:
        """A custom function batched is a custom function whose functions are batched."""
        values, dims = self.split(args)
        with interpreting(self.prev):
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
    """Batch a function of flat arrays; results with their batch axes."""
    interpreter = Batch(size)
    with interpreting(interpreter):
        outs = fun(*(interpreter.join(x, d) for x, d in zip(values, dims, strict=True)))
    return interpreter.split(list(outs))


def at_front(value: Array, dim: int | None, size: int) -> Array:
    """The value with its batch axis first; repeated along a new one if it has none."""
    if dim is None:
        return broadcast(value, (size, *value.shape), tuple(range(1, value.ndim + 1)))
    return moveaxis(value, dim, 0)
