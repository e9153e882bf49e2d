"""The bits of JAX's default generator (tests/golden/random.json), and Random123's vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tianyuan.random as random
from tianyuan.array import Array
from tianyuan.eager import from_numpy
from tianyuan.transforms.mapping import vmap

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parents[2] / "golden" / "random.json").read_text())
ALL: Any = pytest.mark.parametrize("seed", GOLDEN)


def raw(x: Array) -> list[int]:
    """The elements in row-major order, floats as their bits."""
    values = np.asarray(x)
    if values.dtype.kind not in "iu":
        values = values.view(f"u{values.dtype.itemsize}")
    return values.ravel().tolist()


@ALL
def test_keys(seed: str) -> None:
    """Seeds, split, fold_in."""
    key, answers = random.key(int(seed)), GOLDEN[seed]

    assert raw(random.key_data(key)) == answers["key"]
    assert raw(random.key_data(random.split(key, (2, 3)))) == answers["split"]
    for number, answer in answers["fold_in"].items():
        assert raw(random.key_data(random.fold_in(key, int(number)))) == answer


@ALL
def test_bits_and_uniform(seed: str) -> None:
    """Every width."""
    key, answers = random.key(int(seed)), GOLDEN[seed]

    assert {d: raw(random.bits(key, (3, 5), d)) for d in answers["bits"]} == answers["bits"]
    assert {d: raw(random.uniform(key, (3, 5), d)) for d in answers["uniform"]} == answers["uniform"]


@ALL
def test_randint(seed: str) -> None:
    """Every dtype; small, empty and largest spans."""
    key = random.key(int(seed))

    got = [[d, lo, hi, raw(random.randint(key, (6,), lo, hi, d))] for d, lo, hi, _ in GOLDEN[seed]["randint"]]

    assert got == GOLDEN[seed]["randint"]


@ALL
def test_permutation(seed: str) -> None:
    """Of numbers, of columns, of every row on its own."""
    key, answers, x = random.key(int(seed)), GOLDEN[seed], from_numpy(np.arange(24).reshape(4, 6))

    assert {n: raw(random.permutation(key, int(n))) for n in answers["permutation"]} == answers["permutation"]
    assert raw(random.permutation(key, x, 1)) == answers["permutation of rows"]
    assert raw(random.permutation(key, x, 1, independent=True)) == answers["permutation, independent"]


@pytest.mark.parametrize(
    ("key", "counts", "answer"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_random123(key: Any, counts: Any, answer: Any) -> None:
    """The published vectors."""
    made = random.wrap_key_data(from_numpy(np.array(key, np.uint32)))

    assert raw(random.threefry2x32(made, from_numpy(np.array(counts, np.uint32)))) == list(answer)


def test_mapped_keys_draw_what_each_draws() -> None:
    """vmap(sampler)(keys)[i] is the sampler of keys[i]."""
    keys = random.split(random.key(5), 3)

    mapped = vmap(lambda k: random.uniform(k, (2, 2)))(keys)

    assert raw(mapped) == [b for i in range(3) for b in raw(random.uniform(keys[i], (2, 2)))]
