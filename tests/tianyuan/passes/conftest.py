"""The oracle machine stands in for the CPU."""

from collections.abc import Iterator

import pytest

import tianyuan.control.scanning
import tianyuan.prims.linear
import tianyuan.prims.pointwise.bitwise
import tianyuan.prims.pointwise.elementary  # noqa: F401
from tests import oracle_machine


@pytest.fixture(autouse=True)
def oracle_memory() -> Iterator[None]:
    """Constants are folded by oracles."""
    oracle_machine.install()
    yield
    oracle_machine.uninstall()
