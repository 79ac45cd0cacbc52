"""A dask array of a layer of tasks, by either of dask's implementations of arrays.

Which one there is dask decides when it is imported, by ``array.query-planning``.
"""

from typing import Any

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

from .graph import Cutting


def collection(cutting: Cutting, f: da.Array, weights: da.Array | None) -> da.Array:
    """The result of a cutting."""
    meta = np.empty((0,) * len(cutting.chunks), cutting.whole.kinds[1])
    if hasattr(f, "expr"):
        from .expressions import expressed

        return expressed(cutting.whole, f, weights, meta)
    sources = [f] if weights is None else [f, weights]
    name = f"parconv-{tokenize(*(each.name for each in sources), cutting.whole)}"
    tasks: Any = cutting.tasks(name, *(each.name for each in sources))
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=sources)
    return da.Array(graph, name, cutting.chunks, meta=meta)
