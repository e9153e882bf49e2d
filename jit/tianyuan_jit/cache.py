"""Compiled code on disk, so that a second process pays no LLVM time.

One file an object, named by its key: a header (magic, format, key, length, SHA-256 of the payload), then
the payload. Files are written beside and renamed into place, so any number of processes share the
directory. Code is only ever taken from a directory and a file that are this user's alone; whatever is
truncated, foreign or damaged counts as absent. Without a usable directory there is no cache, silently:
it may be deleted, read-only or full at any time.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import struct
import tempfile
import time
from pathlib import Path

from tianyuan.settings import config

MAX_BYTES = 1 << 30
_KEEP = 0.75  # what a cleaning keeps, so that not every store cleans
_TOUCH_AFTER = 3600.0  # seconds between two records of use, so that a hit rarely writes
_HEADER = struct.Struct("<8sI32sQ32s")
_OURS = re.compile(r"[0-9a-f]{64}|\.new-.*")  # never remove anything else: the directory is the user's choice
_MAGIC, _FORMAT = b"TIANYUAN", 1

hits = 0  # objects found since the process started
misses = 0  # and not found


def key(*parts: str | bytes) -> bytes:
    """The 32-byte key of everything that determines an object; ``parts`` cannot run into each other."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(struct.pack("<Q", len(data)))
        digest.update(data)
    return digest.digest()


def find(name: bytes) -> bytes | None:
    """The object stored under key ``name``, or None."""
    global hits, misses
    folder = directory()
    payload = None if folder is None else _read(folder / name.hex(), name)
    if payload is None:
        misses += 1
    else:
        hits += 1
    return payload


def store(name: bytes, payload: bytes) -> None:
    """Keep ``payload`` under key ``name``; do nothing where that is not possible."""
    folder = directory()
    if folder is None:
        return
    header = _HEADER.pack(_MAGIC, _FORMAT, name, len(payload), hashlib.sha256(payload).digest())
    try:
        _write(folder / name.hex(), header + payload)
        _bound(folder, len(header) + len(payload))
    except OSError:  # full, read-only, removed meanwhile
        return


def directory() -> Path | None:
    """The cache's directory, made if need be; None if the cache is off or the directory cannot be trusted."""
    if not config.cache:
        return None
    chosen = config.cache_dir
    try:
        folder = Path(chosen) if chosen is not None else _default_directory()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except (OSError, RuntimeError):  # no permission, a file in the way, no home
        return None
    private = found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if private else None


def _default_directory() -> Path:
    """``tianyuan`` in the user's cache directory, by the XDG base directory specification."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if os.path.isabs(chosen) else Path.home() / ".cache") / "tianyuan"


def _read(path: Path, name: bytes) -> bytes | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return None
        data = os.read(handle, found.st_size)
    except OSError:
        return None
    finally:
        os.close(handle)
    if time.time() - found.st_mtime > _TOUCH_AFTER:
        _touch(path)
    return _payload(data, name)


def _touch(path: Path) -> None:
    """Record a use, for the choice of what to remove first."""
    try:
        os.utime(path)
    except OSError:  # a read-only directory still serves
        return


def _payload(data: bytes, name: bytes) -> bytes | None:
    if len(data) < _HEADER.size:
        return None
    magic, version, stored, length, digest = _HEADER.unpack_from(data)
    payload = data[_HEADER.size :]
    if (magic, version, stored, length) != (_MAGIC, _FORMAT, name, len(payload)):
        return None
    return payload if hashlib.sha256(payload).digest() == digest else None


def _write(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


_sizes: dict[Path, int] = {}  # bytes in each directory, as far as this process knows


def _bound(folder: Path, added: int) -> None:
    """Count what was added; over ``MAX_BYTES``, remove what was used least recently."""
    if folder not in _sizes:
        _sizes[folder] = sum(size for _, size, _ in _entries(folder))
    else:
        _sizes[folder] += added
    if _sizes[folder] <= MAX_BYTES:
        return
    entries = sorted(_entries(folder))
    total = sum(size for _, size, _ in entries)
    for _, size, path in entries:
        if total <= _KEEP * MAX_BYTES:
            break
        Path(path).unlink(missing_ok=True)
        total -= size
    _sizes[folder] = total


def _entries(folder: Path) -> list[tuple[float, int, str]]:
    """(time of use, bytes, path) of our files, those that a killed process left half-written included."""
    found: list[tuple[float, int, str]] = []
    with os.scandir(folder) as files:
        for file in files:
            if not _OURS.fullmatch(file.name):
                continue
            try:
                state = file.stat(follow_symlinks=False)
            except FileNotFoundError:  # removed by another process
                continue
            if stat.S_ISREG(state.st_mode):
                found.append((state.st_mtime, state.st_size, file.path))
    return found
