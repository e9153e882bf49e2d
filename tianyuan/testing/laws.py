"""The laws of docs/numerics.md, checked on a function of yours."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import tianyuan as ty
from tianyuan.keys_in_use import find_reuse
from tianyuan.testing.bits import assert_same_bits

Fun = Callable[..., Any]


def check_vmap(f: Fun, args: Any, in_axes: Any = 0) -> None:
    """AssertionError unless ``vmap(f, in_axes)`` gives the bits of a loop over the entries, stacked."""
    args = tuple(args)
    axes = ty.tree.broadcast_prefix(in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args), args, "in_axes")
    leaves, structure = ty.tree.flatten(args)
    arrays: list[Any] = [ty.asarray(x) for x in leaves]
    size: int = next(x.shape[d] for x, d in zip(arrays, axes, strict=True) if d is not None)

    def entry(i: int) -> Any:
        parts = [x if d is None else ty.moveaxis(x, d, 0)[i] for x, d in zip(arrays, axes, strict=True)]
        return f(*ty.tree.unflatten(structure, parts))

    one_by_one = ty.tree.map(lambda *xs: ty.stack(xs), *(entry(i) for i in range(size)))
    with _said("vmap and a loop"):
        assert_same_bits(ty.vmap(f, in_axes=in_axes)(*args), one_by_one)


def check_laws(f: Fun, *args: Any) -> None:
    """AssertionError unless ``f`` gives the same bits jitted, and on one thread and two; so must its derivatives.

    Derivatives are taken of the sum of all results, with respect to the float arguments, where there are both.
    """
    _check_machines(f, args)
    floats = tuple(i for i, a in enumerate(args) if all(ty.asarray(x).dtype.kind == "f" for x in ty.tree.leaves(a)))
    if floats and any(ty.asarray(x).dtype.kind == "f" for x in ty.tree.leaves(f(*args))):
        _check_machines(ty.grad(lambda *xs: _total(f(*xs)), argnums=floats), args)


def _check_machines(f: Fun, args: Any) -> None:
    expected = f(*args)
    with _said("jit and no jit"):
        assert_same_bits(ty.jit(f)(*args), expected)
    for count in (1, 2):
        with _said(f"num_threads={count} and {ty.config.num_threads}"), ty.config.override(num_threads=count):
            assert_same_bits(f(*args), expected)
            assert_same_bits(ty.jit(f)(*args), expected)


def _total(results: Any) -> ty.Array:
    """The sum of all float results."""
    sums = [ty.sum(ty.astype(x, ty.float64)) for x in map(ty.asarray, ty.tree.leaves(results)) if x.dtype.kind == "f"]
    return ty.sum(ty.stack(sums))


@contextmanager
def _said(which: str) -> Generator[None]:
    """Names what was compared in an AssertionError."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{which} give different bits: {error}") from None


def check_keys(f: Fun, *args: Any) -> None:
    """Trace ``f``; KeyReuseError, naming both lines, if it consumes a random key twice."""
    with ty.config.override(key_reuse="allow"):
        program = ty.make_program(f)(*args)
    for reuse in find_reuse(program):
        raise ty.KeyReuseError(str(reuse))
