"""``associative_scan``: all prefixes of an associative operation by odd-even recursion, in O(log n) steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.control.bodies import check_structure
from tianyuan.errors import ShapeError
from tianyuan.prims.linear import concatenate, reshape, slice_axis
from tianyuan.prims.linear import reverse as backwards
from tianyuan.transforms.arguments import flat_arrays, name_of

Combine = Callable[[Sequence[Array], Sequence[Array]], list[Array]]


def associative_scan(fn: Callable[..., Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """``[x0, fn(x0, x1), fn(fn(x0, x1), x2), ...]`` along ``axis``, for an associative and vectorised ``fn``.

    ``elems`` is a tree of arrays of one length along ``axis``; ``fn`` maps two such trees to one. With ``reverse``
    the prefixes start at the end. The grouping is JAX's (docs/numerics.md, Sums): neighbours are combined, their
    prefixes found by recursion, then the elements between; it depends on the length alone.
    Raises ShapeError or TreeError naming the leaf.
    """
    arrays, shape = flat_arrays(elems, "associative_scan", "elems")
    at = _axis(elems, arrays, axis)

    def combine(left: Sequence[Array], right: Sequence[Array]) -> list[Array]:
        pair = tree.unflatten(shape, left), tree.unflatten(shape, right)
        out, got = flat_arrays(fn(*pair[::-1] if reverse else pair), name_of(fn), "the result")
        check_structure("associative_scan", f"the result of {name_of(fn)}", shape, got)
        return out

    flipped = [backwards(x, (at,)) for x in arrays] if reverse else arrays
    outs = _prefixes(combine, flipped, at)
    return tree.unflatten(shape, [backwards(x, (at,)) for x in outs] if reverse else outs)


def _axis(elems: Any, arrays: Sequence[Array], axis: int) -> int:
    """The axis counted from the front; ShapeError where a leaf lacks it or has another length along it."""
    for path, x in zip(tree.paths(elems), arrays, strict=True):
        if not -x.ndim <= axis < x.ndim:
            raise ShapeError(f"associative_scan: elems{path} is {x.type} and has no axis {axis}")
        if x.shape[axis] != arrays[0].shape[axis]:
            raise ShapeError(
                f"associative_scan: all elems need one length along axis {axis}; elems{path} has {x.shape[axis]}, "
                f"the first {arrays[0].shape[axis]}"
            )
    return axis % arrays[0].ndim if arrays else 0


def _prefixes(combine: Combine, xs: list[Array], axis: int) -> list[Array]:
    n = xs[0].shape[axis] if xs else 0
    if n < 2:
        return xs
    pairs = combine(_part(xs, axis, 0, n - 1, 2), _part(xs, axis, 1, n, 2))
    odd = _prefixes(combine, pairs, axis)
    before = _part(odd, axis, 0, (n - 1) // 2, 1)
    between = combine(before, _part(xs, axis, 2, n, 2)) if n > 2 else _part(xs, axis, 0, 0, 1)
    first = _part(xs, axis, 0, 1, 1)
    even = [concatenate(f, b, axis=axis) for f, b in zip(first, between, strict=True)]
    return [_interleave(e, o, axis) for e, o in zip(even, odd, strict=True)]


def _part(xs: Sequence[Array], axis: int, start: int, stop: int, step: int) -> list[Array]:
    return [slice_axis(x, axis, start, stop, step) for x in xs]


def _interleave(even: Array, odd: Array, axis: int) -> Array:
    """e0, o0, e1, o1, ...; ``even`` may have one more. Moves elements only, so that no bit changes."""
    count = odd.shape[axis]
    pairs = [_with_axis(slice_axis(x, axis, 0, count), axis + 1) for x in (even, odd)]
    whole = (*odd.shape[:axis], 2 * count, *odd.shape[axis + 1 :])
    woven = reshape(concatenate(*pairs, axis=axis + 1), whole)
    return concatenate(woven, slice_axis(even, axis, count, even.shape[axis]), axis=axis)


def _with_axis(x: Array, axis: int) -> Array:
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))
