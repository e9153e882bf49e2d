"""``scan fori_loop while_loop map``: loops over pytrees, compiled to native loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.control.bodies import Body, check_carry, check_structure, trace_body
from tianyuan.control.looping import While
from tianyuan.control.scanning import Scan
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, ShapeError, TreeError
from tianyuan.prims.conversion import convert, strong
from tianyuan.prims.creation import iota
from tianyuan.prims.linear import concatenate, reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.prims.pointwise.comparison import lt
from tianyuan.program import Program
from tianyuan.transforms.arguments import as_array, called, described, flat_arrays, name_of
from tianyuan.transforms.mapping import vmap
from tianyuan.transforms.tracing import trace
from tianyuan.types import DEFAULT_INT, ArrayType, bool_

Fun = Callable[..., Any]


def scan(
    f: Fun,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
    who: str = "scan",
) -> tuple[Any, Any]:
    """Fold ``f : (carry, x) -> (carry, y)`` over the leading axis of ``xs``; ``(last carry, stacked ys)``.

    ``length`` is needed when ``xs`` is None. With ``reverse`` the last slice comes first, and ys[t] still
    belongs to xs[t]. ``unroll`` is a hint. The carry keeps its structure and types. Raises ShapeError,
    TreeError or ArrayTypeError naming the leaf, and ``who`` loops.
    """
    carry, carry_shape = flat_arrays(init, who, "init")
    values, x_shape = flat_arrays(xs, who, "xs")
    steps = _length(who, xs, values, length)
    carry = [strong(c) for c in carry]
    types = [*(c.type for c in carry), *(v.type.drop((0,)) for v in values)]
    both = tree.Structure(tuple, None, (carry_shape, x_shape))
    body = _fixed(lambda: trace_body(who, f, both, types), carry, types)
    carry_out, y_shape = _two(body.structure, f)
    check_structure(who, f"the carry that {name_of(f)} returns", carry_shape, carry_out)
    check_carry(who, init, [c.type for c in carry], body)
    program = closed_first(body, len(types))
    if unroll < 1:
        raise ArrayTypeError(f"scan: unroll is a positive int, got {unroll}")
    loop = Scan(program, steps, reverse, len(body.closed), len(carry), unroll)
    outs = loop(*body.closed, *carry, *values)
    last = tree.unflatten(carry_shape, outs[: len(carry)])
    return last, tree.unflatten(y_shape, outs[len(carry) :])


def _fixed(make: Callable[[], Body], carry: list[Array], types: list[ArrayType]) -> Body:
    """The traced body, its results strong: a Python number in a carry takes the carry's dtype."""
    body = make()
    outs = body.program.out_types
    if not any(t.weak for t in outs):
        return body
    wanted = [*(c.type for c in carry), *outs[len(carry) :]]

    def settled(*args: Array) -> list[Array]:
        results = body.program(*args)
        return [
            r if not r.type.weak else convert(r, w.dtype) if not w.weak else strong(r)
            for r, w in zip(results, wanted, strict=False)
        ]

    program = trace(settled, body.program.in_types).program
    return Body(program, body.closed, body.structure)


def closed_first(body: Body, count: int) -> Program:
    """The body with the arrays it closes over as first params."""
    own = body.program.in_types[:count]
    closed = body.program.in_types[count:]
    if not closed:
        return body.program

    def fun(*args: Array) -> Any:
        return body.program(*args[len(closed) :], *args[: len(closed)])

    return trace(fun, [*closed, *own]).program


def _length(who: str, xs: Any, values: list[Array], length: int | None) -> int:
    first = "length"
    for (path, _), v in zip(tree.flatten_with_path(xs)[0], values, strict=True):
        if not v.shape:
            repair = "for a number of steps pass length" if who == "scan" else "call the function itself"
            raise ShapeError(f"{who}: xs{path} needs a leading axis to loop over, got {described(v)}; {repair}")
        if length is not None and v.shape[0] != length:
            raise ShapeError(
                f"{who}: xs{path} is {v.type} and has {v.shape[0]} slices, expected {length} as {first}; "
                "all must have one length"
            )
        length, first = v.shape[0], f"xs{path}"
    if length is None:
        raise ShapeError(f"{who}: xs is None, so the number of steps is not known; pass xs or length")
    if length < 0:
        raise ShapeError(f"{who}: length must not be negative, got {length}")
    return int(length)


