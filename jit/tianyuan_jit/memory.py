"""A bounded caching allocator for outputs and arenas.

Fresh pages from the system cost more than most kernels that fill them (7 times, for x + y on 40 MB), so
memory is kept in free lists by size and used again. Blocks are aligned to 64 bytes; large ones to 2 MB, on
huge pages. At most ``MAX_CACHED`` bytes wait in the lists. They are counted when as many have been given
back, and emptied if they then hold more than half, so sizes that nobody asks for any more go soon.

There is no lock, because a block may be freed at any moment, by the garbage collector within ``allocate``
included: taking from a list and adding to it are atomic, and all else is only counting.
"""

from __future__ import annotations

import ctypes
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from tianyuan_jit.scratch import HUGE_PAGE, LARGE, MADV_HUGEPAGE

MAX_CACHED = 256 << 20
ALIGNMENT = 64
_MAX_REQUEST = 1 << 62

_libc = ctypes.CDLL(None)
_aligned_alloc = _libc.aligned_alloc
_aligned_alloc.restype, _aligned_alloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t, ctypes.c_size_t]
_free = _libc.free
_free.restype, _free.argtypes = None, [ctypes.c_void_p]
_madvise = _libc.madvise
_madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

_lists: defaultdict[int, list[int]] = defaultdict(list)  # addresses that wait, by size
_given_back = 0  # bytes that waited when last counted, and all that were given back since


class Block:
    """``nbytes`` of memory at ``address``, given back when the last reference goes.

    NumPy views it without a copy, and keeps it alive: ``np.asarray(block)`` is its bytes. Contents are
    whatever they were; whoever makes a view decides whether it may be written.
    """

    __slots__ = ("address", "nbytes", "_size")

    def __init__(self, nbytes: int, address: int, size: int) -> None:
        self.address = address
        self.nbytes = nbytes
        self._size = size

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The bytes, u8[nbytes], by NumPy's array interface protocol, version 3."""
        return {"data": (self.address, False), "shape": (self.nbytes,), "typestr": "|u1", "version": 3}

    def __repr__(self) -> str:
        return f"Block({self.nbytes} bytes at {self.address:#x})"

    def __del__(self, finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if not finalizing():  # at exit the functions of this module go before the last blocks
            _give_back(self.address, self._size)


def allocate(nbytes: int) -> Block:
    """A block of at least ``nbytes`` bytes; 0 is allowed. Raises MemoryError if the system refuses."""
    size = _size_class(nbytes)
    try:
        address = _lists[size].pop()
    except IndexError:
        address = _from_system(nbytes, size)
    return Block(nbytes, address, size)


def cached_bytes() -> int:
    """Bytes that wait to be used again."""
    return sum(size * len(addresses) for size, addresses in list(_lists.items()))


def release_cached() -> None:
    """Give everything that waits back to the system."""
    for addresses in list(_lists.values()):
        while addresses:
            try:
                _free(addresses.pop())
            except IndexError:  # another thread took the last
                break


@lru_cache(4096)
def _size_class(nbytes: int) -> int:
    """``nbytes`` rounded up to three significant bits after the first (at most an eighth is wasted)."""
    unit = max(nbytes.bit_length() - 4, 6)
    size = max(-(-nbytes >> unit), 1) << unit
    return size if size < LARGE else -(-size // HUGE_PAGE) * HUGE_PAGE


def _from_system(nbytes: int, size: int) -> int:
    if nbytes > _MAX_REQUEST:
        raise MemoryError(f"an array of {nbytes} bytes is more than any machine can hold")
    align = HUGE_PAGE if size >= LARGE else ALIGNMENT
    address = _aligned_alloc(align, size)
    if address is None:
        release_cached()
        address = _aligned_alloc(align, size)
    if address is None:
        raise MemoryError(f"the system refused {nbytes} bytes of memory")
    if size >= LARGE:
        _madvise(address, size, MADV_HUGEPAGE)
    return address


def _give_back(address: int, size: int) -> None:
    global _given_back
    if size > MAX_CACHED // 2:
        _free(address)
        return
    _given_back += size
    if _given_back > MAX_CACHED:
        _count(size)
    _lists[size].append(address)


def _count(coming: int) -> None:
    global _given_back
    _given_back = cached_bytes() + coming
    if _given_back > MAX_CACHED // 2:
        release_cached()
        _given_back = coming
