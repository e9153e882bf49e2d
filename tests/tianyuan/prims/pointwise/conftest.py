"""The oracle machine stands in for the CPU."""

from collections.abc import Iterator

import pytest

from tests import oracle_machine


@pytest.fixture(autouse=True)
def oracle_memory() -> Iterator[None]:
    """Every array of these tests is NumPy's."""
    oracle_machine.install()
    yield
    oracle_machine.uninstall()
