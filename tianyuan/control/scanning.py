"""The primitive ``Scan``: a counted loop over a nested Program, and its rules.

    body : (consts, carries, slices of xs) -> (carries, slices of ys)

Its reference form, which the laws compare it with:

    for t in range(length) (reversed with ``reverse``): carry, y[t] = body(consts, carry, x[t])

A scan of length ITERATIONS is the derivative of a ``while_loop``: the number is its first const, xs and ys are
tapes. It obeys the same rules, and is turned into loops that store no tape before it runs (``tapes.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tianyuan import lowering
from tianyuan.array import Array
from tianyuan.cases import Case, Cases
from tianyuan.core import Prim, Undef, primitive
from tianyuan.errors import NoRuleError, ShapeError
from tianyuan.passes.pruning import chosen, narrowed, needed
from tianyuan.prims.linear import moveaxis
from tianyuan.prims.pointwise.arithmetic import add
from tianyuan.program import Program, renumber
from tianyuan.transforms.batching import at_front
from tianyuan.transforms.forward import differentiable, instantiate
from tianyuan.transforms.programs import batch_program, jvp_program, split_program, spread
from tianyuan.transforms.reverse import Accumulating, backward
from tianyuan.transforms.tracing import trace
from tianyuan.types import DEFAULT_INT, ITERATIONS, ArrayType, DType

Maybe = Array | None


def _no_cases(dtype: DType) -> list[Case]:
    return []  # primitives with Programs are tested as composites


@primitive
class Scan(Prim, Accumulating):
    """Run ``body`` ``length`` times; see the module docstring. ``unroll`` is a hint to the machine."""

    body: Program
    length: int
    reverse: bool
    consts: int
    carries: int
    unroll: int = 1
    multiple = True
    cases = Cases(_no_cases, ())

    def types(self, *args: ArrayType) -> tuple[ArrayType, ...]:
        """Carries as they are, ys with a leading axis."""
        slices = [self._slice(t) for t in args[self.consts + self.carries :]]
        expected = (*args[: self.consts + self.carries], *slices)
        if expected != self.body.in_types:
            raise ShapeError(f"scan's body takes {self.body.in_types}, got {expected}")
        outs = self.body.out_types
        ys = [t.with_shape((self.length, *t.shape)) for t in outs[self.carries :]]
        return (*outs[: self.carries], *ys)

    def _slice(self, t: ArrayType) -> ArrayType:
        if not t.shape or t.shape[0] != self.length:
            raise ShapeError(f"scan: xs must have a leading axis of {self.length}, got {t}")
        return t.drop((0,))

    @property
    def unbounded(self) -> bool:
        """Whether the number of iterations is an argument."""
        return self.length is ITERATIONS

    def lower(self, *types: ArrayType) -> lowering.Lowering:
        """A native loop."""
        if self.unbounded:
            raise NoRuleError("a scan over a tape runs only as part of the loop that it is the derivative of")
        return lowering.Scan(self.body, self.length, self.reverse, self.consts, self.carries)

    def prune(self, args: Sequence[Any], used: Sequence[bool]) -> tuple[Prim, Sequence[Any], Sequence[bool]] | None:
        """Without the ys that are not used, and the carries that serve only themselves."""
        if self.unbounded:
            return None
        kept = list(used)
        while True:
            params = needed(self.body, kept)
            live = params[self.consts : self.consts + self.carries]
            grown = [u or v for u, v in zip(kept[: self.carries], live, strict=True)]
            if grown == kept[: self.carries]:
                break
            kept[: self.carries] = grown
        c, _, x = self.parts(params)
        params = [*c, *kept[: self.carries], *x]
        if all(kept) and all(params):
            return None
        body = narrowed(self.body, params, kept)
        return self._loop(body, sum(c), sum(kept[: self.carries])), chosen(args, params), kept

    def effects(self) -> frozenset[str]:
        """Those of the body."""
        return self.body.effects

    def oracle(self, *args: Any) -> Any:
        """The machines run Programs themselves."""
        raise NotImplementedError

    def parts(self, values: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Consts, carries, xs of a list that goes like the arguments."""
        a, b = self.consts, self.consts + self.carries
        return list(values[:a]), list(values[a:b]), list(values[b:])

    def _loop(self, body: Program, consts: int, carries: int) -> Scan:
        return Scan(body, self.length, self.reverse, consts, carries, self.unroll)

    def _grow(self, step: Any, mask: Sequence[bool]) -> tuple[Any, list[bool]]:
        """Repeat ``step(carry mask) -> (result, carries out)`` until the carry mask does not grow."""
        carry = list(mask)
        while True:
            result, out = step(carry)
            grown = [c or o for c, o in zip(carry, out, strict=True)]
            if grown == carry:
                return result, carry
            carry = grown

    # ---- forward mode

    def jvp(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """Scan of the body's jvp: carries and tangents of carries side by side."""
        (c, k, x), (dc, dk, dx) = self.parts(primals), self.parts(tangents)
        nc, nx = [t is not None for t in dc], [t is not None for t in dx]
        ys = len(self.body.results) - self.carries

        def step(nk: list[bool]) -> tuple[Any, list[bool]]:
            made, mask = jvp_program(self.body, [*nc, *nk, *nx], [*nk, *([False] * ys)])
            return (made, mask), list(mask[: self.carries])

        (program, mask), nk = self._grow(step, [t is not None for t in dk])
        body = _interleave(program, self, nc, nk, nx, mask)
        dk_in = [instantiate(t, p.type) for t, p, n in zip(dk, k, nk, strict=True) if n]
        args = [*c, *_some(dc), *k, *dk_in, *x, *_some(dx)]
        outs = self._loop(body, len(c) + sum(nc), len(k) + sum(nk))(*args)
        return self._unzip(outs, nk, list(mask[self.carries :]))

    def _unzip(self, outs: Sequence[Array], nk: list[bool], ny: list[bool]) -> tuple[list[Array], list[Maybe]]:
        a = self.carries
        b = a + sum(nk)
        ys = len(ny)
        primal = [*outs[:a], *outs[b : b + ys]]
        return primal, [*spread(outs[a:b], nk), *spread(outs[b + ys :], ny)]

    # ---- reverse mode

    def linearize(self, primals: Sequence[Array], tangents: Sequence[Maybe]) -> tuple[Any, Any]:
        """A scan of primals that also stacks what the tangents need, and a scan of tangents."""
        (c, k, _), (dc, dk, dx) = self.parts(primals), self.parts(tangents)
        nc, nx = [t is not None for t in dc], [t is not None for t in dx]
        ys = len(self.body.results) - self.carries

        def step(nk: list[bool]) -> tuple[Any, list[bool]]:
            made = split_program(self.body, [*nc, *nk, *nx], [*nk, *([False] * ys)])
            return made, list(made.nonzero_out[: self.carries])

        split, nk = self._grow(step, [t is not None for t in dk])
        stacked = [i is None or self.consts <= i < self.consts + self.carries for i in split.same]
        outs = self._loop(_keep(split.primal, len(self.body.results), stacked), len(c), len(k))(*primals)
        main = list(outs[: len(self.body.results)])
        saved = iter(outs[len(main) :])
        residuals: list[Any] = [next(saved) if s else primals[i or 0] for s, i in zip(stacked, split.same, strict=True)]
        fixed = [not s and i is not None and i < self.consts for s, i in zip(stacked, split.same, strict=True)]
        body = _tangent_body(split.tangent, sum(nc), sum(nk), sum(nx), fixed)
        still = [r for r, f in zip(residuals, fixed, strict=True) if f]
        if self.unbounded:
            body, still = with_count(body), [primals[0], *still]
        moving = [r for r, f in zip(residuals, fixed, strict=True) if not f]
        dk_in = [instantiate(t, p.type) for t, p, n in zip(dk, k, nk, strict=True) if n]
        loop = self._loop(body, len(still) + sum(nc), sum(nk))
        out = loop(*still, *_some(dc), *dk_in, *moving, *_some(dx))
        ny = list(split.nonzero_out[self.carries :])
        return main, [*spread(out[: sum(nk)], nk), *spread(out[sum(nk) :], ny)]

    def transpose_into(self, cts: Sequence[Maybe], args: Sequence[Any], running: Sequence[Maybe]) -> Sequence[Maybe]:
        """The loop run backwards; cotangents of consts accumulate through the iterations."""
        lin = [isinstance(a, Undef) and differentiable(a.type) for a in args]
        lc, lk, lx = self.parts(lin)
        if not all(differentiable(t) for t in self.body.in_types[len(lc) : len(lc) + len(lk)]):
            raise NoRuleError("scan cannot be transposed: a carry mixes linear with other values")
        (c, k, x), (rc, rk, rx) = self.parts(args), self.parts(running)
        body, ny = _backward_body(self, lc, lx, [ct is not None for ct in cts[self.carries :]])
        sums = [instantiate(r, a.type) for r, a, m in zip(rc, c, lc, strict=True) if m]
        ct_k = [instantiate(ct, a.type) for ct, a in zip(cts[: self.carries], k, strict=True)]
        still = [a for a, m in zip(c, lc, strict=True) if not m]
        moving = [a for a, m in zip(x, lx, strict=True) if not m]
        ct_y = [ct for ct in cts[self.carries :] if ct is not None]
        assert len(ct_y) == ny
        loop = Scan(body, self.length, not self.reverse, len(still), len(sums) + len(ct_k), self.unroll)
        outs = loop(*still, *sums, *ct_k, *moving, *ct_y)
        made = iter(outs)
        into_c = [next(made) for _ in sums]
        into_k = [next(made) for _ in ct_k]
        into_x = spread(list(made), lx)
        own_k = [ct if m else None for ct, m in zip(into_k, lk, strict=True)]  # others start from the zero tangent
        added = [_plus(r, ct) for r, ct in zip((*rk, *rx), (*own_k, *into_x), strict=True)]
        return [*spread(into_c, lc), *added]

    # ---- batching

    def batch(self, size: int, args: Sequence[Array], dims: Sequence[int | None]) -> tuple[Any, Any]:
        """Scan of the batched body; the batch axis comes first in every slice."""
        bc, bk, bx = self.parts([d is not None for d in dims])
        ys = len(self.body.results) - self.carries

        def step(carry: list[bool]) -> tuple[Any, list[bool]]:
            made, mask = batch_program(self.body, size, [*bc, *carry, *bx], [*carry, *([False] * ys)])
            return (made, mask), list(mask[: self.carries])

        (body, mask), bk = self._grow(step, bk)
        (c, k, x), (dc, dk, dx) = self.parts(args), self.parts(dims)
        consts = [at_front(a, d, size) if b else a for a, d, b in zip(c, dc, bc, strict=True)]
        carries = [at_front(a, d, size) if b else a for a, d, b in zip(k, dk, bk, strict=True)]
        xs = [moveaxis(a, d, 1) if d is not None else a for a, d in zip(x, dx, strict=True)]
        outs = self._loop(body, self.consts, self.carries)(*consts, *carries, *xs)
        place = [0] * self.carries + [1] * ys
        return outs, [p if m else None for p, m in zip(place, mask, strict=True)]


def _some(values: Sequence[Maybe]) -> list[Array]:
    return [v for v in values if v is not None]


def _plus(running: Maybe, ct: Maybe) -> Maybe:
    if running is None or ct is None:
        return running if ct is None else ct
    return add(running, ct)


def _interleave(
    program: Program, scan: Scan, nc: list[bool], nk: list[bool], nx: list[bool], mask: Sequence[bool]
) -> Program:
    """From (c, k, x, dc, dk, dx) -> (k, y, dk, dy) to (c, dc, k, dk, x, dx) -> (k, dk, y, dy)."""
    c, k, x = scan.parts(scan.body.in_types)
    dc, dk, dx = ([t.strong for t, n in zip(ts, ns, strict=True) if n] for ts, ns in ((c, nc), (k, nk), (x, nx)))
    sizes = [len(c), len(dc), len(k), len(dk), len(x), len(dx)]
    ys = len(scan.body.results) - scan.carries

    def fun(*args: Array) -> list[Array]:
        parts = cut(args, sizes)
        outs = program(*(v for i in (0, 2, 4, 1, 3, 5) for v in parts[i]))
        k_out, y, dk_out, dy = cut(outs, [scan.carries, ys, len(dk), sum(mask) - len(dk)])
        return [*k_out, *dk_out, *y, *dy]

    return trace(fun, [*c, *dc, *k, *dk, *x, *dx]).program


def cut(values: Sequence[Any], sizes: Sequence[int]) -> list[list[Any]]:
    """Consecutive pieces of these sizes."""
    pieces: list[list[Any]] = []
    start = 0
    for n in sizes:
        pieces.append(list(values[start : start + n]))
        start += n
    return pieces


def _keep(program: Program, main: int, kept: Sequence[bool]) -> Program:
    """The program with only those residual results that must be stacked."""
    residuals = [r for r, k in zip(program.results[main:], kept, strict=True) if k]
    return Program(program.params, program.eqns, (*program.results[:main], *residuals))


def _tangent_body(tangent: Program, nc: int, nk: int, nx: int, fixed: Sequence[bool]) -> Program:
    """From (dc, dk, dx, residuals) to (fixed residuals, dc, dk, moving residuals, dx)."""
    types = list(tangent.in_types)
    dc, dk, dx, res = cut(types, [nc, nk, nx, len(fixed)])
    still = [t for t, f in zip(res, fixed, strict=True) if f]
    moving = [t for t, f in zip(res, fixed, strict=True) if not f]

    def fun(*args: Array) -> Sequence[Array]:
        s, c, k, m, x = cut(args, [len(still), nc, nk, len(moving), nx])
        a, b = iter(s), iter(m)
        return tangent(*c, *k, *x, *(next(a) if f else next(b) for f in fixed))

    return trace(fun, [*still, *dc, *dk, *moving, *dx]).program


def with_count(body: Program) -> Program:
    """The body with one const more in front: the number of iterations, which it does not use."""
    return trace(lambda count, *args: body(*args), [ArrayType(DEFAULT_INT), *body.in_types]).program


def _backward_body(scan: Scan, lc: list[bool], lx: list[bool], have_y: list[bool]) -> tuple[Program, int]:
    """(still consts, sums of consts, ct of carries, moving xs, ct of ys) -> (sums, ct of carries, ct of xs)."""
    c, k, x = scan.parts(scan.body.in_types)
    still = [t for t, m in zip(c, lc, strict=True) if not m]
    sums = [t for t, m in zip(c, lc, strict=True) if m]
    moving = [t for t, m in zip(x, lx, strict=True) if not m]
    x_types = [t for t, m in zip(x, lx, strict=True) if m]
    y = [t for t, h in zip(scan.body.out_types[scan.carries :], have_y, strict=True) if h]
    linear_first, n = _linear_first(scan, lc, lx)

    def fun(*args: Array) -> list[Array]:
        s, run, ct_k, m, ct_y = cut(args, [len(still), len(sums), len(k), len(moving), len(y)])
        cts = [*spread(ct_y, have_y), *ct_k]  # ys are written before the carry's next uses: they come first
        start = [*run, *([None] * (n - len(run)))]
        out = backward(linear_first, n, [*s, *m], cts, start)
        types = [*sums, *k, *x_types]
        return [instantiate(o, t) for o, t in zip(out, types, strict=True)]

    return trace(fun, [*still, *sums, *k, *moving, *y]).program, len(y)


def _linear_first(scan: Scan, lc: list[bool], lx: list[bool]) -> tuple[Program, int]:
    """The body as (linear consts, carries, linear xs, then the others) -> (ys, carries)."""
    c, k, x = scan.parts(scan.body.params)
    linear = [*_where(c, lc, True), *k, *_where(x, lx, True)]
    params = [*linear, *_where(c, lc, False), *_where(x, lx, False)]
    results = [*scan.body.results[scan.carries :], *scan.body.results[: scan.carries]]
    return renumber(params, scan.body.eqns, results), len(linear)


def _where(values: Sequence[Any], mask: Sequence[bool], wanted: bool) -> list[Any]:
    return [v for v, m in zip(values, mask, strict=True) if m == wanted]
