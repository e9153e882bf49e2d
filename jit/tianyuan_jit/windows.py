"""The operands of a convolution as matrices, read piece by piece: the loaders and the storer.

A *window matrix* has a row for each (n, q) and a column for each (tap t, channel), q and t of three
axes. Its element is ``source[n, q*row_step + t*tap_step + origin, group*width + channel]``, zero where
that position lies outside. No more of it than a packed block ever exists.
"""

from __future__ import annotations

from tianyuan_jit.microkernel import Element, Isa, Lanes, accumulator, either
from tianyuan_jit.packing import Packing, narrow, widen
from tianyuan_jit.record import Record
from tianyuan_jit.text import Extent, Function, Module

AXES = range(3)


def axes(*stems: str) -> str:
    """``size`` to ``size0 size1 size2``, for each stem."""
    return " ".join(f"{stem}{axis}" for stem in stems for axis in AXES)


WINDOWS = Record.of(
    "source filters result",
    "channels width filter_inputs filter_outputs group_outputs "
    + axes("size", "rows", "taps", "row_step", "tap_step", "origin")  # the window matrix
    + " "
    + axes("kernel", "first", "every")  # tap t is kernel position first + t*every
    + " "
    + axes("full", "place", "apart"),  # row q is position place + q*apart of a result of sizes full
)
"""What the functions here are given. ``channels`` of a source position, ``width`` of them a group.

``filters[kernel position, filter_inputs, filter_outputs]``, ``group_outputs`` of the last a group.
"""
LOADER = "ptr %ctx, ptr %dst, i64 %stride, i64 %i0, i64 %ni, i64 %k0, i64 %nk, i64 %batch"
STORER = "ptr %ctx, ptr %tile, i64 %stride, i64 %batch, i64 %row, i64 %rows, i64 %column, i64 %columns"


def emit_windows(module: Module, element: Element, isa: Isa) -> None:
    """Define the loaders ``windows_<dt>``, ``windows_by_k_<dt>``, ``filters_<dt>``; ``scatter_<dt>``."""
    _Windows(module, element, isa).emit()
    _emit_by_k(module, element)
    _emit_filters(module, element, isa)
    _Scatter(module, element, isa).emit()


def _digits(f: Function, number: Extent, sizes: list[str]) -> list[Extent]:
    """(rest, *positions) of a row-major number in an array of ``sizes``."""
    found: list[Extent] = []
    for size in reversed(sizes):
        found.append(f.irem(number, size))
        number = f.idiv(number, size)
    return [number, *reversed(found)]


def _something(f: Function) -> str:
    """Whether any element is asked for: else extents may be 0, which nothing is divided by."""
    return f.op(f"icmp ne i64 {f.imul('%nk', '%ni')}, 0")


class _Fields:
    """The fields of one record, loaded once each where first used (in the entry block)."""

    def __init__(self, f: Function) -> None:
        self._values = {name: WINDOWS.load(f, "%ctx", name) for name in WINDOWS.names}

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def three(self, stem: str) -> list[str]:
        """The three fields of a stem."""
        return [self._values[f"{stem}{axis}"] for axis in AXES]


