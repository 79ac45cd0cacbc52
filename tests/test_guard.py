"""Distrusts addresses: arrays that end, or start, exactly at memory that must not be touched.

One byte too many, read or written, kills the process, so it is one of its own.
"""

import sys

import pytest
from conftest import RunPython

SCRIPT = """
import dataclasses, faulthandler, itertools
import numpy as np
import parconv
from arena import Arena
from parconv.codegen import machine
from parconv.methods.direct import tile

faulthandler.enable()
arenas = [Arena() for _ in range(3)]
rng = np.random.default_rng(7)
width = tile.VECTORS * machine.VECTOR_BYTES // 4
rows = tile.ROWS
count = 0

def check(shape, taps, dtype, ends, pitch, **options):
    global count
    count += 1
    f = (rng.random(shape) * 100).astype(dtype)
    g = (rng.random(taps) * 9).astype("float32" if np.dtype(dtype).kind == "f" else "int8")
    right = parconv.conv2d(f, g, **{**options, "threads": 1, "strategy": "serial"})
    source = arenas[0].array(shape, f.dtype, ends[0], pitch)
    source[...] = f
    out = arenas[1].array(right.shape, right.dtype, ends[1], pitch)
    out.fill(99)
    plan = parconv.plan2d(source, g, **options)
    packed = plan.prepare(g)
    values = arenas[2].array(packed.values.shape, packed.values.dtype, True)
    values[...] = packed.values
    plan.run(source, dataclasses.replace(packed, values=values), out)
    label = (shape, taps, dtype, ends, pitch, options)
    assert out.tobytes() == right.tobytes(), label

heights = [1, 2, rows - 1, rows, rows + 1, 2 * rows + 1, 3 * rows + 2]
widths = [1, 2, width // 3, width - 1, width, width + 1, width + 17, 2 * width + 3]
filters = [(1, 1), (3, 3), (1, 5), (5, 1), (4, 6), (7, 2), (9, 9), (17, 3)]
ends = list(itertools.product([True, False], repeat=2))
question = itertools.cycle([
    {"mode": "same", "boundary": "mirror"}, {"mode": "same"}, {"mode": "full"},
    {"mode": "full", "boundary": "wrap"}, {"mode": "same", "boundary": "edge", "threads": 2},
    {"mode": "same", "stride": 2}, {"mode": "same", "dilation": 2, "boundary": "symmetric"},
    {"mode": "full", "stride": (1, 3)},
])
for index, (height, wide, taps) in enumerate(itertools.product(heights, widths, filters)):
    dtype = ("float32", "float64", "float32", "uint8")[index % 4]
    check((height, wide), taps, dtype, ends[index // 4 % 4], (0, 0, 5, 1)[index // 3 % 4],
          **next(question))
    if height >= taps[0] and wide >= taps[1]:
        check((height, wide), taps, "float32", ends[index % 4], (0, 3)[index % 2])
for wide, stride, dtype in itertools.product(
    [2 * width // 3 - 1, 2 * width // 3, width, width + 1, 2 * width + 7], [2, (1, 2)],
    ["uint8", "float32", "int16"],
):  # every second pixel, a vector at a time
    for taps in ((1, 1), (3, 2), (5, 5)):
        check((7, wide), taps, dtype, ends[count % 4], count % 3, stride=stride)
for end in ends:
    for threads in (1, 2):
        for strategy in ("prange", "threads"):
            check((3, 61, 150), (5, 5), "float32", end, 0, threads=threads, strategy=strategy)
            check((150, 301), (7, 7), "float32", end, 2, threads=threads, strategy=strategy)
            check((150, 301), (7, 7), "float64", end, 0, mode="same", threads=threads,
                  strategy=strategy)
    for taps, pitch in itertools.product([(3, 3), (5, 5), (2, 9), (9, 6)], (0, 3)):
        for mode in ("same", "valid"):
            check((40, 333), taps, "uint8", end, pitch, mode=mode,
                  method="dot" if machine.HAS_DOT else "auto")
print(count)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
def test_nothing_beyond_the_arrays_is_touched(run_python: RunPython) -> None:
    done = run_python(SCRIPT)
    assert int(done.stdout) >= 200
