"""Literals of the rules under test live in the oracle's memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tianyuan.prims.checks import OracleMemory
from tianyuan import eager, machine


@pytest.fixture(autouse=True)
def oracle_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine called cpu only holds NumPy arrays; no literal outlives the test."""
    monkeypatch.setitem(machine._MACHINES, "cpu", OracleMemory())
    eager._literal.cache_clear()
    yield
    eager._literal.cache_clear()
