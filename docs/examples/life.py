"""
The Game of Life
================

Neighbours of bytes on a torus: integers are exact, and ``boundary="wrap"`` closes the edges.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

cells = (np.random.default_rng(7).random((256, 256)) < 0.3).astype(np.uint8)
around = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]])

# %%
# One plan and one output serve all generations: nothing is allocated or decided in the loop.
plan = parconv.plan2d(cells, around, mode="same", boundary="wrap", dtype="uint8")
neighbours = np.empty_like(cells)
print(plan)

history = [cells.copy()]
for _ in range(200):
    plan(cells, out=neighbours)
    cells[:] = (neighbours == 3) | ((neighbours == 2) & (cells == 1))
    history.append(cells.copy())

figure, axes = plt.subplots(1, 3, figsize=(10, 3.3), layout="constrained")
for axis, turn in zip(axes, (0, 20, 200), strict=True):
    axis.imshow(history[turn], cmap="gray_r")
    axis.set(title=f"generation {turn}: {history[turn].sum()} alive", xticks=[], yticks=[])

# %%
# A glider moves one cell down and right in four generations, over the edge too.
glider = np.zeros((8, 8), np.uint8)
glider[[0, 1, 2, 2, 2], [1, 2, 0, 1, 2]] = 1
start = glider.copy()
for _ in range(4 * 8):
    n = parconv.conv2d(glider, around, mode="same", boundary="wrap", dtype="uint8")
    glider = ((n == 3) | ((n == 2) & (glider == 1))).astype(np.uint8)
assert (glider == start).all()
