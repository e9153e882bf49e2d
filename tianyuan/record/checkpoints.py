"""Trees of arrays in safetensors files: written atomically, read strictly, never unpickled.

Leaves are named by their paths. Random keys are stored as 64-bit words; the header says which.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy as safetensors_numpy

import tianyuan as ty
from tianyuan.errors import RecordError
from tianyuan.record.files import write_atomic

FORMAT = "tianyuan-checkpoint-1"
_save: Any = safetensors_numpy.save_file  # pyright: ignore  (the library has no complete types)
_open: Any = safetensors.safe_open


def save_checkpoint(path: str | Path, tree: Any, **notes: Any) -> None:
    """Write the leaves of ``tree`` with ``notes`` (JSON values) to ``path``, atomically."""
    named, _ = ty.tree.flatten_with_path(tree)
    arrays = {_name(p): np.array(_bytes(x)) for p, x in named}
    dtypes = {_name(p): ty.asarray(x).dtype.name for p, x in named}
    header = {"format": FORMAT, "dtypes": json.dumps(dtypes), "notes": json.dumps(notes)}
    write_atomic(Path(path), lambda p: _save(arrays, p, header))


def _name(path: str) -> str:
    return path or "value"


def _bytes(leaf: Any) -> Any:
    """The leaf as NumPy array of a dtype that the format knows."""
    value = ty.asarray(leaf)
    if value.dtype.kind == "k":
        return np.asarray(ty.random.key_data(value))
    raw = np.asarray(value)
    return raw.view(np.uint16) if value.dtype == ty.bfloat16 else raw


def load_checkpoint(path: str | Path, like: Any) -> tuple[Any, dict[str, Any]]:
    """The tree saved at ``path`` in the structure of ``like``, and its notes.

    Raises RecordError if the file is damaged or foreign, or if a leaf is missing, extra, or of another type.
    """
    arrays, header = _read(Path(path))
    dtypes, notes = (_field(path, header, name) for name in ("dtypes", "notes"))
    named, structure = ty.tree.flatten_with_path(like)
    wanted = {_name(p): ty.asarray(x).type for p, x in named}
    _check_names(path, set(wanted), set(arrays))
    leaves = [_leaf(path, n, arrays[n], dtypes[n], t) for n, t in wanted.items()]
    return ty.tree.unflatten(structure, leaves), notes


def _field(path: str | Path, header: dict[str, str], name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(header[name]))
    except (KeyError, ValueError, TypeError):
        raise RecordError(f"{path} has a damaged header: {name} cannot be read") from None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        with _open(path, "numpy") as file:
            header: dict[str, str] = dict(file.metadata() or {})
            arrays: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}
    except FileNotFoundError:
        raise RecordError(f"there is no checkpoint at {path}") from None
    except Exception as error:  # the reader raises several unrelated types for damaged files
        raise RecordError(f"{path} is no readable checkpoint: {error}") from None
    if header.get("format") != FORMAT:
        raise RecordError(f"{path} is not a {FORMAT} file")
    return arrays, header


def _check_names(path: str | Path, wanted: set[str], found: set[str]) -> None:
    if wanted != found:
        missing, extra = sorted(wanted - found), sorted(found - wanted)
        raise RecordError(f"{path} does not fit: missing {missing or 'nothing'}, extra {extra or 'nothing'}")


def _leaf(path: str | Path, name: str, raw: Any, dtype: str, wanted: Any) -> Any:
    value = ty.random.wrap_key_data(ty.asarray(raw)) if dtype == "key" else _plain(raw, dtype)
    if value.type.strong != wanted.strong:
        raise RecordError(f"{path}: {name} is {value.type}, expected {wanted}")
    return value


def _plain(raw: Any, dtype: str) -> Any:
    return ty.asarray(raw.view(ty.bfloat16.numpy) if dtype == "bfloat16" else raw)
