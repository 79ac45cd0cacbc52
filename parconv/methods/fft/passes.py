"""The passes of a two-dimensional FFT, each a loop of butterflies on a vector of transforms.

A *cell* is one complex element of as many transforms as a vector has lanes: the vector of real
parts, then that of imaginary ones.  Lanes are columns of the image while transforming along
columns, and frequencies of that direction while transforming along rows; so butterflies never
shuffle, and only the turn between the two directions transposes.

Forward passes decimate in frequency and inverse ones are their mirror image, with twiddle factors
before the butterfly in place of after it.  So no pass reorders.  Passes are functions of their own
that take their sizes at run time: one compilation serves transforms of every size.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ...codegen.emitted import Items, Value, call_once, emitted
from ...codegen.simd import I64, Code
from ...codegen.transposition import columns, transposed, untransposed
from .butterfly import Complex, dft, product, swapped
from .spectrum import BIG, ODD, SMALL

Body = Callable[[Value], None]


class _Pass:
    """Emits one pass; the attributes are IR values of the function's arguments."""

    def __init__(self, radix: int, builder: Any, *arguments: Value) -> None:
        self.source, self.target, self.table, *self.sizes = arguments
        self.radix = radix
        self.builder = builder
        self.code = Code(builder, self.source.type.pointee)
        self.cell = 2 * self.code.lanes

    # --- cells ---

    def get(self, pointer: Value) -> Complex:
        return self.code.load(pointer), self.code.load(self.code.at(pointer, self.code.lanes))

    def put(self, value: Complex, pointer: Value) -> None:
        self.code.store(value[0], pointer)
        self.code.store(value[1], self.code.at(pointer, self.code.lanes))

    def steps(self, step: Value, count: int) -> list[Value]:
        return [self.builder.mul(step, I64(n)) for n in range(count)]

    def factor(self, table: Value, output: int) -> Complex:
        at = 2 * (output - 1)
        real, imaginary = (self.code.splat(self.code.read(table, at + n)) for n in (0, 1))
        return real, imaginary

    def forward_butterfly(self, get: Callable[[int], Complex], table: Value) -> list[Complex]:
        """Butterfly, then twiddle factors."""
        found = dft(self.code, get, self.radix)
        turned = (product(self.code, found[n], self.factor(table, n)) for n in range(1, self.radix))
        return [found[0], *turned]

    def inverse_butterfly(self, get: Callable[[int], Complex], table: Value) -> list[Complex]:
        """Twiddle factors, then butterfly, of swapped numbers."""

        def turned(n: int) -> Complex:
            value = swapped(get(n))
            return product(self.code, value, self.factor(table, n)) if n else value

        return [swapped(value) for value in dft(self.code, turned, self.radix)]

    # --- loops ---

    def each(self, count: Value, body: Body) -> None:
        def once(index: Value) -> Sequence[Value]:
            body(index)
            return []

        self.code.loop(count, [], once)

    def scaled(self, index: Value, size: int) -> Value:
        return self.builder.mul(index, I64(size))

    def butterflies(self, count: Value, body: Callable[[Value, Value], None]) -> None:
        """``body(cell offset, its twiddle factors)`` for each butterfly."""

        def once(k: Value) -> None:
            table = self.code.at(self.table, self.scaled(k, 2 * (self.radix - 1)))
            body(self.scaled(k, self.cell), table)

        self.each(count, once)

    # --- passes ---

    def first(self) -> None:
        """Two windows, as real and imaginary parts, to cells; sizes: butterflies, row, window."""
        code, (count, row, window) = self.code, self.sizes[:3]
        rows = self.steps(self.builder.mul(count, row), self.radix)
        cells = self.steps(self.scaled(count, self.cell), self.radix)

        def body(k: Value) -> None:
            start = code.at(self.source, self.builder.mul(k, row))
            table = code.at(self.table, self.scaled(k, 2 * (self.radix - 1)))
            target = code.at(self.target, self.scaled(k, self.cell))

            def get(n: int) -> Complex:
                pixel = code.at(start, rows[n])
                return code.load(pixel), code.load(code.at(pixel, window))

            for n, value in enumerate(self.forward_butterfly(get, table)):
                self.put(value, code.at(target, cells[n]))

        self.each(count, body)

    def last(self) -> None:
        """The mirror image of `first`; one more size: rows wanted.

        The vector before the source turns NaN where a result is not finite, and stays so.
        """
        code, (count, row, window, wanted) = self.code, self.sizes[:4]
        rows = self.steps(self.builder.mul(count, row), self.radix)
        cells = self.steps(self.scaled(count, self.cell), self.radix)

        def body(k: Value, status: Value) -> list[Value]:
            source = code.at(self.source, self.scaled(k, self.cell))
            table = code.at(self.table, self.scaled(k, 2 * (self.radix - 1)))
            start = code.at(self.target, self.builder.mul(k, row))
            found = self.inverse_butterfly(lambda n: self.get(code.at(source, cells[n])), table)
            index = k
            for n, value in enumerate(found):
                # 0 times a finite number is 0, times anything else NaN
                for part in value:
                    status = code.fma(part, code.zero, status)
                with self.builder.if_then(self.builder.icmp_signed("<", index, wanted)):
                    pixel = code.at(start, rows[n])
                    code.store(value[0], pixel)
                    code.store(value[1], code.at(pixel, window))
                index = self.builder.add(index, count)
            return [status]

        place = code.at(self.source, -code.lanes)
        code.store(code.loop(count, [code.load(place)], body)[0], place)

    def _in_place(self, butterfly: Callable[..., list[Complex]]) -> None:
        code, (count, blocks) = self.code, self.sizes[:2]
        cells = self.steps(self.scaled(count, self.cell), self.radix)
        whole = self.scaled(count, self.cell * self.radix)

        def block(index: Value) -> None:
            base = code.at(self.target, self.builder.mul(index, whole))

            def body(offset: Value, table: Value) -> None:
                start = code.at(base, offset)
                values = butterfly(lambda n: self.get(code.at(start, cells[n])), table)
                for n, value in enumerate(values):
                    self.put(value, code.at(start, cells[n]))

            self.butterflies(count, body)

        self.each(blocks, block)

    def forward(self) -> None:
        """Cells in place; sizes: butterflies of a block, blocks."""
        self._in_place(self.forward_butterfly)

    def inverse(self) -> None:
        """The mirror image of `forward`."""
        self._in_place(self.inverse_butterfly)

    def multiply(self) -> None:
        """Last forward pass, times the spectrum in the table, first inverse pass; size: cells."""
        code, count = self.code, self.builder.udiv(self.sizes[0], I64(self.radix))

        def body(index: Value) -> None:
            at = self.scaled(index, self.radix * self.cell)
            start, table = code.at(self.target, at), code.at(self.table, at)
            found = dft(code, lambda n: self.get(code.at(start, n * self.cell)), self.radix)
            products = [
                swapped(product(code, value, self.get(code.at(table, n * self.cell))))
                for n, value in enumerate(found)
            ]
            for n, value in enumerate(dft(code, products.__getitem__, self.radix)):
                self.put(swapped(value), code.at(start, n * self.cell))

        self.each(count, body)

    # --- the turn: blocks of frequencies, in each a cell for each column ---

    def _places(self, index: Value, turned: Value) -> list[tuple[int, Value]]:
        """Where the rows of a butterfly go: (first row, pointer to its lane at column 0)."""
        code, block = self.code, self.sizes[1]
        places = []
        for row in range(0, self.radix, code.lanes):
            offset = self.builder.add(self.scaled(index, self.radix), self.sizes[2])
            frequency = self.builder.add(offset, I64(row))
            which = self.builder.udiv(frequency, I64(code.lanes))
            lane = self.builder.urem(frequency, I64(code.lanes))
            places.append((row, code.at(turned, self.builder.mul(which, block), lane)))
        return places

    def turn(self) -> None:
        """Last forward pass along columns, transposed; sizes: cells, block, first cell."""
        code, run = self.code, min(self.radix, self.code.lanes)
        order = columns(code, run)

        def body(index: Value) -> None:
            start = code.at(self.source, self.scaled(index, self.radix * self.cell))
            found = dft(code, lambda n: self.get(code.at(start, n * self.cell)), self.radix)
            for row, place in self._places(index, self.target):
                for part in (0, 1):
                    rows = [value[part] for value in found[row : row + run]]
                    start = code.at(place, part * code.lanes)
                    for vector, held in zip(transposed(code, rows), order, strict=True):
                        for n, column in enumerate(held):
                            piece = code.piece(vector, n * run, run)
                            code.store(piece, code.at(start, column * self.cell))

        self.each(self.builder.udiv(self.sizes[0], I64(self.radix)), body)

    def turn_back(self) -> None:
        """The mirror image of `turn`."""
        code, run = self.code, min(self.radix, self.code.lanes)
        order = columns(code, run)

        def rows(place: Value, part: int) -> list[Value]:
            def vector(held: list[int]) -> Value:
                return code.joined([
                    code.load(code.at(place, column * self.cell + part * code.lanes), run)
                    for column in held
                ])  # fmt: skip

            return untransposed(code, [vector(held) for held in order])

        def body(index: Value) -> None:
            places = [place for _, place in self._places(index, self.source)]
            real, imaginary = (
                [row for place in places for row in rows(place, part)] for part in (0, 1)
            )
            values = list(zip(imaginary, real, strict=True))  # swapped
            target = code.at(self.target, self.scaled(index, self.radix * self.cell))
            for n, value in enumerate(dft(code, values.__getitem__, self.radix)):
                self.put(swapped(value), code.at(target, n * self.cell))

        self.each(self.builder.udiv(self.sizes[0], I64(self.radix)), body)


