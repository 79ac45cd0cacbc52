"""Missing pixels: which are not used, as callers say it and as a problem knows it.

A mean over what is there: Σ g w f / Σ g w · Σ g, of the pixels f with their weights w.
"""

import math
from collections.abc import Mapping
from enum import Enum
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .arguments import Pair, check_axes, check_choice
from .door import as_array
from .dtypes import Array, DType
from .outer import Outer
from .question import DEFAULTS, Question
from .shown import shown
from .store import PLAINLY, Store
from .volumes import count_of

POLICIES = ("propagate", "omit", "raise")
ARRAYS = frozenset(("where", "weights"))  # keywords that are as large as the image
WORDS = (*sorted(ARRAYS), "nan_policy", "min_weight")


class Given(Enum):
    """What stands in their place where a question must be known again."""

    NUMBERS = "numbers"
    TRUTHS = "truths"  # an array of booleans


class Missing(NamedTuple):
    """Which pixels a problem does not use, and what then.

    Attributes
    ----------
    weighted : bool
        Whether an array of weights comes with each image.
    truths : bool
        Whether it is known that these are booleans.
    omits, raises : bool
        Whether NaN is missing, or refused.
    outside : bool
        Whether what lies beyond the border is missing.
    least : float
        Which part of the filter's sum must be there.
    nothing : float
        What stands where less is, or nothing.
    """

    weighted: bool
    truths: bool
    omits: bool
    raises: bool
    outside: bool
    least: float
    nothing: float

    @property
    def any(self) -> bool:
        """Whether pixels may be missing."""
        return self.weighted or self.omits

    def into(self, result: DType, cval: complex) -> "Missing":
        """Where nothing is stands NaN, or the constant in a type that has none."""
        number = cval.real if math.isfinite(cval.real) else 0.0
        return self._replace(nothing=math.nan if result.kind == "f" else number)

    def __str__(self) -> str:
        words = ["weighted"] * self.weighted + ["NaN omitted"] * self.omits
        words += ["NaN refused"] * self.raises
        words += [f"{self.least:.2g} of the weight needed"] * bool(self.least)
        return ", ".join(words)


def missing_of(question: Question, image: DType, cval: complex) -> Missing | None:
    """What a question says of missing pixels; None: none is, and NaN is a number like others.

    ``cval``: the constant beyond the border, where somebody meets it.
    """
    check_choice("nan_policy", question.nan_policy, POLICIES)
    least, weighted = _check_least(question.min_weight), question.weights is not None
    lost = question.nan_policy == "omit" and math.isnan(cval.real)
    inexact = image.kind in "fc"
    omits = lost or (inexact and question.nan_policy == "omit")
    raises = inexact and question.nan_policy == "raise"
    if not (weighted or omits or raises):
        return None
    truths = question.weights is Given.TRUTHS
    return Missing(weighted, truths, omits, raises, lost, least, math.nan)


def check_alone(missing: Missing, given: tuple[int, ...], *kinds: DType) -> None:
    """Refuse filters and numbers that have no such mean."""
    if not missing.any:
        return
    if len(given) != 2:
        raise ValueError(
            f"g has shape {given}: where=, weights= and nan_policy='omit' go with one filter over "
            "the axes that are named; pass the filters of a bank one by one"
        )
    for name, kind in zip("fg", kinds, strict=True):
        if kind.kind == "c":
            raise TypeError(
                f"{name} has dtype {kind}: where=, weights= and nan_policy='omit' go with real "
                f"numbers; pass {name}.real and {name}.imag one after the other"
            )


def check_plain(missing: Missing, store: Store, result: DType) -> None:
    """Refuse rules of results, which means over what is there do not follow."""
    if missing.any and (store != PLAINLY or result.kind == "b"):
        what = str(store) or f"dtype={result}"
        raise ValueError(
            f"results {what}: where=, weights= and nan_policy='omit' go with none of bias=, "
            "scale=, overflow=, rounding= and dtype=bool; pass dtype=float and finish the result"
        )


def _check_least(value: Any) -> float:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"min_weight={shown(value)}: pass a number from 0 to 1")
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"min_weight={shown(value)}: pass a number from 0 to 1")
    return number


def total_of(g: Any) -> tuple[float, float]:
    """What a filter's taps sum to, and their absolute values (at most).

    Examples
    --------
    >>> total_of(np.array([[1, -2, 1]]))
    (0.0, 4.0)
    """
    if isinstance(g, Outer):
        lines = [*zip(g.columns, g.rows, strict=True)]
        terms = [math.fsum(column.tolist()) * math.fsum(row.tolist()) for column, row in lines]
        moduli = [float(np.abs(column).sum() * np.abs(row).sum()) for column, row in lines]
        return math.fsum(terms), math.fsum(moduli)
    taps = np.asarray(g).ravel()
    numbers = taps.tolist() if taps.dtype.kind in "biu" else taps.astype(np.float64).tolist()
    if not all(map(math.isfinite, numbers)):
        return math.nan, math.nan
    add = sum if taps.dtype.kind in "biu" else math.fsum
    return float(add(numbers)), float(add(map(abs, numbers)))


