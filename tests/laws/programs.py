"""Small random programs, as data: a list of steps, each of which makes a new value of older ones.

A recipe prints as what it is, so that a failing one can be pasted into a test and made smaller by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import field, frozen
from hypothesis import strategies as st

import tianyuan as ty

Step = Callable[[Any, Any, int], Any]  # two older values (of any rank up to 2), and a small number


def _alike(a: Any, b: Any) -> Any:
    """Something made of b that has the shape of a."""
    if b.shape == a.shape:
        return b
    return ty.broadcast_to(ty.mean(b), a.shape)


def _rows(a: Any) -> Any:
    """a as a matrix."""
    return ty.reshape(a, (-1, a.shape[-1])) if a.ndim else ty.reshape(a, (1, 1))


def _line(a: Any) -> Any:
    return ty.reshape(a, (-1,))


def _axis(a: Any, n: int) -> int:
    return n % a.ndim


def _scan(a: Any, b: Any, n: int) -> Any:
    rows = _rows(a)
    weight = ty.tanh(ty.mean(b))

    def step(carry: Any, row: Any) -> Any:
        new = carry * weight + ty.sin(row)
        return new, new * row

    last, ys = ty.scan(step, ty.zeros_like(rows[0]), rows, reverse=bool(n % 2))
    return ys + last


def _cond(a: Any, b: Any, n: int) -> Any:
    return ty.cond(ty.sum(a) > 0.1 * n, lambda p, q: ty.sin(p) * q, lambda p, q: q - p, a, _alike(a, b))


def _while(a: Any, b: Any, n: int) -> Any:
    return ty.fori_loop(0, n, lambda i, v: ty.tanh(v) + ty.mean(b) * 0.1, a)


def _gather(a: Any, b: Any, n: int) -> Any:
    line = _line(a)
    return line[(ty.arange(7) * (n + 1)) % line.shape[0]]


def _scatter(a: Any, b: Any, n: int) -> Any:
    line = _line(b)
    return ty.zeros(5, dtype=line.dtype).at[(ty.arange(line.shape[0]) * (n + 1)) % 5].add(line)


def _matmul(a: Any, b: Any, n: int) -> Any:
    p, q = _rows(a), _rows(b)
    return ty.tanh(p @ ty.matrix_transpose(q)) if p.shape[1] == q.shape[1] else ty.tanh(ty.matrix_transpose(p) @ p)


def _concatenate(a: Any, b: Any, n: int) -> Any:
    return ty.concat([_line(a), _line(b)])[: 40 + n]


def _convolve(a: Any, b: Any, n: int) -> Any:
    x, w = ty.reshape(_line(a), (1, -1, 1)), ty.reshape(_line(b)[:3], (-1, 1, 1))
    y = ty.conv_general_dilated(
        x, ty.tanh(w), window_strides=(1 + n % 2,), padding=((n + 2, 2),), dimension_numbers=("NWC", "WIO", "NWC")
    )
    return _line(y)


def _checkpoint(a: Any, b: Any, n: int) -> Any:
    policy = (ty.checkpoint_policies.nothing, ty.checkpoint_policies.dots, ty.checkpoint_policies.everything)[n % 3]
    return ty.checkpoint(lambda p, q: ty.sin(p) * ty.exp(-q * q) + p, policy=policy)(a, _alike(a, b))


def _settle(a: Any, b: Any, n: int) -> Any:
    """A loop whose number of iterations depends on the values."""
    start = (ty.zeros((), dtype=ty.int64), a)
    return ty.while_loop(
        lambda s: (s[0] < n + 1) & (ty.sum(s[1] * s[1]) > 0.5), lambda s: (s[0] + 1, ty.tanh(s[1]) * 0.9), start
    )[1]


def _rowwise(a: Any, b: Any, n: int) -> Any:
    weight = ty.mean(b)
    return ty.vmap(lambda row: ty.sum(ty.sin(row) * weight) + row[n % row.shape[0]])(_rows(a))


def _short(a: Any, b: Any, n: int) -> Any:
    return (a.astype(ty.bfloat16) * _alike(a, b).astype(ty.bfloat16)).astype(ty.float32)


STEPS: dict[str, Step] = {
    "convolve": _convolve,
    "checkpoint": _checkpoint,
    "settle": _settle,
    "rowwise": _rowwise,
    "short": _short,
    "jit": lambda a, b, n: ty.jit(lambda p, q: ty.cos(p) * q + p)(a, _alike(a, b)),
    "sort": lambda a, b, n: ty.sort(a, axis=_axis(a, n)) if a.ndim else a,
    "argmax": lambda a, b, n: a[ty.argmax(ty.sum(_rows(a), axis=1)) % a.shape[0]] if a.ndim else a,
    "stop": lambda a, b, n: a * ty.stop_gradient(_alike(a, b)),
    "add": lambda a, b, n: a + _alike(a, b),
    "sub": lambda a, b, n: a - _alike(a, b),
    "mul": lambda a, b, n: a * _alike(a, b),
    "div": lambda a, b, n: a / (1.0 + _alike(a, b) ** 2),
    "maximum": lambda a, b, n: ty.maximum(a, _alike(a, b)),
    "where": lambda a, b, n: ty.where(a > 0.0, a, _alike(a, b)),
    "scale": lambda a, b, n: a * (n - 1.5),
    "sin": lambda a, b, n: ty.sin(a),
    "tanh": lambda a, b, n: ty.tanh(a),
    "exp": lambda a, b, n: ty.exp(-ty.abs(a)),
    "log": lambda a, b, n: ty.log1p(ty.abs(a)),
    "sqrt": lambda a, b, n: ty.sqrt(1.0 + a * a),
    "sum": lambda a, b, n: ty.sum(a, axis=_axis(a, n)) if a.ndim else a,
    "mean": lambda a, b, n: a - ty.mean(a, axis=_axis(a, n), keepdims=True) if a.ndim else a,
    "max": lambda a, b, n: ty.max(a, axis=_axis(a, n)) if a.ndim else a,
    "prod": lambda a, b, n: ty.prod(ty.tanh(a), axis=_axis(a, n)) if a.ndim else a,
    "cumsum": lambda a, b, n: ty.cumulative_sum(a, axis=_axis(a, n)) if a.ndim else a,
    "softmax": lambda a, b, n: ty.special.softmax(a, axis=_axis(a, n)) if a.ndim else a,
    "transpose": lambda a, b, n: ty.matrix_transpose(_rows(a)),
    "reshape": lambda a, b, n: _line(a),
    "slice": lambda a, b, n: a[:: 1 + n % 2][: n + 1] if a.ndim else a,
    "reverse": lambda a, b, n: ty.flip(a, axis=_axis(a, n)) if a.ndim else a,
    "pad": lambda a, b, n: ty.pad(_line(a), (n, 1), constant_values=0.5),
    "concatenate": _concatenate,
    "gather": _gather,
    "scatter": _scatter,
    "matmul": _matmul,
    "scan": _scan,
    "cond": _cond,
    "loop": _while,
}


@frozen
class Recipe:
    """Steps (name, operand, operand, number) over two inputs; operands count back from the newest value."""

    shapes: tuple[tuple[int, ...], tuple[int, ...]]
    steps: tuple[tuple[str, int, int, int], ...]
    seed: int = field(default=0)

    def __call__(self, x: ty.Array, y: ty.Array) -> list[ty.Array]:
        """The last three values."""
        values: list[Any] = [x, y]
        for name, i, j, n in self.steps:
            values.append(STEPS[name](values[-1 - i % len(values)], values[-1 - j % len(values)], n))
        return values[-3:]

    def loss(self, x: ty.Array, y: ty.Array) -> ty.Array:
        """A number that all results contribute to."""
        first, *others = (ty.sum(ty.sin(v)) for v in self(x, y))
        for v in others:
            first = first + v
        return first

    def inputs(self, entries: int = 0) -> list[ty.Array]:
        """f32 inputs; with ``entries``, that many along a leading axis."""
        rng = np.random.default_rng(self.seed)
        lead = (entries,) if entries else ()
        return [ty.asarray(rng.uniform(-2, 2, (*lead, *s)).astype(np.float32)) for s in self.shapes]


_shape = st.sampled_from([(3,), (17,), (2, 5), (4, 3), (3, 3), (1, 7), ()])
_step = st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
recipes = st.builds(
    Recipe, st.tuples(_shape, _shape), st.lists(_step, min_size=1, max_size=12).map(tuple), st.integers(0, 99)
)
