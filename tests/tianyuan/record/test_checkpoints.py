"""Checkpoints: what is written comes back to the bit, and what does not fit is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import tianyuan as ty
from tests.laws.bits import same_bits
from tianyuan.errors import RecordError
from tianyuan.record import load_checkpoint, save_checkpoint


def state() -> dict[str, Any]:
    """A tree with many dtypes, a key and a number of steps."""
    return {
        "w": ty.asarray(np.array([[1.5, -0.0, np.inf]], np.float32)),
        "half": ty.asarray(np.array([1.0, 2.0]), dtype=ty.bfloat16),
        "steps": ty.asarray(3),
        "key": ty.random.key(7),
        "empty": ty.zeros((0, 2), dtype=ty.float64),
        "flags": ty.asarray(np.array([True, False])),
    }


def test_round_trip(tmp_path: Path) -> None:
    """Every leaf comes back with its dtype and bits, and the notes with it."""
    saved = state()

    save_checkpoint(tmp_path / "c.safetensors", saved, step=4)
    loaded, notes = load_checkpoint(tmp_path / "c.safetensors", saved)

    assert notes == {"step": 4}
    assert ty.digest(loaded) == ty.digest(saved)
    same_bits(loaded["w"], saved["w"])


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    """After a save there is one file and no temporary."""
    save_checkpoint(tmp_path / "c.safetensors", state())

    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: {k: v for k, v in s.items() if k != "w"}, "extra"),
        (lambda s: {**s, "more": ty.asarray(1.0)}, "missing"),
        (lambda s: {**s, "w": ty.zeros((1, 4))}, r"w.* is f32\[1,3\], expected f32\[1,4\]"),
        (lambda s: {**s, "steps": ty.asarray(3.0)}, "steps"),
    ],
)
def test_other_structure_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    """A missing, extra or mis-shaped leaf is an error that names it."""
    save_checkpoint(tmp_path / "c.safetensors", state())

    with pytest.raises(RecordError, match=words):
        load_checkpoint(tmp_path / "c.safetensors", change(state()))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 4096])
def test_damaged_file(tmp_path: Path, content: bytes) -> None:
    """A file that is not one of ours is an error, whatever is in it."""
    (tmp_path / "c.safetensors").write_bytes(content)

    with pytest.raises(RecordError, match="no readable checkpoint"):
        load_checkpoint(tmp_path / "c.safetensors", state())


def test_truncated_file(tmp_path: Path) -> None:
    """Every truncation is noticed."""
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, state())
    whole = path.read_bytes()

    for length in (1, 8, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(RecordError):
            load_checkpoint(path, state())


def test_foreign_header(tmp_path: Path) -> None:
    """A safetensors file of somebody else's is refused; so is one of ours with a damaged header."""
    path = tmp_path / "c.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, path)
    with pytest.raises(RecordError, match="is not a"):
        load_checkpoint(path, {"w": ty.zeros(3)})

    header = {"format": "tianyuan-checkpoint-1", "dtypes": "{", "notes": json.dumps({})}
    safetensors.numpy.save_file({"w": np.zeros(3, np.float32)}, path, header)
    with pytest.raises(RecordError):
        load_checkpoint(path, {"w": ty.zeros(3)})


def test_missing_file(tmp_path: Path) -> None:
    """A path without a file is named."""
    with pytest.raises(RecordError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none", state())
