"""
A film, frame by frame
======================

A stream of frames from an iterable: what moves, against the mean of what was seen.
"""

import matplotlib.pyplot as plt
import numpy as np

import parconv

rng = np.random.default_rng(0)
ground = parconv.gaussian(rng.normal(128, 60, (120, 160)), 2, boundary="wrap")


def camera(frames=60):
    """A disc crosses the picture; the sensor is noisy."""
    y, x = np.indices(ground.shape)
    for number in range(frames):
        disc = np.hypot(y - 60 - 20 * np.sin(number / 8), x - 10 - 2.4 * number) < 9
        frame = ground + 70 * disc + rng.normal(0, 12, ground.shape)
        yield frame.clip(0, 255).astype(np.uint8)


# %%
# While one chunk of frames is filtered the next is read.  Frames come out one at a time, and memory
# holds a chunk of them, however long the film is.
mean, path = None, []
g = parconv.filters.gaussian_factors(2)
for frame in parconv.stream(camera(), g, mode="same", boundary="mirror"):
    mean = frame if mean is None else 0.9 * mean + 0.1 * frame
    moved = abs(frame - mean)
    path.append(np.unravel_index(moved.argmax(), moved.shape))

figure, axes = plt.subplots(1, 3, figsize=(10, 2.7), layout="constrained")
for axis, picture, title in zip(
    axes, (frame, moved, mean), ("last frame, smoothed", "what moved", "where it was"), strict=True
):
    axis.imshow(picture, cmap="gray")
    axis.set(title=title, xticks=[], yticks=[])
rows, columns = np.array(path[5:]).T
axes[2].plot(columns, rows, "r.-", linewidth=0.8)

# %%
# How the stream would be cut for an hour of film, without computing it.
hour = ((25 * 3600, 1080, 1920), "uint8")
print(parconv.plan_stream(hour, g, mode="same", memory=2**28).explain())