_BODIES = ("first", "last", "forward", "inverse", "multiply", "turn", "turn_back")
FIRST, LAST, FORWARD, INVERSE, MULTIPLY, TURN, TURN_BACK = range(len(_BODIES))
_RADICES = {
    "first": (BIG, SMALL), "last": (BIG, SMALL),
    "forward": (BIG, SMALL, ODD), "inverse": (BIG, SMALL, ODD),
}  # fmt: skip


@emitted(known=["which"])
def run_pass(
    builder: Any, which: int, radix: Value, scratch: Items, source: Value, target: Value,
    constants: Items, table: Value, sizes: Sequence[Value],
) -> None:  # fmt: skip
    """Emit a call of the pass ``which``, from and to places in ``scratch``.

    ``table`` = place in ``constants`` of twiddle factors, or of a spectrum; ``sizes`` are four
    numbers, which the passes explain.
    """
    name = _BODIES[which]
    arguments = [scratch.at(source), scratch.at(target), constants.at(table), *sizes]

    def emit(radix: int, inner: Any, *values: Value) -> None:
        getattr(_Pass(radix, inner, *values), name)()

    for one in _RADICES.get(name, (BIG,)):
        asked = builder.icmp_signed("==", radix, I64(one))
        with builder.if_then(asked):
            call_once(builder, f"fft.{name}", partial(emit, one), arguments, [one])
