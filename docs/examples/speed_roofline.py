"""
The roofline of a filter of one's own
=====================================

How near some filters come to what arithmetic and memory allow, both measured here and now.
"""

from functools import partial
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import parconv

f = np.random.default_rng(0).random((1200, 1600), np.float32)
out = np.empty_like(f)


def best(call, rounds=25):
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        call()
        times.append(perf_counter() - begin)
    return min(times)


# %%
# Two ceilings for one thread: a copy moves eight bytes a pixel, and a filter of 31 x 31 taps comes
# within a tenth of the peak.  ``parconv ceilings`` measures both with more care; on a busy machine
# points stray.
bandwidth = f.nbytes * 2 / best(partial(np.copyto, out, f))
big = parconv.plan2d(f[:200], np.random.default_rng(1).random((31, 31)), method="direct", threads=1)
small_out = np.empty(big.problem.shape, np.float32)
peak = 2 * 31**2 * small_out.size / best(partial(big, f[:200], out=small_out))

# %%
# Each filter makes 2 n^2 operations for the eight bytes of a pixel.
figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
flops_per_byte = np.geomspace(0.5, 300, 50)
axis.loglog(flops_per_byte, np.minimum(flops_per_byte * bandwidth, peak) / 1e9, "k")
for n in (2, 3, 5, 7, 11):
    g = np.random.default_rng(n).random((n, n))
    plan = parconv.plan2d(f, g, mode="same", method="direct", threads=1)
    seconds = best(partial(plan, f, out=out))
    reached, intensity = 2 * n * n * f.size / seconds, n * n / 4
    limit = min(intensity * bandwidth, peak)
    axis.loglog(intensity, reached / 1e9, "o", label=f"{n} x {n}: {reached / limit:.0%}")
    print(f"{n} x {n}: {1e3 * seconds:.2f} ms, {reached / 1e9:.0f} GFLOP/s, {reached / limit:.0%}")
axis.set(xlabel="operations for each byte", ylabel="GFLOP/s", title="one thread, float32")
axis.legend()
