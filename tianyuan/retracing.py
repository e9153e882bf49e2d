"""Why a jitted function was traced: a history of its traces, each compared with the nearest one before."""

from __future__ import annotations

import threading
from typing import Any

from attrs import frozen

from tianyuan import tree
from tianyuan.errors import RetracingError
from tianyuan.types import ArrayType


@frozen
class Call:
    """What a trace is made for: static arguments, structure of the others, types, named axes in force."""

    static: Any
    structure: tree.Structure
    types: tuple[ArrayType, ...]
    axes: tuple[tuple[str, int], ...]


@frozen
class TraceRecord:
    """One trace: types of the argument leaves, and in words what differed from the traces before."""

    types: tuple[ArrayType, ...]
    cause: str

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.types))}): {self.cause}"


class History:
    """The traces of one function, of which there may be ``limit``."""

    def __init__(self, name: str, limit: int | None) -> None:
        self._name, self._limit = name, limit
        self._calls: list[Call] = []
        self._records: list[TraceRecord] = []
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Note a trace about to be made. RetracingError if it is one too many."""
        with self._lock:
            cause = _cause(call, self._calls)
            if self._limit is not None and len(self._calls) >= self._limit:
                raise RetracingError(
                    f"jit of {self._name}: max_traces={self._limit}, and this call needs another trace: {cause}"
                )
            self._calls.append(call)
            self._records.append(TraceRecord(call.types, cause))

    def records(self) -> list[TraceRecord]:
        """All traces in order."""
        with self._lock:
            return list(self._records)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._calls.clear()
            self._records.clear()


def _cause(call: Call, before: list[Call]) -> str:
    """What differs from the most similar call before, the latest of equals."""
    if not before:
        return "first call"
    differences = [_differences(call, b) for b in reversed(before)]
    fewest = min(differences, key=len)
    return "; ".join(fewest) or "traced again after its trace was dropped"


def _differences(call: Call, other: Call) -> list[str]:
    found: list[str] = []
    if call.static != other.static:
        found.append(f"static arguments {_static(other.static)} became {_static(call.static)}")
    if call.axes != other.axes:
        found.append(f"named axes {dict(other.axes)} became {dict(call.axes)}")
    if call.structure != other.structure:
        return [*found, f"argument structure {other.structure} became {call.structure}"]
    paths = _paths(call)
    changed = [(p, o, t) for p, o, t in zip(paths, other.types, call.types, strict=True) if o != t]
    return found + [f"argument {p} was {o} and is {t}" for p, o, t in changed]


def _static(fixed: Any) -> str:
    positions, names, _ = fixed
    return ", ".join([f"{k}={v!r}" for k, v in (*positions, *names)]) or "none"


def _paths(call: Call) -> list[str]:
    """Paths of the leaves within (args, kwargs): ``0.w`` for the leaf w of the first argument."""
    example = tree.unflatten(call.structure, range(len(call.types)))
    return [p.removeprefix("[0]").removeprefix("[1]") or p for p in tree.paths(example)]
