"""
Borders, side by side
=====================

One blur of one image under each border rule: where they differ, and by how much.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

y, x = np.indices((90, 120), np.float32)
f = 0.5 + 0.5 * np.sin(x / 11) * np.cos(y / 7) * (0.3 + x / 120)

# %%
# ``boundary`` is one name, or one for rows and one for columns.
rules = ("constant", "edge", "symmetric", "mirror", "wrap", ("edge", "wrap"))
blurred = {rule: parconv.gaussian(f, 8, boundary=rule) for rule in rules}

figure, axes = plt.subplots(2, 3, figsize=(9, 4.6), layout="constrained")
for axis, (rule, picture) in zip(axes.ravel(), blurred.items(), strict=True):
    axis.imshow(picture, cmap="viridis", vmin=0, vmax=1)
    axis.set(title=rule if isinstance(rule, str) else " and ".join(rule), xticks=[], yticks=[])

# %%
# Far from the border all agree, bit for bit: a pixel's sum does not know what lies out of its
# reach.
inside = {rule: picture[32:-32, 32:-32].tobytes() for rule, picture in blurred.items()}
print(len(set(inside.values())), "kind of inside")
