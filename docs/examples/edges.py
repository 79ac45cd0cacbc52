"""
Edges of a photograph
=====================

Two slopes by the Sobel filter, and the length of the gradient.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.cbook import get_sample_data

import parconv

with get_sample_data("grace_hopper.jpg") as file:
    photo = plt.imread(file)
gray = photo[..., 1]  # bytes

# %%
# Integers under integer filters are exact in int64: nothing wraps or saturates.
# ``boundary="edge"`` invents no slope along the border.
down = parconv.sobel(gray, axis=0, boundary="edge")
right = parconv.sobel(gray, axis=1, boundary="edge")
length = np.hypot(down, right)
print(gray.dtype, "->", right.dtype, right.min(), right.max())

# %%
# The same in one call and at a scale of one's own: derivatives of a Gaussian.
smooth = parconv.gaussian_gradient_magnitude(gray, 2)

figure, axes = plt.subplots(1, 4, figsize=(11, 3.6), layout="constrained")
for axis, picture, title in zip(
    axes,
    (gray, right, length, smooth),
    ("green channel", "slope to the right", "Sobel's gradient", "of a Gaussian, $\\sigma$ = 2"),
    strict=True,
):
    axis.imshow(picture, cmap="gray")
    axis.set(title=title)
    axis.axis("off")

# %%
# A slope fits into bytes again if zero becomes 128: scale, bias and rounding happen where the sum
# is made, not in passes of their own.
bytes_ = parconv.sobel(gray, axis=1, scale=1 / 8, bias=128, dtype="uint8")
print(bytes_.dtype, bytes_.min(), bytes_.max())