class _Windows:
    """Columns in runs that are contiguous in the source, rows in lines along the last axis."""

    def __init__(self, module: Module, element: Element, isa: Isa) -> None:
        self.f, self.isa, self.element, self.sum = Function(module), isa, element, accumulator(element)
        self.lanes = Lanes(self.sum, isa.vector_bytes // self.sum.size)
        self.source = Lanes(element, self.lanes.count)

    def emit(self) -> None:
        f = self.f
        self.fields = _Fields(f)
        self.choose_runs()
        with (
            f.when(_something(f)),
            f.loop(f.idiv("%k0", self.run), self.past("%k0", "%nk", self.run)) as run,
        ):
            self.place_run(run)
            last = self.fields["rows2"]
            with f.loop(f.idiv("%i0", last), self.past("%i0", "%ni", last)) as line:
                self.copy_line(line)
        f.finish(f"internal void @windows_{self.element.short}({LOADER})")

    def past(self, start: str, count: str, size: Extent) -> Extent:
        """How many pieces of ``size`` it takes to reach start + count."""
        f = self.f
        return f.idiv(f.iadd(f.iadd(start, count), f.isub(size, 1)), size)

    def choose_runs(self) -> None:
        """A run is one tap's channels; all taps of a row of the kernel where they follow one another."""
        f, d = self.f, self.fields
        dense = f.op(f"icmp eq i64 {d['tap_step2']}, 1")
        whole = f.op(f"icmp eq i64 {d['width']}, {d['channels']}")
        merged = f.op(f"and i1 {dense}, {whole}")
        long = f.imul(d["width"], d["taps2"])
        self.run = f.op(f"select i1 {merged}, i64 {long}, i64 {d['width']}")
        self.runs = f.op(f"select i1 {merged}, i64 1, i64 {d['taps2']}")

    def place_run(self, run: str) -> None:
        """The part of the run that is asked for, and how far its taps shift the position."""
        f, d = self.f, self.fields
        _, *taps = _digits(f, run, [d["taps0"], d["taps1"], self.runs])
        start = f.imul(run, self.run)
        low = f.imax(start, "%k0")
        self.count = f.isub(f.imin(f.iadd(start, self.run), f.iadd("%k0", "%nk")), low)
        self.column = f.isub(low, "%k0")
        self.shift = [
            f.iadd(f.imul(t, step), origin)
            for t, step, origin in zip(taps, d.three("tap_step"), d.three("origin"), strict=True)
        ]
        self.inner = f.iadd(f.imul("%batch", d["width"]), f.isub(low, start))
        self.whole = f.op(f"and i64 {self.count}, {-self.lanes.count}")
        self.tail = self.lanes.mask(f, f.isub(self.count, self.whole))
        self.has_tail = f.op(f"icmp slt i64 {self.whole}, {self.count}")

    def copy_line(self, line: str) -> None:
        """The rows of one line: their sources lie at a fixed distance from one another."""
        f, d = self.f, self.fields
        n, *q = _digits(f, line, [d["rows0"], d["rows1"]])
        first = f.imul(line, d["rows2"])
        low, high = f.imax(f.isub("%i0", first), 0), f.isub(f.iadd("%i0", "%ni"), first)
        inside, address = "true", n
        for axis in (0, 1):
            position = f.iadd(f.imul(q[axis], d[f"row_step{axis}"]), self.shift[axis])
            valid = f.op(f"icmp ult i64 {position}, {d[f'size{axis}']}")
            inside = f.op(f"and i1 {inside}, {valid}")
            address = f.iadd(f.imul(address, d[f"size{axis}"]), position)
        length = f.imul(d["size2"], d["channels"])
        self.limit = f.op(f"select i1 {inside}, i64 {length}, i64 0")
        self.line = f.gep(d["source"], f.imul(f.imul(address, length), self.element.size))
        with f.loop(low, f.imin(high, d["rows2"])) as q2:
            row = f.isub(f.iadd(first, q2), "%i0")
            position = f.iadd(f.imul(q2, d["row_step2"]), self.shift[2])
            start = f.iadd(f.imul(position, d["channels"]), self.inner)
            target = f.gep("%dst", f.imul(f.iadd(f.imul(row, "%stride"), self.column), self.sum.size))
            self.copy_run(start, target)

    def copy_run(self, start: Extent, target: str) -> None:
        """One run of one row; whole vectors are written, the next run or the row's padding lies there."""
        f = self.f
        source = f.gep(self.line, f.imul(start, self.element.size))
        after = f.op(f"icmp sge i64 {start}, 0")
        before = f.op(f"icmp sle i64 {f.iadd(start, self.count)}, {self.limit}")
        inside = f.op(f"and i1 {after}, {before}")

        def plain() -> None:
            with f.loop(0, self.whole, self.lanes.count) as x:
                self.move(source, target, x, None)
            with f.when(self.has_tail):
                self.move(source, target, self.whole, self.tail)

        def clipped() -> None:
            low, high = f.isub(0, start), f.imin(f.isub(self.limit, start), self.count)
            with f.loop(0, self.count, self.lanes.count) as x:
                below = self.lanes.mask(f, f.isub(low, x))
                above = self.lanes.mask(f, f.isub(high, x))
                bits = f"<{self.lanes.count} x i1>"
                outside = f.op(f"xor {bits} {below}, splat (i1 true)")
                self.move(source, target, x, f.op(f"and {bits} {above}, {outside}"))

        either(f, inside, plain, clipped)

    def move(self, source: str, target: str, x: Extent, mask: str | None) -> None:
        f = self.f
        value = self.source.load(f, f.gep(source, f.imul(x, self.element.size)), mask)
        value = widen(f, self.isa, value, self.source, self.lanes)
        self.lanes.store(f, f.gep(target, f.imul(x, self.sum.size)), value)


def _emit_by_k(module: Module, element: Element) -> None:
    """The transpose as an operand A: k runs over the rows of the window matrix."""
    f = Function(module)
    args = "ptr %ctx, ptr %dst, i64 %stride, i64 %k0, i64 %nk, i64 %i0, i64 %ni, i64 %batch"
    f.do(f"call void @windows_{element.short}({args})")
    f.finish(f"internal void @windows_by_k_{element.short}({LOADER})")


def _emit_filters(module: Module, element: Element, isa: Isa) -> None:
    """B[(tap, output), input] = filters[kernel position of the tap, input, output]."""
    size, wide = element.size, accumulator(element).size
    transpose = Packing(module, element, isa).transpose()
    f = Function(module)
    d = _Fields(f)
    width = d["group_outputs"]
    with f.when(_something(f)):
        past = f.idiv(f.iadd(f.iadd("%k0", "%nk"), f.isub(width, 1)), width)
        with f.loop(f.idiv("%k0", width), past) as tap:
            _, *taps = _digits(f, tap, d.three("taps"))
            where: Extent = 0
            for axis, t in zip(AXES, taps, strict=True):
                position = f.iadd(d[f"first{axis}"], f.imul(t, d[f"every{axis}"]))
                where = f.iadd(f.imul(where, d[f"kernel{axis}"]), position)
            start = f.imul(tap, width)
            low = f.imax(start, "%k0")
            count = f.isub(f.imin(f.iadd(start, width), f.iadd("%k0", "%nk")), low)
            column = f.iadd(f.imul("%batch", width), f.isub(low, start))
            row = f.iadd(f.imul(where, d["filter_inputs"]), "%i0")
            source = f.gep(d["filters"], f.imul(f.iadd(f.imul(row, d["filter_outputs"]), column), size))
            target = f.gep("%dst", f.imul(f.imul(f.isub(low, "%k0"), "%stride"), wide))
            strides = f.imul(d["filter_outputs"], size), f.imul("%stride", wide)
            args = f"ptr {source}, i64 {strides[0]}, ptr {target}, i64 {strides[1]}, i64 {count}, i64 %ni"
            f.do(f"call void @{transpose}({args})")
    f.finish(f"internal void @filters_{element.short}({LOADER})")


class _Scatter:
    """Finished tiles to the rows of the result that one phase of a strided convolution owns."""

    def __init__(self, module: Module, element: Element, isa: Isa) -> None:
        self.f, self.isa, self.element, self.sum = Function(module), isa, element, accumulator(element)
        self.lanes = Lanes(self.sum, isa.vector_bytes // self.sum.size)
        self.target = Lanes(element, self.lanes.count)

    def emit(self) -> None:
        f = self.f
        d = _Fields(f)
        with f.loop(0, "%rows") as i:
            n, *q = _digits(f, f.iadd("%row", i), d.three("rows"))
            where = n
            for axis in AXES:
                position = f.iadd(d[f"place{axis}"], f.imul(q[axis], d[f"apart{axis}"]))
                where = f.iadd(f.imul(where, d[f"full{axis}"]), position)
            column = f.iadd(f.imul("%batch", d["filter_inputs"]), "%column")
            # A result position has filter_inputs channels a group.
            channels = f.imul(d["filter_inputs"], f.idiv(d["filter_outputs"], d["group_outputs"]))
            offset = f.iadd(f.imul(where, channels), column)
            target = f.gep(d["result"], f.imul(offset, self.element.size))
            self.copy_row(f.gep("%tile", f.imul(f.imul(i, "%stride"), self.sum.size)), target)
        f.finish(f"internal void @scatter_{self.element.short}({STORER})")

    def copy_row(self, source: str, target: str) -> None:
        f = self.f
        with f.loop(0, "%columns", self.lanes.count) as x:
            mask = self.lanes.mask(f, f.isub("%columns", x))
            value = self.lanes.load(f, f.gep(source, f.imul(x, self.sum.size)), mask)
            value = narrow(f, self.isa, value, self.lanes, self.target)
            self.target.store(f, f.gep(target, f.imul(x, self.element.size)), value, mask)
