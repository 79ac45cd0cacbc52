"""What stands between complex numbers and the methods, most of which know real ones alone.

A stage splits the image before the method, and joins what the method left into the complex result
after it.  Beside what it splits, which is gone when it joins, it has memory for one array as large
as the result.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from ..codegen import machine
from ..methods import direct, finishes, knows_complex, methods_for, obstacle
from ..methods.kernels import Taps
from ..methods.missing import within
from ..methods.usual import bank_of, unasked
from ..problem import maps
from ..problem.dtypes import Array, quietly, real
from ..problem.filter import Filter
from ..problem.lazily import lazily
from ..problem.problem import Problem
from ..problem.store import PLAINLY
from .calibration import factor
from .stage import Execute, Stage
from .storing import Finished, Ruled, Stored
from .weighted import Weighted

# Operations in the time of a complex pixel that is split, or joined: 0.7 to 1.0 ns, 1.1 to 1.3 ns
# (complex64, channels first, Zen 3 VM, 2026-11).
SPLIT_WORK, JOIN_WORK = 100, 150


class _Complex(Stage):
    """Around a method of real numbers: `_split`, a run for each line of taps, `_join`.

    A run writes into the result's own memory where `_inside` finds that it can.
    """

    _split: Callable[[Array], Array]
    _inside: Callable[[Array], Array | None]
    _join: Callable[[int, Array, Array], None]  # (round, what the method left, target)

    @property
    def _parts(self) -> int:
        """Of a pixel: a filter alone may be complex, too."""
        return 2 if self.problem.image_dtype.kind == "c" else 1

    def _in_reals(self, **changes: Any) -> Problem:
        for name in ("image_dtype", "filter_dtype", "compute", "dtype"):
            changes[name] = real(getattr(self.problem, name))
        return replace(self.problem, **changes)

    def run(self, execute: Execute, source: Array, taps: Taps, target: Array) -> None:
        image, part = self._split(source), self._inside(target)
        for turn, line in enumerate(taps.values.reshape(self.rounds, -1)):
            if part is None:
                part = np.empty(maps.of_result(self.inner), self.inner.dtype)
            execute(image, line, part)
            if turn == self.rounds - 1:
                image = source  # what was split from it is gone
            self._join(turn, part, target)
            part = None if np.may_share_memory(part, target) else part


class Columns(_Complex):
    """Planes whose pixels' parts are two channels, which follow the columns as in memory.

    A complex filter is two real ones, one for each round.
    """

    errors = 2  # those of both parts add up, or of both halves of a filter

    @property
    def rounds(self) -> int:
        return 2 if self.problem.filter_dtype.kind == "c" else 1

    @lazily
    def inner(self) -> Problem:
        problem, parts = self.problem, self._parts
        (top, left), (rows, columns), (dy, dx) = problem.lead, problem.plane, problem.dilation
        *outer, last = problem.image if problem.channels > 1 or parts == 1 else (*problem.image, 1)
        traits = problem.traits
        if None in traits.differences:  # one half cancels, and no method may take the other for it
            traits = traits._replace(differences=())
        return self._in_reals(
            image=(*outer, parts * last),
            lead=(top, parts * left),
            plane=(rows, parts * columns),
            dilation=(dy, parts * dx),
            channels=parts * problem.channels,
            begin=(problem.begin[0], parts * problem.begin[1]),
            traits=traits,
            tolerance=None if problem.tolerance is None else problem.tolerance / self.errors,
        )

    @property
    def extra_bytes(self) -> int:
        """Of what a round leaves that cannot write into the result."""
        result = math.prod(maps.of_result(self.inner)) * self.inner.dtype.itemsize
        return (self.rounds - 1) * result

    @quietly
    def prepare(self, g: Filter | Array) -> Taps:
        """The filter's halves as the method reads them, a line each."""
        halves: list[Filter | Array] = [g]
        if self.rounds == 2:
            whole = np.asarray(g) if self.problem.reflect else np.conj(np.asarray(g))
            halves = [whole.real, whole.imag]
        return Taps(np.stack([self.method.prepare(self.inner, half).values for half in halves]))

    def _split(self, source: Array) -> Array:
        flat = source if _is_flat(source) else np.ascontiguousarray(source)
        return flat.view(real(source.dtype))

    def _inside(self, target: Array) -> Array | None:
        return target.view(self.inner.dtype) if self._parts == 2 and _is_flat(target) else None

    @quietly
    def _join(self, turn: int, part: Array, target: Array) -> None:
        if self._parts == 1:
            setattr(target, ("real", "imag")[turn], part)
        elif (
            turn == 1
        ):  # i times as much; cut into pieces it takes 1.3 times as long (Zen 3, 2026-11)
            other = part.view(target.dtype)
            np.subtract(target.real, other.imag, target.real)
            np.add(target.imag, other.real, target.imag)
        elif not np.may_share_memory(part, target):
            target[...] = part.view(target.dtype)


