"""The largest error of each method, in units of the float32 epsilon times max |f| times sum |g|."""

import matplotlib.pyplot as plt
import numpy as np

import parconv

SIZES = (3, 5, 9, 15, 25)
METHODS = ("direct", "separable", "fft")

f = np.random.default_rng(0).random((300, 300), np.float32)
figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
for method in METHODS:
    errors = []
    for size in SIZES:
        g = parconv.filters.gaussian_taps(size / 6, radius=size // 2)
        found = parconv.conv2d(f, g, method=method, threads=1)
        right = parconv.conv2d(f.astype(np.float64), g, method="direct", threads=1)
        unit = np.finfo(np.float32).eps * f.max() * abs(g).sum()
        errors.append(abs(found - right).max() / unit)
    axis.plot(SIZES, errors, "o-", label=method)
axis.axhline(2e-6 / np.finfo(np.float32).eps, color="gray", linestyle=":", label="tolerance=2e-6")
axis.set(xlabel="taps on each axis", ylabel="largest error", xticks=SIZES, yscale="log")
axis.legend(fontsize=8)
