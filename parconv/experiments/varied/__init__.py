"""Experiments in which one thing varies: one table, each a table of figures and a conclusion.

Start reading at `experiment.py`.
"""

from collections.abc import Mapping

from ...problem.shown import shown
from . import maximum, memory, threads, tiles
from .experiment import Experiment

EXPERIMENTS: Mapping[str, Experiment] = {
    "pages": memory.PAGES,
    "packing": memory.PACKING,
    "prefetch": memory.PREFETCH,
    "tiles": tiles.TILES,
    "bands": threads.BANDS,
    "unroll": tiles.UNROLL,
    "stealing": threads.STEALING,
    "chains": tiles.CHAINED,
    "maximum": maximum.MAXIMUM,
}


def chosen(name: str) -> Experiment:
    """The experiment of that name, or a ValueError that lists all.

    Examples
    --------
    >>> chosen("tiles").varies
    'rows x vectors of a tile'
    """
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment is {shown(name)}: choose from {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]
