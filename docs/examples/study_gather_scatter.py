"""
First study: gather or scatter?
===============================

Should a 3 x 3 convolution collect what each output needs, or spread what each input gives?  parconv
grew out of that question.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data
from numba import njit

import parconv

with get_sample_data("grace_hopper.jpg") as file:
    f = plt.imread(file)[..., 1].astype(np.float32)
g = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], np.float32) / 16


# %%
# To gather is to sum the pixels under the filter; each output is written once.
@njit(fastmath=True)
def gather(f, g, out):
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            total = np.float32(0)
            for i in range(3):
                for j in range(3):
                    total += f[y + i, x + j] * g[2 - i, 2 - j]
            out[y, x] = total


# %%
# To scatter is to add each pixel, times the filter, to nine outputs: each is read and written nine
# times.
@njit(fastmath=True)
def scatter(f, g, out):
    out[:] = 0
    for y in range(f.shape[0]):
        for x in range(f.shape[1]):
            for i in range(3):
                for j in range(3):
                    if 0 <= y + i - 2 < out.shape[0] and 0 <= x + j - 2 < out.shape[1]:
                        out[y + i - 2, x + j - 2] += f[y, x] * g[i, j]


# %%
# Both are right, and memory decides: a sum in a register costs nothing to add to.
plan = parconv.plan2d(f, g, threads=1)
out = np.empty(plan.problem.shape, np.float32)
ways = {
    "scatter": lambda: scatter(f, g, out),
    "gather": lambda: gather(f, g, out),
    "parconv, one thread": lambda: plan(f, out=out),
}
right = parconv.conv2d(f, g)
found = {}
for name, call in ways.items():
    call()
    np.testing.assert_allclose(out, right, rtol=1e-4, atol=1e-3)
    times = []
    for _ in range(9):
        begin = perf_counter()
        call()
        times.append(1e3 * (perf_counter() - begin))
    found[name] = min(times)
    print(f"{name:20} {found[name]:.3f} ms")

figure, axis = plt.subplots(figsize=(7, 2.2), layout="constrained")
axis.barh(list(found), list(found.values()), color=("#fc9272", "#9ecae1", "#3182bd"))
axis.set(xlabel="milliseconds", title=f"3 x 3 on a photograph of {f.shape[0]} x {f.shape[1]}")
