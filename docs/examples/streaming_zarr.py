"""
From one Zarr array to another
==============================

An image that is larger than the memory it may take, by a filter that is wider than a chunk's edge.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
import zarr

import parconv

# Imagine it a hundred times as large.
folder = tempfile.TemporaryDirectory()
source = zarr.create_array(
    f"{folder.name}/source.zarr", shape=(1500, 1200), chunks=(300, 300), dtype="float32"
)
y, x = np.indices(source.shape, np.float32)
source[:] = np.sin(y / 40) * np.cos(x / 60) + np.random.default_rng(0).normal(0, 1, source.shape)
target = zarr.create_array(
    f"{folder.name}/target.zarr", shape=source.shape, chunks=(300, 300), dtype="float32"
)

# %%
# The plan says how many rows at a time go through, and what that takes.
g = parconv.filters.gaussian_factors(8)
words = {"mode": "same", "boundary": "symmetric", "memory": 3 * 2**20}
print(parconv.plan_stream(source, g, **words))

# %%
# Rows are read ahead, filtered and written behind, with the borders of the whole image.
told = []
parconv.stream(source, g, target, progress=lambda done, total: told.append(done / total), **words)
print(f"{len(told)} chunks")
np.testing.assert_allclose(target[:], parconv.gaussian(source[:], 8), rtol=1e-4, atol=1e-5)

figure, axes = plt.subplots(1, 2, figsize=(7, 4), layout="constrained")
for axis, array, title in zip(axes, (source, target), ("source", "target"), strict=True):
    axis.imshow(array[::4, ::4], cmap="viridis")
    axis.set(title=title, xticks=[], yticks=[])
folder.cleanup()
