"""How bands are claimed: a caller, a worker that still spins, and one that wakes late."""

import matplotlib.pyplot as plt

LINES = {
    "caller": [(0.0, 1.0, "0"), (1.0, 1.0, "2"), (2.0, 1.0, "4"), (3.0, 1.0, "6")],
    "worker, spinning": [(0.1, 1.1, "1"), (1.2, 1.1, "3"), (2.3, 1.1, "5"), (3.4, 0.9, "7")],
    "worker, asleep": [],
}
figure, axis = plt.subplots(figsize=(7, 2), layout="constrained")
for place, bands in enumerate(LINES.values()):
    for begin, length, label in bands:
        axis.barh(place, length, left=begin, edgecolor="white", color="#6baed6")
        axis.text(begin + length / 2, place, f"band {label}", ha="center", va="center", fontsize=8)
axis.barh(2, 4.6, left=0, color="#eeeeee")
axis.text(2.3, 2, "would wake after the call is done", ha="center", va="center", fontsize=8)
axis.set(xlim=(0, 4.6), xlabel="time", yticks=range(3), yticklabels=LINES, xticks=[])
axis.invert_yaxis()
axis.spines[["top", "right"]].set_visible(False)
