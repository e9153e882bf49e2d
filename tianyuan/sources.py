"""Where the user wrote something: the innermost frame outside Tianyuan, or the line a recorded equation came from."""

from __future__ import annotations

import linecache
import os
import sys
from contextvars import ContextVar
from types import FrameType

from attrs import frozen

OURS = ("tianyuan", "tianyuan_jit", "tianyuan_gpu")
BETWEEN = ("contextlib", "functools")  # whose frames stand between a user's and ours


@frozen
class Source:
    """Where the user wrote an operation."""

    file: str
    line: int
    function: str

    @property
    def name(self) -> str:
        """The file's own name and the line, short enough to stand beside a program's text."""
        return f"{os.path.basename(self.file)}:{self.line}"

    @property
    def text(self) -> str:
        """The line itself; empty where it is not known."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{self.file}:{self.line} ({self.function})"


REPLAYED: ContextVar[Source | None] = ContextVar("tianyuan_source", default=None)  # of the equation being replayed


def user_frame() -> FrameType | None:
    """The innermost frame outside Tianyuan."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        package = frame.f_globals.get("__name__", "").partition(".")[0]
        if package not in OURS and package not in BETWEEN:
            return frame
        frame = frame.f_back
    return None


def user_source() -> Source | None:
    """Where the user wrote the operation under way."""
    replayed = REPLAYED.get()
    if replayed is not None:
        return replayed
    frame = user_frame()
    return None if frame is None else Source(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def excerpt() -> str | None:
    """``user_source`` with the line itself, what failed marked below it where Python knows the columns."""
    source = user_source()
    if source is None:
        return None
    text = linecache.getline(source.file, source.line).rstrip("\n")
    shown = [f"  at {source}"]
    if text.strip():
        indent = len(text) - len(text.lstrip())
        shown.append("    " + text.strip())
        if (columns := _columns(source, text)) is not None:
            start, stop = columns
            shown.append(" " * (4 + start - indent) + "^" * (stop - start))
    return "\n".join(shown)


def _columns(source: Source, text: str) -> tuple[int, int] | None:
    """The part of the line that was being evaluated; None for the whole of it, or for a recorded line."""
    frame = user_frame()
    if REPLAYED.get() is not None or frame is None or frame.f_lasti < 0:
        return None
    first, last, start, stop = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if start is None or stop is None or first != last or first != source.line:
        return None
    raw = text.encode()
    left, right = len(raw[:start].decode()), len(raw[:stop].decode())
    whole = text[:left].strip() in ("", "return") and text[right:].strip() == ""
    return None if whole else (left, right)
