"""``config``: the settings a user may change, each also by environment, ``TIANYUAN_<NAME>``.

The one mutable object of the package. A value is validated when it is assigned, and a value from the
environment when it is first read, so that a bad variable is a SettingError and not a failed import.
No setting can change a bit of a result (docs/numerics.md).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar, overload

from tianyuan.errors import SettingError

VERSION = "0.1.0.dev0"
NUMERICS_VERSION = 0  # names the definitions of docs/numerics.md; 1 at the first tagged release
MAX_THREADS = 1024

T = TypeVar("T")
_WORDS = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


class _Setting(Generic[T]):
    """A descriptor: one attribute of ``Config``.

    ``check`` returns whether a value is allowed, ``allowed`` says in words what is, ``parse`` reads the
    environment's text (raising ValueError for what it cannot read).
    """

    def __init__(
        self,
        default: Callable[[], T],
        *,
        parse: Callable[[str], Any],
        check: Callable[[Any], bool],
        allowed: str,
    ) -> None:
        self._default, self._parse, self._check, self._allowed = default, parse, check, allowed

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, config: None, owner: type) -> _Setting[T]: ...
    @overload
    def __get__(self, config: Config, owner: type) -> T: ...
    def __get__(self, config: Config | None, owner: type) -> _Setting[T] | T:
        if config is None:
            return self
        values = config.__dict__
        if self._name not in values:
            values[self._name] = self._from_environment()
        return values[self._name]

    def __set__(self, config: Config, value: T) -> None:
        if not self._check(value):
            raise self._error(f"config.{self._name}", value)
        config.__dict__[self._name] = value
        for callback in _watchers.get(self._name, ()):
            callback()

    def _from_environment(self) -> T:
        variable = f"TIANYUAN_{self._name.upper()}"
        text = os.environ.get(variable)
        if text is None:
            return self._default()
        try:
            value = self._parse(text.strip())
        except ValueError:
            raise self._error(variable, text) from None
        if not self._check(value):
            raise self._error(variable, text)
        return value

    def _error(self, what: str, value: object) -> SettingError:
        return SettingError(f"{what} is {value!r}, but must be {self._allowed}")


_watchers: dict[str, list[Callable[[], object]]] = {}


def _is_int(low: int, high: int) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high


def _one_of(*words: str | None) -> Callable[[Any], bool]:
    return lambda v: (v is None or isinstance(v, str)) and v in words


def _is_bool(v: Any) -> bool:
    return isinstance(v, bool)


def _is_directory_name(v: Any) -> bool:
    return v is None or (isinstance(v, str) and os.path.isabs(v) and "\0" not in v)


def _is_device(v: Any) -> bool:
    return isinstance(v, str) and re.fullmatch(r"cpu|gpu(:\d{1,3})?|gpu-emu", v) is not None


def _parse_bool(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ValueError
    return _WORDS[text.lower()]


def _parse_threads(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):  # int() alone would take "1_0" and "٣"
        raise ValueError
    return int(text)


def _available_cpus() -> int:
    return min(MAX_THREADS, len(os.sched_getaffinity(0)))


class Config:
    """The settings. Read and assign attributes; a wrong name or value raises SettingError."""

    num_threads = _Setting[int](
        _available_cpus,
        parse=_parse_threads,
        check=_is_int(1, MAX_THREADS),
        allowed=f"a whole number from 1 to {MAX_THREADS}",
    )
    """Threads that one program may use, its caller's included; by default the CPUs this process may use."""

    cpu_isa = _Setting[str | None](
        lambda: None,
        parse=lambda text: text or None,
        check=_one_of("sse2", "avx2", "avx512", None),
        allowed="'sse2', 'avx2', 'avx512' or None",
    )
    """The instruction set to compile for; None is the widest that this CPU has."""

    cache_dir = _Setting[str | None](
        lambda: None,
        parse=lambda text: text or None,
        check=_is_directory_name,
        allowed="the absolute path of a directory, or None",
    )
    """Where compiled code is kept; None is ``tianyuan`` in the user's cache directory."""

    cache = _Setting[bool](
        lambda: True,
        parse=_parse_bool,
        check=_is_bool,
        allowed="True or False (in the environment 1, 0, true, false, yes, no, on, off)",
    )
    """Whether compiled code is kept on disk."""

    default_device = _Setting[str](
        lambda: "cpu", parse=str, check=_is_device, allowed="'cpu', 'gpu', 'gpu:N' or 'gpu-emu'"
    )
    """The device of arrays made without saying which."""

    key_reuse = _Setting[str](
        lambda: "warn",
        parse=str,
        check=lambda v: v is not None and _one_of("warn", "error", "allow")(v),
        allowed="'warn', 'error' or 'allow'",
    )
    """What happens when a traced program consumes one random key twice."""

    nan_checks = _Setting[bool](
        lambda: False,
        parse=_parse_bool,
        check=_is_bool,
        allowed="True or False (in the environment 1, 0, true, false, yes, no, on, off)",
    )
    """Whether a NaN in a result re-runs the program step by step to name where it arose."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in SETTINGS:
            raise SettingError(f"config has no setting {name!r}; there are {', '.join(SETTINGS)}")
        object.__setattr__(self, name, value)

    @contextmanager
    def override(self, **settings: Any) -> Generator[None, None, None]:
        """Assign ``settings`` for a ``with`` block, for every thread, and then restore what was before."""
        before = {name: getattr(self, name) for name in settings if name in SETTINGS}
        try:
            for name, value in settings.items():
                setattr(self, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    def __repr__(self) -> str:
        return f"config({', '.join(f'{name}={getattr(self, name)!r}' for name in SETTINGS)})"


SETTINGS = tuple(name for name, value in vars(Config).items() if isinstance(value, _Setting))
config = Config()


def on_change(name: str, callback: Callable[[], object]) -> None:
    """Call ``callback()`` after every later assignment of ``config.<name>``."""
    _watchers.setdefault(name, []).append(callback)
