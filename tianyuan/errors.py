"""Exceptions. Each is a ``TianyuanError`` plus the builtin a caller would expect to catch.

An error carries the user's line as a note, which Python prints below the message.
"""

from tianyuan.sources import excerpt


class TianyuanError(Exception):
    """Base of every error that Tianyuan raises on purpose. Its note shows the user's file, line and expression."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        if (shown := excerpt()) is not None:
            self.add_note(shown)


class ArrayTypeError(TianyuanError, TypeError):
    """Types, dtypes or shapes that do not fit: ``mul takes equal dtypes, got f32[3] and f64[3]``."""


class NumberRangeError(TianyuanError, OverflowError):
    """A Python number that a dtype cannot hold."""


class ShapeError(ArrayTypeError, ValueError):
    """Shapes, axes or sizes that do not fit."""


class OutOfBoundsError(TianyuanError, IndexError):
    """An index outside its axis: names the index, the axis, its size and the user's line."""


class NoRuleError(TianyuanError, NotImplementedError):
    """A primitive lacks the rule a transformation needs."""


class VerificationError(TianyuanError, ValueError):
    """A Program breaks an invariant; the message shows the faulty line."""


class ParseError(TianyuanError, ValueError):
    """Text that is not a Program; the message shows line and column."""


class LeakedTracerError(TianyuanError, RuntimeError):
    """A traced value used after its trace has ended."""


class ConcretizationError(TianyuanError, TypeError):
    """Python needs a value that is not known while tracing (``if``, ``int``, ``float``)."""


class TreeError(TianyuanError, ValueError, TypeError):
    """Pytrees whose structures do not match, or a node that is not a pytree."""


class KeyReuseError(TianyuanError, ValueError):
    """A random key consumed twice."""


class KeyReuseWarning(UserWarning):
    """A random key consumed twice in one traced program."""


class DonatedArrayError(TianyuanError, RuntimeError):
    """An array used after it was donated."""


class MachineError(TianyuanError, RuntimeError):
    """A device that is missing or cannot run what was asked."""


class SettingError(TianyuanError, ValueError):
    """A setting or an environment variable with a value that makes no sense."""


class RecordError(TianyuanError, ValueError):
    """A run folder, checkpoint or saved program that is damaged, foreign or incomplete."""


class DataDependentShapeError(TianyuanError, TypeError):
    """A result shape that depends on values, asked for while tracing."""


class RetracingError(TianyuanError, RuntimeError):
    """A jitted function traced more often than its ``max_traces`` allows."""


class CallbackError(TianyuanError, RuntimeError):
    """A host function called from a program returned something other than it promised."""


def out_of_bounds(index: int, axis: int, size: int) -> OutOfBoundsError:
    """The error for an index whose negative values have been wrapped once (a negative one had ``size`` added)."""
    index = int(index)
    given = index if index >= 0 else index - int(size)
    return OutOfBoundsError(f"index {given} is out of bounds for axis {axis} of size {size}")
