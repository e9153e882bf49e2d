"""Elimination by panels: what Cholesky, LU and triangular solve share.

Every element is one chain ``acc = a; acc = fma(-l, u, acc)``, k increasing in the order of elimination, and then one
division or root (docs/numerics.md, Contractions). A panel is ``PANEL`` steps of k taken together: its columns are
eliminated one by one, and the rest of the matrix takes all its steps in one pass, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable

from tianyuan.array import Array
from tianyuan.control import fori_loop
from tianyuan.decompositions.matrices import column, columns, index, row, rows
from tianyuan.indexing import dynamic_slice, dynamic_update_slice
from tianyuan.prims.linear import reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import neg
from tianyuan.prims.pointwise.comparison import eq, ge, gt, select
from tianyuan.prims.pointwise.products import div, fma

PANEL = 16


def padded_size(n: int) -> tuple[int, int]:
    """The width of a panel, and n rounded up to whole panels."""
    width = max(1, min(PANEL, n))
    return width, -(-n // width) * width


def strip(a: Array, start: Array, width: int) -> Array:
    """Columns start .. start + width."""
    return dynamic_slice(a, (index(0), start), (a.shape[0], width))


def band(a: Array, start: Array, height: int) -> Array:
    """Rows start .. start + height."""
    return dynamic_slice(a, (start, index(0)), (height, a.shape[1]))


def with_strip(a: Array, x: Array, start: Array) -> Array:
    """a with the columns from ``start`` on replaced."""
    return dynamic_update_slice(a, x, (index(0), start))


def with_band(a: Array, x: Array, start: Array) -> Array:
    """a with the rows from ``start`` on replaced."""
    return dynamic_update_slice(a, x, (start, index(0)))


def column_at(a: Array, j: Array) -> Array:
    """Column j as a vector."""
    return reshape(strip(a, j, 1), (a.shape[0],))


def row_at(a: Array, i: Array) -> Array:
    """Row i as a vector."""
    return reshape(band(a, i, 1), (a.shape[1],))


def entry(x: Array, i: Array) -> Array:
    """Element i of a vector, 0-d."""
    return reshape(dynamic_slice(x, (i,), (1,)), ())


def eliminated(a: Array, left: Array, right: Array, inside: Array) -> Array:
    """a - left · right where ``inside``, all steps in one pass: for k in order, fma(-left[:, k], right[k, :], ·)."""
    m, n = a.shape
    acc = a
    for k in range(left.shape[1]):
        down = reshape(slice_axis(left, 1, k, k + 1), (m,))
        across = reshape(slice_axis(right, 0, k, k + 1), (n,))
        acc = fma(neg(column(down, n)), row(across, m), acc)
    return select(inside, acc, a)


def forward_solve(left: Array, b: Array, unit: bool) -> Array:
    """x with left · x = b, left [n, n] lower triangular (``unit``: with ones on its diagonal), n whole panels."""
    n, m = b.shape
    width, _ = padded_size(n)

    def block(i: Array, x: Array) -> Array:
        start = i * width
        panel = strip(left, start, width)
        done = fori_loop(0, width, solve_step(band(panel, start, width), unit), band(x, start, width))
        x = eliminated(x, panel, done, ge(rows(n, m), start + width))
        return with_band(x, done, start)

    return fori_loop(0, n // width, block, b)


def solve_step(corner: Array, unit: bool) -> Callable[[Array, Array], Array]:
    """Step t of a solve by a triangle [w, w] on w rows: row t is finished, and taken from those after it."""

    def step(t: Array, x: Array) -> Array:
        height, m = x.shape
        down, done = column_at(corner, t), row_at(x, t)
        done = done if unit else div(done, entry(down, t))
        rest = fma(neg(column(down, m)), row(done, height), x)
        at = rows(height, m)
        return select(eq(at, t), row(done, height), select(gt(at, t), rest, x))

    return step


def steps_below(size: int, width: int, k: Array, t: Array) -> Array:
    """Where step k, column t of a panel, changes the panel: below row k, right of column t."""
    return gt(rows(size, width), k) & gt(columns(size, width), t)
