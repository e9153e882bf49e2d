"""The disk cache: found again, never trusted, never in the way."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tianyuan.settings import config
from tianyuan_jit import cache

KEY, PAYLOAD = cache.key("a"), b"payload" * 100


@pytest.fixture(autouse=True)
def folder(tmp_path: Path):
    """Each test has an empty cache directory."""
    with config.override(cache_dir=str(tmp_path / "cache"), cache=True):
        yield tmp_path / "cache"


def entry(folder: Path) -> Path:
    """The file of KEY."""
    return folder / KEY.hex()


def test_stored_is_found(folder: Path) -> None:
    """What was stored is found, counted, in a private directory."""
    before = (cache.hits, cache.misses)
    assert cache.find(KEY) is None
    cache.store(KEY, PAYLOAD)

    assert cache.find(KEY) == PAYLOAD
    assert (cache.hits, cache.misses) == (before[0] + 1, before[1] + 1)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder) == [KEY.hex()]


def test_key_depends_on_every_part_and_on_their_bounds() -> None:
    """Moving a letter between parts makes another key."""
    keys = {
        cache.key("ab", "c"),
        cache.key("a", "bc"),
        cache.key("abc"),
        cache.key("ab", "c", ""),
        cache.key(b"ab"),
    }

    assert len(keys) == 5
    assert cache.key("ab", "c") == cache.key(b"ab", "c")


def test_off(folder: Path) -> None:
    """``config.cache = False`` neither reads nor writes."""
    cache.store(KEY, PAYLOAD)
    with config.override(cache=False):
        assert cache.find(KEY) is None
        cache.store(cache.key("b"), PAYLOAD)
    assert os.listdir(folder) == [KEY.hex()]


def test_damaged_entries_are_absent(folder: Path) -> None:
    """Every truncation and every flipped byte is noticed, and a new store repairs it."""
    cache.store(KEY, PAYLOAD)
    good = entry(folder).read_bytes()
    damaged = [good[:n] for n in (0, 1, 83, 84, 85, len(good) - 1)] + [good + b"\0", b"foreign" * 99]
    damaged += [good[:n] + bytes([good[n] ^ 1]) + good[n + 1 :] for n in range(0, len(good), 7)]
    for data in damaged:
        entry(folder).write_bytes(data)
        assert cache.find(KEY) is None
    cache.store(KEY, PAYLOAD)

    assert cache.find(KEY) == PAYLOAD


def test_entry_of_another_key_is_foreign(folder: Path) -> None:
    """A file renamed to another key is not believed."""
    cache.store(KEY, PAYLOAD)
    other = cache.key("other")
    entry(folder).rename(folder / other.hex())

    assert cache.find(other) is None


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702])
def test_directory_that_others_may_write_is_ignored(folder: Path, mode: int) -> None:
    """Code is never taken from where others could have put it."""
    cache.store(KEY, PAYLOAD)
    folder.chmod(mode)

    assert cache.find(KEY) is None
    folder.chmod(0o700)
    assert cache.find(KEY) == PAYLOAD


def test_directory_of_another_user_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The directory must belong to the user."""
    cache.store(KEY, PAYLOAD)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert cache.find(KEY) is None


def test_links_and_pipes_are_ignored(folder: Path, tmp_path: Path) -> None:
    """An entry must be a plain file: a link is not followed, a pipe does not block."""
    cache.store(KEY, PAYLOAD)
    entry(folder).rename(tmp_path / "elsewhere")
    entry(folder).symlink_to(tmp_path / "elsewhere")
    assert cache.find(KEY) is None
    entry(folder).unlink()
    os.mkfifo(entry(folder))
    assert cache.find(KEY) is None
    entry(folder).unlink()
    entry(folder).mkdir()
    assert cache.find(KEY) is None


