"""One rectangle of C by one worker: blocks, panels, tiles; and the descriptor they read.

k goes in steps of 1024 (KC), rows in blocks that fit L2, columns in blocks that fit L3; operands are
packed where that pays. None of this touches a bit: each element of C is its own chain of blocks and
segments. C itself holds the running segment; from the second segment on (K > 4096) a scratch rectangle
does, and is added to C when the segment ends. 16-bit floats keep both in f32 and round once at the end.
"""

from __future__ import annotations

from tianyuan_jit.microkernel import (
    ARGUMENTS,
    SEGMENT,
    Element,
    Isa,
    Lanes,
    accumulator,
    either,
    emit_kernel,
    kernel_name,
)
from tianyuan_jit.packing import Packing
from tianyuan_jit.record import Record
from tianyuan_jit.text import Extent, Function, Module

GEMM = Record.of(
    "a b c",  # the operands and the result
    "batch m n k "  # extents
    "a_batch a_m a_k b_batch b_k b_n c_batch c_m "  # strides in elements; columns of C are contiguous
    "a_by_k "  # nonzero: load_a writes k-major
    "inner a_outer b_outer",  # nonzero: entry i of the batch is i / inner of a_outer, i % inner of a_batch
    "epilogue epilogue_ctx load_a load_b store ctx",  # functions and what they are given, or null
)
"""The descriptor: 8-byte fields in this order.

``epilogue``: ``void (ptr ctx, ptr tile, i64 batch, i64 row, i64 rows, i64 column, i64 columns)``, called
once for each tile of C after its last k, while it is in L1; ``tile`` points at C[batch, row, column].
``load_a``, ``load_b``: ``void (ptr ctx, ptr dst, i64 stride, i64 i0, i64 ni, i64 k0, i64 nk, i64 batch)``
stand for an operand: they write elements of the accumulator's dtype, A[i, k] at dst[i*stride + k] (or
dst[k*stride + i] where ``a_by_k``), B[k, j] at dst[k*stride + j], counted from (i0, k0); ``i`` are
columns for B. ``store``: ``void (ptr ctx, ptr tile, i64 stride, i64 batch, i64 row, i64 rows, i64 column,
i64 columns)`` stands for the result: it is given finished tiles of the accumulator's dtype, rows ``stride``
elements apart, and ``c`` and ``epilogue`` are not used. Operands that functions stand for may be null.
"""

KC = 1024  # steps between two visits of a tile of C: a panel of B (64 columns) and a block of A share L2
ROWS = 96  # rows of a block of A: 96 x 1024 f32 are 384 KB of L2
PANEL_BYTES = 1 << 22  # a packed block of B: a share of L3
TALL = 1024  # rows that share scratch sums
PAD_BYTES = 64  # after a packed row of A: its stride is no power of two, a loader may write a whole vector

RECTANGLE = "ptr %d, i64 %worker, i64 %batch, i64 %row, i64 %rows, i64 %column, i64 %columns"


def _widest(isa: Isa) -> int:
    return max(columns for _, columns in isa.tiles)


def emit_kernels(module: Module, element: Element, isa: Isa) -> None:
    """The kernels and the table [rows][columns] of their addresses."""
    shapes = isa.shapes()
    for rows, columns in shapes:
        emit_kernel(module, element, isa, rows, columns)
    width, height = _widest(isa), max(rows for rows, _ in isa.tiles)
    table = [
        f"ptr @{kernel_name(element, r, c)}" if (r, c) in shapes else "ptr null"
        for r in range(1, height + 1)
        for c in range(1, width + 1)
    ]
    name = f"tiles_{element.short}"
    module.define(name, f"@{name} = internal constant [{len(table)} x ptr] [{', '.join(table)}]")


def ceil_div(f: Function, x: Extent, y: Extent) -> Extent:
    """x / y rounded up, both positive."""
    return f.idiv(f.iadd(x, f.isub(y, 1)), y)


def select(f: Function, condition: str, yes: Extent, no: Extent) -> str:
    """An i64 of two."""
    return f.op(f"select i1 {condition}, i64 {yes}, i64 {no}")


