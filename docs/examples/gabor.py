"""
Textures by a bank of waves
===========================

Gabor's filters of several directions answer where a pattern of stripes is.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

# Four quarters with stripes of four directions, and some noise over all.
angles = np.arange(4) * np.pi / 4
y, x = np.indices((128, 128))
quarter = 2 * (y >= 64) + (x >= 64)
turned = x * np.cos(angles[quarter]) + y * np.sin(angles[quarter])
noise = np.random.default_rng(0).normal(0, 0.5, turned.shape)
f = (np.cos(2 * np.pi * turned / 8) + noise).astype(np.float32)

# %%
# A sequence of directions asks for a bank: one call, every filter.  The result is complex, and its
# absolute value tells how strong the wave is, whatever its phase.
answers = parconv.gabor(f, 1 / 8, theta=angles, sigma=4)
strength = abs(answers)
print(answers.shape, answers.dtype)

# %%
# The strongest answer of each pixel segments the image.
found = parconv.box(strength, 9).argmax(axis=0)

figure, axes = plt.subplots(1, 6, figsize=(12, 2.3), layout="constrained")
axes[0].imshow(f, cmap="gray")
axes[0].set(title="stripes")
for axis, picture, angle in zip(axes[1:5], strength, np.degrees(angles), strict=True):
    axis.imshow(picture, cmap="magma")
    axis.set(title=f"{angle:.0f} degrees")
axes[5].imshow(found, cmap="tab10", vmax=9)
axes[5].set(title=f"{(found == quarter).mean():.0%} right")
for axis in axes:
    axis.axis("off")

# %%
# The filters themselves are an array, of which the waves are seen.
print(parconv.filters.gabor_taps(1 / 8, theta=angles, sigma=4).shape)
