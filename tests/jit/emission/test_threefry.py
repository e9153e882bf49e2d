"""Threefry against Random123's known answers and a NumPy transcription."""

import itertools

import numpy as np
import pytest

from tests.jit.emission.harness import run
from tianyuan.lowering import Threefry
from tianyuan.types import uint32
from tianyuan_jit.emission.threefry import emit_counted_threefry, emit_threefry

KNOWN = [  # key, counter, answer: threefry2x32 of 20 rounds in Random123's kat_vectors
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


def reference(k0, k1, c0, c1):
    """Threefry-2x32-20, word arrays."""
    ks = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    x, y = c0 + k0, c1 + k1
    for group in range(5):
        for r in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
            x = x + y
            y = ((y << np.uint32(r)) | (y >> np.uint32(32 - r))) ^ x
        x, y = x + ks[(group + 1) % 3], y + ks[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def threefry(words, shape, static, **more):
    """The two results of the emitter."""

    def emit(f, ins, outs):
        emit_threefry(f, Threefry(), ins, outs, "%status", 0, **more)

    return run(emit, words, [(uint32, shape)] * 2, static=static).results


@pytest.mark.parametrize(("key", "counter", "answer"), KNOWN)
def test_known_answers(key, counter, answer):
    """Random123's vectors, in every lane."""
    words = [np.full(19, w, np.uint32) for w in (*key, *counter)]
    for got, expected in zip(threefry(words, (19,), True), answer, strict=True):
        assert np.all(got == expected)


@pytest.mark.parametrize("n", [0, 1, 15, 16, 17, 257, 4099])
@pytest.mark.parametrize("static", [True, False])
def test_any_length(n, static):
    """Tails included."""
    words = list(np.random.default_rng(n).integers(0, 2**32, (4, n), dtype=np.uint32))
    assert np.array_equal(threefry(words, (n,), static), reference(*words))


@pytest.mark.parametrize("single", list(itertools.product([False, True], repeat=4)))
def test_single_words_meet_every_element(single):
    """0-d keys and counters."""
    words = np.random.default_rng(1).integers(0, 2**32, (4, 5, 7), dtype=np.uint32)
    chosen = [w[0, 0] if s else w for w, s in zip(words, single, strict=True)]
    expected = [np.broadcast_to(x, (5, 7)) for x in reference(*(w + np.zeros(1, np.uint32) for w in chosen))]
    assert np.array_equal(threefry(chosen, (5, 7), False), expected)


def test_no_axes():
    """0-d results."""
    words = list(np.random.default_rng(1).integers(0, 2**32, 4, dtype=np.uint32))
    expected = [x[0] for x in reference(*(w.reshape(1) for w in words))]
    assert np.array_equal(threefry(words, (), True), expected)


def test_a_range_of_elements():
    """Only the range is written."""
    words = list(np.random.default_rng(1).integers(0, 2**32, (4, 99), dtype=np.uint32))
    got, expected = threefry(words, (99,), False, rows=(10, 61))[1], reference(*words)[1]
    assert np.array_equal(got[10:61], expected[10:61])
    assert np.all(got[:10] == 0xA5A5A5A5) and np.all(got[61:] == 0xA5A5A5A5)


@pytest.mark.parametrize("first", [0, 2**32 - 20, 2**40 + 3])
def test_counted(first):
    """The row-major position, from ``first``, is the counter; its high word comes first."""
    n, key = 77, np.array([3, 4], np.uint32)
    counter = np.arange(n, dtype=np.uint64) + np.uint64(first)
    halves = (counter >> np.uint64(32)).astype(np.uint32), counter.astype(np.uint32)

    def emit(f, ins, outs):
        emit_counted_threefry(f, (ins[0].pointer, ins[1].pointer), outs, first)

    got = run(emit, [key[0], key[1]], [(uint32, (n,))] * 2, static=True).results
    assert np.array_equal(got, reference(np.full(n, key[0]), np.full(n, key[1]), *halves))
