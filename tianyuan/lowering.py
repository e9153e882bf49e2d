"""What an operation computes, as plain data: the vocabulary between primitives and machines.

A primitive's ``lower`` returns one of these. They are few and closed: every machine has one emitter a
kind, so operations x machines becomes operations + machines. They say *what*, never *how*.

``Scalars`` is the scalar machine: the operations an element-wise function may be written in. A value
is opaque; behind it may stand one element or a vector of lanes, and every machine rounds each
operation the same way (docs/numerics.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import frozen

from tianyuan.types import DType


class Scalars(Protocol):
    """Scalar arithmetic on opaque values. All arguments of one call have one dtype unless said."""

    # Values
    def dtype(self, x: Any) -> DType: ...
    def const(self, value: complex | float | int | bool, dtype: DType) -> Any: ...
    # Arithmetic: floats correctly rounded, integers wrap. 16-bit floats compute in f32, rounded once.
    def add(self, x: Any, y: Any) -> Any: ...
    def sub(self, x: Any, y: Any) -> Any: ...
    def mul(self, x: Any, y: Any) -> Any: ...
    def div(self, x: Any, y: Any) -> Any: ...  # floats and complex only
    def fma(self, x: Any, y: Any, z: Any) -> Any: ...  # x*y + z with one rounding
    def neg(self, x: Any) -> Any: ...
    def abs(self, x: Any) -> Any: ...
    def sqrt(self, x: Any) -> Any: ...
    def floor(self, x: Any) -> Any: ...
    def ceil(self, x: Any) -> Any: ...
    def trunc(self, x: Any) -> Any: ...
    def round(self, x: Any) -> Any: ...  # half to even
    def minimum(self, x: Any, y: Any) -> Any: ...  # IEEE 754-2019 minimum: NaN propagates, -0 < +0
    def maximum(self, x: Any, y: Any) -> Any: ...
    def floor_divide(self, x: Any, y: Any) -> Any: ...  # integers: floors; by zero 0; INT_MIN // -1 = INT_MIN
    def remainder(self, x: Any, y: Any) -> Any: ...  # the divisor's sign; integer by zero 0
    def fmod(self, x: Any, y: Any) -> Any: ...  # the dividend's sign; exact
    def sign(self, x: Any) -> Any: ...
    # Bits. Shift counts are unsigned; by at least the width gives 0 (the sign for arithmetic right).
    def bitand(self, x: Any, y: Any) -> Any: ...
    def bitor(self, x: Any, y: Any) -> Any: ...
    def bitxor(self, x: Any, y: Any) -> Any: ...
    def bitnot(self, x: Any) -> Any: ...  # of a bool: logical not
    def shift_left(self, x: Any, n: Any) -> Any: ...
    def shift_right(self, x: Any, n: Any) -> Any: ...  # arithmetic for signed, logical for unsigned
    def popcount(self, x: Any) -> Any: ...
    def clz(self, x: Any) -> Any: ...  # leading zeros; the width for 0
    # Comparisons give bool values; select takes one.
    def eq(self, x: Any, y: Any) -> Any: ...
    def ne(self, x: Any, y: Any) -> Any: ...
    def lt(self, x: Any, y: Any) -> Any: ...
    def le(self, x: Any, y: Any) -> Any: ...
    def select(self, condition: Any, x: Any, y: Any) -> Any: ...
    # Conversions. ``convert`` rounds once; float to int truncates and saturates, NaN to 0; to bool x != 0.
    def convert(self, x: Any, dtype: DType) -> Any: ...
    def bitcast(self, x: Any, dtype: DType) -> Any: ...  # same width; NaNs read as the canonical one
    # Complex values
    def complex(self, re: Any, im: Any) -> Any: ...
    def real(self, x: Any) -> Any: ...
    def imag(self, x: Any) -> Any: ...

    # Elementary functions by name, f16 to f64 (complex where defined): exp exp2 expm1 log log2 log10
    # log1p sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc erfinv pow cbrt
    # rsqrt logistic lgamma digamma.
    def call(self, name: str, *args: Any) -> Any: ...


@frozen(eq=False)
class Map:
    """y[i] = scalar(k, x[i], ...): one element at a time. Arguments that are 0-d meet every element."""

    scalar: Callable[..., Any]


@frozen
class Broadcast:
    """y[..., j, ...] = x[...]: the axes of x become ``dims`` of y; the other axes repeat."""

    dims: tuple[int, ...]


@frozen
class Reshape:
    """The same elements in row-major order."""


@frozen
class Transpose:
    """Axis j of y is axis ``permutation[j]`` of x."""

    permutation: tuple[int, ...]


@frozen
class Slice:
    """y[i] = x[starts + i * steps]; a negative step walks backwards."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]


@frozen
class Pad:
    """y[low + i * (interior + 1)] = x[i], the second argument (0-d) elsewhere. No negative padding."""

    low: tuple[int, ...]
    interior: tuple[int, ...]


