"""
A satellite's image with clouds
===============================

Means over the pixels that are there: NaN, masks, and how much must be seen.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

# Land, by smoothed noise, and clouds that hide a quarter of it.
rng = np.random.default_rng(3)
land = parconv.gaussian(rng.normal(size=(200, 260)).astype(np.float32), 8, boundary="wrap")
clouds = parconv.gaussian(rng.normal(size=land.shape), 12, boundary="wrap")
scene = np.where(clouds > np.quantile(clouds, 0.75), np.nan, land)
scene[rng.random(scene.shape) < 0.02] = np.nan  # and dead pixels

# %%
# A plain filter spreads every NaN as far as it reaches.  ``nan_policy="omit"`` takes the mean over
# what is there, and is NaN only where nothing is.
plain = parconv.gaussian(scene, 3)
mended = parconv.gaussian(scene, 3, nan_policy="omit")
print(f"missing: {np.isnan(scene).mean():.0%}, {np.isnan(plain).mean():.0%} by a plain filter, "
      f"{np.isnan(mended).mean():.0%} here")  # fmt: skip

# %%
# ``min_weight`` asks for a share of the filter to be on pixels that are there; here a half.
sure = parconv.gaussian(scene, 3, nan_policy="omit", min_weight=0.5)

figure, axes = plt.subplots(1, 4, figsize=(11, 2.6), layout="constrained")
titles = "scene", "plain", "over what is there", "over half at least"
for axis, picture, title in zip(axes, (scene, plain, mended, sure), titles, strict=True):
    axis.imshow(picture, cmap="terrain")
    axis.set(title=title, facecolor="lightgray", xticks=[], yticks=[])

# %%
# A mask says the same in other words.
again = parconv.gaussian(np.ma.masked_invalid(scene), 3)
np.testing.assert_array_equal(again, mended)
