"""Choosing between several arrays: select, piecewise, select_n; and arithmetic of divisors: gcd, lcm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.control import while_loop
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError
from tianyuan.functions.elementwise import where
from tianyuan.functions.operands import broadcast_shapes, check_kind, promoted, settled, together
from tianyuan.functions.statistics import any as some
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.linear import broadcast_to
from tianyuan.prims.pointwise.comparison import eq, le, ne
from tianyuan.prims.pointwise.comparison import select as chosen
from tianyuan.prims.pointwise.division import floor_divide, remainder
from tianyuan.prims.pointwise.products import mul
from tianyuan.prims.pointwise.signs import abs as size
from tianyuan.types import DType, bool_, dtype_of_name


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Array:
    """The choice of the first condition that holds, else ``default``, all broadcast."""
    if len(condlist) != len(choicelist) or not condlist:
        raise ShapeError(f"select takes as many choices as conditions, got {len(choicelist)} and {len(condlist)}")
    *choices, result = promoted("select", *choicelist, default)
    for condition, choice in reversed(list(zip(condlist, choices, strict=True))):
        result = where(condition, choice, result)
    return result


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **options: Any) -> Array:
    """A function by cases: ``funclist[i]``, a function of x or a number, where the last true condition is i.

    One function more than there are conditions is that of the rest; by default it is 0. The dtype is x's.
    """
    x = settled("piecewise", x)
    conditions = list(condlist) if isinstance(condlist, list | tuple) else [condlist]  # pyright: ignore
    if len(funclist) not in (len(conditions), len(conditions) + 1):
        raise ShapeError(
            f"piecewise: {len(conditions)} conditions need as many functions, or one more, got {len(funclist)}"
        )
    values = [_piece(f, x, args, options) for f in funclist]
    result = values[-1] if len(values) > len(conditions) else broadcast_to(scalar(0, x.dtype), x.shape)
    for condition, value in zip(conditions, values, strict=False):
        result = where(condition, value, result)
    return broadcast_to(result, x.shape)


def _piece(f: Any, x: Array, args: Sequence[Any], options: dict[str, Any]) -> Array:
    return convert(settled("piecewise", f(x, *args, **options) if callable(f) else f), x.dtype)


def select_n(which: Any, *cases: Any) -> Array:
    """``cases[which]``, element by element: ``which`` is bool for two cases, or an integer (moved into bounds)."""
    index = settled("select_n", which)
    xs = [strong(x) for x in promoted("select_n", *cases)]
    if index.dtype.kind not in "biu" or (index.dtype == bool_ and len(xs) > 2):
        raise ArrayTypeError(f"select_n takes a bool for two cases, or an integer, got {index.type} for {len(xs)}")
    shape = broadcast_shapes("select_n", index.shape, *(x.shape for x in xs))
    if index.dtype == bool_ and len(xs) == 2:
        return chosen(*(broadcast_to(x, shape) if x.shape else x for x in (index, xs[1], xs[0])))
    result = broadcast_to(xs[-1], shape)
    for i in reversed(range(len(xs) - 1)):
        low = le(index, scalar(i, index.dtype)) if index.dtype != bool_ else eq(index, scalar(False, bool_))
        result = where(low, xs[i], result)
    return result


# ---- divisors


def gcd(x1: Any, x2: Any, /) -> Array:
    """The greatest common divisor, not negative, by Euclid's algorithm; of 0 and 0 it is 0."""
    (a, b), dtype = _magnitudes("gcd", x1, x2)
    return convert(_euclid(a, b), dtype)


def lcm(x1: Any, x2: Any, /) -> Array:
    """The least common multiple, not negative; it wraps."""
    (a, b), dtype = _magnitudes("lcm", x1, x2)
    return convert(mul(floor_divide(a, _euclid(a, b)), b), dtype)


def _magnitudes(name: str, x1: Any, x2: Any) -> tuple[list[Array], DType]:
    """|x|, unsigned, so that the lowest integer has one, both of one shape; and the result's dtype."""
    xs = [strong(x) for x in together(name, x1, x2)]
    check_kind(name, xs[0], "iu")
    shape = broadcast_shapes(name, *(x.shape for x in xs))
    unsigned = dtype_of_name(f"uint{xs[0].dtype.bits}")
    sizes = [convert(size(x) if x.dtype.kind == "i" else x, unsigned) for x in xs]
    return [broadcast_to(x, shape) for x in sizes], xs[0].dtype


def _euclid(a: Array, b: Array) -> Array:
    zero = scalar(0, b.dtype)

    def body(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = pair
        going = ne(b, zero)
        return chosen(going, b, a), chosen(going, remainder(a, b), b)

    return while_loop(lambda pair: some(ne(pair[1], zero)), body, (a, b))[0]
