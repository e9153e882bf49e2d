"""Functions of several primitives that run as one program when they are called eagerly.

Under a transformation the function is traced as it is written, so that derivatives, batching and fusion see its
primitives; on concrete arrays its trace is kept, one for each set of types, and runs as one region. A region is an
annotation on values, so both ways have the same bits (docs/numerics.md, The laws: jit, remat).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.control.recomputation import Checkpoint
from tianyuan.core import base, current
from tianyuan.settings import config
from tianyuan.transforms.tracing import Traced, trace
from tianyuan.types import ArrayType

KEPT = 64  # traces, and so the tables they close over, of the calls made last


def composed(fun: Callable[..., Any]) -> Callable[..., Any]:
    """``fun(*arrays, **static) -> arrays`` (one or a tuple) that runs as one program on concrete arrays.

    The keyword arguments are hashable and fixed in the trace.
    """

    @functools.wraps(fun)
    def run(*arrays: Array, **static: Hashable) -> Any:
        if current() is not base():
            return fun(*arrays, **static)
        types = tuple(a.type for a in arrays)
        traced, single = _traced(fun, types, tuple(static.items()), config.default_device)
        outs = Checkpoint(traced.program, "everything", ())(*arrays, *traced.closed)
        return outs[0] if single else tuple(outs)

    return run


@functools.lru_cache(KEPT)
def _traced(
    fun: Callable[..., Any], types: tuple[ArrayType, ...], static: tuple[tuple[str, Hashable], ...], device: str
) -> tuple[Traced, bool]:
    single = True

    def flat(*xs: Array) -> Sequence[Array]:
        nonlocal single
        outs = fun(*xs, **dict(static))
        single = isinstance(outs, Array)
        return [outs] if single else outs

    return trace(flat, types), single
