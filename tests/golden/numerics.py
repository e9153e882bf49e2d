"""Digests of every primitive's results and derivatives over the fixed inputs of the laws: the numerics, frozen.

    python -m tests.golden.numerics --update     after a change of the definitions, which docs/decisions/ explains

Elementary functions and derivative rules are defined by their source (docs/numerics.md); a digest that changes
says that a definition did.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tianyuan as ty
from tests.laws.drawing import Law, arrays, floats, laws, numpy_inputs, results

PAGE = Path(__file__).parent / "numerics.json"
Key = tuple[str, str]


def groups() -> dict[Key, list[Law]]:
    """The laws of each primitive and dtype."""
    found: dict[Key, list[Law]] = {}
    for law in laws():
        found.setdefault((law.prim.name, law.dtype.name), []).append(law)
    return found


def digests(group: list[Law]) -> dict[str, str]:
    """Of the results, and where there are any of the tangents along fixed directions."""
    made = {"value": _joined(ty.digest(results(law, arrays(numpy_inputs(law)))) for law in group)}
    smooth = [law for law in group if law.prim.cases.differentiable and floats(law)]
    return {**made, "jvp": _joined(ty.digest(tangents(law)) for law in smooth)} if smooth else made


def tangents(law: Law) -> Any:
    """The derivative of a primitive's results with respect to its floats."""
    inputs, varying = numpy_inputs(law), floats(law)

    def f(*xs: ty.Array) -> list[ty.Array]:
        args = arrays(inputs)
        for i, x in zip(varying, xs, strict=True):
            args[i] = x
        return [y for y in results(law, args) if y.dtype.kind == "f"]

    rng = np.random.default_rng(11)
    points = [inputs[i] for i in varying]
    directions = [rng.uniform(-1, 1, x.shape).astype(x.dtype) for x in points]
    return ty.jvp(f, tuple(arrays(points)), tuple(arrays(directions)))[1]


def _joined(parts: Iterator[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def recorded() -> dict[str, dict[str, dict[str, str]]]:
    """What the page says, by primitive and dtype."""
    return json.loads(PAGE.read_text())


def main() -> None:
    """Write the page."""
    page: dict[str, dict[str, dict[str, str]]] = {}
    for (name, dtype), group in groups().items():
        page.setdefault(name, {})[dtype] = digests(group)
    PAGE.write_text(json.dumps(page, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__" and "--update" in sys.argv:
    main()
