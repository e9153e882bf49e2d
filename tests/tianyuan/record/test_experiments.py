"""Runs: resumed anywhere they end in the same bits; damaged folders are refused."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

import tianyuan as ty
from tianyuan import record
from tianyuan.errors import RecordError


@attrs.frozen
class Config:
    """Of the little experiment below."""

    seed: int = 0
    rate: float = 0.1
    count: int = 5


@attrs.frozen
class Walk:
    """A random walk: a step draws from a key folded with its number."""

    name: str = "walk"
    config: type = Config

    def steps(self, config: Config) -> int:
        """As configured."""
        return config.count

    def start(self, config: Config) -> Any:
        """At the origin."""
        return {"x": ty.zeros(3), "key": ty.random.key(config.seed)}

    def advance(self, config: Config, state: Any, step: int, eager: bool) -> tuple[Any, dict[str, float]]:
        """A normal step."""
        x = state["x"] + config.rate * ty.random.normal(ty.random.fold_in(state["key"], step), (3,))
        return {"x": x, "key": state["key"]}, {"loss": float(ty.sum(x * x))}

    def finish(self, config: Config, state: Any) -> tuple[Any, dict[str, float]]:
        """The end point."""
        return state["x"], {"distance": float(ty.sum(state["x"] ** 2))}


KNOWN: dict[str, record.Experiment] = {"walk": Walk()}


class Interrupted(Exception):
    """What stops a run in these tests."""


def stop_at(step: int) -> Callable[..., None]:
    """A progress function that stops the run after ``step``."""

    def progress(done: int, total: int, metrics: dict[str, float]) -> None:
        if done == step:
            raise Interrupted

    return progress


def interrupted(folder: Path, step: int) -> None:
    """A run that was stopped after ``step``."""
    with pytest.raises(Interrupted):
        record.run(Walk(), Config(), folder, progress=stop_at(step))


def test_run_leaves_its_record(tmp_path: Path) -> None:
    """A finished folder has manifest, metrics, weights, result and picture, whose digest is the result's."""
    result = record.run(Walk(), Config(), tmp_path / "run")

    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"manifest.json", "metrics.jsonl", "weights.safetensors", "result.json", "curves.png"} <= names
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5]
    assert json.loads((tmp_path / "run" / "result.json").read_text())["digest"] == result.digest


@pytest.mark.parametrize("step", [1, 2, 4])
def test_resume_gives_the_same_digest(tmp_path: Path, step: int) -> None:
    """Stopped after any step and resumed, the digest and the metrics are those of the whole run."""
    whole = record.run(Walk(), Config(), tmp_path / "whole")
    interrupted(tmp_path / "part", step)

    resumed = record.resume(KNOWN, tmp_path / "part")

    assert resumed.digest == whole.digest
    assert (tmp_path / "part/metrics.jsonl").read_text() == (tmp_path / "whole/metrics.jsonl").read_text()


def test_resume_of_a_finished_run(tmp_path: Path) -> None:
    """It gives the result again."""
    whole = record.run(Walk(), Config(), tmp_path / "run")

    assert record.resume(KNOWN, tmp_path / "run").digest == whole.digest


def test_half_written_metrics_line(tmp_path: Path) -> None:
    """A line cut short by the kill, and one of a step not in the checkpoint, are dropped."""
    whole = record.run(Walk(), Config(), tmp_path / "whole")
    interrupted(tmp_path / "part", 2)
    with (tmp_path / "part/metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')

    assert record.resume(KNOWN, tmp_path / "part").digest == whole.digest
    assert (tmp_path / "part/metrics.jsonl").read_text() == (tmp_path / "whole/metrics.jsonl").read_text()


def test_killed_before_the_first_checkpoint(tmp_path: Path) -> None:
    """With only a manifest, the run starts at the beginning."""
    whole = record.run(Walk(), Config(), tmp_path / "whole")
    interrupted(tmp_path / "part", 1)
    (tmp_path / "part/checkpoint.safetensors").unlink()

    assert record.resume(KNOWN, tmp_path / "part").digest == whole.digest


def _damage(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(content) and None


def _change(**changes: Any) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))

    return act


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "no run folder"),
        (_damage("manifest.json", "{"), "cannot be read"),
        (_damage("manifest.json", "[]"), "no run folder of this version"),
        (_damage("checkpoint.safetensors", "nonsense"), "no readable checkpoint"),
        (_change(experiment="other"), "not known here"),
        (_change(numerics_version=-1), "numerics_version"),
        (_change(config={"unknown": 1}), "does not fit"),
    ],
)
def test_damaged_folder_is_refused(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    """One readable error, and nothing in the folder is touched."""
    interrupted(tmp_path / "run", 2)
    damage(tmp_path / "run")
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()}

    with pytest.raises(RecordError, match=words):
        record.resume(KNOWN, tmp_path / "run")

    assert {p.name: p.read_bytes() for p in (tmp_path / "run").iterdir()} == before


