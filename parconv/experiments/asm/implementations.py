"""The studies' implementations and a function of the user's, compiled so that they can be read.

One table.  Compiles anew: Numba cannot show the code of what comes from the cache on disk.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numba
import numpy as np
from numba.extending import is_jitted

from parconv import plan2d
from parconv.codegen import jit
from parconv.planner.plan import Plan
from parconv.problem.dtypes import Array

from ..baselines import foreign, loops
from . import kernels, readable
from .listing import Loop, hottest, innermost_loops
from .readable import Library

Taps = tuple[int, int]
Run = Callable[[], object]
BYTES = "uint8"  # of the first study's photograph
TAPS3 = (3, 3)

Code = tuple[Library, Run, int]  # machine code, a call in the caches, and its multiply-adds
# The image that is timed: it and its result stay in the caches, and tiles of every width are whole.
PIXELS = (130, 244)


@dataclass(frozen=True)
class Asked:
    """The convolution whose code is read: its image, its taps, the types of image and sums.

    ``kept``: a file for the machine code of what is compiled anew, as of `readable.Kept`.
    """

    shape: tuple[int, ...]
    taps: tuple[int, ...]
    image: str
    sums: str
    kept: str = ""

    def arrays(self) -> tuple[Array, Array, Array]:
        """Image, weights and result, of 2 axes or more."""
        random = np.random.default_rng(0)
        f = (200 * random.random(self.shape)).astype(self.image)
        height, width = (n - k + 1 for n, k in zip(self.shape[-2:], self.taps, strict=True))
        out = np.zeros((*self.shape[:-2], height, width), self.image)
        return f, random.random(self.taps).astype(self.sums), out

    @property
    def multiply_adds(self) -> int:
        """Of one call, each tap of each pixel of the result."""
        return int(self.arrays()[2].size) * math.prod(self.taps)


@dataclass(frozen=True)
class Listed:
    """An implementation's code for what it was asked, its hot loop, and a call of it.

    ``library``: the machine code.  ``whole``: the loop makes all of the multiply-adds, which are
    the definition's.
    """

    name: str
    asked: Asked
    code: str
    loop: Loop
    run: Run
    multiply_adds: int
    library: Library
    whole: bool = True


@dataclass(frozen=True)
class Implementation:
    """One that can be read: what compiles it, and what finds the hot loop in its listing.

    ``run``: what makes a call of it without its listing, where that is sooner ready.
    """

    summary: str
    compiled: Callable[[Asked], Code]
    hot: Callable[[str, Asked], Loop] | None = None
    run: Callable[[Asked], Run] | None = None
    only3: bool = False  # one image of bytes and one 3x3 filter

    def call(self, asked: Asked) -> Run:
        """A call of it, nothing read."""
        return self.run(asked) if self.run else self.compiled(asked)[1]


def _read(asked: Asked, dispatcher: Any, *arguments: Any) -> tuple[Library, Run]:
    """The machine code for those arguments, and the call."""
    if asked.kept:
        dispatcher._cache = readable.Kept(asked.kept)
    dispatcher.compile(tuple(map(numba.typeof, arguments)))
    return readable.library_of(dispatcher), lambda: dispatcher(*arguments)


def _batch(asked: Asked) -> tuple[Array, Array, Array]:
    """Planes, weights and results, as `baselines.loops` takes them."""
    f, w, out = asked.arrays()
    planes = f.reshape(-1, *f.shape[-2:])
    return planes, w[None], out.reshape(len(planes), 1, *out.shape[-2:])


def naive_conv2d(taps: tuple[int, ...]) -> Callable[[Any, Any, Any], None]:
    """The second study's loops over a batch: every tap adds to the result where it lies."""
    rows, columns = taps

    def naive(f: Any, w: Any, out: Any) -> None:
        for b in range(out.shape[0]):
            for o in range(out.shape[1]):
                for y in range(out.shape[2]):
                    for x in range(out.shape[3]):
                        for v in range(rows):
                            for u in range(columns):
                                out[b, o, y, x] += f[b, y + v, x + u] * w[o, v, u]

    return naive


def _naive(asked: Asked) -> Code:
    looped = numba.njit(fastmath=True, **readable.RULES)(naive_conv2d(asked.taps))
    return *_read(asked, looped, *_batch(asked)), asked.multiply_adds


def _plain(asked: Asked, function: Any, *arguments: Any) -> tuple[Library, Run]:
    """Of `baselines.loops`, under its own rules."""
    dispatcher = jit.jit(called=True, _nrt=True, **readable.RULES)(function.py_func)
    return _read(asked, dispatcher, *arguments)


def _autovectorised(asked: Asked) -> Code:
    return *_plain(asked, loops.autovectorised, *_batch(asked)), asked.multiply_adds


