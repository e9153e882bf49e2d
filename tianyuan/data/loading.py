"""Batches of arrays, in an order that is a function of (key, epoch), from a position that can be saved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import frozen

import tianyuan as ty


@frozen(eq=False)
class ArrayDataset:
    """A tree of arrays with a common leading axis: one entry per example."""

    arrays: Any

    def __attrs_post_init__(self) -> None:
        sizes = {x.shape[0] if x.shape else None for x in ty.tree.leaves(self.arrays)}
        if len(sizes) != 1 or None in sizes:
            raise ty.ShapeError(f"ArrayDataset: all arrays need one leading size, got {sorted(map(str, sizes))}")

    def __len__(self) -> int:
        return ty.tree.leaves(self.arrays)[0].shape[0]

    def __getitem__(self, index: Any) -> Any:
        """The examples at ``index``, as a tree."""
        return ty.tree.map(lambda x: x[index], self.arrays)


@frozen
class Loader:
    """Batches of a data set; ``batches(epoch)`` of one epoch, iteration of all.

    The order within an epoch is ``permutation(fold_in(key, epoch), n)`` if shuffled, else as stored.
    """

    dataset: ArrayDataset
    batch_size: int
    key: Any
    epochs: int = 1
    shuffle: bool = True
    drop_last: bool = False

    def __len__(self) -> int:
        """Batches per epoch."""
        n = len(self.dataset)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def order(self, epoch: int) -> Any:
        """The order of an epoch: i64[n]."""
        n = len(self.dataset)
        return ty.random.permutation(ty.random.fold_in(self.key, epoch), n) if self.shuffle else ty.arange(n)

    def batches(self, epoch: int, start: int = 0) -> Iterator[Any]:
        """The batches of an epoch, from batch ``start`` on."""
        order = self.order(epoch)
        for i in range(start, len(self)):
            yield self.dataset[order[i * self.batch_size : (i + 1) * self.batch_size]]

    def __iter__(self) -> Iterator[Any]:
        for epoch in range(self.epochs):
            yield from self.batches(epoch)


def loader(
    dataset: Any,
    batch_size: int,
    key: Any = None,
    epochs: int = 1,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Loader:
    """A Loader over an ArrayDataset or a tree of arrays. Shuffling needs a key."""
    if batch_size < 1:
        raise ValueError(f"loader: batch_size is a positive int, got {batch_size}")
    if shuffle and key is None:
        raise ValueError("loader: shuffling needs a random key; pass key=ty.random.key(0) or shuffle=False")
    made = dataset if isinstance(dataset, ArrayDataset) else ArrayDataset(dataset)
    return Loader(made, batch_size, key, epochs, shuffle, drop_last)
