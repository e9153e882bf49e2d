"""grad, value_and_grad, jvp, vjp, linearize, Jacobians and Hessians of functions of pytrees.

Tangents and cotangents have the structure and types of what they belong to; integers and booleans have
none. Every tangent or cotangent that leaves is ``g + 0.0``, so that no sign of a zero depends on how
it was computed (docs/numerics.md, Derivatives).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from tianyuan import tree
from tianyuan.array import Array
from tianyuan.eager import scalar
from tianyuan.errors import ArrayTypeError, NoRuleError, TreeError
from tianyuan.prims.conversion import convert
from tianyuan.prims.creation import iota, zeros
from tianyuan.prims.linear import reshape, slice_axis
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.prims.pointwise.comparison import eq
from tianyuan.transforms.arguments import (
    argument_name,
    as_array,
    checked_argnums,
    described,
    flat_arrays,
    flat_function,
    name_of,
)
from tianyuan.transforms.forward import differentiable, instantiate, jvp_flat
from tianyuan.transforms.mapping import vmap
from tianyuan.transforms.reverse import backward, linearize_flat
from tianyuan.transforms.tracing import trace
from tianyuan.types import DEFAULT_INT, ArrayType, as_dtype

Fun = Callable[..., Any]


def settled(tangent: Array | None, type: ArrayType) -> Array:
    """``g + 0.0``; zeros for None."""
    if tangent is None:
        return zeros(type.strong)
    return add(tangent, scalar(0.0, tangent.dtype)) if differentiable(tangent.type) else tangent


def value_and_grad(
    fun: Fun,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Fun:
    """A function that returns ``(fun(x), gradient)``, the gradient with respect to the arguments ``argnums``.

    ``fun`` returns one real number (0-d float), or ``(number, aux)`` with ``has_aux``. The gradient with respect to
    a complex z = a + bi is df/da - i df/db. With ``holomorphic`` ``fun`` maps complex to complex. Integer arguments
    are refused unless ``allow_int`` (their gradient is zeros).
    Raises ArrayTypeError naming the argument.
    """

    @functools.wraps(fun)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        nums = checked_argnums("grad", argnums, len(args))
        flat, primals = flat_function("grad", fun, args, kwargs, nums, has_aux)
        _check_inputs("grad", fun, args, nums, holomorphic, allow_int)
        outs, linear = linearize_flat(flat, primals, [differentiable(x.type) for x in primals])
        one = _seed(fun, outs, flat.box[0], holomorphic)
        cts = iter(linear.transpose([one]))
        grads = [settled(next(cts) if differentiable(x.type) else None, x.type) for x in primals]
        result = tree.unflatten(flat.structure, grads)
        value = (outs[0], flat.box[1]) if has_aux else outs[0]
        return value, result[0] if isinstance(argnums, int) else result

    return differentiated


def grad(
    fun: Fun,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Fun:
    """The gradient of a scalar function: ``value_and_grad`` without the value (with aux, ``(gradient, aux)``)."""
    both = value_and_grad(fun, argnums, has_aux, holomorphic, allow_int)

    @functools.wraps(fun)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, result = both(*args, **kwargs)
        return (result, value[1]) if has_aux else result

    return gradient


def _check_inputs(
    who: str, fun: Fun, args: Sequence[Any], nums: Sequence[int], holomorphic: bool, allow_int: bool
) -> None:
    for n in nums:
        for path, leaf in tree.flatten_with_path(args[n])[0]:
            kind = as_array(leaf).dtype.kind
            where = f"{who} of {name_of(fun)}: {argument_name(fun, n)}{path}"
            if kind not in "fc" and not allow_int:
                also = ", or pass allow_int=True" if who == "grad" else ""
                raise ArrayTypeError(
                    f"{where} must be a float, got {described(leaf)}; convert it, or choose other argnums{also}"
                )
            if holomorphic and kind != "c":
                raise ArrayTypeError(f"{where} must be complex with holomorphic=True, got {described(leaf)}")


def _seed(fun: Fun, outs: Sequence[Array], shape: tree.Structure, holomorphic: bool) -> Array:
    if shape != tree.LEAF or outs[0].shape:
        raise ArrayTypeError(
            f"grad takes a function that returns one number, f32[] for example, but {name_of(fun)} returned "
            f"{_returned(outs, shape)}"
        )
    if outs[0].dtype.kind != ("c" if holomorphic else "f"):
        raise ArrayTypeError(_not_differentiable(fun, outs[0], holomorphic))
    return scalar(1.0, outs[0].dtype)


def _not_differentiable(fun: Fun, out: Array, holomorphic: bool) -> str:
    """What is wrong with a number that is no float (or, if holomorphic, no complex number), and the repair."""
    wanted = "complex number with holomorphic=True" if holomorphic else "real float"
    got = f"grad takes a function that returns a {wanted}, but {name_of(fun)} returned {out.type}"
    if out.dtype.kind == "c":
        return f"{got}; take ty.real or ty.abs of it, or pass holomorphic=True"
    return f"{got}, along which there is no derivative; return the float it is made of, or convert it"


def _returned(outs: Sequence[Array], shape: tree.Structure) -> str:
    """What a loss that is not one number is instead, and the repair."""
    if not outs:
        return "None; is a return missing?"
    if shape == tree.LEAF:
        return f"{outs[0].type}; reduce it with ty.sum or ty.mean, or use jacrev or vjp"
    types = tree.unflatten(shape, [str(x.type) for x in outs])
    return f"{str(types).replace(chr(39), '')}; return (loss, the rest) with has_aux=True, or use jacrev"


def jvp(fun: Fun, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """``(fun(*primals), tangent)``, or with aux ``(value, tangent, aux)``.

    ``tangents`` has the structure, shapes and dtypes of ``primals``. Raises ArrayTypeError naming the leaf.
    """
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise ArrayTypeError(
            f"jvp takes a tuple of primals and one of tangents, got {described(primals)} and {described(tangents)}; "
            "write jvp(fun, (x,), (dx,))"
        )
    flat, arrays = flat_function("jvp", fun, primals, {}, tuple(range(len(primals))), has_aux)
    given = matched_tangents("jvp", "tangent", arrays, flat.structure, tuple(tangents))
    outs, out_tangents = jvp_flat(flat, arrays, given)
    shape, aux = flat.box
    values = tree.unflatten(shape, outs)
    derivs = tree.unflatten(shape, [settled(t, x.type) for t, x in zip(out_tangents, outs, strict=True)])
    return (values, derivs, aux) if has_aux else (values, derivs)


def matched_tangents(
    who: str, what: str, primals: Sequence[Array], structure: tree.Structure, tangents: Any
) -> list[Array | None]:
    """Flat tangents checked against the primals they belong to; None for integers."""
    flat, got = flat_arrays(tangents, who, what)
    if got != structure:
        raise TreeError(f"{who}: {tree.difference(structure, got, what)}; {what}s have the structure of their primals")
    paths = tree.paths(tangents)
    return [_matched(who, f"{what}{p}", x, t) for p, x, t in zip(paths, primals, flat, strict=True)]


def _matched(who: str, what: str, primal: Array, tangent: Array) -> Array | None:
    if not differentiable(primal.type):
        return None
    if tangent.type.weak and not tangent.shape:
        tangent = convert(tangent, primal.dtype)
    if tangent.type.strong != primal.type.strong:
        raise ArrayTypeError(f"{who}: {what} must be {primal.type.strong} like its primal, {_got(tangent)}")
    return tangent


def _got(tangent: Array) -> str:
    return f"got {described(tangent)}; make it with ty.ones_like or astype"


def linearize(fun: Fun, *primals: Any, has_aux: bool = False) -> Any:
    """``(fun(*primals), f_jvp)``: the value, and a function from tangents to tangents at that point."""
    flat, arrays = flat_function("linearize", fun, primals, {}, tuple(range(len(primals))), has_aux)
    outs, linear = linearize_flat(flat, arrays, [differentiable(x.type) for x in arrays])
    shape, aux = flat.box

    def apply(*tangents: Any) -> Any:
        given = matched_tangents("linearize", "tangent", arrays, flat.structure, tangents)
        out = linear.apply([t for t in given if t is not None])
        return tree.unflatten(shape, [settled(t, x.type) for t, x in zip(out, outs, strict=True)])

    value = tree.unflatten(shape, outs)
    return (value, apply, aux) if has_aux else (value, apply)


def vjp(fun: Fun, *primals: Any, has_aux: bool = False) -> Any:
    """``(fun(*primals), f_vjp)``: the value, and a function from a cotangent of it to a tuple of cotangents.

    With ``has_aux``, ``(value, f_vjp, aux)``.
    """
    flat, arrays = flat_function("vjp", fun, primals, {}, tuple(range(len(primals))), has_aux)
    outs, linear = linearize_flat(flat, arrays, [differentiable(x.type) for x in arrays])
    shape, aux = flat.box

    def pull(cotangent: Any) -> Any:
        cts = iter(linear.transpose(matched_tangents("vjp", "cotangent", outs, shape, cotangent)))
        grads = [settled(next(cts) if differentiable(x.type) else None, x.type) for x in arrays]
        return tree.unflatten(flat.structure, grads)

    value = tree.unflatten(shape, outs)
    return (value, pull, aux) if has_aux else (value, pull)


def _basis(arrays: Sequence[Array]) -> list[Array]:
    """For each array, the stack over the unit vectors of all arrays: [total, *shape]."""
    total, start, stacks = sum(x.size for x in arrays), 0, list[Array]()
    for x in arrays:
        rows = convert(_shifted_eye(total, start, x.size), x.dtype)
        stacks.append(reshape(rows, (total, *x.shape)))
        start += x.size
    return stacks


def _shifted_eye(rows: int, start: int, columns: int) -> Array:
    """bool[rows, columns], true where row = start + column."""
    shape = (rows, columns)
    column = add(iota(DEFAULT_INT, shape, 1), scalar(start, DEFAULT_INT))
    return eq(iota(DEFAULT_INT, shape, 0), column)


def _cut(stacked: Array, axis: int, arrays: Sequence[Array]) -> list[Array]:
    """Cut the axis over all elements of ``arrays`` into one piece per array, in its shape."""
    axis, start, pieces = axis % stacked.ndim, 0, list[Array]()
    for x in arrays:
        part = slice_axis(stacked, axis, start, start + x.size)
        shape = (*stacked.shape[:axis], *x.shape, *stacked.shape[axis + 1 :])
        pieces.append(settled(reshape(part, shape), x.type))
        start += x.size
    return pieces


def jacfwd(fun: Fun, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Fun:
    """The Jacobian by forward mode: one jvp per input element, vmapped.

    The result has, for each output leaf of shape s and each input leaf of shape t, an array of shape s + t.
    """

    @functools.wraps(fun)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        nums = checked_argnums("jacfwd", argnums, len(args))
        flat, primals = flat_function("jacfwd", fun, args, kwargs, nums, has_aux)
        _check_inputs("jacfwd", fun, args, nums, any(x.dtype.kind == "c" for x in primals), False)

        def push(*tangents: Array) -> list[Array]:
            outs, out_tangents = jvp_flat(flat, primals, tangents)
            return [instantiate(t, x.type) for t, x in zip(out_tangents, outs, strict=True)]

        columns = vmap(push, out_axes=-1)(*_basis(primals))
        shape, aux = flat.box
        result = tree.unflatten(shape, [_row(_cut(c, -1, primals), flat.structure, argnums) for c in columns])
        return (result, aux) if has_aux else result

    return jacobian


def jacrev(fun: Fun, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Fun:
    """The Jacobian by reverse mode: one vjp per output element, vmapped. Result as of ``jacfwd``."""

    @functools.wraps(fun)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        nums = checked_argnums("jacrev", argnums, len(args))
        flat, primals = flat_function("jacrev", fun, args, kwargs, nums, has_aux)
        _check_inputs("jacrev", fun, args, nums, any(x.dtype.kind == "c" for x in primals), False)
        outs, linear = linearize_flat(flat, primals, [True] * len(primals))

        def pull(*cts: Array) -> list[Array]:
            return [instantiate(c, x.type) for c, x in zip(linear.transpose(cts), primals, strict=True)]

        stacked = vmap(pull)(*_basis(outs))
        shape, aux = flat.box
        per_input = [_cut(s, 0, outs) for s in stacked]
        rows = [_row(list(r), flat.structure, argnums) for r in zip(*per_input, strict=True)]
        result = tree.unflatten(shape, rows)
        return (result, aux) if has_aux else result

    return jacobian


def _row(pieces: list[Array], structure: tree.Structure, argnums: int | Sequence[int]) -> Any:
    """One output's row of the Jacobian: a tree like the arguments."""
    row = tree.unflatten(structure, pieces)
    return row[0] if isinstance(argnums, int) else row