def _gather(asked: Asked) -> Code:
    return *_plain(asked, loops.gather3, *asked.arrays()), asked.multiply_adds


def _scatter(asked: Asked) -> Code:
    f, w, out = asked.arrays()
    buffer = np.zeros([n + 2 for n in f.shape], asked.sums)
    return *_plain(asked, loops.scatter3, f, w, buffer, out), f.size * w.size


def _ours(asked: Asked) -> Code:
    library = kernels.library(kernels.kernel_dtype_of(asked.image))
    return library, _call_of_ours(asked), asked.multiply_adds


def _call_of_ours(asked: Asked) -> Run:
    f, _, out = asked.arrays()
    plan = _plan_of_ours(asked)
    return lambda: plan(f, out=out)


def _plan_of_ours(asked: Asked) -> Plan:
    f, w, _ = asked.arrays()
    return plan2d(f, w, threads=1, strategy="serial", method="direct")


def _tile(code: str, asked: Asked) -> Loop:
    return kernels.loop_of_problem(code, _plan_of_ours(asked).problem)


IMPLEMENTATIONS: Mapping[str, Implementation] = {
    "naive": Implementation("the second study's loops, every tap added to the result", _naive),
    "autovectorised": Implementation("taps outside, pixels inside", _autovectorised),
    "gather": Implementation("the first study's, float64 sums", _gather, only3=True),
    "scatter": Implementation("the first study's, through a buffer", _scatter, only3=True),
    "ours": Implementation("this library's direct tile", _ours, _tile, _call_of_ours),
}


@cache
def listed(name: str, shape: tuple[int, ...], taps: Taps, dtype: str, kept: str = "") -> Listed:
    """The code of an implementation, or of ``module:function``, and its hot loop.

    Examples
    --------
    >>> listed("naive", PIXELS, (5, 5), "float32").loop.stores
    25
    """
    one, asked = _asked(name, shape, taps, dtype, kept)
    library, run, multiply_adds = one.compiled(asked)
    code = library.get_asm_str()
    loop = one.hot(code, asked) if one.hot else _hottest(name, code)
    return Listed(name, asked, code, loop, run, multiply_adds, library)


def call_of(name: str, shape: tuple[int, ...], taps: Taps, dtype: str, kept: str) -> Run:
    """A call of the same, sooner ready: of code that `listed` left in the file ``kept``."""
    one, asked = _asked(name, shape, taps, dtype, kept)
    return one.call(asked)


def _asked(
    name: str, shape: tuple[int, ...], taps: Taps, dtype: str, kept: str
) -> tuple[Implementation, Asked]:
    one = Implementation(name, partial(_of_user, name)) if foreign.MARK in name else _known(name)
    if one.only3:
        return one, Asked(PIXELS, TAPS3, BYTES, "float64", kept)
    return one, Asked(shape, taps, dtype, dtype, kept)


def _known(name: str) -> Implementation:
    if name not in IMPLEMENTATIONS:
        raise ValueError(
            f"implementation is {name!r}: choose from {', '.join(IMPLEMENTATIONS)}, or pass "
            "module:function, compiled by Numba"
        )
    return IMPLEMENTATIONS[name]


def _hottest(name: str, code: str) -> Loop:
    found = [loop for loop in innermost_loops(code) if loop.fused]
    if not found:
        raise ValueError(
            f"implementation {name!r} has no innermost loop with a multiplication of "
            "floating-point numbers: is it compiled for other types, or calls a library?"
        )
    return hottest(found)


def _of_user(name: str, asked: Asked) -> Code:
    """Compiled under its own options for image and filter, and the result where it takes one."""
    place, _, function_name = name.rpartition(foreign.MARK)
    try:
        found = getattr(foreign.module_of(place), function_name)
    except AttributeError as error:
        raise ValueError(f"implementation {name!r}: {error}") from None
    function = getattr(found, "py_func", found)
    if not inspect.isfunction(function):
        raise ValueError(f"implementation {name!r} is no function of Python")
    options = dict(found.targetoptions) if is_jitted(found) else {}
    arrays = asked.arrays()[: max(2, len(inspect.signature(function).parameters))]
    try:
        njit = numba.njit(**{**_known_options(options), **readable.RULES})
        return *_read(asked, njit(function), *arrays), asked.multiply_adds
    except numba.core.errors.NumbaError as error:
        raise ValueError(
            f"implementation {name!r} does not compile for arrays of {asked.image}: "
            f"{str(error).strip().splitlines()[-1]}; `parconv perf` runs any function"
        ) from None


def _known_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a dispatcher, without what Numba adds itself and without its cache."""
    return {n: value for n, value in options.items() if n not in ("nopython", "cache", "locals")}
