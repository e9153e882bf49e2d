"""The gallery of wrong programs: what each says is a text in ``tests/golden/errors/``.

After a change of a message, or of a program's line: ``python -m tests.golden.errors.gallery --update``, and read it.
"""

import re

import pytest

import tianyuan as ty
from tests.golden.errors.gallery import HERE, TOPICS, Wrong, every_program, programs, said, snapshot

FOREIGN = {"exception_of_the_user", "callback_raises"}  # errors of the user's own, which pass through as they are


@pytest.mark.parametrize("topic", TOPICS)
def test_messages(topic: str) -> None:
    """Every program of a topic says what its snapshot says."""
    assert snapshot(topic) == (HERE / f"{topic}.txt").read_text()


def test_there_are_enough() -> None:
    """Sixty at least, on every topic."""
    count = {topic: len(programs(topic)) for topic in TOPICS}

    assert sum(count.values()) >= 60
    assert min(count.values()) >= 10


@pytest.mark.parametrize("topic, name, program", list(every_program()), ids=lambda v: v if isinstance(v, str) else "")
def test_an_error_teaches(topic: str, name: str, program: Wrong) -> None:
    """It is one of ours, has one paragraph, names a line of the program, and leaves no state behind."""
    with pytest.raises(Exception) as caught:
        program(ty)

    assert isinstance(caught.value, ty.TianyuanError) or name in FOREIGN
    assert "\n" not in str(caught.value)
    assert re.search(rf"  at tests/golden/errors/{topic}\.py:\d+ \(", said(program))
    assert float(ty.jit(ty.grad(lambda x: x * x))(3.0)) == 6.0
