"""Arrays that stay what they are: lazy ones of dask, labelled ones of xarray.

Who filters them is known by the name of the package that their type comes from, so nothing of
theirs is imported for others, and not at all on the way of a call on plain arrays.
"""

from functools import lru_cache
from types import ModuleType
from typing import Any, cast

from ..codegen import apart

KEEPERS = {"dask": "parconv.chunked.dask_calls", "xarray": "parconv.chunked.xarray_calls"}


def keeper_of(value: Any) -> ModuleType | None:
    """What filters such arrays; None where NumPy's way is theirs."""
    home = _home(cast(Any, type(value)))
    return apart.load(home) if home else None


@lru_cache(maxsize=256)
def _home(kind: type) -> str | None:
    packages = (each.__module__.partition(".")[0] for each in kind.__mro__)
    return next((KEEPERS[name] for name in packages if name in KEEPERS), None)