def _two(shape: tree.Structure, f: Fun) -> tuple[tree.Structure, tree.Structure]:
    if shape.kind not in (tuple, list) or len(shape.children) != 2:
        got = tree.difference(tree.Structure(tuple, None, (tree.LEAF,) * 2), shape, f"what {name_of(f)} returns")
        raise TreeError(f"scan: {got}; return (carry, y), with None for y where there is none")
    return shape.children[0], shape.children[1]


def while_loop(cond_fun: Fun, body_fun: Fun, init: Any) -> Any:
    """``while cond_fun(value): value = body_fun(value)``, starting from ``init``; the last value.

    ``cond_fun`` gives one bool; ``body_fun`` keeps structure and types. Ctrl-C stops it.
    """
    carry, shape = flat_arrays(init, "while_loop", "init")
    carry = [strong(c) for c in carry]
    types = [c.type for c in carry]
    one = tree.Structure(tuple, None, (shape,))
    condition = trace_body("while_loop", cond_fun, one, types)
    if condition.program.out_types != (ArrayType(bool_),):
        got = ", ".join(str(t) for t in condition.program.out_types) or "None"
        many = any(t.shape for t in condition.program.out_types)
        repair = "reduce it with ty.any or ty.all" if many else "compare it, for example with > 0"
        raise ArrayTypeError(f"while_loop: {name_of(cond_fun)} must return one bool, bool[], got {got}; {repair}")
    body = _fixed(lambda: trace_body("while_loop", body_fun, one, types), carry, types)
    check_structure("while_loop", f"what {name_of(body_fun)} returns", shape, body.structure)
    check_carry("while_loop", init, types, body)
    loop = While(
        closed_first(condition, len(types)),
        closed_first(body, len(types)),
        len(condition.closed),
        len(body.closed),
    )
    return tree.unflatten(shape, loop(*condition.closed, *body.closed, *carry))


def fori_loop(lower: Any, upper: Any, body_fun: Fun, init: Any) -> Any:
    """``for i in range(lower, upper): value = body_fun(i, value)``; the last value.

    With Python ints as bounds it is a ``scan`` (and has a reverse mode), with arrays a ``while_loop``.
    """
    if isinstance(lower, int) and isinstance(upper, int):
        length = max(0, upper - lower)
        indices = add(iota(DEFAULT_INT, (length,), 0), scalar(lower, DEFAULT_INT))

        def body(v: Any, i: Array) -> tuple[Any, None]:
            return called("fori_loop", body_fun, (i, v)), None

        body.__name__ = name_of(body_fun)
        return scan(body, init, indices, who="fori_loop")[0]
    for name, bound in (("lower", lower), ("upper", upper)):
        if (b := as_array(bound)).shape or b.dtype.kind not in "iu":
            raise ArrayTypeError(f"fori_loop: {name} must be one integer, got {described(bound)}; round it first")
    low, high = (convert(as_array(b), DEFAULT_INT) for b in (lower, upper))
    step = scalar(1, DEFAULT_INT)
    out = while_loop(
        lambda state: lt(state[0], state[1]),
        lambda state: (add(state[0], step), state[1], body_fun(state[0], state[2])),
        (low, high, init),
    )
    return out[2]


def map(f: Fun, xs: Any, *, batch_size: int | None = None) -> Any:
    """``f`` applied to each slice of ``xs`` along its leading axis, one after the other; results stacked.

    With ``batch_size``, that many slices at a time are vmapped: the same bits, more memory, more speed.
    """
    if batch_size is None:
        return scan(lambda _, x: (None, f(x)), None, xs, who="map")[1]
    if batch_size < 1:
        raise ArrayTypeError(f"map: batch_size is a positive int, got {batch_size}")
    values, shape = flat_arrays(xs, "map", "xs")
    length = _length("map", xs, values, None)
    whole = length - length % batch_size
    blocks = [reshape(slice_axis(v, 0, 0, whole), (whole // batch_size, batch_size, *v.shape[1:])) for v in values]
    ys = scan(lambda _, x: (None, vmap(f)(x)), None, tree.unflatten(shape, blocks))[1]

    def flat(y: Array) -> Array:
        return reshape(y, (whole, *y.shape[2:]))

    ys = tree.map(flat, ys)
    if whole == length:
        return ys
    rest = vmap(f)(tree.unflatten(shape, [slice_axis(v, 0, whole, length) for v in values]))
    return tree.map(lambda a, b: concatenate(a, b, axis=0), ys, rest)
