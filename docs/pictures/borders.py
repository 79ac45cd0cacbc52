"""Six pixels, and what each border rule puts beside them: computed, not drawn by hand."""

import matplotlib.pyplot as plt
import numpy as np

import parconv

RULES = ("constant", "edge", "symmetric", "mirror", "wrap")
REACH = 4
pixels = np.array([[1.0, 2.0, 4.0, 3.0, 5.0, 2.0]])
one = [[1.0]]

figure, axes = plt.subplots(len(RULES), figsize=(8, 3.2), sharex=True)
for axis, rule in zip(axes, RULES, strict=True):
    row = parconv.conv2d(pixels, one, padding=((0, 0), (REACH, REACH)), boundary=rule)
    axis.imshow(row, cmap="Blues", vmin=0, vmax=9, aspect="auto")
    for edge in (REACH - 0.5, REACH + pixels.shape[1] - 0.5):
        axis.axvline(edge, color="red", linewidth=2)
    for place, value in enumerate(row[0]):
        axis.text(place, 0, f"{value:.0f}", ha="center", va="center")
    axis.set_yticks([0], [rule])
    axis.set_xticks([])
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