class Pieces:
    """A length cut into the fewest pieces of at most ``limit``, equal up to one."""

    def __init__(self, f: Function, length: Extent, limit: Extent) -> None:
        self.f, self.count = f, ceil_div(f, length, limit)
        self.base = f.idiv(length, self.count)
        self.longer = f.isub(length, f.imul(self.base, self.count))

    def start(self, index: Extent) -> Extent:
        """Where piece ``index`` starts."""
        f = self.f
        return f.iadd(f.imul(index, self.base), f.imin(index, self.longer))

    def size(self, index: Extent) -> Extent:
        """The length of piece ``index``."""
        f = self.f
        longer = f.op(f"icmp slt i64 {index}, {self.longer}")
        return f.iadd(self.base, f.op(f"zext i1 {longer} to i64"))


class Corner:
    """The descriptor's fields, strides in bytes, and where a rectangle (``RECTANGLE``) starts in a, b and c."""

    def __init__(self, f: Function, element: Element) -> None:
        self.f, size = f, element.size
        self.fields = {name: GEMM.load(f, "%d", name) for name in GEMM.names}
        names = ("a_outer", "b_outer", "a_batch", "a_m", "a_k", "b_batch", "b_k", "b_n", "c_batch", "c_m")
        self.stride = {name: f.imul(self.fields[name], size) for name in names}
        s, (outer, inner) = self.stride, self.entry()
        self.a = self.offset("a", (outer, s["a_outer"]), (inner, s["a_batch"]), ("%row", s["a_m"]))
        self.b = self.offset("b", (outer, s["b_outer"]), (inner, s["b_batch"]), ("%column", s["b_n"]))
        self.c = self.offset("c", ("%batch", s["c_batch"]), ("%row", s["c_m"]), ("%column", size))

    def entry(self) -> tuple[Extent, Extent]:
        """The entry of the batch as two indices, for operands whose batch axes lie apart."""
        f, size = self.f, self.fields["inner"]
        none = f.op(f"icmp eq i64 {size}, 0")
        divisor = select(f, none, 1, size)
        outer, rest = f.idiv("%batch", divisor), f.irem("%batch", divisor)
        return select(f, none, 0, outer), select(f, none, "%batch", rest)

    def offset(self, name: str, *terms: tuple[Extent, Extent]) -> str:
        """A field's pointer plus a sum of products."""
        pointer = self.fields[name]
        for x, y in terms:
            pointer = self.f.gep(pointer, self.f.imul(x, y))
        return pointer


def emit_rectangle(module: Module, element: Element, isa: Isa) -> None:
    """Define ``void @rectangle_<dt>`` (``RECTANGLE``): rows and columns of one matrix of the batch."""
    emit_kernels(module, accumulator(element), isa)
    _Rectangle(module, element, isa).emit()