def hessian(fun: Fun, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Fun:
    """Second derivatives of a scalar function: ``jacfwd(jacrev(fun))``."""
    return jacfwd(jacrev(fun, argnums, has_aux), argnums, has_aux)


def hvp(fun: Fun, primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times a vector, by forward over reverse mode.

    ``primals`` and ``tangents`` are tuples of arguments; the result is like ``primals`` (without the tuple for
    one argument).
    """
    argnums = 0 if len(primals) == 1 else tuple(range(len(primals)))
    return jvp(grad(fun, argnums), primals, tangents)[1]


def linear_transpose(fun: Fun, *primals: Any) -> Fun:
    """The transpose of a linear function: a function from a cotangent of the result to a tuple of cotangents.

    ``primals`` give structure, shapes and dtypes only (anything with ``shape`` and ``dtype``). Terms that do not
    depend on them are left out. Raises NoRuleError, naming the operation, where ``fun`` is not linear.
    """
    points = tree.map(lambda x: zeros(_type_of(x)), tuple(primals))
    flat, arrays = flat_function("linear_transpose", fun, points, {}, tuple(range(len(primals))))
    traced = trace(flat, [x.type for x in arrays])
    shape, outs = flat.box[0], [zeros(t.strong) for t in traced.program.out_types]

    def transposed(cotangent: Any) -> Any:
        cts = matched_tangents("linear_transpose", "cotangent", outs, shape, cotangent)
        try:
            given = backward(traced.program, len(arrays), traced.closed, cts)
        except NoRuleError as error:
            raise NoRuleError(f"linear_transpose: {name_of(fun)} is not linear: {error}") from None
        return tree.unflatten(flat.structure, [settled(ct, x.type) for ct, x in zip(given, arrays, strict=True)])

    return transposed


def _type_of(value: Any) -> ArrayType:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return ArrayType(as_dtype(value.dtype), tuple(value.shape))
    return as_array(value).type.strong