def test_occupied_folder_is_refused(tmp_path: Path) -> None:
    """A run never writes over what is there."""
    (tmp_path / "note.txt").write_text("mine")

    with pytest.raises(RecordError, match="not empty"):
        record.run(Walk(), Config(), tmp_path)


@pytest.mark.parametrize("name", ["manifest.json", "metrics.jsonl", "checkpoint.safetensors"])
def test_device_in_place_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    """A file without an end is not read."""
    interrupted(tmp_path / "run", 2)
    (tmp_path / "run" / name).unlink()
    (tmp_path / "run" / name).symlink_to("/dev/zero")

    with pytest.raises(RecordError, match="no regular file"):
        record.resume(KNOWN, tmp_path / "run")


@contextlib.contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Writes past ``size`` bytes of any file fail, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 10])
def test_full_disk(tmp_path: Path, room: int) -> None:
    """It is one readable error; the last checkpoint stays whole, and with space again leads to the same bits."""
    expected = record.run(Walk(), Config(), tmp_path / "whole").digest
    interrupted(tmp_path / "run", 2)
    whole = (tmp_path / "run/checkpoint.safetensors").read_bytes()

    with (
        no_file_beyond((tmp_path / "run/metrics.jsonl").stat().st_size + room),
        pytest.raises(RecordError, match="write"),
    ):
        record.resume(KNOWN, tmp_path / "run")

    assert (tmp_path / "run/checkpoint.safetensors").read_bytes() == whole
    assert record.resume(KNOWN, tmp_path / "run").digest == expected


def tianyuan(*arguments: str, **environment: str) -> list[str]:
    """The command in a process of its own."""
    assert shutil.which(sys.executable)
    return [sys.executable, "-m", "tianyuan", *arguments]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, in which the sources are found."""
    paths = os.pathsep.join(p for p in sys.path if p)
    return {**os.environ, "PYTHONPATH": paths, **changes}


def output(*arguments: str, **changes: str) -> list[str]:
    """The lines a command printed."""
    done = subprocess.run(
        tianyuan(*arguments), env=environment(**changes), capture_output=True, text=True, timeout=300, check=True
    )
    return done.stdout.splitlines()


def test_demo_has_one_digest(tmp_path: Path) -> None:
    """Threads, eager mode, vector width and a cold cache change nothing; nor do SIGKILL and resume."""
    short = ("--epochs", "3")
    first = output("demo", *short, "--out", str(tmp_path / "a"))
    assert first[-2].startswith("test accuracy: 0.")
    assert first[-1].startswith("digest: ")
    assert len(first[-1]) == len("digest: ") + 64

    one_thread = output("demo", *short, "--threads", "1", "--out", str(tmp_path / "b"))
    eager = output("demo", *short, "--eager", "--out", str(tmp_path / "c"))
    narrow = output("demo", *short, "--out", str(tmp_path / "d"), TIANYUAN_CPU_ISA="avx2", TIANYUAN_CACHE="0")

    assert {x[-1] for x in (one_thread, eager, narrow)} == {first[-1]}
    assert killed_and_resumed(tmp_path / "e", short) == first[-1]


def killed_and_resumed(folder: Path, options: tuple[str, ...]) -> str:
    """The digest of a demo that got SIGKILL after its first epoch."""
    process = subprocess.Popen(
        tianyuan("demo", *options, "--out", str(folder)), env=environment(), stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not (folder / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return output("resume", str(folder))[-1]
