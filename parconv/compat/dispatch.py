"""skimage's own door for others' functions: it asks those that packages register in its name.

skimage 0.26 reads entry points of the groups ``skimage_backends`` and ``skimage_backend_infos``.
It asks so for two functions of ``skimage.metrics`` and for no filter; whatever filter it asks for
later is answered here, but with ``SKIMAGE_NO_DISPATCHING=1``.
skimage reads the list whenever it is imported, so nothing is imported here until a filter is asked.
"""

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

PLACE = "skimage.filters"


class Names:
    """The functions that are here, in skimage's words: its module, a colon, the name."""

    def __contains__(self, name: str) -> bool:
        return name.startswith(f"{PLACE}:") and name.partition(":")[2] in _ours().__all__


def _ours() -> Any:
    return importlib.import_module(f"{__package__}.skimage")


def information() -> SimpleNamespace:
    """What skimage wants to know beforehand."""
    return SimpleNamespace(supported_functions=Names())


def can_has(name: str, *arguments: Any, **words: Any) -> bool:
    """Whether a call is answered here: any of a function that is."""
    return name in Names()


def get_implementation(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(_ours(), name.partition(":")[2])
    return found
