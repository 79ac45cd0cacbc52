"""How many threads a call may use here and now, and when they are safe: each rule with its reason.

`table` has a row for every limit; `affinity` and `quota` tell the cores, `nesting` and `clusters`
who shares them.  `layer` guards Numba's own threads, `waiting` says how they wait.  Knows no
convolution.
"""

from .affinity import cores_here
from .layer import (
    get_num_threads,
    layer_obstacle,
    prange_gate,
    prange_obstacle,
    set_num_threads,
    threading_layer,
)
from .nesting import WORKER_NAME
from .table import Limit, cores, decisive, limits, thread_budget, usable_threads

__all__ = [
    "WORKER_NAME",
    "Limit",
    "cores",
    "cores_here",
    "decisive",
    "get_num_threads",
    "layer_obstacle",
    "limits",
    "prange_gate",
    "prange_obstacle",
    "set_num_threads",
    "thread_budget",
    "threading_layer",
    "usable_threads",
]
