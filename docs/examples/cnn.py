"""
The first layer of a network
============================

Sixteen filters over colour, a bias, and a second layer: NumPy arrays, torch's rules.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data

import parconv

with get_sample_data("grace_hopper.jpg") as file:
    photo = plt.imread(file)[:256, 100:400]
images = np.ascontiguousarray(photo.transpose(2, 0, 1)[np.newaxis]).astype(np.float32) / 255

# %%
# Oriented edges of two kinds, over brightness and over red against blue, as trained networks have.
angles = np.arange(8) * np.pi / 8
y, x = np.mgrid[-3:4, -3:4]
waves = np.array([np.sin(1.2 * (x * np.cos(a) + y * np.sin(a))) for a in angles])
waves *= np.exp(-(x**2 + y**2) / 6)
colours = np.array([[1, 1, 1], [1, 0, -1]])
weights = np.einsum("ayx,kc->kacyx", waves, colours).reshape(16, 3, 7, 7).astype(np.float32)

# %%
# Networks call correlation convolution.  The plan keeps the weights as its kernel reads them.
layer = parconv.plan2d(images, weights, correlate=True, padding=3, stride=2, bias=np.full(16, 0.1))
maps = np.maximum(layer(images), 0)
print(images.shape, "->", maps.shape)
print(layer)

# %%
# The next layer takes those maps, each alone ("depthwise"), as light networks do.
smooth = np.ones((16, 1, 3, 3), np.float32) / 9
pooled = parconv.correlate2d(maps, smooth, groups=16, padding=1, stride=2)
print(maps.shape, "->", pooled.shape)

figure, axes = plt.subplots(2, 6, figsize=(11, 3.4), layout="constrained")
axes[0, 0].imshow(photo)
axes[1, 0].imshow(np.abs(maps[0]).max(axis=0), cmap="magma")
for axis, number in zip(axes[:, 1:].ravel(), (0, 2, 4, 6, 7, 8, 10, 12, 14, 15), strict=True):
    axis.imshow(pooled[0, number], cmap="magma")
    axis.set_title(f"map {number}", fontsize=8)
for axis in axes.ravel():
    axis.axis("off")
