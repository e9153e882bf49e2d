"""``jit``: trace once per structure and types, compile, run. ``make_program``, ``eval_shape``, ``show``.

Inside another trace a jitted function is spliced from its cached Program, so that transformations and
fusion see through it.
"""

from __future__ import annotations

import functools
import inspect
import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from attrs import field, frozen

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.core import base, current
from tianyuan.eager import check_alive
from tianyuan.errors import ArrayTypeError
from tianyuan.keys_in_use import check_program
from tianyuan.machine import Executable, Memory, machine
from tianyuan.passes import optimize
from tianyuan.program import Program, evaluate
from tianyuan.retracing import Call, History, TraceRecord
from tianyuan.settings import config, on_change
from tianyuan.transforms.arguments import argument_name, called, described, flat_arrays, name_of, path_in_call
from tianyuan.transforms.batching import axes_in_force
from tianyuan.transforms.tracing import Extra, trace
from tianyuan.types import ArrayType

Fun = Callable[..., Any]
LIMIT = 4096  # traces kept per function; the least recently used goes first


@frozen(eq=False)
class Entry:
    """One trace of a jitted function."""

    program: Program
    closed: list[Array]
    out_structure: tree.Structure
    executables: dict[Hashable, Executable] = field(factory=dict[Hashable, Executable])


@frozen(eq=False)
class Lowered:
    """A traced function about to be compiled; ``as_text(stage)`` shows it at a stage."""

    program: Program

    def as_text(self, stage: str = "llvm") -> str:
        """``program``, ``kernels``, ``loops``, ``llvm`` or ``asm``."""
        return stage_text(self.program, stage)


def stage_text(program: Program, stage: str) -> str:
    """A program's text at a stage of compilation."""
    if stage == "program":
        return str(program)
    return machine(config.default_device).text(optimize(program), stage)


class Direct:
    """What is left of a call once everything about it is known. ``types`` keeps the ids that lead here valid."""

    __slots__ = ("run", "closed", "structure", "types")

    def __init__(
        self, run: Executable, closed: list[Array], structure: tree.Structure, types: tuple[ArrayType, ...]
    ) -> None:
        self.run, self.closed, self.structure, self.types = run, closed, structure, types

    def __call__(self, args: Sequence[Array]) -> Any:
        """Run; put the results together."""
        for a in args:
            if a.owner is None:
                check_alive(a)
        outs = self.run([*args, *self.closed] if self.closed else args)
        return outs[0] if self.structure.kind is None else tree.unflatten(self.structure, outs)


_JITTED: weakref.WeakSet[Jitted] = weakref.WeakSet()


def _follow_device() -> None:
    for jitted in list(_JITTED):
        jitted.forget_direct()


on_change("default_device", _follow_device)


