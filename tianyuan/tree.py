"""Pytrees: nested containers with arrays at the leaves.

Containers are None, tuple, list, dict (keys sorted), namedtuple, ``struct`` classes, and classes given to
``register_node``. Everything else is a leaf. A set is an error, since it has no order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, dataclass_transform

import attrs

from tianyuan.errors import TreeError

Path = tuple[str, ...]
T = TypeVar("T")


@attrs.frozen(cache_hash=True)
class Structure:
    """The shape of a tree without its leaves. ``kind`` is None for a leaf."""

    kind: type | None
    meta: Any = None  # what rebuilds the container besides its children: keys, static fields
    children: tuple[Structure, ...] = ()
    size: int = attrs.field(init=False, eq=False)

    def __attrs_post_init__(self) -> None:
        count = 1 if self.kind is None else sum(c.size for c in self.children)
        object.__setattr__(self, "size", count)

    def __str__(self) -> str:
        return str(_rebuild(self, iter(["*"] * self.size)))

    __repr__ = __str__


LEAF = Structure(None)


def difference(expected: Structure, got: Structure, what: str = "it") -> str:
    """Where two structures first part, in words: ``params['w'] must be an array, got a tuple of 2``."""
    alike = (expected.kind, expected.meta, len(expected.children)) == (got.kind, got.meta, len(got.children))
    if not alike or expected.kind is None:
        return f"{what} must be {_container(expected)}, got {_container(got)}"
    names = _NODES[expected.kind].names(_NODES[expected.kind].make(expected.meta, expected.children))
    pairs = zip(names, expected.children, got.children, strict=True)
    return next(difference(e, g, what + name) for name, e, g in pairs if e != g)


def _container(s: Structure) -> str:
    if s.kind is None:
        return "an array"
    if s.kind is type(None):
        return "None"
    if s.kind is dict:
        return f"a dict with keys {', '.join(map(repr, s.meta))}" if s.meta else "an empty dict"
    shown = f"a {s.kind.__name__}"
    return f"{shown} of {len(s.children)}" if s.kind in (tuple, list) else shown


@attrs.frozen
class Node:
    """How to take a container apart and put it together."""

    take: Callable[[Any], tuple[Sequence[Any], Any]]  # value -> children, meta
    make: Callable[[Any, Sequence[Any]], Any]  # meta, children -> value
    names: Callable[[Any], Sequence[str]]  # value -> path entries of the children


_NODES: dict[type, Node] = {}


def register_node(
    cls: type,
    take: Callable[[Any], tuple[Sequence[Any], Any]],
    make: Callable[[Any, Sequence[Any]], Any],
    names: Callable[[Any], Sequence[str]] | None = None,
) -> None:
    """Make ``cls`` a container: ``take(value) -> (children, meta)``, ``make(meta, children) -> value``.

    ``meta`` must be hashable. Raises TreeError if ``cls`` is registered already.
    """
    if cls in _NODES:
        raise TreeError(f"{cls.__name__} is registered as a pytree node already")
    _NODES[cls] = Node(take, make, names or (lambda v: [f"[{i}]" for i in range(len(take(v)[0]))]))


def _sorted_keys(value: dict[Any, Any]) -> list[Any]:
    try:
        return sorted(value)
    except TypeError:
        raise TreeError(f"dict keys of a pytree must be sortable, got {list(value)!r}; use keys of one type") from None


def _indices(value: Sequence[Any]) -> list[str]:
    return [f"[{i}]" for i in range(len(value))]


_NODES[type(None)] = Node(lambda v: ((), None), lambda m, c: None, lambda v: ())
_NODES[tuple] = Node(lambda v: (v, None), lambda m, c: tuple(c), _indices)
_NODES[list] = Node(lambda v: (v, None), lambda m, c: list(c), _indices)
_NODES[dict] = Node(
    lambda v: ([v[k] for k in _sorted_keys(v)], tuple(_sorted_keys(v))),
    lambda m, c: dict(zip(m, c, strict=True)),
    lambda v: [f"[{k!r}]" for k in _sorted_keys(v)],
)


def _named_tuple(cls: Any) -> Node:
    names = [f".{n}" for n in cls._fields]
    return Node(lambda v: (v, None), lambda m, c: cls(*c), lambda v: names)


def _node(value: Any) -> Node | None:
    cls: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    found = _NODES.get(cls)
    if found is None and isinstance(value, tuple) and hasattr(cls, "_fields"):
        found = _NODES[cls] = _named_tuple(cls)
    if found is None and cls in (set, frozenset):
        raise TreeError(f"a {cls.__name__} has no order and cannot be a pytree; use a tuple or a dict")
    return found


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Structure]:
    """The leaves of ``tree`` in order, and its structure."""
    leaves: list[Any] = []
    try:
        return leaves, _flatten(tree, leaves, is_leaf)
    except RecursionError:
        raise TreeError("the pytree is nested too deeply (or contains itself)") from None


def _flatten(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None) -> Structure:
    node = None if is_leaf is not None and is_leaf(tree) else _node(tree)
    if node is None:
        leaves.append(tree)
        return LEAF
    children, meta = node.take(tree)
    return Structure(type(tree), meta, tuple(_flatten(c, leaves, is_leaf) for c in children))


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """Put leaves back into a structure. Raises TreeError if their number differs."""
    given = list(leaves)
    if len(given) != structure.size:
        raise TreeError(
            f"the structure {structure} takes {structure.size} leaves, got {len(given)}; flatten gives leaves that fit"
        )
    return _rebuild(structure, iter(given))


def _rebuild(structure: Structure, leaves: Any) -> Any:
    if structure.kind is None:
        return next(leaves)
    children = [_rebuild(c, leaves) for c in structure.children]
    return _NODES[structure.kind].make(structure.meta, children)


def leaves(tree: Any) -> list[Any]:
    """The leaves in order."""
    return flatten(tree)[0]


def structure(tree: Any) -> Structure:
    """The structure of a tree."""
    return flatten(tree)[1]


def flatten_with_path(tree: Any) -> tuple[list[tuple[str, Any]], Structure]:
    """As ``flatten``, each leaf with its path such as ``.w[0]['a']``."""
    found: list[tuple[str, Any]] = []
    _walk(tree, "", found)
    return found, structure(tree)


def _walk(tree: Any, path: str, found: list[tuple[str, Any]]) -> None:
    node = _node(tree)
    if node is None:
        found.append((path, tree))
        return
    for name, child in zip(node.names(tree), node.take(tree)[0], strict=True):
        _walk(child, path + name, found)


def paths(tree: Any) -> list[str]:
    """The path of each leaf."""
    return [p for p, _ in flatten_with_path(tree)[0]]


def map(fun: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply ``fun`` leaf by leaf to trees of one structure."""
    first, shape = flatten(tree)
    others = [_matching(shape, r, i) for i, r in enumerate(rest, 2)]
    return unflatten(shape, [fun(*xs) for xs in zip(first, *others, strict=True)])


