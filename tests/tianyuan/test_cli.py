"""The command line: exit codes and messages."""

from pathlib import Path

import pytest

from tianyuan.cli import main


@pytest.mark.parametrize("arguments", [[], ["fly"], ["demo", "--epochs", "0"], ["demo", "--threads", "no"], ["resume"]])
def test_bad_usage_is_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Words that make no sense end with code 2 and the usage."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == 2
    assert "usage: tianyuan" in capsys.readouterr().err


def test_failure_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be done ends with code 1 and one sentence."""
    assert main(["resume", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("tianyuan: ")


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    """The doctor says what there is."""
    assert main(["doctor"]) == 0
    assert "instruction set" in capsys.readouterr().out
