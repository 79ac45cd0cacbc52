"""What a competitor is.  Prepares and times nothing."""

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from ..workloads import Array, Workload

Run = Callable[[Array | None], Array]
Prepare = Callable[[Workload, Array, Array, int], Run | None]


@dataclass(frozen=True)
class Peer:
    """A library's function, the module that brings it, and what to expect of its results.

    ``reuses``: it writes into a given array.  ``slack``: by how many units its integers may be off
    anywhere, not at ties alone.
    """

    name: str
    module: str
    prepare: Prepare
    reuses: bool
    slack: int = 0

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