class _Rectangle:
    """``rectangle_<dt>``: one rectangle of C, by one worker."""

    def __init__(self, module: Module, element: Element, isa: Isa) -> None:
        self.f, self.isa = Function(module), isa
        self.element, self.sum = element, accumulator(element)
        self.lanes = Lanes(self.sum, isa.vector_bytes // self.sum.size)
        self.long_row, self.short_row = (n + PAD_BYTES // self.sum.size for n in (KC, ROWS))
        packing = Packing(module, element, isa)
        self.pack, self.round, self.accumulate = packing.pack(), packing.round(), packing.accumulate()

    # ---- the whole
    def emit(self) -> None:
        f = self.f
        self.read_fields()
        self.choose_tile()
        self.choose_packing()
        self.lay_out_scratch()
        with f.loop(0, "%columns", self.block_columns) as self.j0:
            self.nj = f.imin(f.isub("%columns", self.j0), self.block_columns)
            self.column_tiles = Pieces(f, ceil_div(f, self.nj, self.lanes.count), self.tile_columns)
            self.choose_panels()
            with f.loop(0, "%rows", self.block_rows) as self.i0:
                self.ni = f.imin(f.isub("%rows", self.i0), self.block_rows)
                self.walk_k()
        f.finish(f"internal void @rectangle_{self.element.short}({RECTANGLE})")

    def read_fields(self) -> None:
        f = self.f
        corner = Corner(f, self.element)
        self.fields, self.stride, self.a, self.b, self.c = (
            corner.fields,
            corner.stride,
            corner.a,
            corner.b,
            corner.c,
        )
        self.k = self.fields["k"]
        self.one_step = f.op(f"icmp sle i64 {self.k}, {KC}")
        self.has_load_a = f.op(f"icmp ne ptr {self.fields['load_a']}, null")
        self.has_load_b = f.op(f"icmp ne ptr {self.fields['load_b']}, null")
        self.has_store = f.op(f"icmp ne ptr {self.fields['store']}, null")

    # ---- plans: they choose speed, never bits
    def choose_tile(self) -> None:
        """Rows and columns (in vectors) of a tile, from the tallest that fits the rectangle's shape."""
        f = self.f
        vectors = ceil_div(f, "%columns", self.lanes.count)
        tiles = sorted(self.isa.tiles, key=lambda tile: tile[0])
        main = max(tiles, key=lambda tile: tile[0] * tile[1])
        rows, columns = str(main[0]), str(main[1])
        for height, width in tiles:
            if height < main[0]:
                fits = f.op(f"icmp sle i64 %rows, {height}")
            elif height > main[0]:
                fits = f.op(f"icmp sle i64 {vectors}, {width}")
            else:
                continue
            seen = f.op(f"icmp eq i64 {rows}, {main[0]}") if rows != str(main[0]) else "true"
            fits = f.op(f"and i1 {fits}, {seen}")
            rows, columns = select(f, fits, height, rows), select(f, fits, width, columns)
        self.tile_rows, self.tile_columns = rows, columns

    def choose_packing(self) -> None:
        """``pack_a``, ``pack_b`` (i1) and ``a_by_k``."""
        f, size = self.f, self.element.size
        converted = "true" if self.element != self.sum else "false"
        stored = f.op(f"icmp eq i64 {self.stride['a_m']}, {size}")
        loaded = f.op(f"icmp ne i64 {self.fields['a_by_k']}, 0")
        self.a_by_k = f.op(f"select i1 {self.has_load_a}, i1 {loaded}, i1 {stored}")
        self.pack_a = self.any(converted, self.has_load_a, self.poor_rows_a())
        scattered = f.op(f"icmp ne i64 {self.stride['b_n']}, {size}")
        self.pack_b = self.any(converted, self.has_load_b, scattered, self.poor_rows_b())

    def any(self, *conditions: str) -> str:
        """Whether one of them holds."""
        result = conditions[0]
        for condition in conditions[1:]:
            result = self.f.op(f"or i1 {result}, {condition}")
        return result

    def all(self, *conditions: str) -> str:
        """Whether all of them hold."""
        result = conditions[0]
        for condition in conditions[1:]:
            result = self.f.op(f"and i1 {result}, {condition}")
        return result

    def negate(self, condition: str) -> str:
        """Not ``condition``."""
        return self.f.op(f"xor i1 {condition}, true")

    def divisible(self, x: Extent, power: int) -> str:
        """Whether ``x`` is a multiple of a power of two."""
        return self.f.op(f"icmp eq i64 {self.f.op(f'and i64 {x}, {power - 1}')}, 0")

    def poor_rows_a(self) -> str:
        """Whether A is read often enough, with strides that fall into few sets of L1, to be copied."""
        f, s = self.f, self.stride
        often = f.op(f"icmp sgt i64 %columns, {4 * 4 * self.lanes.count}")
        aligned = self.divisible(s["a_m"], 2048)
        far = f.op(f"icmp sge i64 {s['a_k']}, 1024")
        return self.all(often, self.any(aligned, far))

    def poor_rows_b(self) -> str:
        """Whether B is read often enough, from too far away, to be copied."""
        f, s = self.f, self.stride
        often = f.op(f"icmp sgt i64 %rows, {4 * 6}")
        large = f.op(f"icmp sgt i64 {f.imul(f.imul(self.k, '%columns'), self.element.size)}, {1 << 18}")
        aligned = self.divisible(s["b_k"], 4096)
        return self.all(often, self.any(large, aligned))

    def lay_out_scratch(self) -> None:
        """Sizes of the blocks, and one piece of scratch for packed B, packed A, segment and sum."""
        f, size, n = self.f, self.sum.size, self.lanes.count
        few = f.op(f"icmp sle i64 %rows, {ROWS}")
        narrow = select(f, self.one_step, f.imul(self.tile_columns, n), 4 * 4 * n)
        self.block_columns = select(f, few, narrow, PANEL_BYTES // (KC * size))
        self.long = f.op(f"icmp sgt i64 {self.k}, {SEGMENT}")
        self.sums_apart = self.any("true" if self.element != self.sum else "false", self.has_store)
        shared = self.any(self.long, self.sums_apart)
        self.block_rows = select(f, shared, select(f, self.one_step, ROWS, TALL), "%rows")
        columns = f.imul(ceil_div(f, f.imin(self.block_columns, "%columns"), n), n)
        steps = f.imin(self.k, KC)
        rows = f.imin(self.block_rows, "%rows")
        self.sum_stride = f.imul(f.iadd(columns, PAD_BYTES // size), size)
        area = f.imul(rows, self.sum_stride)
        by_rows, by_k = f.imul(ROWS, self.long_row), f.imul(steps, self.short_row)
        sizes = [
            f.imul(f.imul(steps, columns), size),
            select(f, self.pack_a, f.imul(f.imax(by_rows, by_k), size), 0),
            select(f, self.long, area, 0),
            select(f, self.sums_apart, area, 0),
        ]
        self.reserve(sizes)

    def reserve(self, sizes: list[Extent]) -> None:
        f = self.f
        partial = self.negate(self.divisible("%columns", self.lanes.count))
        needed = self.any(self.pack_a, self.pack_b, self.long, self.sums_apart, partial)
        starts: list[Extent] = [0]
        for bytes_ in sizes:
            rounded = f.op(f"and i64 {f.iadd(bytes_, 4095 + 64)}, -4096") if bytes_ != 0 else 0
            starts.append(f.iadd(starts[-1], rounded))
        before, call, end = f.block, f.fresh("scratch"), f.fresh("ready")
        f.branch(needed, call, end)
        f.label(call)
        memory = f.op(f"call ptr @ty_scratch(i64 %worker, i64 {starts[-1]})")
        f.jump(end)
        f.label(end)
        base = f.op(f"phi ptr [ null, %{before} ], [ {memory}, %{call} ]")
        self.panels, self.rows_a, self.segment, self.total = (f.gep(base, x) for x in starts[:4])

    def choose_panels(self) -> None:
        """Tiles of columns from ``packed_from`` on are packed: all, or the last if it is no whole vector."""
        f = self.f
        partial = self.negate(self.divisible(self.nj, self.lanes.count))
        count = self.column_tiles.count
        last = f.isub(count, f.op(f"zext i1 {partial} to i64"))
        self.packed_from = select(f, self.pack_b, 0, last)
        first = self.column_tiles.start(self.packed_from)
        self.packed_vector = first

    # ---- loops
    def walk_k(self) -> None:
        """Steps of KC; at least one, so that K = 0 gives zeros."""
        f = self.f
        with f.loop(0, f.imax(self.k, 1), KC) as self.k0:
            self.nk = f.imin(f.isub(self.k, self.k0), KC)
            end = f.iadd(self.k0, self.nk)
            self.last = f.op(f"icmp eq i64 {end}, {self.k}")
            self.first = self.divisible(self.k0, SEGMENT)
            self.later = f.op(f"icmp sge i64 {self.k0}, {SEGMENT}")
            self.segment_ends = self.all(self.later, self.any(self.last, self.divisible(end, SEGMENT)))
            self.pack_panels()
            with f.loop(0, self.ni, ROWS) as self.i1:
                self.mi = f.imin(f.isub(self.ni, self.i1), ROWS)
                self.place_a()
                self.row_tiles = Pieces(f, self.mi, self.tile_rows)
                with f.loop(0, self.column_tiles.count) as t:
                    self.column_of_tiles(t)

    def pack_panels(self) -> None:
        """Pack this step's panels of B, unless they are there from the rows before."""
        f = self.f
        start = f.op(f"icmp eq i64 {self.i0}, 0")
        with f.when(self.any(start, self.negate(self.one_step))):
            with f.loop(self.packed_from, self.column_tiles.count) as t:
                vector, vectors = self.column_tiles.start(t), self.column_tiles.size(t)
                column = f.imul(vector, self.lanes.count)
                width = f.imin(f.isub(self.nj, column), f.imul(vectors, self.lanes.count))
                self.pack_panel(self.panel(vector), f.iadd(self.j0, column), width, vectors)

    def panel(self, vector: Extent) -> str:
        """Where the packed panel that starts at ``vector`` of the block lies."""
        f = self.f
        skip = f.isub(vector, self.packed_vector)
        return f.gep(self.panels, f.imul(f.imul(skip, self.lanes.bytes), self.nk))

    def pack_panel(self, target: str, column: Extent, width: Extent, vectors: Extent) -> None:
        f, s = self.f, self.stride
        row = f.imul(vectors, self.lanes.bytes)

        def load() -> None:
            first = f.iadd("%column", column)
            self.call_loader("load_b", target, f.imul(vectors, self.lanes.count), first, width)

        def pack() -> None:
            source = f.gep(self.b, f.iadd(f.imul(column, s["b_n"]), f.imul(self.k0, s["b_k"])))
            strides = f"i64 {s['b_k']}, i64 {s['b_n']}"
            shape = f"i64 {row}, i64 {self.nk}, i64 {width}"
            f.do(f"call void @{self.pack}(ptr {source}, {strides}, ptr {target}, {shape})")

        either(f, self.has_load_b, load, pack)

    def call_loader(self, name: str, target: str, stride: Extent, start: Extent, count: Extent) -> None:
        sizes = (stride, start, count, self.k0, self.nk, "%batch")
        args = ", ".join(f"i64 {x}" for x in sizes)
        with self.f.when(self.f.op(f"icmp sgt i64 {self.nk}, 0")):  # loaders may divide by an extent of k
            self.f.do(f"call void {self.fields[name]}(ptr {self.fields['ctx']}, ptr {target}, {args})")

    def place_a(self) -> None:
        """The block of A: its address and strides, after packing it where that was chosen."""
        f, s, size = self.f, self.stride, self.sum.size
        row = f.iadd(self.i0, self.i1)
        direct = f.gep(self.a, f.iadd(f.imul(row, s["a_m"]), f.imul(self.k0, s["a_k"])))
        only_block = f.op(f"icmp sle i64 %rows, {ROWS}")
        again = self.all(self.one_step, only_block, f.op(f"icmp ne i64 {self.j0}, 0"))
        with f.when(self.all(self.pack_a, self.negate(again))):
            self.pack_rows(direct, row)
        i_step = select(f, self.a_by_k, size, self.long_row * size)
        k_step = select(f, self.a_by_k, self.short_row * size, size)
        self.block_a = f.op(f"select i1 {self.pack_a}, ptr {self.rows_a}, ptr {direct}")
        self.a_m = select(f, self.pack_a, i_step, s["a_m"])
        self.a_k = select(f, self.pack_a, k_step, s["a_k"])

    def pack_rows(self, source: str, row: Extent) -> None:
        f, s, size = self.f, self.stride, self.sum.size
        width = select(f, self.a_by_k, self.short_row, self.long_row)

        def load() -> None:
            self.call_loader("load_a", self.rows_a, width, f.iadd("%row", row), self.mi)

        def by_k() -> None:
            self.copy_rows(source, s["a_k"], s["a_m"], self.short_row * size, self.nk, self.mi)

        def by_rows() -> None:
            self.copy_rows(source, s["a_m"], s["a_k"], self.long_row * size, self.mi, self.nk)

        either(f, self.has_load_a, load, lambda: either(f, self.a_by_k, by_k, by_rows))

    def copy_rows(self, source: str, outer: Extent, inner: Extent, row: int, rows: Extent, width: Extent) -> None:
        shape = f"ptr {self.rows_a}, i64 {row}, i64 {rows}, i64 {width}"
        self.f.do(f"call void @{self.pack}(ptr {source}, i64 {outer}, i64 {inner}, {shape})")

    def column_of_tiles(self, t: str) -> None:
        """All tiles of this block of rows in one column of tiles, their panel of B staying in L2."""
        f, s = self.f, self.stride
        self.vector, self.vectors = self.column_tiles.start(t), self.column_tiles.size(t)
        self.tile_column = f.imul(self.vector, self.lanes.count)
        self.width = f.imin(f.isub(self.nj, self.tile_column), f.imul(self.vectors, self.lanes.count))
        column = f.imul(f.iadd(self.j0, self.tile_column), self.sum.size)
        direct = f.gep(self.b, f.iadd(column, f.imul(self.k0, s["b_k"])))
        packed = f.op(f"icmp sge i64 {t}, {self.packed_from}")
        self.b_panel = f.op(f"select i1 {packed}, ptr {self.panel(self.vector)}, ptr {direct}")
        self.b_k = select(f, packed, f.imul(self.vectors, self.lanes.bytes), s["b_k"])
        with f.loop(0, self.row_tiles.count) as u:
            self.tile(u)

    def tile(self, u: str) -> None:
        """One call of a kernel, and what ends a tile."""
        f = self.f
        start, rows = self.row_tiles.start(u), self.row_tiles.size(u)
        row = f.iadd(self.i1, start)  # inside the block that shares scratch
        result = self.place(self.c, self.stride["c_m"], f.iadd(self.i0, row), self.element.size, self.j0)
        scratch = (self.sum_stride, row, self.sum.size, 0)
        apart = self.place(self.total, *scratch)
        total = f.op(f"select i1 {self.sums_apart}, ptr {apart}, ptr {result}")
        total_row = select(f, self.sums_apart, self.sum_stride, self.stride["c_m"])
        segment = self.place(self.segment, *scratch)
        target = f.op(f"select i1 {self.later}, ptr {segment}, ptr {total}")
        target_row = select(f, self.later, self.sum_stride, total_row)
        self.call_kernel(f.gep(self.block_a, f.imul(start, self.a_m)), target, target_row, rows)
        sums = f"ptr {total}, i64 {total_row}, i64 {rows}, i64 {self.width}"
        with f.when(self.segment_ends):
            f.do(f"call void @{self.accumulate}(ptr {segment}, i64 {self.sum_stride}, {sums})")
        with f.when(self.last):
            self.deliver(total, total_row, result, f.iadd(self.i0, row), rows)

    def deliver(self, total: str, total_row: Extent, result: str, row: Extent, rows: Extent) -> None:
        """A finished tile: round it if sums are wider, then the epilogue; or hand it to ``store``."""
        f = self.f
        column = f.iadd("%column", f.iadd(self.j0, self.tile_column))
        where = ("%batch", f.iadd("%row", row), rows, column, self.width)
        numbers = ", ".join(f"i64 {x}" for x in where)

        def store() -> None:
            tile = f"ptr {self.fields['ctx']}, ptr {total}, i64 {f.idiv(total_row, self.sum.size)}"
            f.do(f"call void {self.fields['store']}({tile}, {numbers})")

        def finish() -> None:
            if self.element != self.sum:
                source, target = f"ptr {total}, i64 {total_row}", f"ptr {result}, i64 {self.stride['c_m']}"
                f.do(f"call void @{self.round}({source}, {target}, i64 {rows}, i64 {self.width})")
            function = self.fields["epilogue"]
            with f.when(f.op(f"icmp ne ptr {function}, null")):
                f.do(f"call void {function}(ptr {self.fields['epilogue_ctx']}, ptr {result}, {numbers})")

        either(f, self.has_store, store, finish)

    def place(self, base: str, stride: Extent, row: Extent, size: int, column: Extent) -> str:
        """The address of this tile in a matrix."""
        f = self.f
        return f.gep(base, f.iadd(f.imul(row, stride), f.imul(f.iadd(column, self.tile_column), size)))

    def call_kernel(self, a: str, target: str, target_row: Extent, rows: Extent) -> None:
        f = self.f
        index = f.iadd(f.imul(f.isub(rows, 1), _widest(self.isa)), f.isub(self.vectors, 1))
        slot = f.gep(f"@tiles_{self.sum.short}", f.imul(index, 8))
        kernel = f.op(f"load ptr, ptr {slot}, align 8")
        values = (
            *(a, self.a_m, self.a_k, self.b_panel, self.b_k),
            *(target, target_row, self.nk, self.first, self.width),
        )
        args = ", ".join(f"{kind} {value}" for kind, value in zip(ARGUMENTS, values, strict=True))
        f.do(f"call void {kernel}({args})")
