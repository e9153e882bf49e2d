"""Files that are whole or absent: written beside, synced, renamed into place."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tianyuan.errors import RecordError


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then put it in place. RecordError if that fails."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from None
    try:
        write(Path(name))
        _sync(name)
        os.replace(name, path)
    except OSError as error:
        raise RecordError(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


def _sync(name: str) -> None:
    with open(name, "rb") as handle:
        os.fsync(handle.fileno())


def write_json(path: Path, value: Any) -> None:
    """A JSON file, indented, with sorted keys."""
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    write_atomic(path, lambda p: _write_text(p, text))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text)


def read_json(path: Path) -> Any:
    """A JSON file's value; RecordError if it is missing or damaged."""
    text = read_text(path)
    try:
        return json.loads(text)
    except ValueError as error:
        raise RecordError(f"{path} cannot be read: {error}") from None


def read_text(path: Path) -> str:
    """A text file's content; RecordError if it is missing, no regular file (a device may never end), or no text."""
    require_file(path)
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from None


def require_file(path: Path) -> None:
    """RecordError unless ``path`` is a regular file, or a link to one."""
    if not path.exists():
        raise RecordError(f"{path} is missing: {path.parent} is no run folder")
    if not path.is_file():
        raise RecordError(f"{path} cannot be read: it is no regular file")
