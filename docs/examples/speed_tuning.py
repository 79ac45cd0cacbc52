"""
An experiment of one's own: threads and strategies
==================================================

Time a convolution of yours by every strategy and number of threads, in turns.
"""

import os
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import parconv

f = np.random.default_rng(0).random((1000, 1500), np.float32)
g = np.random.default_rng(1).standard_normal((7, 7))
out = np.empty_like(f)
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

# %%
# A plan for each setting.  More threads than cores would be clamped.
settings = [("serial", 1), *(("threads", n) for n in range(1, cores + 1)), ("auto", cores)]
plans = {
    f"{strategy}, {threads}": parconv.plan2d(
        f, g, mode="same", boundary="mirror", strategy=strategy, threads=threads
    )
    for strategy, threads in settings
}

# %%
# Taking turns shares out what the machine does beside: the least and the middle of each count.
times = {name: [] for name in plans}
for _ in range(15):
    for name, plan in plans.items():
        begin = perf_counter()
        plan(f, out=out)
        times[name].append(1e3 * (perf_counter() - begin))

figure, axis = plt.subplots(figsize=(7, 3), layout="constrained")
for name, found in times.items():
    axis.plot(found, [name] * len(found), "|", color="#3182bd", markersize=14)
axis.set(xlabel="milliseconds", xlim=(0, 3 * np.median(times["serial, 1"])))
for name, found in times.items():
    print(f"{name:12} least {min(found):6.2f} ms, median {np.median(found):6.2f} ms")

# %%
# All give the same bits, so a measurement may choose.  ``parconv tune --save`` does this with care,
# and later processes follow it.
assert len({plan(f).tobytes() for plan in plans.values()}) == 1
