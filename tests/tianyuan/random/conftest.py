"""These tests run on the machine of oracles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.oracle_machine import install, uninstall


@pytest.fixture(autouse=True)
def oracle_machine() -> Iterator[None]:
    """The oracle is the machine called cpu."""
    install()
    yield
    uninstall()
