"""
Stars under a point spread function
===================================

Simulate a telescope's image by a wide filter, and find the stars again by the same filter.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

# A point spread function of 65 x 65 taps, with spikes: no outer product.
y, x = np.mgrid[-32:33, -32:33]
radius = np.hypot(x, y)
psf = (1 + (radius / 2.5) ** 2) ** -2.5 + 0.02 * ((x == 0) | (y == 0)) * np.exp(-radius / 10)
psf /= psf.sum()

rng = np.random.default_rng(1)
sky = np.zeros((320, 320), np.float32)
places = rng.integers(20, 300, (40, 2))
sky[tuple(places.T)] = rng.uniform(2e3, 2e4, 40)
seen = rng.poisson(parconv.conv2d(sky, psf, mode="same") + 20).astype(np.float32)

# %%
# A filter of 4225 taps goes by transforms, which the plan tells.
print(parconv.plan2d(sky, psf, mode="same", threads=1))

# %%
# The matched filter is the correlation with the same function.  Stars are where it is largest
# nearby and far above the background's noise.
score = parconv.correlate2d(seen - 20, psf, mode="same", boundary="mirror")
noise = np.sqrt(20 * (psf**2).sum())
y, x = np.nonzero(score > 12 * noise)
peaks = [(r, c) for r, c in zip(y, x, strict=True)
         if score[r, c] == score[max(r - 4, 0) : r + 5, max(c - 4, 0) : c + 5].max()]  # fmt: skip
near = [min(np.hypot(*(np.array(peak) - places).T)) < 2 for peak in peaks]
print(f"{sum(near)} of {len(places)} stars, {len(peaks) - sum(near)} false")

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for axis, picture, title in zip(
    axes, (psf, seen, score), ("spread function", "image", "matched filter"), strict=True
):
    axis.imshow(np.log(np.maximum(picture, 0) + picture.max() / 1e3), cmap="inferno")
    axis.set(title=title, xticks=[], yticks=[])
axes[2].plot(*np.array(peaks).T[::-1], "o", markerfacecolor="none", color="cyan", markersize=8)
