"""
A chain of filters
==================

Smooth, then differentiate: two steps over rows that stay in the caches, with the bits of two calls.
"""

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np

import parconv

y, x = np.indices((2048, 2048), np.float32)
f = np.sin(x * y / 36e3).astype(np.float32)
f += np.random.default_rng(0).normal(0, 0.3, f.shape).astype(np.float32)

# %%
# The second plan is for what the first one leaves.
smooth = parconv.plan2d(f, parconv.filters.gaussian_factors(2), mode="same", boundary="mirror")
slope = parconv.plan2d(smooth, parconv.filters.SOBEL, mode="same", boundary="mirror")
both = parconv.chain(smooth, slope)
print(both.explain())

# %%
# The bits are those of the plans one after the other.
edges = both(f)
assert edges.tobytes() == slope(smooth(f)).tobytes()

figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
titles = "image", "smoothed: never in memory", "slope"
for axis, picture, title in zip(axes, (f, smooth(f), edges), titles, strict=True):
    axis.imshow(picture[::4, ::4], cmap="gray")
    axis.set(title=title, xticks=[], yticks=[])


# %%
# Time of either with fresh results: the chain saves the memory between, which counts on large
# images.
def best(call):
    times = []
    for _ in range(7):
        begin = perf_counter()
        call()
        times.append(perf_counter() - begin)
    return 1e3 * min(times)


print(f"two calls {best(lambda: slope(smooth(f))):.2f} ms, chain {best(lambda: both(f)):.2f} ms")
