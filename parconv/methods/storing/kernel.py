"""The kernel around a method's own: sums of some units into scratch, from there to the result."""

from ...codegen.layout import Layout
from ...codegen.simd import store_fence
from ...codegen.storing import as_maps, elsewhere, line_after, put
from ...runtime.crew.record import call

L = Layout(
    "address", "writes", "beyond", "count", "needed", "image_step", "filter_step", "row_step",
    "column_step", "itemsize", "last", "own", "large",
    tables=("pieces", "boxes", "scales", "biases", "inner"),
)  # fmt: skip
PIECE = 5  # numbers of a piece: start and stop, bytes to its first sum, its first box, and last
BOX = 8  # of a box: begin and end on each axis of maps


def kernel(f, taps, fill, out, layout, scratch, start, stop):
    """Fill units ``[start, stop)``, whole pieces of them, one piece after another."""
    band, maps, item = line_after(scratch, layout[L.needed]), as_maps(out), layout[L.itemsize]
    steps = (
        layout[L.image_step], layout[L.filter_step], layout[L.row_step], layout[L.column_step],
    )  # fmt: skip
    piece, end = 0, layout[L.count]
    while end - piece > 1:
        middle = (piece + end) // 2
        if layout[layout[L.pieces] + PIECE * middle] <= start:
            piece = middle
        else:
            end = middle
    while start < stop:
        at = layout[L.pieces] + PIECE * piece
        last, away = layout[at + 1], band - layout[at + 2]
        call(
            layout[L.address], f, taps, fill, elsewhere(out, scratch, away, steps, item),
            layout[layout[L.inner] :], scratch, start, last,
        )  # fmt: skip
        for number in range(layout[at + 3], layout[at + 4]):
            box = layout[L.boxes] + BOX * number
            image, image_end, filters, filters_end = (
                layout[box], layout[box + 1], layout[box + 2], layout[box + 3],
            )  # fmt: skip
            row, row_end, column, column_end = (
                layout[box + 4], layout[box + 5], layout[box + 6], layout[box + 7],
            )  # fmt: skip
            # lines of sums lie along filters where those are the last axis, else along columns
            turns = row_end - row if layout[L.last] else filters_end - filters
            for turn in range((image_end - image) * turns):
                b, n = image + turn // turns, turn % turns
                y, o = row, filters + n
                places, step, each = (maps.strides[2], maps.strides[3]), steps[2], 0
                size = row_end - row, column_end - column
                if layout[L.last]:
                    y, o = row + n, filters
                    places, step = (maps.strides[3], maps.strides[1]), steps[3]
                    size, each = (column_end - column, filters_end - filters), layout[L.own]
                source = away + b * steps[0] + o * steps[1] + y * steps[2] + column * steps[3]
                put(
                    layout[L.writes], maps, (b, o, y, column), places, size, scratch,
                    (source, step // item), layout,
                    (
                        layout[L.scales], layout[L.biases], L.beyond, o * item * layout[L.own],
                        each, layout[L.large],
                    ),
                )  # fmt: skip
        start = last
        piece += 1
    store_fence()
