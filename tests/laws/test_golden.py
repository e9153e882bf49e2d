"""The numerics are those that were recorded: one digest for each primitive, dtype and derivative."""

import pytest

from tests.golden.numerics import Key, digests, groups, recorded
from tests.laws.drawing import Law

GROUPS = groups()
RECORDED = recorded()


def test_everything_is_recorded() -> None:
    """No primitive without its digests, and none that is gone."""
    assert {(name, dtype) for name, page in RECORDED.items() for dtype in page} == set(GROUPS)


@pytest.mark.parametrize(("key", "group"), list(GROUPS.items()), ids=["-".join(k) for k in GROUPS])
def test_digests(key: Key, group: list[Law]) -> None:
    """A changed digest is a changed definition: see the head of ``tests/golden/numerics.py``."""
    name, dtype = key

    assert digests(group) == RECORDED[name][dtype]
