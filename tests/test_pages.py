"""Generated pages of docs/ are what their scripts would write now."""

import runpy
from pathlib import Path

from tests.golden.errors.gallery import every_program, said

DOCS = Path(__file__).parent.parent / "docs"


def test_derivatives_page() -> None:
    """Every derivative in docs/derivatives.md is the one that is computed."""
    script = runpy.run_path(str(DOCS / "generate_derivatives.py"))
    page = (DOCS / "derivatives.md").read_text()

    for part in ("unary", "pairs", "vectors", "complexes"):
        assert script[part]() in page


def test_errors_page() -> None:
    """docs/errors.md shows what every wrong program says (JAX's side needs JAX, and is not run)."""
    page = (DOCS / "errors.md").read_text()

    missing = [f"{topic}.{name}" for topic, name, program in every_program() if said(program) not in page]

    assert missing == []