class Jitted:
    """A function compiled by ``jit``. Its cache is keyed by static arguments, structure and types."""

    def __init__(self, fun: Fun, static: _Static, donated: tuple[int, ...], max_traces: int | None = None) -> None:
        functools.update_wrapper(self, fun)
        self.fun = fun
        self._static = static
        self._donated = donated
        self._history = History(name_of(fun), max_traces)
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._lock = threading.RLock()
        self._direct: dict[tuple[int, ...], Direct] = {}
        _JITTED.add(self)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on arrays; under another transformation, splice the recorded program."""
        if not kwargs and current() is base():
            direct = self._direct.get(tuple([id(a.type) if type(a) is Array else 0 for a in args]))
            if direct is not None:
                return direct(args)
        arrays, entry = self._lookup(args, kwargs)
        if current() is base():
            outs = self._run(entry, args, arrays)
            self._remember(entry, args, kwargs, arrays)
        else:
            outs = evaluate(entry.program, [*arrays, *entry.closed])
        return tree.unflatten(entry.out_structure, outs)

    def _lookup(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Array], Entry]:
        fixed, rest = self._static.split(self.fun, args, kwargs)
        arrays, structure = flat_arrays(rest, f"jit of {name_of(self.fun)}", self._static.naming(self.fun))
        key = (fixed, structure, tuple([a.type for a in arrays]), tuple(axes_in_force().items()))
        found = self._entries.get(key)
        return arrays, found or self._trace(key, structure, arrays)

    def _trace(self, key: Any, structure: tree.Structure, arrays: Sequence[Array]) -> Entry:
        with self._lock:
            if (found := self._entries.get(key)) is not None:
                return found
            self._history.add(Call(key[0], structure, tuple(a.type for a in arrays), key[3]))
            made = self._traced(key[0], structure, [a.type for a in arrays])
            if all(type(x) is Array for x in made.closed):  # tracers of a transformation under way do not last
                self._entries[key] = made
                if len(self._entries) > LIMIT:
                    self._entries.popitem(last=False)
            return made

    def _traced(self, fixed: Any, structure: tree.Structure, types: Sequence[ArrayType]) -> Entry:
        def flat(*xs: Array) -> Extra:
            args, kwargs = self._static.join(fixed, *tree.unflatten(structure, xs))
            return Extra(*flat_arrays(called("jit", self.fun, args, kwargs), name_of(self.fun), "the result"))

        traced = trace(flat, types, check=True)
        check_program(traced.program)
        return Entry(traced.program, traced.closed, traced.extra)

    def _run(self, entry: Entry, args: Sequence[Any], arrays: list[Array]) -> Sequence[Array]:
        for a in arrays:
            if a.owner is None or type(a) is not Array:
                check_alive(a)
        donated = self._donated_leaves(args, arrays) if self._donated else ()
        run = entry.executables.get((config.default_device, donated))
        if run is None:
            run = self._compile(entry, donated)
        try:
            return run([*arrays, *entry.closed] if entry.closed else arrays)
        finally:
            for a, gone in zip(arrays, donated, strict=False):
                if gone:
                    a.owner = None

    def _remember(self, entry: Entry, args: Sequence[Any], kwargs: Any, arrays: Sequence[Array]) -> None:
        """A short way for calls with nothing but arrays, of these very type objects."""
        static = self._static.nums or self._static.names or self._donated
        flat = len(args) == len(arrays) and all(type(a) is Array for a in args)
        if kwargs or static or not flat or axes_in_force():
            return
        run = entry.executables[config.default_device, ()]
        if len(self._direct) >= LIMIT:
            self._direct.clear()
        types = tuple(a.type for a in arrays)
        self._direct[tuple(map(id, types))] = Direct(run, entry.closed, entry.out_structure, types)

    def forget_direct(self) -> None:
        """Calls take the long way again: the default device has changed."""
        self._direct.clear()

    def _compile(self, entry: Entry, donated: tuple[bool, ...]) -> Executable:
        with self._lock:
            program = optimize(entry.program)
            made = machine(config.default_device).compile(program, _padded(donated, entry))
            return entry.executables.setdefault((config.default_device, donated), made)

    def _donated_leaves(self, args: Sequence[Any], arrays: Sequence[Array]) -> tuple[bool, ...]:
        mask: list[bool] = []
        for n, a in enumerate(args):
            if n not in self._static.nums:
                mask += [n in self._donated] * tree.structure(a).size
        return (*mask, *([False] * (len(arrays) - len(mask))))

    def trace(self, *args: Any, **kwargs: Any) -> Program:
        """The Program recorded for these arguments (arrays closed over are its trailing params)."""
        return self._lookup(args, kwargs)[1].program

    def param_names(self, *args: Any, **kwargs: Any) -> list[str]:
        """The user's words for the program's params: arguments by path. Arrays closed over come behind them."""
        rest = self._static.split(self.fun, args, kwargs)[1]
        named = self._static.naming(self.fun)
        return [re.sub(r"^argument \d+ \((\w+)\)", r"\1", named(path)) for path in tree.paths(rest)]

    def lower(self, *args: Any, **kwargs: Any) -> Lowered:
        """What will be compiled for these arguments."""
        return Lowered(self.trace(*args, **kwargs))

    def memory(self, *args: Any, **kwargs: Any) -> Memory:
        """The bytes that a call with these arguments takes: parameters, results, temporaries, and their peak."""
        arrays, entry = self._lookup(args, kwargs)
        donated = self._donated_leaves(args, arrays) if self._donated else ()
        return machine(config.default_device).memory(optimize(entry.program), _padded(donated, entry))

    def traces(self) -> list[TraceRecord]:
        """Every trace so far: the argument types it was made for, and why it was made."""
        return self._history.records()

    def clear_cache(self) -> None:
        """Forget all traces."""
        with self._lock:
            self._entries.clear()
            self._direct.clear()
            self._history.clear()


def _padded(donated: tuple[bool, ...], entry: Entry) -> tuple[bool, ...]:
    """Which params are donated; arrays closed over never are."""
    return (*donated, *([False] * len(entry.closed))) if donated else ()


@frozen(eq=False)
class _Static:
    """Which arguments are static: part of the key, not traced."""

    nums: tuple[int, ...]
    names: tuple[str, ...]

    def split(self, fun: Fun, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """(static positions and names with their values), (the other arguments)."""
        if not self.nums and not self.names:
            return ((), (), len(args)), (tuple(args), kwargs)
        fixed = tuple((n, _hashable(fun, n, args[n])) for n in self.nums if n < len(args))
        named = tuple((k, _hashable(fun, k, kwargs[k])) for k in self.names if k in kwargs)
        free = tuple(a for n, a in enumerate(args) if n not in self.nums)
        return (fixed, named, len(args)), (free, {k: v for k, v in kwargs.items() if k not in self.names})

    def naming(self, fun: Fun) -> Callable[[str], str]:
        """What an argument that is not static is called in messages, from its path among those."""

        def named(path: str) -> str:
            place = re.match(r"\[0\]\[(\d+)\](.*)", path, re.DOTALL)
            if place is None:
                return path_in_call(fun, path)
            free = [n for n in range(int(place[1]) + len(self.nums) + 1) if n not in self.nums]
            return path_in_call(fun, f"[0][{free[int(place[1])]}]{place[2]}")

        return named

    def join(self, fixed: Any, free: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The inverse of ``split``."""
        positions, named, count = fixed
        static, rest = dict(positions), iter(free)
        return [static[n] if n in static else next(rest) for n in range(count)], {**kwargs, **dict(named)}


