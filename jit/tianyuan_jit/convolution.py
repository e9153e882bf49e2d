"""The three convolutions (``tianyuan.lowering.Convolve``) as contractions, sizes at run time.

Layouts x[N, *S, C], w[*K, C/groups, O], y[N, *P, O]; up to three spatial axes, the missing ones first
with size 1, stride 1, dilation 1, low 0. Position of x = p*stride + k*dilation - low. A group is an
entry of the contraction's batch; one operand is a window matrix (``windows``), read as it is packed.

- forward: y[(n, p), o] = sum over (k, c) of x[n, position, c] w[k, c, o]. Positions outside x are zeros
  that take part.
- weight: w[(k, c), o] = sum over (n, p) of x[n, position, c] y[n, p, o]. The same.
- input: x[(n, s), c] = sum over (k, o) of y[n, (s + low - k*dilation) / stride, o] w[k, c, o]. Where the
  division leaves a rest there is a hole, which is no part of k; a p outside y is a zero that takes
  part. The x that share s modulo the stride (a *phase*) have the same taps: one contraction each,
  whose taps lie ``every`` apart, the smallest multiple that the stride divides.
"""

from __future__ import annotations

from tianyuan_jit.contraction import GEMM
from tianyuan_jit.microkernel import ELEMENTS, ISAS
from tianyuan_jit.record import Record
from tianyuan_jit.rectangle import ceil_div, select
from tianyuan_jit.text import Extent, Function, Module
from tianyuan_jit.windows import AXES, WINDOWS, axes, emit_windows

CONVOLUTION = Record.of(
    "x w y",
    "batch groups channels outputs "  # N, groups, C/groups, O/groups
    + axes("size", "kernel", "out", "stride", "low", "dilation"),
    "epilogue epilogue_ctx",  # as GEMM's, or null; rows are (n, p) or (k, c); ignored by "input"
)
"""The descriptor: 8-byte fields in this order. The operand that is the result is written."""
WHICH = ("forward", "input", "weight")


def library(dtype: str, isa: str) -> str:
    """The module of convolutions of ``dtype`` (``contraction.DTYPES``) for ``isa``.

    Exports ``void @ty_conv_<forward|input|weight>_<dt>_run(ptr d)``, on all threads where that pays;
    imports ``void @ty_gemm_<dt>_run(ptr)`` of ``contraction.library``.
    """
    module, element = Module(), ELEMENTS[dtype]
    emit_windows(module, element, ISAS[isa])
    module.declare(f"void @ty_gemm_{dtype}_run(ptr)")
    _emit_phase(module)
    for convolution in (_Forward, _Input, _Weight):
        convolution(module, dtype).emit()
    return module.text()


class _Convolution:
    """What the three share: the descriptor's values, a WINDOWS record and a GEMM record to fill."""

    which: str

    def __init__(self, module: Module, dtype: str) -> None:
        self.f, self.dtype = Function(module), dtype
        f = self.f
        self.d = {name: CONVOLUTION.load(f, "%d", name) for name in CONVOLUTION.names}
        self.windows, self.gemm = WINDOWS.allocate(f), GEMM.allocate(f)
        self.c_total = f.imul(self.d["channels"], self.d["groups"])
        self.o_total = f.imul(self.d["outputs"], self.d["groups"])

    def emit(self) -> None:
        self.body()
        self.f.finish(f"void @ty_conv_{self.which}_{self.dtype}_run(ptr %d)")

    def body(self) -> None:
        """Fill the records and call."""
        raise NotImplementedError

    def three(self, stem: str) -> list[str]:
        """The three fields of a stem."""
        return [self.d[f"{stem}{axis}"] for axis in AXES]

    def product(self, *factors: Extent) -> Extent:
        """A product of extents."""
        result: Extent = 1
        for factor in factors:
            result = self.f.imul(result, factor)
        return result

    def set_axes(self, **stems: list[Extent]) -> None:
        """Set three fields a stem of the WINDOWS record."""
        for stem, values in stems.items():
            WINDOWS.store(self.f, self.windows, **{f"{stem}{i}": v for i, v in zip(AXES, values, strict=True)})

    def windows_of_x(self) -> None:
        """Rows (n, p), columns (k, c)."""
        f, d = self.f, self.d
        WINDOWS.store(f, self.windows, source=d["x"], channels=self.c_total, width=d["channels"])
        self.set_axes(
            size=[*self.three("size")],
            rows=[*self.three("out")],
            taps=[*self.three("kernel")],
            row_step=[*self.three("stride")],
            tap_step=[*self.three("dilation")],
            origin=[f.isub(0, low) for low in self.three("low")],
        )

    def call(self, **fields: Extent) -> None:
        """Contract with these fields of the GEMM record."""
        f, d = self.f, self.d
        GEMM.store(f, self.gemm, batch=d["groups"], ctx=self.windows, **fields)
        f.do(f"call void @ty_gemm_{self.dtype}_run(ptr {self.gemm})")


