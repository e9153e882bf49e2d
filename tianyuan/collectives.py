"""``psum pmean pmax pmin all_gather axis_index``: across the entries of a ``vmap`` with an axis name.

Two primitives carry them: ``AllGather``, every entry's value to all entries, and ``AxisIndex``. They stay
single equations until the interpreter that batches the axis runs ``collect``, where a gather costs nothing:
the batch axis becomes an axis of the value. Sums are in ORDER over the entries (docs/numerics.md, Sums).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import lowering, tree
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, primitive
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import iota
from tianyuan.prims.linear import gather, reduce_sum, reshape
from tianyuan.prims.pointwise.arithmetic import div
from tianyuan.prims.reduction import reduce_max, reduce_min
from tianyuan.transforms.arguments import flat_arrays
from tianyuan.transforms.batching import at_front, axes_in_force
from tianyuan.types import DEFAULT_FLOAT, DEFAULT_INT, ArrayType, DType

Names = str | Sequence[str]


def _no_cases(dtype: DType) -> list[Case]:
    return []  # they exist only within a vmap, and are tested there


class Collective(Prim):
    """Works over a named axis that a vmap further out batches."""

    cases = Cases(_no_cases, ())

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """A program that is run has no open axis."""
        raise ShapeError(f"{self.name}: no axis is called {self.collective_axis!r} where this program runs")

    def oracle(self, *args: Any) -> Any:
        """There is none for a single entry."""
        raise NotImplementedError


@primitive
class AllGather(Collective):
    """The values of all entries along a new leading axis, the same for every entry: y[i] = x of entry i. Linear."""

    axis_name: str
    size: int

    @property
    def collective_axis(self) -> str:
        """The field."""
        return self.axis_name

    def types(self, x: ArrayType) -> tuple[ArrayType, ...]:
        """One leading axis more."""
        return (ArrayType(x.dtype, (self.size, *x.shape)),)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """The tangents gathered."""
        return self(*primals), None if tangents[0] is None else self(tangents[0])

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """ct_x of entry j = Σ_i (ct of entry i)[j]."""
        total = reduce_sum(self(cts), (0,))
        own = reshape(AxisIndex(self.axis_name, self.size)(), (1,))
        sizes = (1, *total.shape[1:])
        return (gather(total, own, batch=0, axes=(0,), sizes=sizes, collapsed=(0,), mode="promise"),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """Another axis moves behind the new one."""
        return self(*args), None if dims[0] is None else dims[0] + 1

    def collect(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch axis becomes an axis of the value."""
        return at_front(args[0], dims[0], size), None


@primitive
class AxisIndex(Collective):
    """The number of the entry, i64[]."""

    axis_name: str
    size: int

    @property
    def collective_axis(self) -> str:
        """The field."""
        return self.axis_name

    def types(self) -> tuple[ArrayType, ...]:
        """One integer."""
        return (ArrayType(DEFAULT_INT),)

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The same for every entry of another axis."""
        return self(), None

    def collect(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """0, 1, 2, ..."""
        return iota(DEFAULT_INT, (size,), 0), 0


# ---- what users call


def axis_index(axis_name: str) -> Array:
    """The number of this entry along the named axis, i64[]. ShapeError if no vmap has given that name."""
    return AxisIndex(axis_name, _size("axis_index", axis_name))()


def all_gather(x: Any, axis_name: str) -> Any:
    """The values of all entries, stacked along a new leading axis; ``x`` is a tree."""
    return _each("all_gather", x, axis_name, lambda g: g)


def psum(x: Any, axis_name: Names) -> Any:
    """The sum over all entries, in ORDER; over several axes one after the other. ``x`` is a tree.

    A Python number counts once per entry: ``psum(1, name)`` is the size of the axis.
    """
    return _over("psum", x, axis_name, lambda g: reduce_sum(g, (0,)))


def pmean(x: Any, axis_name: Names) -> Any:
    """The mean over all entries: ``psum(x) / size``. ``x`` is a tree; integers become the default float."""
    return _over("pmean", x, axis_name, _mean)


def pmax(x: Any, axis_name: Names) -> Any:
    """The largest over all entries. ``x`` is a tree."""
    return _over("pmax", x, axis_name, lambda g: reduce_max(g, (0,)))


def pmin(x: Any, axis_name: Names) -> Any:
    """The smallest over all entries. ``x`` is a tree."""
    return _over("pmin", x, axis_name, lambda g: reduce_min(g, (0,)))


def _mean(gathered: Array) -> Array:
    values = gathered if gathered.dtype.kind in "fc" else convert(gathered, DEFAULT_FLOAT)
    return div(reduce_sum(values, (0,)), scalar(values.shape[0], values.dtype))


def _over(who: str, x: Any, names: Names, reduce: Callable[[Array], Array]) -> Any:
    for name in (names,) if isinstance(names, str) else names:
        x = _each(who, x, name, reduce)
    return x


def _each(who: str, x: Any, name: str, act: Callable[[Array], Array]) -> Any:
    size = _size(who, name)
    arrays, shape = flat_arrays(x, who, "argument ")
    return tree.unflatten(shape, [act(AllGather(name, size)(a)) for a in arrays])


def _size(who: str, name: str) -> int:
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArrayTypeError(f"{who}: an axis name is a string, got {name!r}")
    found = axes_in_force().get(name)
    if found is None:
        known = ", ".join(map(repr, axes_in_force())) or "none"
        raise ShapeError(
            f"{who}: no axis is called {name!r} here (there are: {known}); pass axis_name={name!r} to vmap"
        )
    return found
