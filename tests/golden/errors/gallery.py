"""The gallery of wrong programs: run each, show what it says.

python -m tests.golden.errors.gallery            print all (``make errors``)
python -m tests.golden.errors.gallery --update   write the snapshots
"""

from __future__ import annotations

import importlib
import inspect
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tianyuan

HERE = Path(__file__).parent
ROOT = str(HERE.parent.parent.parent) + "/"
TOPICS = ("gradients", "mapping", "jitting", "loops", "branches", "rules", "arrays", "libraries")
Wrong = Callable[[Any], Any]  # a program, given the framework


def programs(topic: str) -> dict[str, Wrong]:
    """The wrong programs of a topic, by name, as written."""
    module = importlib.import_module(f"tests.golden.errors.{topic}")
    found = inspect.getmembers(module, inspect.isfunction)
    ordered = sorted(found, key=lambda pair: pair[1].__code__.co_firstlineno)
    return {name: f for name, f in ordered if f.__module__ == module.__name__}


def every_program() -> Iterator[tuple[str, str, Wrong]]:
    """Topic, name and program, in order."""
    for topic in TOPICS:
        for name, program in programs(topic).items():
            yield topic, name, program


def said(program: Wrong, framework: Any = tianyuan) -> str:
    """The error a program ends with, as Python prints it below the traceback; paths from the repository's root."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = program(framework)
        except Exception as error:
            notes = getattr(error, "__notes__", None) or [_last_line(error)]
            return "\n".join([f"{type(error).__name__}: {error}", *notes]).replace(ROOT, "")
    return f"no error: {textwrap.shorten(str(result), 70)}"


def _last_line(error: Exception) -> str:
    """Where the traceback of an error of another's ends, in these programs."""
    frames = traceback.extract_tb(error.__traceback__)
    last = [f for f in frames if Path(f.filename).parent == HERE and Path(f.filename).name != "gallery.py"][-1]
    return f"  at {last.filename}:{last.lineno} ({last.name})\n    {last.line}"


def snapshot(topic: str) -> str:
    """What the programs of a topic say."""
    return "\n".join(f"== {name}\n{said(program)}\n" for name, program in programs(topic).items())


def body(program: Wrong) -> str:
    """The program's text, without its first two lines (name and docstring)."""
    lines = inspect.getsource(program).splitlines()[2:]
    return textwrap.dedent("\n".join(lines)).strip()


def main() -> None:
    """Print, or write the snapshots."""
    for topic in TOPICS:
        if "--update" in sys.argv:
            (HERE / f"{topic}.txt").write_text(snapshot(topic))
            continue
        for name, program in programs(topic).items():
            print(f"== {topic}.{name}: {inspect.getdoc(program)}\n{said(program)}\n")


if __name__ == "__main__":
    main()
