"""Writes docs/derivatives.md: derivatives at the points where mathematics has none, or an infinite one.

    python docs/generate_derivatives.py        from the repository's root

Each number is computed by ``ty.jvp`` with tangent 1 in f64. Rows where a function is smooth and its derivative finite
are left out.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "jit")]

import numpy as np  # noqa: E402

import tianyuan as ty  # noqa: E402

Fun = Callable[..., Any]
POINTS = (-math.inf, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, math.inf, math.nan)
UNARY = (
    "abs acos acosh asin asinh atan atanh cbrt ceil cos cosh digamma erf erfc erfinv exp exp2 expm1 floor lgamma log "
    "log10 log1p log2 reciprocal round rsqrt sign sin sinh sqrt square tan tanh trunc"
).split()
KINKS = {"abs": (0.0,), "ceil": (-1.0, 0.0, 1.0), "floor": (-1.0, 0.0, 1.0), "trunc": (-1.0, 0.0, 1.0)}
KINKS |= {"round": (-0.5, 0.5), "sign": (0.0,)}
NETS = {"relu": (0.0,), "relu6": (0.0, 6.0), "elu": (0.0,), "leaky_relu": (0.0,), "hard_tanh": (-1.0, 1.0)}
NETS |= {"hard_sigmoid": (-3.0, 3.0), "hard_swish": (-3.0, 3.0), "selu": (0.0,), "celu": (0.0,)}
PAIRS: dict[str, list[tuple[float, float]]] = {
    "maximum": [(1.0, 1.0), (-0.0, 0.0), (math.nan, 1.0)],
    "minimum": [(1.0, 1.0), (-0.0, 0.0), (math.nan, 1.0)],
    "atan2": [(0.0, 0.0), (0.0, -1.0), (-0.0, -1.0), (1.0, 0.0)],
    "pow": [(0.0, 0.0), (0.0, 0.5), (0.0, 1.0), (0.0, 2.0), (0.0, -1.0), (-1.0, 2.0), (-1.0, 0.5)],
    "divide": [(0.0, 0.0), (1.0, 0.0), (1.0, math.inf)],
    "remainder": [(4.0, 2.0), (1.0, 0.0), (-1.0, math.inf)],
    "fmod": [(4.0, 2.0), (1.0, 0.0)],
    "hypot": [(0.0, 0.0), (math.inf, 1.0)],
    "logaddexp": [(-math.inf, -math.inf), (math.inf, 0.0), (1.0, 1.0)],
    "copysign": [(0.0, 1.0), (1.0, 0.0), (1.0, -1.0)],
}
VECTORS: list[tuple[str, Fun, Sequence[float]]] = [
    ("max", ty.max, (1.0, 3.0, 3.0)),
    ("min", ty.min, (1.0, 1.0, 1.0)),
    ("prod", ty.prod, (0.0, 2.0, 3.0)),
    ("prod", ty.prod, (0.0, 0.0, 3.0)),
    ("cumprod, summed", lambda x: ty.sum(ty.cumprod(x)), (2.0, 0.0, 3.0)),
    ("cummax, summed", lambda x: ty.sum(ty.cummax(x)), (1.0, 1.0, 0.0)),
    ("sort, weighted 1 2 3", lambda x: ty.sum(ty.sort(x) * ty.asarray(np.arange(1.0, 4.0))), (2.0, 2.0, 1.0)),
    ("top_k(2), weighted 1 2", lambda x: ty.sum(ty.top_k(x, 2)[0] * ty.asarray(np.arange(1.0, 3.0))), (2.0, 2.0, 2.0)),
    ("sqrt(sum(x * x))", lambda x: ty.sqrt(ty.sum(x * x)), (0.0, 0.0)),
    ("std", ty.std, (1.0, 1.0, 1.0)),
    ("softmax, first", lambda x: ty.special.softmax(x)[0], (-math.inf, 0.0, 0.0)),
    ("softmax, first", lambda x: ty.special.softmax(x)[0], (0.0, 0.0, -math.inf)),
    ("logsumexp", ty.special.logsumexp, (-math.inf, -math.inf)),
    ("logsumexp", ty.special.logsumexp, (0.0, -math.inf)),
    ("max_pool of 2, summed", lambda x: ty.sum(ty.nn.max_pool(ty.reshape(x, (1, 2, 2, 1)))), (5.0, 5.0, 5.0, 1.0)),
    ("where(x > 0, sqrt(x), 0), summed", lambda x: ty.sum(ty.where(x > 0, ty.sqrt(x), 0.0)), (0.0, 4.0)),
    ("where(x > 0, x * log(x), 0), summed", lambda x: ty.sum(ty.where(x > 0, x * ty.log(x), 0.0)), (0.0, 1.0)),
    ("x.at[[0, 0]].set(x[1:]), first", lambda x: x.at[ty.asarray([0, 0])].set(x[1:])[0], (1.0, 2.0, 3.0)),
    ("x.at[0].multiply(x[1]), first", lambda x: x.at[0].multiply(x[1])[0], (0.0, 0.0)),
    ("x[[0, 0, 1]], summed", lambda x: ty.sum(x[ty.asarray([0, 0, 1])]), (1.0, 2.0)),
    ("clip(0, 1), summed", lambda x: ty.sum(ty.clip(x, 0.0, 1.0)), (0.0, 1.0, 0.5, 2.0)),
]


def f64(value: Any) -> Any:
    """An f64 array."""
    return ty.asarray(np.asarray(value, np.float64))


def slope(f: Fun, *points: float) -> list[tuple[float, float]]:
    """The value, and the derivative with respect to each argument."""
    found: list[tuple[float, float]] = []
    for i in range(len(points)):
        dots = [f64(float(i == k)) for k in range(len(points))]
        value, dot = ty.jvp(f, tuple(map(f64, points)), tuple(dots))
        found.append((float(value), float(dot)))
    return found


def shown(number: float) -> str:
    """A number, short."""
    return f"{number:.6g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


def unary() -> str:
    """Functions of one variable, where singular."""
    rows = [row for name in UNARY for row in _at(name, getattr(ty, name), KINKS.get(name, ()))]
    for name, corners in NETS.items():
        rows += _at(f"nn.{name}", getattr(ty.nn, name, None), corners)
    return table(("function", "x", "value", "derivative"), rows)


def _at(name: str, f: Fun | None, always: Sequence[float]) -> list[list[str]]:
    if f is None:
        return []
    rows: list[list[str]] = []
    beside = [x for x in always if x not in POINTS]
    for x in [*POINTS, *beside]:
        ((value, dot),) = slope(f, x)
        inside = not math.isnan(x) and not math.isnan(value)
        if x in always or (inside and not math.isfinite(dot)) or (inside and math.isinf(value) and math.isfinite(x)):
            rows.append([f"`{name}`", shown(x), shown(value), shown(dot)])
    return rows


def pairs() -> str:
    """Functions of two variables at their singular points."""
    rows: list[list[str]] = []
    for name, points in PAIRS.items():
        for a, b in points:
            (value, first), (_, second) = slope(getattr(ty, name), a, b)
            rows.append([f"`{name}`", f"({shown(a)}, {shown(b)})", shown(value), shown(first), shown(second)])
    return table(("function", "(x, y)", "value", "d/dx", "d/dy"), rows)


def vectors() -> str:
    """Gradients of functions of several elements."""
    rows: list[list[str]] = []
    for name, f, point in VECTORS:
        value, gradient = ty.value_and_grad(f)(f64(point))
        listed = ", ".join(shown(g) for g in np.asarray(gradient).tolist())
        rows.append([f"`{name}`", ", ".join(map(shown, point)), shown(float(value)), listed])
    return table(("function", "x", "value", "gradient"), rows)


def complexes() -> str:
    """Gradients of real functions of a complex number, in the convention of JAX."""
    rows: list[list[str]] = []
    for name, f in (("abs", ty.abs), ("angle", ty.angle), ("real", ty.real), ("abs squared", lambda z: ty.abs(z) ** 2)):
        for z in (0j, 1 + 0j, -1 + 0j, 3 - 4j):
            value, gradient = ty.value_and_grad(f)(ty.asarray(np.complex128(z)))
            rows.append([f"`{name}`", str(z), shown(float(value)), str(complex(gradient))])
    return table(("function", "z", "value", "gradient"), rows)


PAGE = """# Derivatives at singular points

Generated by `docs/generate_derivatives.py`; do not edit. Where a function has no derivative its value here is part of
its definition (docs/numerics.md, Derivatives): `abs'(0) = 0`, ties of `maximum` and `max` share, pooling gives its
cotangent to the first, `sqrt'(0) = inf`. A derivative is a linear map, so it takes the tangent 0 to 0 even where
its slope is infinite; the tables have the tangent 1.

## One variable

At the points of {points}, those where the function has a kink, or its derivative is not finite.

{unary}

## Two variables

{pairs}

## Several elements

{vectors}

## Complex numbers

{complexes}
"""


def main() -> None:
    """Write the page."""
    points = ", ".join(map(shown, POINTS))
    page = PAGE.format(points=points, unary=unary(), pairs=pairs(), vectors=vectors(), complexes=complexes())
    (Path(__file__).parent / "derivatives.md").write_text(page)


if __name__ == "__main__":
    main()
