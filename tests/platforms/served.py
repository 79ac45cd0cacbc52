"""A plugin of pytest: asks `compiler`, at ``PARCONV_COMPILER``, for kernels that it lacks."""

import os
from multiprocessing.connection import Client
from typing import Any

from parconv.codegen import kernel_cache
from parconv.codegen.kernel_cache import KernelCache, entries, private

_load = KernelCache._load


def _asked(self: KernelCache, signature: Any, target: Any) -> Any:
    found = _load(self, signature, target)
    if found is None and _fetched(self, signature, self._key(signature, target)):
        found = _load(self, signature, target)
        assert found is not None, "what was compiled elsewhere cannot be loaded"
    return found


def _fetched(cache: KernelCache, signature: Any, key: str) -> bool:
    function = cache._function
    with Client(os.environ["PARCONV_COMPILER"], "AF_UNIX") as connection:
        name = function.__module__, function.__qualname__
        connection.send((*name, signature, cache._options, key))
        entry = connection.recv()
    if entry is not None:
        with private.opened(kernel_cache.directory(), make=True) as home:
            home.write(entries.name(key), entry)
    return entry is not None


if "PARCONV_COMPILER" in os.environ:
    KernelCache._load = _asked  # type: ignore[method-assign]