class Channels(_Complex):
    """Maps whose parts are channels of their own, as are those of filters.

    Within each group all real parts come first: each channel meets its part of the constant beyond
    the border.  That costs four real products, or the two where image or filter is real: the parts
    of an image beside real filters are groups of their own, since zeros in place of the filters'
    imaginary parts would make NaN of infinity.
    """

    @property
    def _mixed(self) -> bool:
        """Whether each part of a result is a sum over both of the image."""
        return self._parts == 2 and self.problem.filter_dtype.kind == "c"

    @lazily
    def inner(self) -> Problem:
        bank = bank_of(self.problem)
        sums, groups = (2, 1) if self._mixed else (1, self._parts)
        inner = bank._replace(
            outputs=2 * bank.outputs, inputs=sums * bank.inputs, groups=groups * bank.groups,
            run=bank.inputs if self._parts == 2 else 0,
        )  # fmt: skip
        return self._in_reals(bank=inner, traits=self.problem.traits._replace(bank=()))

    @property
    def unasked(self) -> str | None:
        """Nor is it taken where a method that knows complex numbers tells taps that cancel."""
        told = unasked(self.problem) if self._parts == 2 else None
        return told or super().unasked

    @property
    def cost(self) -> float:
        """With splitting and joining."""
        problem = self.problem
        split = SPLIT_WORK * math.prod(problem.image) if self._parts == 2 else 0
        return super().cost + split + JOIN_WORK * math.prod(problem.shape)

    @property
    def extra_bytes(self) -> int:
        """Of all that is split, then of some images' results."""
        split = math.prod(self.inner.maps_in) if self._parts == 2 else 0
        joined = math.prod(self.inner.maps[1:]) * min(self.inner.maps[0], self._each)
        return max(split, joined) * self.inner.dtype.itemsize

    @lazily
    def _each(self) -> int:
        """Images that the second-level cache holds, or one, which are joined together."""
        image = math.prod(self.inner.maps[1:]) * self.inner.dtype.itemsize
        return max(1, machine.L2_BYTES // 2 // max(1, image))

    def prepare(self, g: Filter | Array) -> Taps:
        """The real layer's filters as the method reads them."""
        filters, *sizes = np.shape(g)
        grouped = np.reshape(np.asarray(g), (bank_of(self.problem).groups, -1, *sizes))
        rows = [[grouped.real, -grouped.imag], [grouped.imag, grouped.real]]
        if self._mixed:
            halves = [np.concatenate(row, 2) for row in rows]
        else:  # both parts of an image meet the same filters, or an image both of the filters
            halves = [grouped, grouped] if self._parts == 2 else [row[0] for row in rows]
        joined = np.concatenate(halves, 1)
        return super().prepare(joined.reshape(2 * filters, *joined.shape[2:]))

    def _split(self, source: Array) -> Array:
        if self._parts == 1:
            return source
        found = np.empty(self.inner.maps_in, self.inner.image_dtype)
        parts, given = self._grouped(found, 2), self._grouped(source)
        parts[:, :, :1], parts[:, :, 1:] = given.real, given.imag
        return found

    def _inside(self, target: Array) -> Array | None:
        for each in (target, np.moveaxis(target, 1, -1)):
            if each.flags.c_contiguous:
                return each.view(self.inner.dtype).reshape(self.inner.maps)
        return None

    def _join(self, turn: int, part: Array, target: Array) -> None:
        parts, found = self._grouped(part, 2), self._grouped(target)
        shared = np.may_share_memory(part, target)
        for first in range(0, len(parts), self._each):
            run = slice(first, first + self._each)
            kept = parts[run].copy() if shared else parts[run]
            found[run].real, found[run].imag = kept[:, :, :1], kept[:, :, 1:]

    def _grouped(self, array: Array, parts: int = 1) -> Array:
        """Maps as (batch, groups, parts, channels of a group, rows, columns)."""
        groups, (batch, channels, *plane) = bank_of(self.problem).groups, array.shape
        return array.reshape(batch, groups, parts, channels // groups // parts, *plane)


def stages(problem: Problem) -> dict[str, Stage]:
    """Those of all methods for such problems, by the methods' names."""
    return {name: _stage(problem, method) for name, method in methods_for(problem).items()}


def fastest(problem: Problem) -> str:
    """The method that costs least of those that may be chosen."""
    able = {
        name: stage.cost * factor(problem, name)
        for name, stage in stages(problem).items()
        if not (stage.refusal or stage.unasked)
    }
    return min(able, key=lambda name: able[name])


def stage_of(problem: Problem, name: str) -> Stage:
    """That of one method."""
    return _stage(problem, methods_for(problem)[name])


def _stage(problem: Problem, method: ModuleType) -> Stage:
    """Around sums as they are, or by a rule."""
    if problem.missing and problem.missing.any:
        alone = method is direct and not obstacle(within, problem)
        return Stage(problem, within) if alone else Weighted.of(problem, method)
    if problem.is_plain:
        return _plainly(problem, method)
    if problem.dtype.kind == "c":
        return Finished(problem, method, _plainly(replace(problem, store=PLAINLY), method))
    return (Ruled if finishes(method, problem) else Stored)(problem, method)


def _plainly(problem: Problem, method: ModuleType) -> Stage:
    """A method that knows complex numbers sees them where that is faster.

    It is for maps of complex images; filters alone are split into real ones, which `fft` knows.  It
    is for planes beside complex filters, and with a border of complex numbers, of which real and
    imaginary parts would need constants of their own; beside infinity or NaN; and with a stride,
    which counts pixels: there no other method can answer.
    """
    if problem.compute.kind != "c":
        return Stage(problem, method)
    image, taps = (kind.kind == "c" for kind in (problem.image_dtype, problem.filter_dtype))
    if problem.bank:
        return (Stage if image and knows_complex(method) else Channels)(problem, method)
    apart = not np.isfinite(problem.cval) or (image and problem.cval) or problem.stride[1] != 1
    return (Stage if apart or (taps and knows_complex(method)) else Columns)(problem, method)


def _is_flat(array: Array) -> bool:
    """Whether the pixels of a row follow one another."""
    return array.strides[-1] == array.itemsize
