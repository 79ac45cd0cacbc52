"""What a competitor is.  Prepares and times nothing."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from numpy.typing import ArrayLike

from ...own import Own
from ..layers import Layer
from ..volumes import Volume
from ..workloads import Array, Workload
from .apart import prepare_apart
from .limits import Limit

Run = Callable[[Array | None], ArrayLike]
Prepare = Callable[[Workload, Array, Array, int], Run | str]
PrepareLayer = Callable[[Layer, Array, Array, int], Run | str]
Entry = Workload | Layer | Volume | Own
PrepareVolume = Callable[[Volume, Array, Array, int], Run | str]
PrepareOwn = Callable[[Own, Array, Array, int], Run | str]
Answer = Prepare | PrepareLayer | PrepareVolume | PrepareOwn

REFUSALS: dict[type, str] = {
    Layer: "it takes no layers",
    Volume: "it takes no volumes",
    Own: "nobody wrote down how it would be asked this",
}


@dataclass(frozen=True)
class Unread:
    """A result that a library keeps in a layout of its own: NumPy reads it, after the clock."""

    read: Callable[[], Array]

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        return self.read()


@dataclass(frozen=True)
class Peer:
    """A library's function, what brings it, and what to expect of its results.

    ``module`` names a module or a distribution, ``also`` others that the adapter needs.
    ``reuses``: it writes into a given array.  ``slack``: by how many units its integers may be off
    anywhere, not at ties alone.  ``filter`` answers workloads of one filter, ``layer`` layers,
    ``volume`` volumes, ``own`` whatever users ask, all within ``limits``.  ``apart``: it runs in a
    process of its own, as its threads, its settings for a whole process or its heap do not get
    along with others'.  ``omits``: it takes means over the pixels that are not NaN.
    """

    name: str
    module: str
    filter: Prepare | None = None
    reuses: bool = False
    slack: int = 0
    layer: PrepareLayer | None = None
    limits: tuple[Limit, ...] = ()
    also: tuple[str, ...] = ()
    apart: bool = False
    volume: PrepareVolume | None = None
    omits: bool = False
    own: PrepareOwn | None = None

    def prepare(self, workload: Entry, f: Array, g: Array, threads: int) -> Run | str:
        """What answers the workload, whose own arrays are given; or the reason why nothing does."""
        if reason := self.refusal(workload):
            return reason
        if self.apart and not isinstance(workload, Own):
            return prepare_apart(self.name, workload, threads)
        return self.here(workload, f, g, threads)

    def refusal(self, workload: Entry) -> str:
        """The first limit that is in the way, in words; nothing where none is."""
        if self._answer(workload) is None:
            return REFUSALS.get(type(workload), "it takes layers only")
        if isinstance(workload, Workload) and workload.missing and not self.omits:
            return "it leaves out no NaN"
        return next(filter(None, (limit(workload) for limit in self.limits)), "")

    def here(self, workload: Entry, f: Array, g: Array, threads: int) -> Run | str:
        """What answers a workload within the limits, in this process."""
        answer = self._answer(workload)
        assert answer is not None
        return answer(workload, f, g, threads)  # type: ignore[arg-type]

    def _answer(self, workload: Entry) -> Answer | None:
        if isinstance(workload, Own):
            return self.own
        if isinstance(workload, Volume):
            return self.volume
        return self.layer if isinstance(workload, Layer) else self.filter

    @property
    def library(self) -> str:
        """The part of the name that all functions of a library share."""
        return self.name.partition("-")[0]

    @property
    def installed(self) -> bool:
        return all(map(_is_there, (self._top, *self.also)))

    @property
    def version(self) -> str:
        """As the module says, but where that is not loaded here."""
        if self.apart or importlib.util.find_spec(self._top) is None:
            return metadata.version(self._top)
        return str(importlib.import_module(self._top).__version__)

    @property
    def _top(self) -> str:
        return self.module.partition(".")[0]


def _is_there(name: str) -> bool:
    """Whether a module or a distribution of that name is installed."""
    try:
        return importlib.util.find_spec(name) is not None or bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
