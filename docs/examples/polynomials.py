"""
Derivatives of noisy signals
============================

One axis of any array: Savitzky and Golay's polynomials against plain differences.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

x = np.linspace(0, 4 * np.pi, 400)
signals = np.sin(np.outer([1, 2, 3], x)) + np.random.default_rng(0).normal(0, 0.05, (3, 400))
step = x[1] - x[0]

# %%
# All rows go in one call; ``delta`` is the distance of neighbours.
slopes = parconv.savgol(signals, 31, 3, deriv=1, delta=step, boundary="mirror")
plain = parconv.conv2d(signals, [0.5 / step, 0, -0.5 / step], axes=-1, mode="same")

figure, axes = plt.subplots(3, sharex=True, figsize=(8, 4.5), layout="constrained")
for number, axis in enumerate(axes):
    axis.plot(x, plain[number], color="lightgray", label="differences")
    axis.plot(x, slopes[number], label="savgol")
    right = (number + 1) * np.cos((number + 1) * x)
    axis.plot(x, right, "k:", label="exact")
    axis.set(ylim=(-5, 5))
    print(f"error: {np.std((slopes[number] - right)[20:-20]):.3f}, by differences "
          f"{np.std((plain[number] - right)[20:-20]):.3f}")  # fmt: skip
axes[0].legend(ncols=3, fontsize=8)

# %%
# Second derivatives of planes by larger Sobel filters: exact for a parabola.
y, x = np.indices((40, 40))
bend = parconv.derivative(x**2 + y, (0, 2), 5, normalize=True)
print(bend[20, 18:22])
