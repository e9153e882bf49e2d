"""Curves of a run's metrics as a picture (matplotlib, the ``plot`` extra)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from tianyuan.record.files import write_atomic


def save_curves(metrics: Path, picture: Path) -> bool:
    """One panel a metric over the steps. False, and no picture, where matplotlib is not installed."""
    rows = [json.loads(line) for line in metrics.read_text().splitlines()] if metrics.exists() else []
    figure_module = _matplotlib()
    if figure_module is None or not rows:
        return False
    names = [n for n in rows[0] if n != "step"]
    figure = figure_module.Figure(figsize=(4.5 * len(names), 3.2), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axis.plot([r["step"] for r in rows], [r[name] for r in rows])
        axis.set(xlabel="epoch", title=name.replace("_", " "))
        axis.grid(alpha=0.3)
    write_atomic(picture, lambda p: figure.savefig(p, format="png", dpi=120))
    return True


def _matplotlib() -> Any:
    """matplotlib's figures, without any window system; None where it is not installed."""
    try:
        return importlib.import_module("matplotlib.figure")
    except ImportError:
        return None
