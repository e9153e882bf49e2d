"""One emitter compiled as a function of NumPy arrays, with known or run-time extents."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from attrs import frozen

from tianyuan.types import DType, as_dtype
from tianyuan_jit.emission.buffers import Buffer
from tianyuan_jit.emission.status import FIELDS, NO_FAILURE
from tianyuan_jit.text import Extent, Function, Module

Emit = Callable[[Function, Sequence[Buffer], Sequence[Buffer]], None]
Spec = tuple[DType, tuple[int, ...]]
GUARD = 64  # bytes around every result that must stay as they are
_ENGINES: list[Any] = []  # code must outlive the functions that point into it

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


@functools.cache
def compiled(text: str) -> Any:
    """The address of ``@kernel`` in a module, compiled for this host as the machine would."""
    module = llvm.parse_assembly(text)
    module.verify()
    target = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=1, jit=True
    )
    module.triple, module.data_layout = target.triple, str(target.target_data)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    _ENGINES.append(engine)
    return engine.get_function_address("kernel")


@frozen
class Outcome:
    """What a kernel returned, and the status it left."""

    results: list[Any]
    status: dict[str, int]

    @property
    def failed(self) -> bool:
        """Whether a failure was recorded."""
        return self.status["equation"] != NO_FAILURE


def run(emit: Emit, ins: Sequence[Any], outs: Sequence[Spec], *, static: bool, scratch: int = 0) -> Outcome:
    """Compile ``emit`` on buffers like ``ins`` and ``outs`` and call it.

    ``static``: extents are ints in the text, else parameters (and the text is one for all sizes). The
    emitter may use ``%status``, and ``%scratch`` of ``scratch`` bytes. Raises AssertionError if anything
    around a result or behind the scratch memory changes.
    """
    arrays = [np.array(x, order="C") for x in ins]
    shapes = [*(x.shape for x in arrays), *(shape for _, shape in outs)]
    dtypes = [*(as_dtype(x.dtype) for x in arrays), *(dtype for dtype, _ in outs)]
    code = compiled(_text(emit, len(ins), dtypes, shapes, static))
    held = [_guarded(np.zeros(shape, dtype.numpy)) for dtype, shape in outs]
    work = _guarded(np.zeros(scratch, np.uint8))
    status = np.array([NO_FAILURE, 0, 0, 0, 0], np.int64)
    pointers = [status.ctypes.data, work.ctypes.data + GUARD]
    pointers += [x.ctypes.data for x in arrays] + [h.ctypes.data + GUARD for h in held]
    extents = [] if static else [n for shape in shapes for n in shape]
    ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * (len(pointers) + len(extents)))(code)(*pointers, *extents)
    results = [_inside(h, dtype, shape) for h, (dtype, shape) in zip(held, outs, strict=True)]
    _inside(work, as_dtype("uint8"), (scratch,))
    return Outcome(results, dict(zip(FIELDS, status.tolist(), strict=True)))


def _text(emit: Emit, count: int, dtypes: Sequence[DType], shapes: Sequence[tuple[int, ...]], static: bool) -> str:
    params = ["ptr %status", "ptr %scratch", *(f"ptr %b{j}" for j in range(len(shapes)))]
    buffers: list[Buffer] = []
    for j, (dtype, shape) in enumerate(zip(dtypes, shapes, strict=True)):
        extents: list[Extent] = [n if static else f"%n{j}_{a}" for a, n in enumerate(shape)]
        params += [] if static else [f"i64 {e}" for e in extents]
        buffers.append(Buffer(f"%b{j}", dtype, tuple(extents)))
    module = Module()
    f = Function(module)
    emit(f, buffers[:count], buffers[count:])
    f.finish(f"void @kernel({', '.join(params)})")
    return module.text()


def _guarded(x: Any) -> Any:
    edge = np.full(GUARD, 0xA5, np.uint8)
    return np.concatenate([edge, np.full(x.nbytes, 0xA5, np.uint8), edge])


def _inside(held: Any, dtype: DType, shape: tuple[int, ...]) -> Any:
    assert np.all(held[:GUARD] == 0xA5) and np.all(held[len(held) - GUARD :] == 0xA5), "wrote outside"
    return held[GUARD : len(held) - GUARD].view(dtype.numpy).reshape(shape)


def same_bits(x: Any, y: Any) -> bool:
    """Equal shapes, dtypes and bits, all NaNs counting as one value."""
    x, y = np.asarray(x), np.asarray(y)
    if (x.shape, x.dtype) != (y.shape, y.dtype):
        return False
    if x.dtype.kind == "c":
        x, y = (np.stack([a.real, a.imag]) for a in (x, y))
    if x.dtype.kind not in "fV" or x.dtype.names:
        return bool(np.array_equal(x, y))
    word = f"u{x.dtype.itemsize}"
    nans = np.isnan(x.astype(np.float64)) & np.isnan(y.astype(np.float64))
    return bool(np.all((x.view(word) == y.view(word)) | nans))


def special(rng: Any, dtype: DType, shape: tuple[int, ...]) -> Any:
    """Random values with ties, extremes and, for floats, NaN, infinities, zeros of both signs, subnormals."""
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype.numpy)
        small = rng.integers(max(info.min, -3), 4, shape)
        wide = rng.integers(info.min, info.max, shape, endpoint=True, dtype=dtype.numpy)
        return np.where(rng.random(shape) < 0.5, small.astype(dtype.numpy), wide)
    values = rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)
    tiny = 2.0**-24 if dtype.name == "float16" else 1e-40
    odd = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, 1.0, 1.0, 2.0])
    chosen = np.where(rng.random(shape) < 0.4, odd[rng.integers(0, len(odd), shape)], values)
    return chosen.astype(dtype.numpy)
