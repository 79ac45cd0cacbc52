"""
Nuclei in a microscope's stack
==============================

Three axes at once: a volume of uint16, smoothed with a sigma for each axis, and its spots.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

# Forty nuclei in 24 slices that are three times as far apart as pixels, under shot noise.
rng = np.random.default_rng(0)
centres = rng.uniform((3, 10, 10), (21, 150, 150), (40, 3))
z, y, x = np.ogrid[:24, :160, :160]
clean = np.full((24, 160, 160), 100.0)
for cz, cy, cx in centres:
    clean += 900 * np.exp(-((z - cz) ** 2 / 2 + (y - cy) ** 2 / 18 + (x - cx) ** 2 / 18))
stack = rng.poisson(clean).astype(np.uint16)

# %%
# ``axes`` names three, and ``sigma`` has a number for each.  uint16 is rounded once, at the end.
calm = parconv.gaussian(stack, (0.7, 2, 2), axes=(0, 1, 2), dtype="uint16")
print(stack.dtype, stack.shape, "->", calm.dtype)
g = parconv.filters.gaussian_factors((0.7, 2, 2), ndim=3)
print(parconv.plan2d(stack, g, axes=(0, 1, 2), mode="same", boundary="symmetric", dtype="uint16"))

# %%
# A wide Gaussian less a narrow one is largest at spots as large as a nucleus.
wide = parconv.gaussian(stack, (2, 6, 6), axes=(0, 1, 2))
spots = parconv.gaussian(stack, (0.7, 2, 2), axes=(0, 1, 2)) - wide

figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
for axis, volume, title in zip(
    axes, (stack, calm, spots), ("raw", "smoothed", "spots"), strict=True
):
    axis.imshow(volume.max(axis=0), cmap="gray")
    axis.set(title=f"{title}, largest over the slices", xticks=[], yticks=[])
axes[2].plot(centres[:, 2], centres[:, 1], "r+", markersize=5)