def test_no_directory_can_be_made(tmp_path: Path) -> None:
    """A file in the way, or no home, means no cache and no error."""
    (tmp_path / "file").write_text("")
    with config.override(cache_dir=str(tmp_path / "file" / "cache")):
        cache.store(KEY, PAYLOAD)
        assert cache.find(KEY) is None
    with config.override(cache_dir=str(tmp_path / "file")):
        cache.store(KEY, PAYLOAD)
        assert cache.find(KEY) is None


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Permission denied")])
def test_full_or_read_only_disk(monkeypatch: pytest.MonkeyPatch, folder: Path, error: OSError) -> None:
    """A write that fails leaves nothing behind and raises nothing."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "replace", refuse)
    cache.store(KEY, PAYLOAD)

    assert os.listdir(folder) == []


def test_read_only_directory_serves(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """An old entry is found even where its use cannot be recorded."""
    cache.store(KEY, PAYLOAD)
    os.utime(entry(folder), (0, 0))

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "utime", refuse)
    assert cache.find(KEY) == PAYLOAD


def test_deleted_while_in_use(folder: Path) -> None:
    """The directory is made again."""
    cache.store(KEY, PAYLOAD)
    entry(folder).unlink()
    folder.rmdir()

    assert cache.find(KEY) is None
    cache.store(KEY, PAYLOAD)
    assert cache.find(KEY) == PAYLOAD


def test_default_directory_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """$XDG_CACHE_HOME if absolute, else ~/.cache."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with config.override(cache_dir=None):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache.directory() == tmp_path / "xdg" / "tianyuan"
        for ignored in ("", "relative"):
            monkeypatch.setenv("XDG_CACHE_HOME", ignored)
            assert cache.directory() == tmp_path / "home" / ".cache" / "tianyuan"


def test_size_is_bounded_and_the_oldest_go_first(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Over the bound, least recently used entries are removed; files that are not ours are never touched."""
    monkeypatch.setattr(cache, "MAX_BYTES", 10_000)
    folder.mkdir(mode=0o700)
    (folder / "thesis.tex").write_bytes(b"x" * 100_000)
    (folder / ".new-abandoned").write_bytes(b"x" * 3000)
    os.utime(folder / ".new-abandoned", (0, 0))
    long_ago = time.time() - 10**6
    names = [cache.key(str(i)) for i in range(8)]
    for i, name in enumerate(names[:4]):
        cache.store(name, b"y" * 1000)
        os.utime(folder / name.hex(), (long_ago + i, long_ago + i))
    assert cache.find(names[0]) is not None  # a use makes it young
    for name in names[4:]:
        cache.store(name, b"y" * 1000)

    kept = [cache.find(name) is not None for name in names]
    ours = set(os.listdir(folder)) - {"thesis.tex"}
    assert (kept[0], kept[1], kept[7]) == (True, False, True)
    assert ".new-abandoned" not in ours
    assert 5000 < sum((folder / name).stat().st_size for name in ours) <= 10_000
    assert (folder / "thesis.tex").exists()


COMPILE = """
import sys, time
from tianyuan_jit import cache, engine
text = "\\n".join(f"define i64 @f{i}(i64 %x) {{ %y = add i64 %x, {i}\\n ret i64 %y }}" for i in range(200))
while time.time() < float(sys.argv[1]): pass
for n in range(5):
    engine.load(text + f"; {n}", name="m", isa="sse2")
print(cache.hits + cache.misses)
"""


def test_processes_share_it(folder: Path) -> None:
    """Processes that compile the same modules at once leave one good entry each."""
    start = str(time.time() + 1.5)
    environment = os.environ | {"TIANYUAN_CACHE_DIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", COMPILE, start]
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(2)]
    printed = [process.communicate()[0].strip() for process in running]

    assert printed == [b"5", b"5"]
    assert [process.returncode for process in running] == [0, 0]
    entries = [bytes.fromhex(name) for name in os.listdir(folder)]
    assert len(entries) == 5
    assert all(cache.find(name) is not None for name in entries)
