"""Every example runs as it stands and says what it found; each is short and uses public names only."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example(path: Path) -> None:
    """It ends well and prints something."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    done = subprocess.run([sys.executable, str(path)], env=env, capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_is_short_and_public(path: Path) -> None:
    """At most 100 lines, and of Tianyuan only ``import tianyuan as ty``."""
    text = path.read_text()
    names = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)]
    inner = [a.name for n in names for a in n.names if a.name.startswith("tianyuan.")]
    inner += [n.module for n in names if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("tianyuan")]

    assert len(text.splitlines()) <= 100
    assert inner == []
