"""What six methods read and add for the outputs that they compute at a time."""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle

READ, OUT, KEPT = "#9ecae1", "#e6550d", "#a1d99b"


def panel(axis, title, *boxes):
    for (x, y, width, height), colour in boxes:
        axis.add_patch(Rectangle((x, y), width, height, facecolor=colour, edgecolor="none"))
    axis.set(title=title, xlim=(0, 24), ylim=(16, 0), xticks=range(25), yticks=range(17))
    axis.grid(color="white", linewidth=0.6)
    axis.set_facecolor("#ececec")
    axis.tick_params(labelbottom=False, labelleft=False, length=0)
    axis.title.set_fontsize(10)


figure, axes = plt.subplots(2, 3, figsize=(9, 5), layout="constrained")
(direct, separable, box), (fft, winograd, rows) = axes
panel(
    direct,
    "direct: a tile in registers",
    ((2, 2, 16, 10), READ),
    ((4, 4, 12, 6), OUT),
)
panel(
    separable,
    "separable: columns, then rows",
    ((0, 3, 24, 5), READ),
    ((0, 10, 24, 1), KEPT),
    ((8, 13, 8, 1), OUT),
)
panel(
    box,
    "box: one row in, one row out",
    ((0, 3, 24, 1), READ),
    ((0, 8, 24, 1), READ),
    ((0, 11, 24, 1), KEPT),
    ((8, 13, 8, 1), OUT),
)
panel(
    fft,
    "fft: two tiles at once",
    ((1, 2, 12, 12), READ),
    ((11, 2, 12, 12), KEPT),
    ((3, 4, 8, 8), OUT),
    ((13, 4, 8, 8), OUT),
)
panel(
    winograd,
    "winograd: 4 x 4 of 6 x 6 pixels",
    ((4, 4, 6, 6), READ),
    ((8, 4, 6, 6), KEPT),
    ((5, 5, 4, 4), OUT),
    ((9, 5, 4, 4), OUT),
)
panel(
    rows,
    "channels: a vector of outputs",
    ((3, 4, 5, 3), READ),
    ((12, 2, 8, 2), OUT),
    ((12, 5, 8, 2), OUT),
    ((12, 8, 8, 2), OUT),
)
