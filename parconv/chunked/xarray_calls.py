"""Calls that find an array or a dataset of xarray: what they make of numbers and coordinates."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np
import xarray as xr

from .. import api
from ..filters.lengths import length as length_of
from ..planner.answers import planned
from ..planner.keepers import keeper_of
from ..problem.brief import is_brief
from ..problem.dtypes import Array
from ..problem.filter import filter_of
from ..problem.missing import ARRAYS, Given
from ..problem.question import Question
from ..problem.shown import shown
from .labels import pixels_of
from .others import whole_of
from .parts import Whole

Labelled: TypeAlias = xr.DataArray | xr.Dataset
Dims: TypeAlias = Hashable | Sequence[Hashable] | None
FILTER = "filter"  # the dimension that a bank's filters lie along


def over(f: Any, dim: Dims, options: Any, call: Callable[[Any, Any], Any]) -> Labelled:
    """A call with the axes of some dimensions."""
    if not isinstance(f, xr.DataArray | xr.Dataset):
        raise TypeError(f"f is a {type(f).__name__}: pass an array or a dataset of xarray")
    if dim is None:
        return each(f, lambda one: call(one, options))
    if "axes" in options:
        raise TypeError(f"dim={shown(dim)} and axes={shown(options['axes'])}: pass one")
    names = list(dim) if isinstance(dim, list | tuple) else [dim]

    def run(one: xr.DataArray) -> Any:
        axes = tuple(one.dims.index(name) for name in names)
        return call(one, {**options, "axes": axes if len(axes) > 1 else axes[0]})

    missing = [name for name in names if name not in f.dims]
    if missing:
        raise ValueError(f"dim={shown(dim)}: f has no {shown(missing[0])}, but {tuple(f.dims)}")
    return each(f, run, names)


def answer(f: Any, g: Any, out: Any, options: Any, correlate: bool) -> Labelled:
    """The convolution of an array of xarray, where `parconv.conv2d` or `correlate2d` met it."""
    return each(f, lambda one: _answer(one, g, out, options, correlate))


def _answer(f: xr.DataArray, g: Any, out: Any, options: Any, correlate: bool) -> xr.DataArray:
    beside = {name: _beside(f, name, options[name]) for name in ARRAYS if name in options}
    asked, g = {**options, **beside}, filter_of(g)
    result = api.run(f.data, g, out, asked, correlate)
    told = {name: Given.NUMBERS if beside.get(name) is not None else None for name in ARRAYS}
    told = {**told, "weights": told["where"] or told["weights"], "where": None}
    question = Question.of({**asked, **told}, correlate)
    whole = whole_of(planned((f.shape, f.dtype), g, question), question)
    names = _names(f.dims, whole.origins)
    outputs = {line.axis: line.outputs for line in whole.lines}
    pixels = pixels_of(f.shape, g.shape, question, outputs)
    cut = {f.dims[axis]: _slice(found, f.shape[axis]) for axis, found in pixels.items()}
    cut |= {f.dims[axis]: None for axis in whole.summed}
    return xr.DataArray(result, _coordinates(f, cut), names, f.name, f.attrs)


def _beside(f: xr.DataArray, name: str, value: Any) -> Any:
    """An array among the keywords; one of xarray with its axes as the image has them."""
    if not isinstance(value, xr.DataArray):
        return value
    others = [dim for dim in value.dims if dim not in f.dims]
    if others:
        raise ValueError(f"{name} has the dimension {shown(others[0])}, f has {f.dims}: pass some")
    xr.align(value, f, join="exact", copy=False)
    found = value.transpose(*[dim for dim in f.dims if dim in value.dims]).data
    return found[tuple(slice(None) if dim in value.dims else None for dim in f.dims)]


def _names(dims: Sequence[Hashable], origins: Iterable[int | None]) -> list[Hashable]:
    """Of the result's axes."""
    found: list[Hashable] = []
    for origin in origins:
        name: Hashable = FILTER if origin is None else dims[origin]
        while origin is None and (name in dims or name in found):
            name = f"{name}_"
        found.append(name)
    return found


def _slice(pixels: range, size: int) -> slice | None:
    """None where some lie beyond the image."""
    inside = pixels and 0 <= pixels[0] <= pixels[-1] < size
    return slice(pixels.start, pixels.stop, pixels.step) if inside else None


