"""How peers are compared: results checked first, then timed in one interleaved run, medians of ratios."""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen

import tianyuan as ty
from tianyuan_jit.engine import isa

Call = Callable[[], Any]


@frozen
class Row:
    """One line of a table: our figure, and theirs with ours / theirs."""

    title: str
    ours: float
    peers: tuple[tuple[str, float, float], ...]
    unit: str = "us"

    def number(self, value: float) -> str:
        """A figure with its unit."""
        return f"{value:.3g} {self.unit}" if value < 100 else f"{value:.0f} {self.unit}"

    def __str__(self) -> str:
        theirs = "  ".join(f"{n} {self.number(v)}, ratio {r:.2f}" for n, v, r in self.peers)
        return f"{self.title:34s} tianyuan {self.number(self.ours):>12s}   {theirs}"

    def cells(self) -> str:
        """As a row of Markdown for each peer."""
        start = f"| {self.title} | {self.number(self.ours)}"
        return "\n".join(f"{start} | {n} | {self.number(v)} | {r:.2f} |" for n, v, r in self.peers)


def compare(title: str, ours: Call, peers: dict[str, Call], seconds: float = 1.0, tolerance: float = 1e-4) -> Row:
    """Our median time, and ours / theirs for each peer, in one interleaved run. Raises where results differ."""
    for name, call in peers.items():
        check(title, name, ours(), call(), tolerance)
    calls = {"tianyuan": ours, **peers}
    rounds = interleaved(list(calls.values()), seconds)
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    ratios = [statistics.median(r[0] / r[i] for r in rounds) for i in range(1, len(calls))]
    columns = zip(peers, medians[1:], ratios, strict=True)
    return Row(title, medians[0] * 1e6, tuple((n, m * 1e6, r) for n, m, r in columns))


def table(rows: Sequence[Row], command: str) -> str:
    """A page: what was measured, how, and on what."""
    return "\n".join(
        [
            f"Made by `{command}` on {datetime.date.today()}: {machine_facts()}.",
            "",
            "Ratios are medians of ours / theirs in interleaved runs; below 1, ours is faster (or smaller).",
            "",
            "| what | tianyuan | peer | its figure | ratio |",
            "|---|---|---|---|---|",
            *(r.cells() for r in rows),
            "",
        ]
    )


def machine_facts() -> str:
    """The processor, its cores, the instruction set and threads in force, how busy it was, versions."""
    text = Path("/proc/cpuinfo").read_text()
    model = text.partition("model name")[2].partition(":")[2].partition("\n")[0].strip()
    blas = "".join(f", {k}={v}" for k, v in sorted(os.environ.items()) if k.startswith("OPENBLAS"))
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "jax", "llvmlite"))
    cores = f"{os.cpu_count()} cores, {ty.config.num_threads} in use, load average {os.getloadavg()[0]:.1f}"
    return f"{model}, {cores}, {isa()}; Python {platform.python_version()}, {versions}{blas}"


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
