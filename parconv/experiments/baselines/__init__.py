"""What the studies compared: their own implementations, beside this library.

Each one is prepared outside the clock and then answers a `Study` as often as it is called, into
the same output.  Times nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from parconv.problem.dtypes import Array

from . import foreign, ready
from .ready import Asked, Run

Prepare = Callable[[Asked, Array, Array, int], Run]


def _no_limit(study: Asked) -> str | None:
    return None


def _one_3x3(study: Asked) -> str | None:
    if study.taps == (3, 3) and len(study.image) == 2:
        return None
    sizes = ("x".join(map(str, sizes)) for sizes in (study.image, study.taps))
    return "it is written for one image and one 3x3 filter, not for {} and {}".format(*sizes)


@dataclass(frozen=True)
class Baseline:
    """An implementation by name.

    Attributes
    ----------
    name, summary : str
        Its key in `BASELINES`, and one line for people.
    start : callable
        What `prepare` calls once it is known that there is no obstacle.
    limit : callable
        Why it cannot answer a study, beside what no loop of the studies can; or None.
    threaded, blas : bool
        Whether it uses more than one thread, and whether through BLAS.
    general : bool
        Whether it answers whatever parconv does.
    """

    name: str
    summary: str
    start: Prepare
    limit: Callable[[Asked], str | None] = _no_limit
    threaded: bool = False
    blas: bool = False
    general: bool = False

    @property
    def is_users(self) -> bool:
        """Whether it runs in processes of its own alone, and may be wrong."""
        return foreign.MARK in self.name

    def obstacle(self, study: Asked) -> str | None:
        """Why it cannot answer a study, or None."""
        return self.limit(study) or (None if self.general else study.unlike)

    def prepare(self, study: Asked, f: Array, g: Array, threads: int) -> Run | None:
        """The implementation ready to run on these arrays; None where there is an obstacle.

        Examples
        --------
        >>> from parconv.experiments import studies
        >>> study = studies.chosen("photo3x3")
        >>> BASELINES["gather"].prepare(study, *study.arrays(), threads=1)().shape
        (1022, 1022)
        """
        return None if self.obstacle(study) else self.start(study, f, g, threads)


_ROWS = (
    Baseline("parconv", "this library", ready.ours, threaded=True, general=True),
    Baseline("naive", "seven nested loops: every output gathers its taps", ready.naive),
    Baseline(
        "gather", "3x3: nine products per output in float64, then cast", ready.gather, _one_3x3
    ),
    Baseline("scatter", "3x3: inputs add to a float64 buffer, then cast", ready.scatter, _one_3x3),
    Baseline("autovectorised", "contiguous inner loop that LLVM vectorises", ready.autovectorised),
    Baseline("segments", "the same on disjoint runs of rows", ready.segments, threaded=True),
    Baseline(
        "im2col", "windows copied, then one BLAS product", ready.im2col, threaded=True, blas=True
    ),
)
BASELINES: Mapping[str, Baseline] = {baseline.name: baseline for baseline in _ROWS}


def chosen(names: Iterable[str]) -> tuple[Baseline, ...]:
    """The implementations of those names, or a ValueError that lists all.

    A name such as ``module:function`` is that of a function of the user's.

    Examples
    --------
    >>> [baseline.name for baseline in chosen(["gather", "scatter"])]
    ['gather', 'scatter']
    """
    wanted = list(names)
    return tuple(_of_user(name) if foreign.MARK in name else _known(name) for name in wanted)


def _of_user(name: str) -> Baseline:
    return Baseline(name, "a function of yours", partial(foreign.prepare, name), general=True)


def _known(name: str) -> Baseline:
    if name not in BASELINES:
        known = ", ".join(BASELINES)
        raise ValueError(
            f"implementation {name!r} is not known: choose from {known}, or pass module:function"
        )
    return BASELINES[name]


def check(
    study: Asked, f: Array, g: Array, baselines: Iterable[Baseline], threads: int = 1
) -> None:
    """Raise ArithmeticError unless all give this library's result.

    Bit for bit where the result is of integers, else within the rounding errors of any order of
    additions.  A ValueError names the implementation that cannot answer the study, and why.
    """
    from ..race.agreement import difference, tolerance

    expected = ready.ours(study, f, g, threads)()
    allowed = 0.0 if expected.dtype.kind in "iu" else tolerance(f, g)
    for baseline in baselines:
        run = baseline.prepare(study, f, g, threads)
        if run is None:
            raise ValueError(f"{baseline.name} cannot run {study.name}: {baseline.obstacle(study)}")
        error = difference(run(), expected)
        if not error <= allowed:
            raise ArithmeticError(
                f"{baseline.name} differs from parconv on {study.name} by {error:.3g}, "
                f"more than {allowed:.3g}"
            )