class _Forward(_Convolution):
    which = "forward"

    def body(self) -> None:
        f, d = self.f, self.d
        self.windows_of_x()
        direct = self.pointwise()
        loader = f.op(f"select i1 {direct}, ptr null, ptr @windows_{self.dtype}")
        GEMM.store(f, self.gemm, epilogue=d["epilogue"], epilogue_ctx=d["epilogue_ctx"])
        GEMM.store(f, self.gemm, a=d["x"], a_batch=d["channels"], a_m=self.c_total, a_k=1, load_a=loader)
        GEMM.store(f, self.gemm, b=d["w"], b_batch=d["outputs"], b_k=self.o_total, b_n=1)
        GEMM.store(f, self.gemm, c=d["y"], c_batch=d["outputs"], c_m=self.o_total)
        m = self.product(d["batch"], *self.three("out"))
        self.call(m=m, n=d["outputs"], k=self.product(*self.three("kernel"), d["channels"]))

    def pointwise(self) -> str:
        """Whether x itself is the window matrix: one tap that moves nothing."""
        f, result = self.f, "true"
        for size, out, kernel, stride, low in zip(
            *(self.three(stem) for stem in ("size", "out", "kernel", "stride", "low")), strict=True
        ):
            for x, y in ((size, out), (kernel, 1), (stride, 1), (low, 0)):
                result = f.op(f"and i1 {result}, {f.op(f'icmp eq i64 {x}, {y}')}")
        return result


class _Weight(_Convolution):
    which = "weight"

    def body(self) -> None:
        f, d = self.f, self.d
        self.windows_of_x()
        GEMM.store(f, self.gemm, epilogue=d["epilogue"], epilogue_ctx=d["epilogue_ctx"])
        GEMM.store(f, self.gemm, load_a=f"@windows_by_k_{self.dtype}", a_by_k=1)
        GEMM.store(f, self.gemm, b=d["y"], b_batch=d["outputs"], b_k=self.o_total, b_n=1)
        GEMM.store(f, self.gemm, c=d["w"], c_batch=d["outputs"], c_m=self.o_total)
        m = self.product(*self.three("kernel"), d["channels"])
        self.call(m=m, n=d["outputs"], k=self.product(d["batch"], *self.three("out")))


_PHASE = Record.of("", "rows taps tap_step origin first every")


