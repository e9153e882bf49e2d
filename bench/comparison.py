"""How peers are compared: results checked first, then timed in one interleaved run, medians of ratios."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

Call = Callable[[], Any]


def compare(title: str, ours: Call, peers: dict[str, Call], seconds: float = 1.0, tolerance: float = 1e-4) -> str:
    """One line of the table: our median time, and ours / theirs for each peer. Raises where results differ."""
    for name, call in peers.items():
        check(title, name, ours(), call(), tolerance)
    calls = {"tianyuan": ours, **peers}
    rounds = interleaved(list(calls.values()), seconds)
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    ratios = [statistics.median(r[0] / r[i] for r in rounds) for i in range(1, len(calls))]
    shown = "  ".join(
        f"{n} {m * 1e6:.1f} us, ratio {r:.2f}" for n, m, r in zip(peers, medians[1:], ratios, strict=True)
    )
    return f"{title:34s} tianyuan {medians[0] * 1e6:10.1f} us   {shown}"


def check(title: str, name: str, ours: Any, theirs: Any, tolerance: float) -> None:
    """The results must agree before anything is timed."""
    for a, b in zip(_leaves(ours), _leaves(theirs), strict=True):
        np.testing.assert_allclose(
            np.asarray(a, np.float64), np.asarray(b, np.float64), tolerance, tolerance, err_msg=f"{title}: {name}"
        )


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [x for k in sorted(value) for x in _leaves(value[k])]
    if isinstance(value, tuple | list):
        return [x for v in value for x in _leaves(v)]
    return [value]


def interleaved(calls: list[Call], seconds: float) -> list[list[float]]:
    """Seconds a call: one row a round, in which every function is timed in turn."""
    repeats = [_repeat(call) for call in calls]
    rounds: list[list[float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(rounds) < 5:
        rounds.append([_timed(c, n) for c, n in zip(calls, repeats, strict=True)])
    return rounds


def _repeat(call: Call) -> int:
    call()
    start = time.perf_counter()
    call()
    return max(1, min(10_000, int(2e-3 / (time.perf_counter() - start + 1e-9))))


def _timed(call: Call, repeat: int) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        call()
    return (time.perf_counter() - start) / repeat
