"""
Second study: how large an image, how near the peak?
====================================================

The same filters over many tiny images, some middle ones and a large one: what limits each.
"""

from functools import partial
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import parconv

# The study's stacks (512 images of 28 x 28, then 516 x 516 and 4100 x 4100), made smaller: the
# middle one has one image here, the large one a ninth of its pixels.
STACKS = {"256 of 28 x 28": (256, 28, 28), "516 x 516": (516, 516), "1366 x 1366": (1366, 1366)}
SIZES = (3, 5, 7, 9, 11)
rng = np.random.default_rng(0)


def best(call, rounds=7):
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        call()
        times.append(perf_counter() - begin)
    return min(times)


# %%
# A plan and an output for each case, one thread, float32.
figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
for name, shape in STACKS.items():
    f = rng.random(shape, np.float32)
    reached = []
    for n in SIZES:
        plan = parconv.plan2d(f, rng.random((n, n)), method="direct", threads=1)
        out = np.empty(plan.problem.shape, np.float32)
        reached.append(2 * n * n * out.size / best(partial(plan, f, out=out)))
    axis.plot(SIZES, np.array(reached) / 1e9, "o-", label=name)
    print(name, [f"{rate / 1e9:.0f}" for rate in reached], "GFLOP/s")
axis.set(xlabel="taps on each axis", ylabel="GFLOP/s", xticks=SIZES, ylim=(0, None))
axis.legend()

# %%
# Small filters on the large image wait for memory.  Tiny images have rows that end before a tile is
# full, and nine more taps a row cost nothing there.  Large filters come near the peak everywhere,
# since each vector of pixels that is loaded meets more taps.
plan = parconv.plan2d(((512, 28, 28), "float32"), rng.random((5, 5)), threads=1)
print(plan.explain())