@frozen
class Concatenate:
    """The arguments end to end along ``axis``."""

    axis: int


@frozen
class Iota:
    """y[i] = i[axis], in the result's dtype."""

    axis: int


@frozen
class Bits:
    """The same bytes under another dtype of the same width. Canonical: NaNs read as the quiet positive one."""


@frozen
class Reduce:
    """Reduce ``axes`` by ``op``: add, mul, max, min, and, or, xor. Sums and products in ORDER(16, 256)."""

    op: str
    axes: tuple[int, ...]


@frozen
class ArgReduce:
    """Index (i64) of the largest or smallest along ``axis``: the first NaN, else the first equal to it."""

    op: str  # "max" or "min"
    axis: int


@frozen
class Cumulate:
    """Inclusive running ``op`` (add, mul, max, min) along ``axis``; sums and products by chunks of 256."""

    op: str
    axis: int
    reverse: bool


@frozen
class Contract:
    """C[b, i, j] = sum over k of A * B, by CHAIN(256, 16).

    Axis pairs ``batch`` and ``contract`` as (axis of A, axis of B); k is row-major over the ordered
    ``contract`` list. Result axes: batch pairs, A's free axes, B's free axes.
    """

    batch: tuple[tuple[int, int], ...]
    contract: tuple[tuple[int, int], ...]


@frozen
class Convolve:
    """The three convolutions, on canonical layouts x[N, *S, C], w[*K, C/groups, O], y[N, *P, O].

    ``which``: "forward" (x, w -> y), "input" (y, w -> x) or "weight" (x, y -> w). A position of x is
    ``p * strides + k * dilation - low``. k order: kernel position then input channel; kernel position
    then output channel; batch then output position. Padding takes part, holes do not.
    """

    which: str
    strides: tuple[int, ...]
    low: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


@frozen
class Gather:
    """y[b.., i.., w..] = x[b.., start(b.., i..) + w..]: windows of x at index vectors.

    Arguments x, indices (i64[batch.., positions.., len(axes)]). The first ``batch`` axes of x and of the
    indices go together. ``axes`` of x are indexed by the vectors; ``sizes`` are the window's extents over
    x's axes after the batch axes. Result axes: batch, positions, window (axes in ``collapsed``, of size 1,
    dropped). ``mode``: error, fill (third argument, 0-d, where any element is outside), clip, promise.
    Negative indices are not wrapped here.
    """

    batch: int
    axes: tuple[int, ...]
    sizes: tuple[int, ...]
    collapsed: tuple[int, ...]
    mode: str


@frozen
class Scatter:
    """The adjoint shape of Gather: y = x, then updates in row-major order of positions, by ``op``.

    Arguments x, indices, updates. ``op``: set, add, mul, min, max. ``mode``: error, drop, clip, promise.
    """

    op: str
    batch: int
    axes: tuple[int, ...]
    sizes: tuple[int, ...]
    collapsed: tuple[int, ...]
    mode: str


@frozen
class Sort:
    """Sort along ``axis`` by the first ``keys`` arguments, carrying the others; stable; NaN greatest."""

    axis: int
    keys: int
    descending: bool


@frozen
class Threefry:
    """u32 words (k0, k1, c0, c1), element by element, to the two words of Threefry-2x32 with 20 rounds."""


@frozen(eq=False)
class Scan:
    """A counted loop. ``body`` is a Program: (consts, carries, slices of xs) -> (carries, slices of ys).

    Arguments: consts, initial carries, xs (each with a leading axis of ``length``). Results: final carries,
    ys stacked along a new leading axis. ``reverse`` runs t from length-1 down; ys[t] belongs to xs[t].
    """

    body: Any
    length: int
    reverse: bool
    consts: int
    carries: int


@frozen(eq=False)
class While:
    """``while cond(cond_consts, carry): carry = body(body_consts, carry)``.

    Arguments: cond_consts, body_consts, carry. ``cond`` gives one bool[]. Results: the carry.
    """

    cond: Any
    body: Any
    cond_consts: int
    body_consts: int


@frozen(eq=False)
class Branch:
    """Run ``programs[index]`` on the operands; the first argument is the index, i64[], already in bounds."""

    programs: tuple[Any, ...]


@frozen(eq=False)
class Call:
    """Run ``program`` on the arguments as a region of its own: nothing outside is merged with its inside."""

    program: Any


@frozen
class Extern:
    """A host function: ``call(*numpy arrays) -> sequence of numpy arrays``."""

    call: Callable[..., Any]


@frozen
class Check:
    """Raise ``message`` (a format of the failing value) if the bool argument is false anywhere."""

    message: str


Lowering = (
    Map
    | Broadcast
    | Reshape
    | Transpose
    | Slice
    | Pad
    | Concatenate
    | Iota
    | Bits
    | Reduce
    | ArgReduce
    | Cumulate
    | Contract
    | Convolve
    | Gather
    | Scatter
    | Sort
    | Threefry
    | Scan
    | While
    | Branch
    | Call
    | Extern
    | Check
)
