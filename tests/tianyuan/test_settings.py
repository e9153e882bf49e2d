"""Settings: defaults, environment, validation, override."""

import os
from typing import Any

import pytest

from tianyuan.errors import SettingError
from tianyuan.settings import SETTINGS, Config, config, on_change

BAD = {
    "num_threads": [0, -1, 1_000_000, True, 2.0, "4", None],
    "cpu_isa": ["sse4", "AVX2", "", 2],
    "cache_dir": ["relative/path", 3, "/a\0b", ""],
    "cache": [1, "yes", None],
    "default_device": ["tpu", "", None, "gpu:", "gpu:x", 0],
    "key_reuse": ["WARN", None, True],
    "nan_checks": [0, "true", None],
}
GOOD = {
    "num_threads": [("1", 1), ("64", 64), (" 3 ", 3)],
    "cpu_isa": [("sse2", "sse2"), ("", None)],
    "cache_dir": [("/tmp/x", "/tmp/x"), ("", None)],
    "cache": [("0", False), ("On", True)],
    "default_device": [("gpu-emu", "gpu-emu"), ("gpu:1", "gpu:1")],
    "key_reuse": [("error", "error")],
    "nan_checks": [("true", True), ("no", False)],
}
BAD_TEXT = {
    "num_threads": ["0", "-1", "1000000", "two", "", "1_0", "1.0", "9" * 5000],
    "cpu_isa": ["neon"],
    "cache_dir": ["here"],
    "cache": ["maybe", ""],
    "default_device": ["tpu"],
    "key_reuse": ["never"],
    "nan_checks": ["2"],
}


def test_every_setting_is_tested() -> None:
    """A new setting must be added to the tables above."""
    assert set(SETTINGS) == set(BAD) == set(GOOD) == set(BAD_TEXT)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n in BAD for v in BAD[n]])
def test_assigning_nonsense_names_setting_value_and_what_is_allowed(name: str, value: Any) -> None:
    """Nonsense is refused in one sentence, and the old value stays."""
    before = getattr(config, name)
    with pytest.raises(SettingError) as caught:
        setattr(config, name, value)
    message = str(caught.value)

    assert f"config.{name} is {value!r}, but must be " in message
    assert "\n" not in message
    assert getattr(config, name) == before


@pytest.mark.parametrize(("name", "text", "value"), [(n, t, v) for n in GOOD for t, v in GOOD[n]])
def test_environment_sets(monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any) -> None:
    """The environment is read on first use."""
    monkeypatch.setenv(f"TIANYUAN_{name.upper()}", text)

    assert getattr(Config(), name) == value


@pytest.mark.parametrize(("name", "text"), [(n, t) for n in BAD_TEXT for t in BAD_TEXT[n]])
def test_environment_nonsense_is_reported_on_use(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    """A bad variable names itself, every time it is read, and leaves the other settings alone."""
    variable = f"TIANYUAN_{name.upper()}"
    monkeypatch.setenv(variable, text)
    fresh = Config()
    for _ in range(2):
        with pytest.raises(SettingError, match=f"^{variable} is .*, but must be "):
            getattr(fresh, name)
    other = next(n for n in SETTINGS if n != name)

    assert getattr(fresh, other) == getattr(Config(), other)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without environment: the CPUs this process may use, the widest isa, the cache on."""
    for name in SETTINGS:
        monkeypatch.delenv(f"TIANYUAN_{name.upper()}", raising=False)
    fresh = Config()

    assert fresh.num_threads == len(os.sched_getaffinity(0))
    assert (fresh.cpu_isa, fresh.cache_dir, fresh.cache) == (None, None, True)
    assert (fresh.default_device, fresh.key_reuse, fresh.nan_checks) == ("cpu", "warn", False)


def test_unknown_setting_is_an_error() -> None:
    """A misspelt name says which names there are."""
    with pytest.raises(SettingError, match="no setting 'num_thread'; there are num_threads, cpu_isa"):
        config.num_thread = 2  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(SettingError, match="no setting 'threads'"), config.override(threads=2):
        pass


def test_override_restores_even_after_an_error() -> None:
    """Override is undone whatever happens in the block, and when one of its values is refused."""
    before = (config.num_threads, config.cache)
    with pytest.raises(ZeroDivisionError), config.override(num_threads=7, cache=False):
        assert (config.num_threads, config.cache) == (7, False)
        raise ZeroDivisionError
    with pytest.raises(SettingError), config.override(num_threads=7, cache="no"):
        pass

    assert (config.num_threads, config.cache) == before


def test_watchers_hear_assignments_and_restorations() -> None:
    """A watcher runs after each assignment."""
    heard: list[str] = []
    on_change("key_reuse", lambda: heard.append(config.key_reuse))
    before = config.key_reuse
    with config.override(key_reuse="allow"):
        config.key_reuse = "error"

    assert heard == ["allow", "error", before]


def test_repr_shows_every_setting() -> None:
    """``config`` prints its settings."""
    assert all(f"{name}=" in repr(config) for name in SETTINGS)