def _hashable(fun: Fun, which: int | str, value: Any) -> Any:
    try:
        hash(value)
    except TypeError:
        raise ArrayTypeError(
            f"jit of {name_of(fun)}: static {argument_name(fun, which) if isinstance(which, int) else which} must be "
            f"hashable, got {described(value)}; {'pass a tuple' if isinstance(value, list) else 'pass its parts'}"
        ) from None
    return value


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, int | str) else tuple(value or ())


def jit(
    fun: Fun | None = None,
    *,
    static_argnums: int | Iterable[int] | None = None,
    static_argnames: str | Iterable[str] | None = None,
    donate_argnums: int | Iterable[int] | None = None,
    donate_argnames: str | Iterable[str] | None = None,
    max_traces: int | None = None,
) -> Any:
    """``fun`` compiled: traced once per structure and types of its arguments, the same bits as ``fun``.

    Static arguments are hashable, known while tracing, and part of the cache's key. Donated arrays may be
    overwritten by results; they are dead after the call, even if it raises. With ``max_traces``, one trace more
    is a RetracingError that says what changed. Usable as a decorator with options.
    """
    if fun is None:
        return functools.partial(
            jit,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
            donate_argnums=donate_argnums,
            donate_argnames=donate_argnames,
            max_traces=max_traces,
        )
    if not callable(fun):
        raise ArrayTypeError(f"jit takes a function, got {described(fun)}; write jit(f)(x), not jit(f(x))")
    nums, names = _positions(fun, _as_tuple(static_argnums), _as_tuple(static_argnames))
    donated, _ = _positions(fun, _as_tuple(donate_argnums), _as_tuple(donate_argnames))
    if max_traces is not None and (not isinstance(max_traces, int) or max_traces < 1):  # pyright: ignore
        raise ArrayTypeError(f"jit: max_traces is a positive int or None, got {max_traces!r}")
    return Jitted(fun, _Static(nums, names), donated, max_traces)


def _positions(fun: Fun, nums: tuple[int, ...], names: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Argument numbers and names, each completed by the other as far as the signature tells."""
    try:
        known = list(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        return nums, names
    for n in nums:
        if not -len(known) <= n < len(known) and not any(
            "*" in str(p) for p in inspect.signature(fun).parameters.values()
        ):
            raise ArrayTypeError(
                f"jit of {name_of(fun)}: there is no argument {n}; its parameters are {', '.join(known)}"
            )
    nums = tuple(n % len(known) if n < 0 else n for n in nums)
    also_nums = tuple(known.index(k) for k in names if k in known)
    also_names = tuple(known[n] for n in nums if n < len(known))
    return tuple(dict.fromkeys((*nums, *also_nums))), tuple(dict.fromkeys((*names, *also_names)))


def make_program(fun: Fun) -> Fun:
    """``make_program(fun)(*args)``: the Program of ``fun`` at these arguments' types."""

    @functools.wraps(fun)
    def made(*args: Any, **kwargs: Any) -> Program:
        return Jitted(fun, _Static((), ()), ()).trace(*args, **kwargs)

    return made


def eval_shape(fun: Fun, *args: Any, **kwargs: Any) -> Any:
    """The types of ``fun``'s results, as a tree of ``ArrayType``, without computing them.

    Arguments may be arrays, numbers or anything with ``shape`` and ``dtype``.
    """
    leaves, structure = tree.flatten((args, kwargs))
    types = [a if isinstance(a, ArrayType) else flat_arrays(a, "eval_shape", "argument ")[0][0].type for a in leaves]

    def flat(*xs: Array) -> Extra:
        inner, named = tree.unflatten(structure, xs)
        return Extra(*flat_arrays(fun(*inner, **named), name_of(fun), "the result"))

    traced = trace(flat, types)
    return tree.unflatten(traced.extra, traced.program.out_types)


def show(fun: Fun, *args: Any, stage: str = "program", sources: bool = False, **kwargs: Any) -> str:
    """``fun`` at these arguments as text: ``program``, ``kernels``, ``loops``, ``llvm`` or ``asm``.

    With ``sources`` the program says what its params are called, and beside its equations the lines they are from.
    """
    jitted = fun if isinstance(fun, Jitted) else Jitted(fun, _Static((), ()), ())
    if sources and stage == "program":
        return jitted.trace(*args, **kwargs).text(sources=True, names=jitted.param_names(*args, **kwargs))
    return stage_text(jitted.trace(*args, **kwargs), stage)
