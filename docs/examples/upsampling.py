"""
Enlarging maps by a transposed layer
====================================

What networks enlarge with: bilinear weights enlarge smoothly, uneven ones leave a pattern.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

rng = np.random.default_rng(0)
small = parconv.gaussian(rng.random((1, 24, 32)).astype(np.float32), 2, boundary="wrap")

# %%
# With stride 2 each pixel adds the filter to every other place.  A tent of 4 x 4 taps adds up to
# one everywhere; three taps overlap at every second row and column, and show it.
tent = np.outer([1, 3, 3, 1], [1, 3, 3, 1])[np.newaxis, np.newaxis] / 16
smooth = parconv.conv_transpose2d(small, tent.astype(np.float32), stride=2, padding=1)
uneven = parconv.conv_transpose2d(small, np.ones((1, 1, 3, 3), np.float32) / 2.25, stride=2)
print(small.shape, "->", smooth.shape, uneven.shape)

figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), layout="constrained")
titles = "small", "tent of 4 x 4", "ones of 3 x 3: a pattern"
for axis, maps, title in zip(axes, (small, smooth, uneven), titles, strict=True):
    axis.imshow(maps[0], cmap="viridis")
    axis.set(title=title, xticks=[], yticks=[])