class _Input(_Convolution):
    which = "input"

    def body(self) -> None:
        f, d = self.f, self.d
        WINDOWS.store(f, self.windows, source=d["y"], channels=self.o_total, width=d["outputs"])
        WINDOWS.store(f, self.windows, filters=d["w"], filter_inputs=d["channels"], result=d["x"])
        outputs = {"filter_outputs": f.imax(self.o_total, d["groups"]), "group_outputs": f.imax(d["outputs"], 1)}
        WINDOWS.store(f, self.windows, **outputs)  # with no outputs the filters are not read; the groups are counted
        self.set_axes(size=[*self.three("out")], row_step=[1, 1, 1], kernel=[*self.three("kernel")])
        self.set_axes(full=[*self.three("size")], apart=[*self.three("stride")])
        self.phases = [_PHASE.allocate(f) for _ in AXES]
        strided = f.op(f"icmp ne i64 {self.product(*self.three('stride'))}, 1")
        storer = f.op(f"select i1 {strided}, ptr @scatter_{self.dtype}, ptr null")
        loaders = {"load_a": f"@windows_{self.dtype}", "load_b": f"@filters_{self.dtype}"}
        GEMM.store(f, self.gemm, **loaders, store=storer)
        GEMM.store(f, self.gemm, c=d["x"], c_batch=d["channels"], c_m=self.c_total)
        self.each_phase(0)

    def each_phase(self, axis: int) -> None:
        """Loop over the phases of this axis and the ones after it; contract inside."""
        f = self.f
        if axis == len(AXES):
            self.contract()
            return
        size, stride = self.d[f"size{axis}"], self.d[f"stride{axis}"]
        with f.loop(0, f.imin(stride, size)) as place:
            fields = [self.d[f"{stem}{axis}"] for stem in ("size", "kernel", "stride", "low", "dilation")]
            args = ", ".join(f"i64 {x}" for x in (place, *fields))
            f.do(f"call void @conv_phase(ptr {self.phases[axis]}, {args})")
            WINDOWS.store(f, self.windows, **{f"place{axis}": place})
            for name in _PHASE.names:
                value = _PHASE.load(f, self.phases[axis], name)
                WINDOWS.store(f, self.windows, **{f"{name}{axis}": value})
            self.each_phase(axis + 1)

    def contract(self) -> None:
        d = self.d
        rows, taps = ([WINDOWS.load(self.f, self.windows, f"{s}{i}") for i in AXES] for s in ("rows", "taps"))
        self.call(m=self.product(d["batch"], *rows), n=d["channels"], k=self.product(*taps, d["outputs"]))


def _emit_phase(module: Module) -> None:
    """``conv_phase``: one axis of one phase, the x at ``place`` and every ``stride`` after it.

    A kernel position k takes part where place + low - k*dilation is a multiple of the stride.
    """
    f = Function(module)
    start = f.iadd("%place", "%low")

    def first_multiple(offset: Extent, step: Extent) -> str:
        """The smallest i in 0 .. stride with offset - i*step divisible by the stride; else the stride."""
        before, head, again, end = f.block, f.fresh("head"), f.fresh("again"), f.fresh("end")
        i, following = "%" + f.fresh("i"), "%" + f.fresh("n")
        f.jump(head)
        f.label(head)
        f.do(f"{i} = phi i64 [ 0, %{before} ], [ {following}, %{again} ]")
        rest = f.op(f"srem i64 {f.isub(offset, f.imul(i, step))}, %stride")
        stop = f.op(f"icmp eq i64 {rest}, 0")
        stop = f.op(f"or i1 {stop}, {f.op(f'icmp sge i64 {i}, %stride')}")
        f.branch(stop, end, again)
        f.label(again)
        f.do(f"{following} = add i64 {i}, 1")
        f.jump(head)
        f.label(end)
        return i

    first = first_multiple(start, "%dilation")
    every = f.iadd(first_multiple(f.isub(0, "%dilation"), "%dilation"), 1)
    some = f.op(f"icmp slt i64 {first}, %stride")
    some = f.op(f"and i1 {some}, {f.op(f'icmp slt i64 {first}, %kernel')}")
    taps = select(f, some, ceil_div(f, f.isub("%kernel", first), every), 0)
    origin = f.op(f"sdiv i64 {f.isub(start, f.imul(first, '%dilation'))}, %stride")
    tap_step = f.isub(0, f.idiv(f.imul(every, "%dilation"), "%stride"))
    rows = ceil_div(f, f.isub("%size", "%place"), "%stride")
    _PHASE.store(f, "%phase", rows=rows, taps=taps, tap_step=tap_step, origin=origin)
    _PHASE.store(f, "%phase", first=first, every=every)
    names = "place", "size", "kernel", "stride", "low", "dilation"
    f.finish(f"internal void @conv_phase(ptr %phase, {', '.join(f'i64 %{n}' for n in names)})")
