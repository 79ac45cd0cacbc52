"""
Blurs and sharpening
====================

A mean, a Gaussian and an unsharp mask of the same colour photograph.
"""

import matplotlib.pyplot as plt
from matplotlib.cbook import get_sample_data

import parconv

with get_sample_data("grace_hopper.jpg") as file:
    photo = plt.imread(file)[40:240, 150:390]
print(photo.shape, photo.dtype)

# %%
# Colour wants ``axes=(0, 1)``, or ``channel_axis=-1`` in scikit-image's words.  With an integer
# ``dtype`` each result is rounded once, and saturates.
pictures = {
    "photograph": photo,
    "box of 9 x 9": parconv.box(photo, 9, axes=(0, 1), dtype="uint8"),
    "Gaussian, sigma 3": parconv.gaussian(photo, 3, axes=(0, 1), dtype="uint8"),
    "unsharp mask": parconv.unsharp_mask(photo, 2, 1.5, channel_axis=-1, dtype="uint8"),
}

figure, axes = plt.subplots(1, 4, figsize=(11, 2.7), layout="constrained")
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture)
    axis.set(title=title)
    axis.axis("off")

# %%
# How each is computed: columns and rows of a Gaussian, running sums of a box.
for g in (parconv.filters.gaussian_factors(3), parconv.filters.box_factors(9)):
    print(parconv.plan2d(photo, g, axes=(0, 1), mode="same", dtype="uint8", threads=1))
