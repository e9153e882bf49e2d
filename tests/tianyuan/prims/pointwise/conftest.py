"""Every test runs twice: on the oracle machine, which needs no compiler, and on the CPU."""

from collections.abc import Iterator

import pytest

from tests import oracle_machine


@pytest.fixture(autouse=True, params=["oracle", "cpu"])
def oracle_memory(request: pytest.FixtureRequest) -> Iterator[None]:
    """With the oracle, every array of these tests is NumPy's."""
    if request.param == "cpu":
        yield
        return
    oracle_machine.install()
    yield
    oracle_machine.uninstall()
