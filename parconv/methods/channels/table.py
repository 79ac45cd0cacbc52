"""What a tile loops over: the numbers that its kernel writes, and the sizes of tiles."""

from llvmlite import ir

from ...codegen import machine

# Pixels of tiles of one vector and of two: their sums, as many weights and one pixel fill the
# registers; LLVM spills none of them in the loop.  8 images of 266 channels of 35 x 36, which come
# last, to 8 at 3x3 take 4.9 ms by channels in lanes, 4.2 by 12 pixels (Sapphire Rapids VM, AVX2,
# 2026-11).
PIXELS = machine.ISA.choose({32: (14, 14), 16: (12, 6)})
VECTORS = 2
LEAST, MOST = min(PIXELS), max(PIXELS)
EVERY = (1 << MOST) - 1  # all pixels of a tile, as bits
# Channels by which weights are fetched early: the steps between pixels of few rows and columns
# confuse the hardware.  512 channels at 7 x 7, one image: 85 to 105 % of the peak (Zen 5, 2026-11).
WEIGHTS_AHEAD = 16
# Whether tiles fetch under every tap, or full ones only pixels in place that one tap meets, or that
# no near cache holds: with prefetching everywhere 3x3 64 -> 32 of 28 x 28 took 1.06 of the time, of
# 7 x 7 256 -> 32 1.1; 1x1 256 -> 64 of 56 x 56 without any 1.15 to 1.3 (Sapphire Rapids, 2026-11).
# Milliseconds of eight images at 3x3 without and with it: 64 @ 56 17.1, 16.5; 128 @ 28 16.2, 15.9;
# 256 @ 14 15.5, 15.0; 512 @ 7 14.5, 14.1 (Zen 4 VM, AVX-512, 2026-11).
ALWAYS_FETCHES = machine.ISA.choose({32: False, 16: True})

# What a tile loops over, as int64 numbers: sizes, then bytes from one to the next, then the bits of
# each filter row and each filter column, then the bytes from the first filter row to each, then
# `SEGMENT` numbers for each row of output that the tile has pixels of: their bits, and where the
# tile's first pixel would lie in that row.
TABLE = (
    TAPS_Y, TAPS_X, CHANNELS, STEP_X, STEP_CHANNEL, STEP_PIXEL, AHEAD, AHEAD_STEP,
    OUT_CHANNEL, OUT_PIXEL, OUTPUTS, STREAMS, ROWS_AT, SEGMENTS, SEGMENTS_AT, BITS_AT,
) = range(16)  # fmt: skip
SEGMENT = 2
I8 = ir.IntType(8)
