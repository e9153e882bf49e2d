"""``vmap`` over pytrees."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.linear import broadcast, moveaxis
from tianyuan.transforms.arguments import described, flat_arrays, name_of, path_in_call
from tianyuan.transforms.batching import batch_flat, named_axis

Fun = Callable[..., Any]


def vmap(
    fun: Fun, in_axes: Any = 0, out_axes: Any = 0, axis_name: str | None = None, axis_size: int | None = None
) -> Fun:
    """``fun`` applied to every entry along a new axis, as if in a loop, at the cost of one call.

    ``in_axes``: for each positional argument the axis that is mapped, None for an argument shared by all
    entries, or a pytree prefix of these; keyword arguments are mapped along axis 0. ``out_axes`` places
    the new axis in the results (None: the result must be the same for all entries). ``axis_size`` is needed
    when nothing is mapped. Raises ShapeError when sizes differ, naming both arguments.
    """
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)  # pyright: ignore

    @functools.wraps(fun)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        values, shape = flat_arrays((args, kwargs), f"vmap of {name_of(fun)}", lambda path: path_in_call(fun, path))
        dims = _in_dims(fun, in_axes, args, kwargs, values)
        size = _size(fun, args, kwargs, values, dims, axis_size)
        box: list[tree.Structure] = []

        def flat(*xs: Array) -> list[Array]:
            inner_args, inner_kwargs = tree.unflatten(shape, xs)
            arrays, out = flat_arrays(fun(*inner_args, **inner_kwargs), name_of(fun), "the result")
            box[:] = [out]
            return arrays

        with named_axis(axis_name, size):
            outs, out_dims = batch_flat(flat, size, values, dims)
        wanted = _out_dims(out_axes, box[0], outs)
        placed = [_place(x, d, w, size, fun) for x, d, w in zip(outs, out_dims, wanted, strict=True)]
        return tree.unflatten(box[0], placed)

    return mapped


def _in_dims(fun: Fun, in_axes: Any, args: Any, kwargs: Any, values: Sequence[Array]) -> list[int | None]:
    prefix = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)  # pyright: ignore
    if len(prefix) != len(args):  # pyright: ignore
        raise ShapeError(
            f"vmap of {name_of(fun)}: in_axes {prefix} has {len(prefix)} entries, the call has {len(args)} "  # pyright: ignore
            "positional arguments; give an axis or None for each"
        )
    axes: list[Any] = tree.broadcast_prefix(prefix, tuple(args), f"vmap of {name_of(fun)}: in_axes")
    axes += [0] * (len(values) - len(axes))
    paths = tree.paths((args, kwargs))
    return [_axis(fun, a, x, p) for a, x, p in zip(axes, values, paths, strict=True)]


def _axis(fun: Fun, axis: Any, value: Array, path: str) -> int | None:
    if axis is None:
        return None
    if not isinstance(axis, int):
        raise ArrayTypeError(
            f"vmap of {name_of(fun)}: the axis of {path_in_call(fun, path)} must be an int or None, got {axis!r}; "
            "a name goes in axis_name"
        )
    if not -value.ndim <= axis < value.ndim:
        repair = f"its axes are 0 to {value.ndim - 1}" if value.shape else "pass None for it in in_axes"
        raise ShapeError(
            f"vmap of {name_of(fun)}: {path_in_call(fun, path)} has no axis {axis} to map over, it is "
            f"{described(value)}; {repair}"
        )
    return axis % value.ndim


def _size(
    fun: Fun, args: Any, kwargs: Any, values: Sequence[Array], dims: Sequence[int | None], given: int | None
) -> int:
    sizes = [(x.shape[d], i) for i, (x, d) in enumerate(zip(values, dims, strict=True)) if d is not None]
    if not sizes and given is None:
        raise ShapeError(f"vmap of {name_of(fun)}: no argument is mapped, in_axes is None for all; pass axis_size")
    size = sizes[0][0] if given is None else given
    for n, i in sizes:
        if n != size:
            paths = tree.paths((args, kwargs))
            first = "axis_size is"
            if given is None:
                k = sizes[0][1]
                first = f"{path_in_call(fun, paths[k])} is {values[k].type}, along axis {dims[k]} of size"
            raise ShapeError(
                f"vmap of {name_of(fun)}: mapped axes must have one size, but {first} {size}, "
                f"and {path_in_call(fun, paths[i])} is {values[i].type}, along axis {dims[i]} of size {n}; "
                "pass None in in_axes for what all entries share"
            )
    return size


def _out_dims(out_axes: Any, shape: tree.Structure, outs: Sequence[Array]) -> list[Any]:
    return tree.broadcast_prefix(out_axes, tree.unflatten(shape, outs), "vmap's out_axes")


def _place(value: Array, dim: int | None, wanted: Any, size: int, fun: Fun) -> Array:
    if wanted is None:
        if dim is not None:
            raise ShapeError(
                f"vmap of {name_of(fun)}: out_axes is None, but the result {value.type.drop((dim,))} differs from "
                "entry to entry; "
                "give the axis to stack it along, or reduce it over the entries (axis_name and ty.psum)"
            )
        return value
    ndim = value.ndim + (dim is None)
    if not isinstance(wanted, int) or not -ndim <= wanted < ndim:
        there = f"a result has {ndim} axes with it, 0 to {ndim - 1}"
        raise ShapeError(f"vmap of {name_of(fun)}: out_axes puts the new axis at {wanted!r}, but {there}")
    if dim is None:
        kept = [a for a in range(ndim) if a != wanted % ndim]
        shape = list(value.shape)
        shape.insert(wanted % ndim, size)
        return broadcast(value, tuple(shape), tuple(kept))
    return moveaxis(value, dim, wanted % ndim)