def _coordinates(f: xr.DataArray, cut: Mapping[Hashable, slice | None]) -> Any:
    """Cut, but for those along a dimension that outputs do not stand on."""
    lost = {dim for dim, part in cut.items() if part is None}
    kept = f.coords.to_dataset()
    kept = kept.drop_vars([name for name, each in kept.variables.items() if lost & {*each.dims}])
    return kept.isel({dim: part for dim, part in cut.items() if dim in kept.dims}).coords


def length(slopes: Sequence[Callable[[], xr.DataArray]], out: Any) -> xr.DataArray:
    """Square root of the sum of squares."""
    made = [make() for make in slopes]
    data = [each.data for each in made]
    keeper = keeper_of(data[0])
    take = length_of if keeper is None else keeper.length
    return made[0].copy(data=take([partial(_itself, each) for each in data], out))


def _itself(value: Any) -> Any:
    return value


def each(f: Any, call: Callable[[Any], Any], dims: Sequence[Hashable] | None = None) -> Any:
    """What a call makes of an array, or of the variables of a dataset that have the dimensions."""
    if isinstance(f, xr.DataArray):
        return call(f)
    if not isinstance(f, xr.Dataset):
        raise TypeError(f"f is a {type(f).__name__}: pass a DataArray or a Dataset of xarray")
    wanted = {name for name, one in f.data_vars.items() if _is_wanted(one, dims)}
    if not wanted:
        raise ValueError(f"f has no variable over {dims or 'two dimensions'}: it has {[*f]}")
    found = {name: call(one) if name in wanted else one for name, one in f.data_vars.items()}
    sizes = {dim: size for name in wanted for dim, size in found[name].sizes.items()}
    for name, one in found.items():
        if name not in wanted and any(sizes.get(dim, n) != n for dim, n in one.sizes.items()):
            raise ValueError(
                f"{shown(name)} is not filtered, and as long as f was: pass f[{sorted(wanted)}]"
            )
        found[name] = one if name in wanted else one.variable
    return _with_coordinates(xr.Dataset(found, attrs=f.attrs), f, wanted)


def _with_coordinates(made: xr.Dataset, f: xr.Dataset, wanted: Iterable[Hashable]) -> xr.Dataset:
    """And with those that no filtered variable has, where they are still as long."""
    theirs = {name for each in wanted for name in f[each].coords}
    kept = f.coords.to_dataset()
    lost = [
        name
        for name, one in kept.variables.items()
        if name in theirs or any(made.sizes.get(dim, n) != n for dim, n in one.sizes.items())
    ]
    return made.assign_coords(kept.drop_vars(lost).coords)


def _is_wanted(one: xr.DataArray, dims: Sequence[Hashable] | None) -> bool:
    """Whether it is filtered."""
    meant = one.ndim > 1 if dims is None else set(dims) <= {*one.dims}
    return meant and (one.dtype.kind in "biufc" or is_brief(one.dtype))


def applied(plan: Any, f: Any, out: Any) -> Labelled:
    """What a plan makes of it that was called with it."""
    return each(f, lambda one: _applied(plan, one, out))


def _applied(plan: Any, f: xr.DataArray, out: Any) -> xr.DataArray:
    """With the coordinates of dimensions whose outputs are as many as pixels, and stand there."""
    result = cast(Array, plan(f.data, out))
    if np.ndim(result) != f.ndim:
        raise ValueError(
            f"the plan leaves {np.ndim(result)} axes of {f.dims}: pass f.data, and name them"
        )
    lost = {axis for axis, n in enumerate(f.shape) if n != result.shape[axis]}
    for step in getattr(plan, "plans", (plan,)):  # those of a chain
        lost |= _displaced(whole_of(step, Question()))
    kept = _coordinates(f, {f.dims[axis]: None for axis in lost})
    return xr.DataArray(result, kept, f.dims, f.name, f.attrs)


def _displaced(whole: Whole) -> set[int]:
    """Axes along which outputs may stand elsewhere, though they be as many as pixels."""
    padded = whole.mode not in ("valid", "same", "full")
    return {line.axis for line in whole.lines if padded} | {*whole.summed}
