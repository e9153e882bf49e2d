"""The command line: ``tianyuan demo | resume | doctor``. Exit 0 done, 1 failed, 2 bad usage."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tianyuan as ty
from tianyuan import record
from tianyuan.errors import TianyuanError
from tianyuan.record.digits import Config, Digits

EXPERIMENTS: dict[str, Any] = {"digits": Digits()}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the command ``tianyuan``."""
    options = _parser().parse_args(argv)
    try:
        if options.threads is not None:
            ty.config.num_threads = options.threads
        return options.act(options)
    except (TianyuanError, OSError) as error:
        print(f"tianyuan: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tianyuan: interrupted; continue with tianyuan resume", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("tianyuan", description="Programs that give the same bits everywhere.")
    commands = parser.add_subparsers(required=True)
    demo = commands.add_parser("demo", help="train a classifier on real handwritten digits")
    demo.add_argument("--out", type=Path, help="run folder (default: runs/digits-<time>)")
    demo.add_argument("--seed", type=int, default=0)
    demo.add_argument("--epochs", type=_positive, default=Config().epochs)
    demo.set_defaults(act=_demo)
    resume = commands.add_parser("resume", help="continue a run from its last checkpoint")
    resume.add_argument("run", type=Path)
    resume.set_defaults(act=_resume)
    doctor = commands.add_parser("doctor", help="say what this machine offers")
    doctor.set_defaults(act=_doctor)
    for command in (demo, resume, doctor):
        command.add_argument("--threads", type=_positive, help="threads to use (the digest does not depend on it)")
        command.add_argument("--eager", action="store_true", help="run operation by operation instead of jitted")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"a positive number, got {text}")
    return value


def _demo(options: argparse.Namespace) -> int:
    folder = options.out or Path("runs") / time.strftime("digits-%Y%m%d-%H%M%S")
    config = Config(seed=options.seed, epochs=options.epochs)
    print(f"run folder: {folder}", flush=True)
    with _Bar() as bar:
        result = record.run(EXPERIMENTS["digits"], config, folder, options.eager, bar.update)
    return _report(result)


def _resume(options: argparse.Namespace) -> int:
    with _Bar() as bar:
        result = record.resume(EXPERIMENTS, options.run, options.eager, bar.update)
    return _report(result)


def _report(result: record.Result) -> int:
    print(f"test accuracy: {result.results['test_accuracy']:.3f}")
    print(f"digest: {result.digest}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    print(f"tianyuan {ty.__version__}, numerics version {ty.numerics_version}")
    print(f"threads: {ty.config.num_threads}")
    print(f"instruction set: {ty.config.cpu_isa or 'the widest this CPU has'}")
    return 0


class _Bar:
    """A progress bar (tqdm, the ``progress`` extra), or nothing where it is not installed."""

    def __init__(self) -> None:
        self._bar: Any = None
        try:
            self._tqdm: Any = importlib.import_module("tqdm").tqdm
        except ImportError:
            self._tqdm = None

    def __enter__(self) -> _Bar:
        return self

    def update(self, step: int, total: int, metrics: dict[str, float]) -> None:
        """Show that ``step`` of ``total`` is done."""
        if self._tqdm is None:
            return
        if self._bar is None:
            self._bar = self._tqdm(total=total, initial=step - 1, unit="epoch", file=sys.stderr)
        self._bar.set_postfix({k: f"{v:.4f}" for k, v in metrics.items()})
        self._bar.update(1)

    def __exit__(self, *error: Any) -> None:
        if self._bar is not None:
            self._bar.close()
