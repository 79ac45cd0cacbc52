"""Numba's own threads."""

from typing import Any

import numpy as np

from .. import budget
from ..crew import Terms
from ..crew.record import ARGUMENTS, WORDS
from .threads import threads
from .work import Arrays, Work, kept_scratch


def prange(work: Work, arrays: Arrays) -> None:
    """Numba's own threads, each taking the next band; `threads` where they would be unsafe."""
    if work.kernels.obstacle or budget.prange_obstacle() or budget.prange_gate.locked():
        return threads(work, arrays)
    with budget.prange_gate:
        before = budget.get_num_threads()
        if before == work.threads:
            return _launch(work, arrays)
        try:
            budget.set_num_threads(work.threads)
            _launch(work, arrays)
        finally:
            budget.set_num_threads(before)
    return None


def launches_or_not(kernels: Any, terms: Terms) -> str:
    """Why it is not Numba's threads that compute."""
    obstacle = kernels.obstacle or budget.prange_obstacle()
    return f" (now as threads: {obstacle})" if obstacle else ""


def _launch(work: Work, arrays: Arrays) -> None:
    """All bands, some at a time: an interrupt is raised between two launches."""
    scratch, bands = kept_scratch(work, work.threads), len(work.bands)
    for first in range(0, bands, work.launch):
        last, words = min(first + work.launch, bands), np.zeros(ARGUMENTS + WORDS, np.int64)
        work.kernels.parallel(*arrays, scratch, work.table, first, last, words)
