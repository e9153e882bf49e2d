"""The immutable array: the one class behind concrete, dual, batched and staged values.

It knows its type and, when concrete, the machine that holds its bytes. Its operators call a table
that ``tianyuan.functions`` installs once; a machine fills the slots but never defines its own class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tianyuan.errors import ArrayTypeError, TianyuanError
from tianyuan.types import ArrayType, DType

Operator = Callable[..., Any]


class Array:
    """An immutable, contiguous, row-major array (or a traced value that stands for one)."""

    __slots__ = ("type", "owner", "address", "device_name", "literal", "__weakref__")
    __array_ufunc__ = None  # NumPy on the left defers to us
    __hash__ = None  # pyright: ignore[reportAssignmentType]  (== is element-wise)

    type: ArrayType
    owner: Any  # keeps the bytes alive; None once donated
    address: int
    device_name: str
    literal: bool  # made from a Python number in a program's text

    def __init__(
        self, type: ArrayType, owner: Any, address: int, device_name: str = "cpu", literal: bool = False
    ) -> None:
        self.type = type
        self.owner = owner
        self.address = address
        self.device_name = device_name
        self.literal = literal

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the axes."""
        return self.type.shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.type.dtype

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.type.shape)

    @property
    def size(self) -> int:
        """How many elements."""
        return self.type.size

    @property
    def device(self) -> Any:
        """Where the bytes are."""
        return OPERATORS["device"](self)

    def known(self, need: str = "array") -> Array:
        """The concrete array behind this one, or ConcretizationError with the repair (tracers override)."""
        return self

    def __len__(self) -> int:
        if not self.shape:
            raise ArrayTypeError(f"len() is of arrays with axes, got {self.type}; a 0-d array is one value")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        if not self.shape:
            raise ArrayTypeError(f"only an array with axes can be iterated over, got {self.type}")
        return (self[i] for i in range(self.shape[0]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        value = OPERATORS["to_numpy"](self.known())
        converted = value if dtype is None else value.astype(dtype, copy=False)
        return converted.copy() if copy and converted is value else converted

    def _item(self, need: str) -> Any:
        if self.shape:
            repair = "reduce it with ty.any or ty.all" if need == "bool" else "index it, or reduce it (ty.sum, ty.max)"
            raise ArrayTypeError(f"only a 0-d array is one Python {need}, got {self.type}; {repair}")
        return OPERATORS["to_numpy"](self.known(need))[()].item()

    def item(self) -> Any:
        """The value of an array of one element, as a Python number."""
        if self.size != 1:
            raise TypeError(f"item() takes an array of one element, got {self.type}")
        return np.asarray(self).reshape(())[()].item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        return np.asarray(self).tolist()

    def __bool__(self) -> bool:
        return bool(self._item("bool"))

    def __int__(self) -> int:
        return int(self._item("int"))

    def __float__(self) -> float:
        return float(self._item("float"))

    def __complex__(self) -> complex:
        return complex(self._item("complex"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise ArrayTypeError(f"only an integer array is an index, got {self.type}; convert it with astype")
        return int(self._item("int"))

    def __getitem__(self, index: Any) -> Array:
        return OPERATORS["getitem"](self, index)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise ArrayTypeError("arrays are immutable: write x = x.at[index].set(value)")

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, digits: int = 0) -> Array:
        return METHODS["round"](self, digits)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and not self.shape else str(self)

    def __copy__(self) -> Array:
        return self

    def __deepcopy__(self, memo: Any) -> Array:
        return self

    def __reduce__(self) -> Any:
        return OPERATORS["from_bytes"], (np.asarray(self).tobytes(), self.dtype.name, self.shape)

    def __repr__(self) -> str:
        return OPERATORS["repr"](self)

    if TYPE_CHECKING:  # installed below, and by tianyuan.functions
        at: Any
        T: Array
        mT: Array
        real: Array
        imag: Array

        def __add__(self, other: Any) -> Array: ...
        def __radd__(self, other: Any) -> Array: ...
        def __sub__(self, other: Any) -> Array: ...
        def __rsub__(self, other: Any) -> Array: ...
        def __mul__(self, other: Any) -> Array: ...
        def __rmul__(self, other: Any) -> Array: ...
        def __truediv__(self, other: Any) -> Array: ...
        def __rtruediv__(self, other: Any) -> Array: ...
        def __floordiv__(self, other: Any) -> Array: ...
        def __rfloordiv__(self, other: Any) -> Array: ...
        def __mod__(self, other: Any) -> Array: ...
        def __rmod__(self, other: Any) -> Array: ...
        def __pow__(self, other: Any) -> Array: ...
        def __rpow__(self, other: Any) -> Array: ...
        def __matmul__(self, other: Any) -> Array: ...
        def __rmatmul__(self, other: Any) -> Array: ...
        def __and__(self, other: Any) -> Array: ...
        def __rand__(self, other: Any) -> Array: ...
        def __or__(self, other: Any) -> Array: ...
        def __ror__(self, other: Any) -> Array: ...
        def __xor__(self, other: Any) -> Array: ...
        def __rxor__(self, other: Any) -> Array: ...
        def __lshift__(self, other: Any) -> Array: ...
        def __rlshift__(self, other: Any) -> Array: ...
        def __rshift__(self, other: Any) -> Array: ...
        def __rrshift__(self, other: Any) -> Array: ...
        def __eq__(self, other: Any) -> Array: ...  # pyright: ignore[reportIncompatibleMethodOverride]
        def __ne__(self, other: Any) -> Array: ...  # pyright: ignore[reportIncompatibleMethodOverride]
        def __lt__(self, other: Any) -> Array: ...
        def __le__(self, other: Any) -> Array: ...
        def __gt__(self, other: Any) -> Array: ...
        def __ge__(self, other: Any) -> Array: ...
        def __neg__(self) -> Array: ...
        def __pos__(self) -> Array: ...
        def __abs__(self) -> Array: ...
        def __invert__(self) -> Array: ...
        def sum(self, axis: Any = None, **options: Any) -> Array: ...
        def prod(self, axis: Any = None, **options: Any) -> Array: ...
        def max(self, axis: Any = None, **options: Any) -> Array: ...
        def min(self, axis: Any = None, **options: Any) -> Array: ...
        def any(self, axis: Any = None, **options: Any) -> Array: ...
        def all(self, axis: Any = None, **options: Any) -> Array: ...
        def mean(self, axis: Any = None, **options: Any) -> Array: ...
        def var(self, axis: Any = None, **options: Any) -> Array: ...
        def std(self, axis: Any = None, **options: Any) -> Array: ...
        def argmax(self, axis: Any = None, **options: Any) -> Array: ...
        def argmin(self, axis: Any = None, **options: Any) -> Array: ...
        def cumsum(self, axis: Any = None, **options: Any) -> Array: ...
        def squeeze(self, axis: Any = None, **options: Any) -> Array: ...
        def reshape(self, *shape: Any) -> Array: ...
        def astype(self, dtype: Any) -> Array: ...
        def ravel(self) -> Array: ...
        def transpose(self, *axes: Any) -> Array: ...
        def swapaxes(self, axis1: int, axis2: int) -> Array: ...

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            return METHODS[name].__get__(self, Array)
        raise AttributeError(f"an Array has no attribute {name!r}", name=name, obj=self)

    def __dir__(self) -> list[str]:
        return [*object.__dir__(self), *METHODS]


REPAIRS = {  # for what Python needs of a value that is not known
    "bool": "for `if`, `while`, `and` use ty.where, ty.cond, ty.while_loop, &",
    "int": "for a range use ty.fori_loop; for a shape or an index make the argument static (static_argnums)",
    "float": "compute with arrays instead of Python floats",
    "complex": "compute with arrays instead of Python numbers",
    "array": "use ty's functions instead of NumPy's, or ty.pure_callback",
}


OPERATORS: dict[str, Operator] = {}
METHODS: dict[str, Any] = {}

_BINARY = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
_COMPARE = "eq ne lt le gt ge".split()
_UNARY = "neg pos abs invert".split()


def _binary(name: str, reflected: bool) -> Operator:
    def method(self: Array, other: Any) -> Any:
        operate = OPERATORS[name]
        if type(other) in (list, tuple, str):
            raise ArrayTypeError(
                f"{name} takes arrays and numbers, got a {type(other).__name__} beside {self.type}; "
                "make an array of it with ty.asarray"
            )
        try:
            return operate(other, self) if reflected else operate(self, other)
        except NotAnOperand:
            return NotImplemented

    return method


class NotAnOperand(TianyuanError):
    """Raised by operator functions for operands that are no array or number: Python then tries the other."""


def _unary(name: str) -> Operator:
    def method(self: Array) -> Any:
        return OPERATORS[name](self)

    return method


for _name in _BINARY:
    setattr(Array, f"__{_name}__", _binary(_name, False))
    setattr(Array, f"__r{_name}__", _binary(_name, True))
for _name in _COMPARE:
    setattr(Array, f"__{_name}__", _binary(_name, False))
for _name in _UNARY:
    setattr(Array, f"__{_name}__", _unary(_name))