def dividing_total(g: Any, kind: DType) -> tuple[float, float]:
    """The same of a filter by whose sum results are divided; ValueError where its taps cancel."""
    total, moduli = total_of(g)
    if abs(total) <= 4 * np.finfo(kind).eps * moduli:
        raise ValueError(
            f"the taps of g cancel: they sum to {shown(total)}, so there is no mean over the "
            "pixels that are there; fill in the others, as by parconv.gaussian(f, 2, "
            "nan_policy='omit'), and filter the result without where=, weights= or nan_policy="
        )
    return total, moduli


# --- as callers say it ---------------------------------------------------------------------------


def brings(options: Mapping[str, Any]) -> bool:
    """Whether weights are among the keywords."""
    given = map(options.get, ARRAYS)
    return any(value is not None and not isinstance(value, Given) for value in given)


def without_arrays(
    options: Mapping[str, Any], shape: tuple[int, ...]
) -> tuple[dict[str, Any], Array | None]:
    """The keywords without arrays, and the weights of an image's pixels as large as that is.

    A boolean array where only some are used.
    """
    rest = {name: value for name, value in options.items() if name not in ARRAYS}
    where, weights = (_array_of(options, name, shape) for name in ("where", "weights"))
    if where is not None and where.dtype != bool:
        raise TypeError(
            f"where has dtype {where.dtype}: pass booleans, True for pixels to use, or numbers as "
            "weights="
        )
    if weights is not None:
        check_weights(weights)
        weights = weights.astype(weights.dtype.newbyteorder("="), copy=False)
    if where is not None and weights is not None:
        weights = np.where(where, weights, weights.dtype.type(0))
    if weights is None:
        return {**rest, "weights": Given.TRUTHS}, where
    return {**rest, "weights": Given.NUMBERS}, weights


def _array_of(options: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> Array | None:
    """What such a keyword says of each pixel: mostly it is as large as the image already."""
    value = options.get(name)
    if value is None:
        return None
    if type(value) is np.ndarray and value.shape == shape and value.dtype == bool:
        return value
    return placed(name, value, shape, plane_of(options, shape))


def plane_of(options: Mapping[str, Any], shape: tuple[int, ...]) -> Pair | None:
    """The axes of a plane; None where a filter lies along other than two."""
    axes = options.get("axes", DEFAULTS["axes"])
    if len(shape) < 2 or count_of(axes) != 2:
        return None
    return check_axes(axes, shape)


def placed(name: str, value: Any, shape: tuple[int, ...], axes: Pair | None) -> Array:
    """An array as large as the image: two axes are those of a plane."""
    array = as_array(name, value)
    given = array.shape
    if given == shape:
        return array
    if axes is not None and array.ndim == 2 and len(shape) > 2:
        array = array if axes[0] < axes[1] else array.T
        others = tuple(axis for axis in range(len(shape)) if axis not in axes)
        array = np.expand_dims(array, others)
    try:
        return np.broadcast_to(array, shape)
    except ValueError as error:
        raise ValueError(
            f"{name} has shape {given}, f has {shape}: pass one that NumPy can broadcast to that, "
            "or that of a plane"
        ) from error


def check_weights(weights: Array) -> None:
    if weights.dtype.kind == "c":
        raise TypeError(f"weights has dtype {weights.dtype}: pass real numbers of at least 0")
    if weights.size and not (weights.min() >= 0 and weights.max() < math.inf):
        raise ValueError(
            "weights holds negative numbers, NaN or infinity: pass numbers of at least 0, and 0 "
            "for a pixel that is not used"
        )


def unmasked(f: Any, options: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """A masked array as its data, and what is masked as not used; others as they are."""
    if not isinstance(f, np.ma.MaskedArray):
        return f, options
    if f.mask is np.ma.nomask:
        return f.data, options
    there, shape = ~np.ma.getmaskarray(f), f.shape
    if options.get("where") is not None:
        there = there & placed("where", options["where"], shape, plane_of(options, shape))
    return f.data, {**options, "where": there}


# --- in an image ---------------------------------------------------------------------------------

LOOK = 1 << 13  # pixels looked at together: BLAS sums their squares on one thread


def has_nan(f: Array) -> bool:
    """Whether any pixel is NaN, looked for from the first one on.

    Squares of others sum to no NaN.
    """
    if f.dtype.kind != "f":
        return False
    if not f.flags.forc or f.dtype.itemsize < 4 or not f.dtype.isnative:
        return bool(np.isnan(f).any())
    flat = f.reshape(-1, order="A")
    parts = (flat[at : at + LOOK] for at in range(0, flat.size, LOOK))
    with np.errstate(all="ignore"):
        return any(math.isnan(np.vdot(part, part)) for part in parts)


def refuse_nan(f: Array, weights: Array | None) -> None:
    """ValueError where a pixel that is used is NaN."""
    if not has_nan(f):
        return
    found = np.isnan(f) if weights is None else np.isnan(f) & (weights != 0)
    if not found.any():
        return
    count, first = np.count_nonzero(found), np.unravel_index(int(found.argmax()), f.shape)
    raise ValueError(
        f"f holds {count:,} NaN, the first at {tuple(map(int, first))}: pass nan_policy='omit' to "
        "leave them out, or 'propagate' to let them spread"
    )


def all_there(missing: Missing, f: Array, weights: Array | None) -> bool:
    """Whether every pixel is used, and counts as much as any."""
    if missing.outside:
        return False
    if weights is not None and not bool((weights if weights.dtype == bool else weights == 1).all()):
        return False
    return not (missing.omits and has_nan(f))
