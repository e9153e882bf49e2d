"""Experiments as pure functions of a frozen config, and the folders their runs leave behind.

A run folder holds ``manifest.json`` (what ran, where, with which versions), ``metrics.jsonl`` (one line a
step), ``checkpoint.safetensors`` (the state after the last whole step), at the end ``weights.safetensors``,
``result.json`` and ``curves.png``. A run that was killed goes on from its checkpoint to the same bits.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np

import tianyuan as ty
from tianyuan.errors import RecordError
from tianyuan.record.checkpoints import load_checkpoint, save_checkpoint
from tianyuan.record.files import read_json, read_text, require_file, write_atomic, write_json
from tianyuan.record.plots import save_curves

FORMAT = "tianyuan-run-1"


class Experiment(Protocol):
    """What a run needs: a name, a config class (attrs-frozen, JSON fields), and three pure functions."""

    name: str
    config: type

    def steps(self, config: Any) -> int:
        """How many steps a run has."""
        ...

    def start(self, config: Any) -> Any:
        """The state before the first step: a tree of arrays."""
        ...

    def advance(self, config: Any, state: Any, step: int, eager: bool) -> tuple[Any, dict[str, float]]:
        """The state after ``step``, and its metrics."""
        ...

    def finish(self, config: Any, state: Any) -> tuple[Any, dict[str, float]]:
        """The final weights, and the results."""
        ...


@attrs.frozen(eq=False)
class Result:
    """What a finished run says: its folder, results by name, digest of the weights."""

    folder: Path
    results: dict[str, float]
    digest: str


Progress = Callable[[int, int, dict[str, float]], None]


def run(
    experiment: Experiment,
    config: Any,
    folder: str | Path,
    eager: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Run an experiment into a new folder. RecordError if the folder holds something already."""
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        occupied = next(path.iterdir(), None)
    except OSError as error:
        raise RecordError(f"cannot make the run folder {path}: {error.strerror or error}") from None
    if occupied is not None:
        raise RecordError(f"{path} is not empty; choose another folder, or resume it")
    write_json(path / "manifest.json", _manifest(experiment, config))
    return _go(experiment, config, path, experiment.start(config), 0, eager, progress)


def resume(
    experiments: dict[str, Experiment],
    folder: str | Path,
    eager: bool = False,
    progress: Progress | None = None,
) -> Result:
    """Continue a run from its last checkpoint; a finished one gives its result again."""
    path = Path(folder)
    manifest = read_json(path / "manifest.json")
    experiment, config = _known(experiments, manifest, path)
    state, step = experiment.start(config), 0
    if (path / "checkpoint.safetensors").exists():
        require_file(path / "checkpoint.safetensors")
        state, notes = load_checkpoint(path / "checkpoint.safetensors", state)
        step = _whole_step(notes, path)
    _truncate_metrics(path / "metrics.jsonl", step)
    return _go(experiment, config, path, state, step, eager, progress)


def _whole_step(notes: dict[str, Any], path: Path) -> int:
    step = notes.get("step")
    if not isinstance(step, int) or step < 0:
        raise RecordError(f"{path}: the checkpoint does not say at which step it was made")
    return step


def _known(experiments: dict[str, Experiment], manifest: Any, path: Path) -> tuple[Experiment, Any]:
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:  # pyright: ignore
        raise RecordError(f"{path} is no run folder of this version ({FORMAT})")
    if manifest.get("numerics_version") != ty.numerics_version:  # pyright: ignore
        raise RecordError(f"{path} was made under another numerics_version; it would not give the same bits")
    experiment = experiments.get(manifest.get("experiment"))  # pyright: ignore
    if experiment is None:
        raise RecordError(f"{path} is a run of {manifest.get('experiment')!r}, which is not known here")  # pyright: ignore
    try:
        return experiment, experiment.config(**manifest["config"])
    except (TypeError, ValueError, KeyError) as error:
        raise RecordError(f"{path}: the config in manifest.json does not fit: {error}") from None


def _go(
    experiment: Experiment,
    config: Any,
    path: Path,
    state: Any,
    step: int,
    eager: bool,
    progress: Progress | None,
) -> Result:
    total = experiment.steps(config)
    while step < total:
        state, metrics = experiment.advance(config, state, step, eager)
        step += 1
        _append_line(path / "metrics.jsonl", {"step": step, **metrics})
        save_checkpoint(path / "checkpoint.safetensors", state, step=step)
        if progress is not None:
            progress(step, total, metrics)
    return _close(experiment, config, path, state)


def _close(experiment: Experiment, config: Any, path: Path, state: Any) -> Result:
    weights, results = experiment.finish(config, state)
    digest = ty.digest(weights)
    save_checkpoint(path / "weights.safetensors", weights, digest=digest)
    save_curves(path / "metrics.jsonl", path / "curves.png")
    write_json(path / "result.json", {**results, "digest": digest})
    return Result(path, results, digest)


def _append_line(path: Path, record: dict[str, Any]) -> None:
    try:
        with path.open("a") as file:
            file.write(json.dumps(record) + "\n")
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from None


def _truncate_metrics(path: Path, step: int) -> None:
    """Drop lines behind the checkpoint: a half-written one, or one whose step will be done again."""
    if not path.exists():
        return
    lines = read_text(path).splitlines()[:step]
    text = "".join(line + "\n" for line in lines)
    write_atomic(path, lambda p: _write(p, text))


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _manifest(experiment: Experiment, config: Any) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "experiment": experiment.name,
        "config": attrs.asdict(config),
        "numerics_version": ty.numerics_version,
        "versions": {
            "tianyuan": ty.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "machine": {"processor": platform.machine(), "system": platform.system(), "cpus": os.cpu_count()},
        "command": sys.argv[0].rsplit("/", 1)[-1],
    }
