"""The numbers by which the kernel knows its problem, by name."""

from ...codegen.layout import Layout

L = Layout(
    "rows_out", "columns_out", "rows_in", "columns_in", "lead_y", "lead_x", "stride_y", "stride_x",
    "dilation_y", "dilation_x", "taps_y", "taps_x", "channels", "filters", "group_blocks",
    "block_taps", "group_taps", "lanes", "height", "sums_at", "block_filters", "few",
    "inner_top", "inner_bottom", "inner_left", "inner_right", "inside",
    "run_of", "period", "room_at", "large", "streams",
    "copied", "pixel", "tap", "pitch", "run", "step", "runs", "phases", "copy_at",
    tables=(
        "sizes", "order", "rows", "columns", "remainders", "depths", "starts", "rows_at", "lookup",
    ),
)  # fmt: skip
BLOCK, IMAGE, PART = range(3)  # what a unit is one of
FEW, MANY, SINGLE, WIDE = range(1, 5)  # how outputs go as a run, if they do: see `tiles`
