"""Pytrees: flattening, structures, structs, prefixes, and what is refused."""

from typing import Any, NamedTuple

import pytest

from tianyuan import tree
from tianyuan.errors import TreeError


class Point(NamedTuple):
    """A named tuple."""

    x: Any
    y: Any


@tree.struct
class Layer:
    """A struct with a static field."""

    w: Any
    b: Any = None
    size: int = tree.static(default=3)


def test_round_trip() -> None:
    """unflatten is the inverse of flatten; dict keys are sorted, None is an empty container."""
    value = {"b": [1, (2, None)], "a": Point(3, Layer(4, 5))}

    leaves, structure = tree.flatten(value)

    assert leaves == [3, 4, 5, 1, 2]
    again = tree.unflatten(structure, leaves)
    assert again["b"] == [1, (2, None)]
    assert again["a"].y.w == 4


def test_paths() -> None:
    """A path is what a user would write."""
    value = {"b": [1, (2, None)], "a": Point(3, Layer(4, 5))}

    assert tree.paths(value) == ["['a'].x", "['a'].y.w", "['a'].y.b", "['b'][0]", "['b'][1][0]"]


def test_static_fields_are_structure() -> None:
    """Another static value is another structure."""
    assert tree.structure(Layer(1, 2)) == tree.structure(Layer(8, 9))
    assert tree.structure(Layer(1, 2, size=4)) != tree.structure(Layer(1, 2))
    assert Layer(1, 2).replace(w=7).w == 7


def test_struct_is_frozen() -> None:
    """A struct cannot be changed in place."""
    with pytest.raises(AttributeError):
        Layer(1, 2).w = 3


def test_map_refuses_other_structures() -> None:
    """All trees of a map have one structure."""
    with pytest.raises(TreeError, match="tree 2 has structure"):
        tree.map(lambda a, b: a, {"a": 1}, {"b": 1})


@pytest.mark.parametrize("bad", [{1, 2}, frozenset({1})])
def test_sets_are_refused(bad: Any) -> None:
    """A set has no order."""
    with pytest.raises(TreeError, match="has no order"):
        tree.flatten([bad])


def test_deep_and_cyclic_trees_are_refused() -> None:
    """Too deep a tree, or one that contains itself, is one clear error."""
    deep: Any = 0
    for _ in range(100_000):
        deep = [deep]
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    for bad in (deep, cyclic):
        with pytest.raises(TreeError, match="too deeply"):
            tree.flatten(bad)
    while isinstance(deep, list):  # taken apart by hand: deallocating it recursively would overflow
        deep = deep[0]


def test_wrong_number_of_leaves() -> None:
    """unflatten counts."""
    with pytest.raises(TreeError, match="takes 2 leaves, got 3"):
        tree.unflatten(tree.structure((1, 2)), [1, 2, 3])


def test_transpose() -> None:
    """A list of dicts becomes a dict of lists."""
    value = [{"a": 1, "b": 2}, {"a": 3, "b": 4}]

    turned = tree.transpose(tree.structure([0, 0]), tree.structure({"a": 0, "b": 0}), value)

    assert turned == {"a": [1, 3], "b": [2, 4]}
