"""Files behind URLs, by fsspec."""

import hashlib
import io
import math
from itertools import product
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ...problem.dtypes import Array
from .base import Index, Opened, module

EXTRA = "stores"
TOLD = ("size", "ETag", "etag", "md5Hash", "LastModified", "mtime", "created", "last_commit")
HEADER = 1 << 12  # bytes read at once to find the shape
NEAR = {"file", "local", "memory"}


def file_system(url: str) -> tuple[Any, str]:
    """The file system, and the name in it."""
    found: tuple[Any, str] = module("fsspec.core", EXTRA).url_to_fs(url)
    return found


def canonical(url: str) -> str:
    """One spelling of a name."""
    fs, path = file_system(url)
    return f"{type(fs).__name__}:{path.rstrip('/')}"


def listed(fs: Any, path: str) -> Any:
    """What a file system tells of all files below a name, or of one."""
    fs = getattr(fs, "sync_fs", fs)
    if getattr(fs, "asynchronous", False):
        fs = type(fs)(**{**fs.storage_options, "asynchronous": False})
    fs.invalidate_cache()
    found = fs.find(path, detail=True, withdirs=False)
    if not found:
        return None
    told = [
        (name, *[str(about.get(word)) for word in TOLD]) for name, about in sorted(found.items())
    ]
    return {"path": path, "files": hashlib.sha256(repr(told).encode()).hexdigest()}


def is_far(fs: Any) -> bool:
    names = fs.protocol if isinstance(fs.protocol, tuple | list) else (fs.protocol,)
    return not NEAR & set(names)


class NpyUrl(Opened):
    """A .npy file of which only the bytes that are wanted are asked for."""

    kind = "npy"

    def __init__(self, url: str) -> None:
        self._fs, self._path = file_system(url)
        self.filename = url
        size = self._fs.size(self._path)
        header = io.BytesIO(self._bytes(0, min(size, HEADER)))
        try:
            version = npy.read_magic(header)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, self._stored = read(header)
        except ValueError as error:
            raise ValueError(f"source {url!r} is no .npy file of numbers: {error}") from error
        if fortran and len(shape) > 1:
            raise ValueError(f"source {url!r} has its columns in one piece: save it in C order")
        super().__init__(shape, self._stored)
        self._start = header.tell()
        if self._start + math.prod(shape) * self._stored.itemsize > size:
            raise ValueError(f"source {url!r} is no .npy file of numbers: it ends too early")
        self.far = is_far(self._fs)
        self.travels = self.far

    def part(self, index: Index) -> Array:
        """Each run of whole rows in one request."""
        spans = [one.indices(size) for one, size in zip(index, self.shape, strict=True)]
        last = max(
            (axis for axis in range(max(1, len(spans) - 1)) if not _whole(spans, self.shape, axis)),
            default=0,
        )
        each = math.prod(self.shape[last + 1 :])
        start, stop, _ = spans[last]
        strides = [math.prod(self.shape[axis + 1 :]) for axis in range(last)]
        parts = []
        for place in product(*(range(*span) for span in spans[:last])):
            at = sum(one * step for one, step in zip(place, strides, strict=True))
            parts.append(self._elements(at + start * each, at + stop * each))
        rest = [stop - start for start, stop, _ in spans[: last + 1]]
        whole = np.concatenate(parts).reshape(*rest, *self.shape[last + 1 :])
        cut = whole[(*[slice(None)] * (last + 1), *index[last + 1 :])]
        return np.ascontiguousarray(cut).astype(self.dtype, copy=False)

    def _elements(self, start: int, stop: int) -> Array:
        size = self._stored.itemsize
        found = self._bytes(self._start + start * size, self._start + stop * size)
        return np.frombuffer(found, self._stored)

    def _bytes(self, start: int, stop: int) -> bytes:
        """By names: those of S3 have a version first."""
        found: bytes = self._fs.cat_file(self._path, start=start, end=stop)
        return found

    def stamp(self) -> Any:
        return listed(self._fs, self._path)


def _whole(spans: list[tuple[int, int, int]], shape: tuple[int, ...], axis: int) -> bool:
    return spans[axis][:2] == (0, shape[axis])