def _matching(expected: Structure, tree: Any, position: int) -> list[Any]:
    found, got = flatten(tree)
    if got != expected:
        raise TreeError(
            f"tree {position} has structure {got}, the first has {expected}: {difference(expected, got, 'the tree')}"
        )
    return found


def map_with_path(fun: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """As ``map``, with the leaf's path as first argument."""
    return map(fun, unflatten(structure(tree), paths(tree)), tree, *rest)


def all(tree: Any) -> bool:
    """Whether every leaf is true."""
    return not [x for x in leaves(tree) if not x]


def reduce(fun: Callable[[Any, Any], Any], tree: Any, *initial: Any) -> Any:
    """Fold the leaves from left to right."""
    return functools.reduce(fun, leaves(tree), *initial)


def transpose(outer: Structure, inner: Structure, tree: Any) -> Any:
    """A tree of structure outer-of-inner as inner-of-outer."""
    flat = leaves(tree)
    if len(flat) != outer.size * inner.size:
        raise TreeError(f"expected {outer.size} x {inner.size} leaves, got {len(flat)}")
    rows = [flat[i * inner.size : (i + 1) * inner.size] for i in range(outer.size)]
    return unflatten(inner, [unflatten(outer, column) for column in zip(*rows, strict=True)])


def broadcast_prefix(prefix: Any, tree: Any, what: str) -> list[Any]:
    """The leaf of ``prefix`` that stands above each leaf of ``tree``; None counts as a leaf of a prefix."""
    result: list[Any] = []
    _spread(prefix, tree, what, result)
    return result


def _spread(prefix: Any, tree: Any, what: str, result: list[Any]) -> None:
    node = None if prefix is None else _node(prefix)
    if node is None:
        result.extend([prefix] * structure(tree).size)
        return
    inside = _node(tree)
    if type(prefix) is not type(tree) or inside is None:
        raise TreeError(f"{what} is a {type(prefix).__name__} where the tree has a {type(tree).__name__}; {_PREFIX}")
    (parts, own), (children, meta) = node.take(prefix), inside.take(tree)
    if len(parts) != len(children) or own != meta:
        entries = [
            Structure(type(t), m, (LEAF,) * len(c)) for t, m, c in ((tree, meta, children), (prefix, own, parts))
        ]
        raise TreeError(f"{difference(entries[0], entries[1], what)}; {_PREFIX}")
    for name, p, c in zip(node.names(prefix), parts, children, strict=True):
        _spread(p, c, what + name, result)


_PREFIX = "give one entry for each leaf, or one for a whole container"


# ---- struct

STATIC = "tianyuan_static"


def static(default: Any = attrs.NOTHING, **kwargs: Any) -> Any:
    """A field of a struct that is not an array: part of the structure, hashable, compared by ``==``."""
    return attrs.field(default=default, metadata={STATIC: True}, **kwargs)


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field, static))
def struct(cls: type[T]) -> type[T]:
    """An immutable class with typed fields that is a pytree; ``replace(**changes)`` gives a changed copy."""
    made: Any = attrs.frozen(cls, eq=False)
    fields = attrs.fields(made)
    arrays = tuple(f.name for f in fields if not f.metadata.get(STATIC))
    statics = tuple(f.name for f in fields if f.metadata.get(STATIC))

    def take(value: Any) -> tuple[Sequence[Any], Any]:
        return [getattr(value, n) for n in arrays], tuple(getattr(value, n) for n in statics)

    def make(meta: Any, children: Sequence[Any]) -> Any:
        value = object.__new__(made)  # fields may hold tracers or axes: validators and converters are not run
        for name, child in zip((*arrays, *statics), (*children, *meta), strict=True):
            object.__setattr__(value, name, child)
        return value

    register_node(made, take, make, lambda value: [f".{n}" for n in arrays])
    made.replace = lambda self, **changes: attrs.evolve(self, **changes)
    return made
