"""How a kernel sees arrays just as they come, where a view is all that lies between."""

import math
from collections.abc import Callable
from typing import NamedTuple

from ..problem import maps
from ..problem.dtypes import Array, kernel_dtype
from ..problem.problem import Problem
from ..runtime import turning

# Threads of a plan whose planes are turned, by one of them for all, of methods that read rows as
# they lie or one at a time; others turn blocks on their way to scratch.  Of 1000 x 1500 pixels on
# two cores, turned first and as they lie, 3 x 3 boxes of uint8 take 0.54 and 1.78 ms, of uint16
# 0.82 and 1.33 (Sapphire Rapids VM, AVX-512, 2026-11).  Of 200 x 300 uint8 on one core, integer 3 x
# 3 by `dot` 35 and 52 us, boxes of 9 by `windows` 53 and 67; by `direct` 31 and 26, `separable` 61
# and 53, `rows` 40 and 35, `passes` 59 and 55 (Zen 4 VM, 2026-11).
TURNING_THREADS = {"box": 2, "dot": 1, "windows": 1}
# Pixels of a plane that is turned at least: calls that turn go by Python, which takes 5 us.  With
# and without by `box` 60 x 33 int16 at 3x3 take 8.7 and 4.4 us, 68 x 74 uint8 at 5x5 9.6 and 5.7,
# 200 x 300 at 9x9 27 and 29 (Zen 4 VM, AVX-512, 2026-11).
TURNED_PIXELS = 1 << 14


class Lift(NamedTuple):
    """Image and output of a call on their way to the kernel.

    ``seen``: either as the kernel takes it, without a copy.  ``order``: of each axis of what is
    seen the array's own, or None.  ``run``: the array's last axes that must lie in one piece.
    ``whole``: which needs all of them so.  ``turns``: whether they are single planes, which
    `turning` may copy first.
    """

    seen: Callable[[Array], Array]
    order: tuple[int | None, ...]
    run: int = 0
    whole: bool = False
    turns: bool = False


def _as_it_is(array: Array) -> Array:
    return array


def _alone(array: Array) -> Array:
    """One plane, or one image's maps."""
    return array[None]


def _of_colours(array: Array) -> Array:
    """Planes whose rows are those of pixels."""
    *_, rows, columns, channels = array.shape
    return array.reshape(-1, rows, columns * channels)


def _channels_first(array: Array) -> Array:
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array.transpose(2, 0, 1)[None]


def lift_of(problem: Problem, method: str, threads: int) -> Lift | None:
    """The one of a problem that a method's kernel sees itself; None: arrays are arranged first.

    For types that compiled code knows, and planes or maps in order: a single one, several, pixels
    whose channels follow the columns, maps whose channels do.
    """
    axes, seen = len(problem.image), len(maps.of_result(problem))
    known = all(kernel_dtype(kind) is kind for kind in (problem.image_dtype, problem.dtype))
    # a bank may have filters that are an axis of the result alone
    if not known or len(problem.shape) != axes or axes not in (seen - 1, seen, seen + 1):
        return None
    mapped = problem.map_axes
    first = (None,) if axes < seen or (axes == seen and problem.channels > 1) else (0,)
    if problem.channels > 1:
        colours = mapped == (axes - 3, axes - 2) and axes >= seen
        order = *first, axes - 3, axes - 1
        return Lift(_of_colours, order, run=2, whole=True) if colours else None
    if axes > seen:
        return None
    if problem.bank and mapped == (axes - 1, axes - 3, axes - 2):
        return Lift(_channels_first, (*first, *mapped))
    if mapped != tuple(range(axes - len(mapped), axes)):
        return None
    lift = Lift(_alone if axes < seen else _as_it_is, (*first, *range(axes - seen + 1, axes)))
    if problem.bank or problem.planes > 1 or threads > TURNING_THREADS.get(method, 0):
        return lift
    if math.prod(problem.plane_in) < TURNED_PIXELS:
        return lift
    return _turning(lift, problem)


def _turning(lift: Lift, problem: Problem) -> Lift:
    """The same of a single plane, where image or result are worth turning."""
    image = turning.pays(problem.plane_in, problem.image_dtype.itemsize)
    result = turning.pays(problem.plane, problem.dtype.itemsize)
    return lift._replace(run=int(image), turns=image or result)
