"""
The heat equation
=================

A plate that is heated at a disc and cooled at its edge: thousands of small steps.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

SIDE, STEPS, DIFFUSION = 192, 3000, 0.2
y, x = np.indices((SIDE, SIDE))
heater = np.hypot(y - 70, x - 120) < 14

# %%
# A step adds the Laplacian, which is one filter with the pixel itself.  ``plan.bind`` makes it a
# call without arguments: two bound calls send the heat back and forth between two arrays.
g = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]) * DIFFUSION
g[1, 1] += 1
plate, other = np.zeros((2, SIDE, SIDE), np.float32)
plan = parconv.plan2d(plate, g, mode="same", boundary="constant", cval=0)
forth, back = plan.bind(plate, other), plan.bind(other, plate)
print(plan)

warmth, shown = [], {}
for step in range(STEPS // 2):
    for call in (forth, back):
        result = call()
        result[heater] = 100
    warmth.append(result.mean())
    if 2 * step + 2 in (100, 600, 3000):
        shown[2 * step + 2] = result.copy()

figure, axes = plt.subplots(1, 4, figsize=(12, 2.8), layout="constrained")
for axis, (step, picture) in zip(axes, shown.items(), strict=False):
    axis.contourf(picture, levels=np.arange(0, 101, 10), cmap="inferno")
    axis.set(title=f"after {step} steps", xticks=[], yticks=[], aspect="equal")
axes[3].plot(2 * np.arange(1, len(warmth) + 1), warmth)
axes[3].set(title="mean temperature", xlabel="step")

# %%
# The steady state no longer changes much.
change = abs(forth() - plate)[~heater].max()
print(f"one more step changes at most {change:.4f} degrees outside the heater")
