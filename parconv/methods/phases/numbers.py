"""The numbers by which the kernel of a transposed layer knows its pieces, by name."""

from ...codegen.layout import Layout

# `needed`: elements of scratch that the phases' kernels take; `turned`: images beside them.
L = Layout(
    "way", "steps_y", "steps_x", "needed", "turned", "parts", "phases_x", "part_rows",
    "part_columns", "large", tables=("pieces", "jobs", "phases", "inner"),
)  # fmt: skip
# How results get to where they belong: stored there by the phases themselves; from scratch, where
# channels are neighbours, to maps one after another; from scratch, where the columns of each phase
# are neighbours, into rows; from scratch as they lie.
STRIDED, TURNED, WOVEN, COPIED = range(4)
# Of a piece: the images, filters and rows of phases that it fills, the rows that it reads, jobs.
IMAGE, IMAGES_END, FILTER, FILTERS_END, ROW, ROWS_END, TOP, BOTTOM, JOB, JOBS_END = range(10)
PIECE = 10
# Of a job: a phase, and some of its units.
PHASE, START, STOP, WORDS = range(4)
# Of a phase: its kernel, 0 where no tap meets it; where its weights, its border's constants (or its
# biases) and its layout begin and end; where the maps that it meets begin, and their rows and
# columns; its first output, its rows and columns, and which part of scratch holds them.
(
    KERNEL, TAPS, TAPS_END, FILL, FILL_END, INNER, INNER_END, SKIP_Y, SKIP_X, HIGH, WIDE, FIRST_Y,
    FIRST_X, ROWS, COLUMNS, PART, NUMBERS,
) = range(17)  # fmt: skip
