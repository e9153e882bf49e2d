"""The three convolutions: one trilinear form in x, w and y, seen from each of its arguments.

    T(x, w, y) = Σ over n, p, k, g, c, o of x[n, s(p, k), g c] · w[k, c, g o] · y[n, p, g o]
    s(p, k) = p · strides + k · dilation - low, one for each spatial axis; x is 0 outside its extents

    x[N, *S, C]   w[*K, C/groups, O]   y[N, *P, O]         channels are counted inside their group

``Conv`` is dT/dy, ``ConvInputGrad`` dT/dx and ``ConvWeightGrad`` dT/dw: so each one's derivatives are the other
two. A batch is folded into the letter that belongs to the two operands that have it: n (x and y), c (x and w),
o (w and y), or the groups (all three), which changes no order of k. Each has its own (docs/numerics.md,
Contractions): kernel position then input channel; kernel position then output channel; batch then output position.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, ClassVar

import numpy as np

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Undef, at_most_one_linear, primitive, type_of
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.prims.creation import zeros
from tianyuan.prims.linear import moveaxis, reshape
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.prims.pointwise.oracles import contracted, wide
from tianyuan.types import NUMERIC, ArrayType, DType, as_dtype

Ints = tuple[int, ...]
CARRIED = {"n": "xy", "c": "xw", "o": "wy", "g": "xwy"}  # which operands have the letter that a batch is folded into

# (S, K, P, strides, low, dilation, groups, N, C/groups, O/groups)
_SHAPES: list[tuple[Any, ...]] = [
    ((5,), (2,), (4,), (1,), (0,), (1,), 1, 2, 1, 4),
    ((5,), (4,), (5,), (1,), (1,), (1,), 1, 1, 2, 1),
    ((7,), (2,), (4,), (2,), (1,), (1,), 1, 2, 2, 1),
    ((8,), (2,), (2,), (4,), (-1,), (2,), 2, 1, 1, 2),
    ((6,), (4,), (5,), (1,), (2,), (2,), 2, 2, 2, 1),
    ((2,), (5,), (2,), (1,), (2,), (1,), 4, 1, 1, 1),
    ((4, 5), (2, 1), (2, 5), (2, 1), (1, 0), (1, 1), 1, 1, 2, 2),
    ((4, 5), (2, 2), (4, 2), (1, 2), (1, 0), (1, 2), 2, 2, 1, 1),
    ((2, 4, 2), (1, 2, 2), (2, 4, 1), (1, 1, 2), (0, 1, 0), (1, 1, 1), 1, 1, 1, 2),
    ((), (), (), (), (), (), 1, 2, 4, 1),
    ((4,), (2,), (0,), (1,), (0,), (1,), 1, 1, 1, 1),
    ((4,), (0,), (5,), (2,), (0,), (1,), 1, 1, 1, 1),
    ((4,), (2,), (5,), (2,), (0,), (1,), 2, 1, 1, 0),
]


def _cases(result: str) -> Any:
    def sweep(dtype: DType) -> list[Case]:
        return [_case(dtype, result, *s) for s in _SHAPES]

    return sweep


def _case(
    dtype: DType, result: str, s: Ints, k: Ints, p: Ints, strides: Ints, low: Ints, dilation: Ints, g: int, *sizes: int
) -> Case:
    n, c, o = sizes
    shapes = {"x": (n, *s, g * c), "w": (*k, c, g * o), "y": (n, *p, g * o)}
    given = tuple(ArrayType(dtype, shapes[r]) for r in "xwy" if r != result)
    spatial = {"x": s, "w": k, "y": p}[result]
    window = {"strides": strides, "low": low, "dilation": dilation, "groups": g}
    return Case(given if result != "x" else given[::-1], {"extents": spatial, **window})


class Convolution(Prim):
    """What the three share. ``operands`` names the arguments, ``result`` the result, ``which`` the lowering."""

    operands: ClassVar[str]
    result: ClassVar[str]
    which: ClassVar[str]
    extents: Ints
    strides: Ints
    low: Ints
    dilation: Ints
    groups: int

    def types(self, *types: ArrayType) -> tuple[ArrayType, ...]:
        """The result's type; ArrayTypeError or ShapeError where operands do not fit each other or the fields."""
        self._check(types)
        shape = {r: t.shape for r, t in zip(self.operands, types, strict=True)}
        x, w, y = (shape.get(r, ()) for r in "xwy")
        made = {
            "x": lambda: (y[0], *self.extents, w[-2] * self.groups),
            "w": lambda: (*self.extents, x[-1] // self.groups, y[-1]),
            "y": lambda: (x[0], *self.extents, w[-1]),
        }
        return (ArrayType(types[0].dtype, made[self.result]()),)

    def _check(self, types: Sequence[ArrayType]) -> None:
        a, b = types
        if a.dtype != b.dtype or a.dtype not in NUMERIC:
            raise ArrayTypeError(f"{self.name} takes numbers of one dtype, got {a} and {b}")
        rank = len(self.extents) + 2
        if a.ndim != rank or b.ndim != rank:
            raise ShapeError(f"{self.name} with {rank - 2} spatial axes takes arrays of {rank} axes, got {a} and {b}")
        lengths = {len(f) for f in (self.strides, self.low, self.dilation)}
        if lengths != {rank - 2} or min((self.groups, *self.strides, *self.dilation)) < 1 or min((0, *self.extents)):
            raise ShapeError(f"{self.name} takes extents, strides, low and dilation for each of {rank - 2} axes")
        self._check_channels(dict(zip(self.operands, types, strict=True)))

    def _check_channels(self, t: dict[str, ArrayType]) -> None:
        g = self.groups
        counts: dict[str, Callable[[Ints], Any]] = {
            "x": lambda s: (s[0], s[-1], None),  # batch, channels, outputs
            "w": lambda s: (None, s[-2] * g, s[-1]),
            "y": lambda s: (s[0], None, s[-1]),
        }
        columns: list[Any] = list(zip(*(counts[r](a.shape) for r, a in t.items()), strict=True))
        found = [{n for n in column if n is not None} for column in columns]
        if any(len(f) > 1 for f in found) or any(n % g for f in found[1:] for n in f):
            shown = " and ".join(f"{r}: {a}" for r, a in t.items())
            raise ShapeError(f"{self.name} with {g} groups: channels or batch do not fit, got {shown}")

    def lower(self, *types: ArrayType) -> lowering.Convolve:
        """A convolution."""
        return lowering.Convolve(self.which, self.strides, self.low, self.dilation, self.groups)

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Array | None]) -> tuple[Any, Any]:
        """Bilinear."""
        (a, b), (da, db) = primals, tangents
        terms = [] if da is None else [self(da, b)]
        terms += [] if db is None else [self(a, db)]
        return self(a, b), functools.reduce(add, terms) if terms else None

    def transpose(self, cts: Any, *args: Any) -> tuple[Any, ...]:
        """The form seen from the linear operand."""
        at_most_one_linear(self, *args)
        i = 0 if isinstance(args[0], Undef) else 1
        values = {self.result: cts, self.operands[1 - i]: args[1 - i]}
        given = self._seen(self.operands[i], type_of(args[i]).shape, values)
        return (given, None) if i == 0 else (None, given)

    def _seen(self, result: str, shape: Ints, values: dict[str, Array]) -> Array:
        made = FORMS[result](_spatial(result, shape), self.strides, self.low, self.dilation, self.groups)
        return made(*(values[r] for r in made.operands))

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """The batch folded into the letter of those that have it (module docstring)."""
        mapped = {r for r, d in zip(self.operands, dims, strict=True) if d is not None} | {self.result}
        letter = next(k for k, roles in CARRIED.items() if set(roles) == mapped)
        entries = [x.type if d is None else x.type.drop((d,)) for x, d in zip(args, dims, strict=True)]
        (one,) = self.types(*entries)
        if size == 0:
            return zeros(one.with_shape((0, *one.shape))), 0
        folded = [
            x if d is None else fold(moveaxis(x, d, 0), r, letter, self.groups)
            for x, r, d in zip(args, self.operands, dims, strict=True)
        ]
        groups = self.groups * (size if letter == "g" else 1)
        made = FORMS[self.result](self.extents, self.strides, self.low, self.dilation, groups)
        return unfold(made(*folded), size, one.shape, self.result, letter, self.groups), 0

    def places(self, s: Ints, k: Ints, p: Ints) -> Any:
        """For every output and kernel position the flat position in x, i64[P, K]; that of the end outside."""
        places = np.empty((math.prod(p), math.prod(k)), np.int64)
        for (i, at), (j, tap) in product(enumerate(np.ndindex(*p)), enumerate(np.ndindex(*k))):
            rule = zip(at, self.strides, tap, self.dilation, self.low, strict=True)
            where = [a * t + b * d - lo for a, t, b, d, lo in rule]
            inside = all(0 <= a < n for a, n in zip(where, s, strict=True))
            places[i, j] = np.ravel_multi_index(where, s) if inside and s else 0 if inside else math.prod(s)
        return places

    def windows(self, x: Any, k: Ints, p: Ints) -> Any:
        """x seen through the windows, [N, P, K, g, c], with zeros outside."""
        flat = x.reshape(x.shape[0], math.prod(x.shape[1:-1]), x.shape[-1])
        ended = np.concatenate([flat, np.zeros_like(flat, shape=(flat.shape[0], 1, flat.shape[2]))], 1)
        seen = ended[:, self.places(x.shape[1:-1], k, p)]
        return seen.reshape(*seen.shape[:3], self.groups, x.shape[-1] // self.groups)

    def filters(self, w: Any) -> Any:
        """w as [K, c, g, o]."""
        return w.reshape(math.prod(w.shape[:-2]), w.shape[-2], self.groups, w.shape[-1] // self.groups)

    def outputs(self, y: Any) -> Any:
        """y as [N, P, g, o]."""
        return y.reshape(y.shape[0], math.prod(y.shape[1:-1]), self.groups, y.shape[-1] // self.groups)


@primitive
class Conv(Convolution):
    """y of x and w: y[n, p, g o] = Σ over k, c of x[n, s(p, k), g c] · w[k, c, g o]. ``extents`` are P."""

    extents: Ints
    strides: Ints
    low: Ints
    dilation: Ints
    groups: int
    operands = "xw"
    result = "y"
    which = "forward"
    ulp = 16.0
    cases = Cases(_cases("y"), NUMERIC, (0.5, 3.0), complex_ulp=16.0)

    def oracle(self, *args: Any) -> Any:
        """NumPy's einsum over windows."""
        x, w = widened(args)
        seen = self.windows(x, w.shape[:-2], self.extents)
        y = contracted("npkgc,kcgo->npgo", seen, self.filters(w))
        return y.reshape(x.shape[0], *self.extents, w.shape[-1]).astype(args[0].dtype)


@primitive
class ConvInputGrad(Convolution):
    """x of y and w: x[n, s, g c] = Σ over p, k with s(p, k) = s, over o, of y[n, p, g o] · w[k, c, g o].

    ``extents`` are S. Positions between the strides (holes) are no part of the sum.
    """

    extents: Ints
    strides: Ints
    low: Ints
    dilation: Ints
    groups: int
    operands = "yw"
    result = "x"
    which = "input"
    ulp = 16.0
    cases = Cases(_cases("x"), NUMERIC, (0.5, 3.0), complex_ulp=16.0)

    def oracle(self, *args: Any) -> Any:
        """NumPy's einsum, added where each product belongs."""
        y, w = widened(args)
        spread = contracted("npgo,kcgo->npkgc", self.outputs(y), self.filters(w))
        channels = w.shape[-2] * self.groups
        flat: Any = np.zeros((y.shape[0], math.prod(self.extents) + 1, channels), spread.dtype)
        places = self.places(self.extents, w.shape[:-2], y.shape[1:-1])
        for p, k in np.ndindex(*places.shape):
            flat[:, places[p, k]] += spread[:, p, k].reshape(len(flat), channels)
        return flat[:, :-1].reshape(y.shape[0], *self.extents, channels).astype(args[0].dtype)


@primitive
class ConvWeightGrad(Convolution):
    """w of x and y: w[k, c, g o] = Σ over n, p of x[n, s(p, k), g c] · y[n, p, g o]. ``extents`` are K."""

    extents: Ints
    strides: Ints
    low: Ints
    dilation: Ints
    groups: int
    operands = "xy"
    result = "w"
    which = "weight"
    ulp = 16.0
    cases = Cases(_cases("w"), NUMERIC, (0.5, 3.0), complex_ulp=16.0)

    def oracle(self, *args: Any) -> Any:
        """NumPy's einsum over windows."""
        x, y = widened(args)
        seen = self.windows(x, self.extents, y.shape[1:-1])
        w = contracted("npkgc,npgo->kcgo", seen, self.outputs(y))
        return w.reshape(*self.extents, x.shape[-1] // self.groups, y.shape[-1]).astype(args[0].dtype)


def widened(args: Sequence[Any]) -> list[Any]:
    """Floats in more precision; integers as they are."""
    return [x if as_dtype(x.dtype).kind in "iu" else wide(x) for x in args]


FORMS: dict[str, Any] = {"x": ConvInputGrad, "w": ConvWeightGrad, "y": Conv}


def _spatial(role: str, shape: Ints) -> Ints:
    return shape[:-2] if role == "w" else shape[1:-1]


# ---- a batch folded into a letter


def fold(x: Array, role: str, letter: str, groups: int) -> Array:
    """x[size, ...] without its first axis, which becomes the slower part of the letter, inside its group."""
    size, shape = x.shape[0], x.shape[1:]
    axis = _axis(role, letter)
    at = axis % len(shape)
    split = groups if letter in "co" and axis == -1 else 1
    cut = reshape(x, (size, *shape[:at], split, shape[at] // split, *shape[at + 1 :]))
    moved = moveaxis(cut, 0, at + 1)
    return reshape(moved, (*shape[:at], size * shape[at], *shape[at + 1 :]))


def unfold(x: Array, size: int, shape: Ints, role: str, letter: str, groups: int) -> Array:
    """The inverse: x[size, *shape] from a result that has the batch in the letter."""
    axis = _axis(role, letter)
    at = axis % len(shape)
    split = groups if letter in "co" and axis == -1 else 1
    cut = reshape(x, (*shape[:at], split, size, shape[at] // split, *shape[at + 1 :]))
    return reshape(moveaxis(cut, at + 1, 0), (size, *shape))


def _axis(role: str, letter: str) -> int:
    """Where an operand has the letter: n first; channels last, w's input channels before them."""
    return 0 if letter == "n" else -2 if role == "w" and letter == "c" else -1


def conv(
    x: Array,
    w: Array,
    strides: Sequence[int],
    low: Sequence[int],
    high: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Array:
    """y[N, *P, O] of x[N, *S, C] and w[*K, C/groups, O], x padded by ``low`` and ``high`` zeros (negative: cut).

    P = (S + low + high - (K - 1) · dilation - 1) // strides + 1, at least 0. An input dilation is a ``pad``
    with interior zeros before it.
    """
    window = zip(x.shape[1:-1], low, high, w.shape[:-2], dilation, strides, strict=True)
    extents = tuple(max(0, (s + a + b - (k - 1) * d - 1) // t + 1) for s, a, b, k, d, t in window)
    return Conv(extents, tuple(strides), tuple(low), tuple(dilation), groups)(x, w)
