"""
Bytes in, bytes out
===================

What becomes of sums that a byte does not hold, and how fractions become whole numbers.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

ramp = np.linspace(0, 255, 256).astype(np.uint8)[np.newaxis]
steps = np.where(np.arange(256) // 32 % 2, ramp, 255 - ramp).astype(np.uint8)
sharpen = np.array([[-1, 3, -1]])

# %%
# Sums of integers are exact in int64.  ``dtype`` asks for bytes, ``overflow`` says how.
exact = parconv.conv2d(steps, sharpen, mode="same", boundary="edge")
kinds = {
    rule: parconv.conv2d(steps, sharpen, mode="same", boundary="edge", dtype="uint8", overflow=rule)
    for rule in ("saturate", "wrap")
}
assert (kinds["saturate"] == exact.clip(0, 255)).all()
assert (kinds["wrap"] == exact.astype(np.uint8)).all()

figure, axes = plt.subplots(3, sharex=True, figsize=(8, 4.2), layout="constrained")
for axis, (title, row) in zip(axes, {"int64": exact, **kinds}.items(), strict=True):
    axis.step(np.arange(256), row[0], where="mid")
    axis.axhspan(0, 255, color="lightgreen", alpha=0.3)
    axis.set(ylabel=title)

# %%
# The third rule makes it an error, with the place.
try:
    parconv.conv2d(steps, sharpen, mode="same", dtype="uint8", overflow="raise")
except ValueError as error:
    print(error)

# %%
# A mean of bytes is rounded half to even, or cut.
pair = np.array([[0, 1, 2, 3, 4, 5]], np.uint8)
for rounding in ("even", "trunc"):
    print(rounding, parconv.conv2d(pair, [[0.5, 0.5]], dtype="uint8", rounding=rounding)[0])
