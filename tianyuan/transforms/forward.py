"""Forward mode: run a function on dual numbers, primal and tangent side by side [Wengert1964].

    jvp : (a -> b) -> (a, T a) -> (b, T b)

A tangent that is None is zero. A dual number names its owner, the interpreter that made it, so that
the perturbations of nested derivatives are never confused [Siskind2005].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tianyuan.array import Array
from tianyuan.core import Interpreter, Prim, current, interpreting
from tianyuan.prims.creation import zeros
from tianyuan.types import ArrayType


class Dual(Array):
    """A primal value with its tangent."""

    __slots__ = ("primal", "tangent")

    def __init__(self, owner: Forward, primal: Array, tangent: Array) -> None:
        self.type = primal.type
        self.owner = owner
        self.primal = primal
        self.tangent = tangent
        self.literal = False
        self.device_name = primal.device_name

    def known(self, need: str = "array") -> Array:
        """The value of the primal."""
        return self.primal.known(need)


class Forward(Interpreter):
    """Differentiates primitives by their ``jvp`` rules; the rules run one interpreter further down."""

    def __init__(self) -> None:
        self.prev = current()
        self.rules = self.prev  # under which derivative rules run

    def process(self, prim: Prim, args: Sequence[Array]) -> Sequence[Array]:
        """Apply the rule, or only the primitive where no tangent comes in."""
        primals, tangents = self.split(args)
        if all(t is None for t in tangents):
            with interpreting(self.prev):
                return self.prev.process(prim, primals)
        with interpreting(self.rules):
            outs, out_tangents = self.rule(prim)(primals, tangents)
        if not prim.multiple:
            outs, out_tangents = (outs,), (out_tangents,)
        return [self.join(x, t) for x, t in zip(outs, out_tangents, strict=True)]

    def rule(self, prim: Prim) -> Callable[..., Any]:
        """The derivative rule to apply."""
        return prim.jvp

    def custom(self, rule: Any, args: Sequence[Array]) -> Sequence[Array]:
        """Apply the user's derivative rule."""
        primals, tangents = self.split(args)
        if all(t is None for t in tangents):
            with interpreting(self.prev):
                return self.prev.custom(rule, primals)
        with interpreting(self.rules):
            outs, out_tangents = self.custom_rule(rule, primals, tangents)
        return [self.join(x, t) for x, t in zip(outs, out_tangents, strict=True)]

    def custom_rule(self, rule: Any, primals: Sequence[Array], tangents: Any) -> tuple[Any, Any]:
        """Results and tangents of a custom function."""
        return rule.jvp(primals, tangents)

    def split(self, args: Sequence[Array]) -> tuple[list[Array], list[Array | None]]:
        """Primals and tangents; what this interpreter does not own is a constant."""
        mine = [isinstance(a, Dual) and a.owner is self for a in args]
        primals = [a.primal if m else a for a, m in zip(args, mine, strict=True)]  # pyright: ignore
        return primals, [a.tangent if m else None for a, m in zip(args, mine, strict=True)]  # pyright: ignore

    def join(self, primal: Array, tangent: Array | None) -> Array:
        """A dual number, or the primal alone where the tangent is zero or the dtype has none."""
        if tangent is None or not differentiable(primal.type):
            return primal
        return Dual(self, primal, tangent)


def differentiable(type: ArrayType) -> bool:
    """Whether values of this type have tangents: floating point and complex."""
    return type.dtype.kind in "fc"


def jvp_flat(
    fun: Callable[..., Sequence[Array]], primals: Sequence[Array], tangents: Sequence[Array | None]
) -> tuple[list[Array], list[Array | None]]:
    """jvp of a function of flat arrays; tangents may be None (zero), in and out."""
    forward = Forward()
    with interpreting(forward):
        outs = fun(*(forward.join(x, t) for x, t in zip(primals, tangents, strict=True)))
    return forward.split(list(outs))


def instantiate(tangent: Array | None, type: ArrayType) -> Array:
    """The tangent as an array, zeros for None."""
    return zeros(type.strong) if tangent is None else tangent
