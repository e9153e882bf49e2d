"""What ``x + y``, ``x[i]``, ``x.sum()`` and their kin call: fills the tables of ``tianyuan.array``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tianyuan.array import METHODS, OPERATORS, Array
from tianyuan.eager import from_numpy, to_numpy
from tianyuan.errors import MachineError, ShapeError
from tianyuan.functions import (
    contraction,
    elementwise,
    interchange,
    manipulation,
    ordering,
    running,
    statistics,
    triangles,
)
from tianyuan.indexing import take
from tianyuan.types import dtype_of_name

OPERATORS.update(
    add=elementwise.add,
    sub=elementwise.subtract,
    mul=elementwise.multiply,
    truediv=elementwise.divide,
    floordiv=elementwise.floor_divide,
    mod=elementwise.remainder,
    pow=elementwise.pow,
    matmul=contraction.matmul,
    lshift=elementwise.bitwise_left_shift,
    rshift=elementwise.bitwise_right_shift,
    eq=elementwise.equal,
    ne=elementwise.not_equal,
    lt=elementwise.less,
    le=elementwise.less_equal,
    gt=elementwise.greater,
    ge=elementwise.greater_equal,
    neg=elementwise.negative,
    pos=elementwise.positive,
    abs=elementwise.abs,
    invert=elementwise.bitwise_invert,
    to_numpy=to_numpy,
)
OPERATORS["and"] = elementwise.bitwise_and
OPERATORS["or"] = elementwise.bitwise_or
OPERATORS["xor"] = elementwise.bitwise_xor


def _from_bytes(raw: bytes, dtype: str, shape: tuple[int, ...]) -> Array:
    """What pickling an array goes through: bytes, dtype, shape."""
    return from_numpy(np.frombuffer(raw, dtype_of_name(dtype).numpy).reshape(shape))


OPERATORS["from_bytes"] = _from_bytes
OPERATORS["device"] = operator.attrgetter("device_name")


def _with_axis(function: Callable[..., Array]) -> Callable[..., Array]:
    """A method whose axis may be positional, as NumPy's."""

    def method(x: Array, axis: Any = None, **options: Any) -> Array:
        return function(x, axis=axis, **options)

    method.__name__, method.__doc__ = function.__name__, function.__doc__
    return method


for _name in "sum prod max min any all mean var std argmax argmin ptp".split():
    METHODS[_name] = _with_axis(getattr(statistics, _name))
for _name in "squeeze swapaxes astype".split():
    METHODS[_name] = getattr(manipulation, _name)
for _name in "clip round conj".split():
    METHODS[_name] = getattr(elementwise, _name)
METHODS["conjugate"] = elementwise.conj
METHODS["cumsum"], METHODS["cumprod"] = running.cumsum, running.cumprod
METHODS["diagonal"], METHODS["trace"] = triangles.diagonal, triangles.trace
METHODS["take"] = take
METHODS["nonzero"] = ordering.nonzero
METHODS["searchsorted"] = lambda x, v, side="left", sorter=None: ordering.searchsorted(x, v, side=side, sorter=sorter)
METHODS["repeat"] = lambda x, repeats, axis=None, **o: manipulation.repeat(x, repeats, axis=axis, **o)
METHODS["__dlpack__"], METHODS["__dlpack_device__"] = interchange.to_dlpack, interchange.dlpack_device
METHODS["__array_namespace__"] = interchange.array_namespace
METHODS["ravel"] = METHODS["flatten"] = manipulation.ravel
METHODS["sort"] = _with_axis(lambda x, axis=None, **o: ordering.sort(x, axis=-1 if axis is None else axis, **o))
METHODS["argsort"] = _with_axis(lambda x, axis=None, **o: ordering.argsort(x, axis=-1 if axis is None else axis, **o))


def _dot(x: Array, y: Array) -> Array:
    """NumPy's dot, for arrays of up to two axes."""
    return contraction.tensordot(x, y, axes=1) if x.ndim and y.ndim else x * y


METHODS["dot"] = _dot


def _reshape(x: Array, *shape: Any) -> Array:
    """``x.reshape(2, 3)`` or ``x.reshape((2, 3))``."""
    return manipulation.reshape(x, shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape)


def _transpose(x: Array, *axes: Any) -> Array:
    """``x.transpose()``, ``x.transpose(1, 0)`` or ``x.transpose((1, 0))``."""
    if not axes:
        return manipulation.permute_dims(x, tuple(reversed(range(x.ndim))))
    return manipulation.permute_dims(x, axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes)


def _t(x: Array) -> Array:
    """The transpose of a matrix."""
    if x.ndim != 2:
        raise ShapeError(f".T is of matrices, got {x.type}; use .mT, or permute_dims")
    return manipulation.swapaxes(x, 0, 1)


METHODS["reshape"] = _reshape
METHODS["transpose"] = _transpose
METHODS["copy"] = lambda x: x
METHODS["T"] = property(_t)
METHODS["mT"] = property(manipulation.matrix_transpose)
METHODS["real"] = property(elementwise.real)
METHODS["imag"] = property(elementwise.imag)
METHODS["itemsize"] = property(lambda x: x.dtype.itemsize)
METHODS["nbytes"] = property(lambda x: x.type.nbytes)
METHODS["block_until_ready"] = lambda x: x


def _to_device(x: Array, device: Any, /, *, stream: Any = None) -> Array:
    """x on a device: the one that it is on."""
    if str(device) != x.device_name:
        raise MachineError(f"to_device: {x.type} is on {x.device_name!r}, and cannot be moved to {device!r} yet")
    return x


METHODS["to_device"] = _to_device
