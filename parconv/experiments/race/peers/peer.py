"""What a competitor is.  Prepares and times nothing."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from ..layers import Layer
from ..workloads import Array, Workload

Run = Callable[[Array | None], Array]
Prepare = Callable[[Workload, Array, Array, int], Run | None]
PrepareLayer = Callable[[Layer, Array, Array, int], Run | None]


def _cannot(workload: Workload, f: Array, g: Array, threads: int) -> None:
    """Answer no workload."""


def _cannot_layer(workload: Layer, f: Array, g: Array, threads: int) -> None:
    """Answer no layer."""


@dataclass(frozen=True)
class Peer:
    """A library's function, the module that brings it, and what to expect of its results.

    ``reuses``: it writes into a given array.  ``slack``: by how many units its integers may be off
    anywhere, not at ties alone.  ``filter`` answers workloads of one filter, ``layer`` layers.
    """

    name: str
    module: str
    filter: Prepare = _cannot
    reuses: bool = False
    slack: int = 0
    layer: PrepareLayer = _cannot_layer

    def prepare(self, workload: Workload | Layer, f: Array, g: Array, threads: int) -> Run | None:
        """What answers the workload, or None."""
        answer = self.layer if isinstance(workload, Layer) else self.filter
        return answer(workload, f, g, threads)  # type: ignore[arg-type]

    @property
    def library(self) -> str:
        """The part of the name that all functions of a library share."""
        return self.name.partition("-")[0]

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.module.partition(".")[0]) is not None

    @property
    def version(self) -> str:
        return str(importlib.import_module(self.module.partition(".")[0]).__version__)
