"""Write random.json: answers of JAX's default generator, to which ours must be equal.

Run once with JAX 0.10.2: python tests/golden/random_from_jax.py > tests/golden/random.json. Floats are written as
the integers with the same bits.
"""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_threefry_partitionable", True)

SEEDS = [0, 1, -1, 42, 2**40 + 7, -(2**63)]
RANGES = [(0, 100), (-7, 6), (5, 5), (0, 1000), (-(2**31), 2**31 - 1)]
WIDTHS = (8, 16, 32, 64)


def raw(x: Any) -> list[int]:
    """The elements in row-major order, floats as their bits."""
    values = np.asarray(x)
    if values.dtype.kind not in "iu":
        values = values.view(f"u{values.dtype.itemsize}")
    return values.ravel().tolist()


def answers(seed: int) -> dict[str, Any]:
    """Everything for one seed."""
    key = jax.random.key(seed)
    integers = [(f"{sign}int{w}", lo, hi) for sign in ("", "u") for w in WIDTHS for lo, hi in RANGES]
    return {
        "key": raw(jax.random.key_data(key)),
        "split": raw(jax.random.key_data(jax.random.split(key, (2, 3)))),
        "fold_in": {str(n): raw(jax.random.key_data(jax.random.fold_in(key, n))) for n in (0, 1, 7, 2**31)},
        "bits": {f"uint{w}": raw(jax.random.bits(key, (3, 5), f"uint{w}")) for w in WIDTHS},
        "uniform": {d: raw(jax.random.uniform(key, (3, 5), d)) for d in ("float16", "bfloat16", "float32", "float64")},
        "randint": [[d, lo, hi, raw(jax.random.randint(key, (6,), lo, hi, d))] for d, lo, hi in integers],
        "permutation": {str(n): raw(jax.random.permutation(key, n)) for n in (1, 2, 10, 100)},
        "permutation of rows": raw(jax.random.permutation(key, np.arange(24).reshape(4, 6), 1)),
        "permutation, independent": raw(jax.random.permutation(key, np.arange(24).reshape(4, 6), 1, True)),
    }


if __name__ == "__main__":
    print(json.dumps({str(s): answers(s) for s in SEEDS}, separators=(",", ":")))
