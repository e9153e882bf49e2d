"""The allocator: alignment, reuse, bounds, errors, threads."""

import gc
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tianyuan_jit import memory
from tianyuan_jit.memory import Block, allocate


@pytest.fixture(autouse=True)
def empty_lists():
    """Each test starts with empty free lists."""
    memory.release_cached()
    yield
    memory.release_cached()


SIZES = [0, 1, 63, 64, 65, 1000, 4096, 10**5, (4 << 20) - 1, 4 << 20, (4 << 20) + 1, 10**7]


@pytest.mark.parametrize("nbytes", SIZES)
def test_alignment_and_room(nbytes: int) -> None:
    """Every byte can be written, and the start is aligned to 64 bytes, or to 2 MB from 4 MB on."""
    block = allocate(nbytes)
    view = np.asarray(block)
    view[:] = 7

    assert view.nbytes == block.nbytes == nbytes
    assert view.ctypes.data == block.address or nbytes == 0
    assert block.address % (2 << 20 if nbytes >= 4 << 20 else 64) == 0
    assert block.address != 0


def test_size_classes_hold_the_request_and_waste_little() -> None:
    """A class is at least the request, at most an eighth more (or one unit), and its own class."""
    for nbytes in [*range(2000), *(2**k + d for k in range(11, 40) for d in (-1, 0, 1, 77))]:
        size = memory._size_class(nbytes)
        assert size >= max(nbytes, 1)
        assert size <= max(nbytes * 9 / 8, nbytes + 64) or (nbytes >= 3 << 20 and size - nbytes <= 3 << 20)
        assert memory._size_class(size) == size


def test_memory_is_used_again() -> None:
    """The next block of the same class has the same memory."""
    address = allocate(100_000).address

    assert allocate(100_001).address == address


def test_live_blocks_never_overlap() -> None:
    """Blocks that live at once are apart, whatever is freed between."""
    generator = np.random.default_rng(0)
    live: list[Block] = []
    for _ in range(3000):
        live.append(allocate(int(generator.integers(0, 20_000))))
        if len(live) > 50:
            live.pop(int(generator.integers(0, 50)))
    spans = sorted((b.address, b.address + b.nbytes) for b in live)

    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))


def test_views_keep_the_block_alive() -> None:
    """Memory is not used again while an array looks at it."""
    view = np.asarray(allocate(5000)).view(np.float64)
    view[:] = 1.5
    gc.collect()
    others = [np.asarray(allocate(5000)) for _ in range(10)]
    for other in others:
        other[:] = 255

    assert (view == 1.5).all()


def test_viewer_decides_on_writing() -> None:
    """A view can be made read-only; another stays writable."""
    block = allocate(8)
    frozen, open_ = np.asarray(block), np.asarray(block)
    frozen.flags.writeable = False
    open_[:] = 3

    assert frozen.tolist() == [3] * 8
    with pytest.raises(ValueError, match="read-only"):
        frozen[0] = 1


def test_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never more than MAX_CACHED bytes wait, and a block larger than that is given back at once."""
    monkeypatch.setattr(memory, "MAX_CACHED", 1 << 20)
    monkeypatch.setattr(memory, "_given_back", 0)
    for nbytes in (300_000, 5000, 2_000_000, 900_000, 64, 400_000):
        blocks = [allocate(nbytes) for _ in range(5)]
        del blocks
        assert memory.cached_bytes() <= 1 << 20
    waiting = memory.cached_bytes()
    allocate(2_000_000)

    assert memory.cached_bytes() == waiting


def test_sizes_that_nobody_asks_for_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list full of one size does not keep another size from being cached."""
    monkeypatch.setattr(memory, "MAX_CACHED", 1 << 20)
    blocks = [allocate(1000) for _ in range(1000)]
    del blocks
    for _ in range(20):
        allocate(300_000)
    reused = allocate(300_000).address

    assert allocate(300_000).address == reused
    assert len(memory._lists[memory._size_class(1000)]) == 0


@pytest.mark.parametrize("nbytes", [1 << 46, 1 << 61, 1 << 63, 10**30])
def test_refusal_says_what_was_asked(nbytes: int) -> None:
    """More than there is raises MemoryError in one sentence, whatever the amount."""
    with pytest.raises(MemoryError, match=rf"{nbytes} bytes"):
        allocate(nbytes)


def test_refusal_empties_the_cache_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is given back before a request is refused."""
    del (block := [allocate(1000)])[:]
    assert block == []
    assert memory.cached_bytes() > 0
    with pytest.raises(MemoryError):
        allocate(1 << 46)
    assert memory.cached_bytes() == 0


def test_threads() -> None:
    """Threads that allocate at once never get the same memory."""
    wrong: list[int] = []

    def work(mark: int) -> None:
        for n in range(2000):
            view = np.asarray(allocate(64 * (n % 7 + 1)))
            view[:] = mark
            if not (view == mark).all():
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_blocks_at_exit() -> None:
    """Blocks that live to the end of the process end quietly."""
    script = f"""import sys; sys.path[:0] = {sys.path!r}
from tianyuan_jit.memory import allocate
import builtins
a = allocate(10); builtins.kept = allocate(10**7); allocate.kept = allocate(20)
cycle = [allocate(5)]; cycle.append(cycle)"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_cost() -> None:
    """A block from the free list costs well under ten microseconds, freeing included."""
    allocate(1000)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(1000):
            allocate(1000)
        best = min(best, (time.perf_counter() - start) / 1000)
    print(f"allocate: {best * 1e9:.0f} ns")

    assert best < 10e-6
