"""Whatever joblib has been told to use."""

import itertools
from typing import Any

from .shift import Shift
from .work import Arrays, Work


def joblib(work: Work, arrays: Arrays) -> None:
    """``joblib.Parallel`` under whatever ``parallel_config`` is active; threads by default."""
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    tasks = Parallel(n_jobs=work.threads, prefer="threads")
    if not getattr(backend, "supports_sharedmem", False):
        return _remotely(work, arrays, tasks, delayed)
    shift, scratch = Shift(work, arrays), work.new_scratch(work.threads)
    shift.run(lambda: tasks(delayed(shift.help)(part) for part in scratch))
    return None


def _remotely(work: Work, arrays: Arrays, tasks: Any, delayed: Any) -> None:
    """Bands in other processes, which send what they fill; the output is written here."""
    image, taps, _, out, _ = arrays
    results = tasks(delayed(work.remote)(image, taps, *band) for band in work.bands)
    for index, values in itertools.chain.from_iterable(results):
        out[index] = values
