"""Filters by name, by file or written out: what the text after ``--kernel`` stands for.

All are filters for a convolution (``conv2d`` reflects them), so ``sobel-x`` answers with a positive
value where the image grows brighter to the right.  Does not convolve anything.
"""

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..filters import LAPLACE, SOBEL, box_factors, gaussian_factors
from ..problem.outer import Outer
from ..problem.shown import shown
from .places import check_source

Filter = NDArray[Any]

LARGEST = 4095  # taps along one axis: a slip of the pen must not ask for gigabytes
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])


def random(size: int) -> Filter:
    """The same normally distributed weights on every call, absolute values summing to one."""
    if not 1 <= size <= LARGEST:
        raise ValueError(f"size is {size}: pass 1 to {LARGEST}")
    weights = np.random.default_rng(size).standard_normal((size, size))
    scale: float = np.abs(weights).sum()
    return weights / scale


# name -> (maker of one number, type of that number)
SIZED: Mapping[str, tuple[Callable[[Any], Filter | Outer], type]] = {
    "gaussian": (gaussian_factors, float),
    "box": (box_factors, int),
    "random": (random, int),
}
FIXED: Mapping[str, Filter] = {
    "sobel-x": SOBEL,
    "sobel-y": SOBEL.T,
    "laplace": LAPLACE,
    "sharpen": SHARPEN,
}
CHOICES = (
    "gaussian:SIGMA, box:SIZE, random:SIZE, "
    + ", ".join(FIXED)
    + ", FILE.npy or a literal such as '[[1, 0, -1]]'"
)


def parse(text: str) -> Filter:
    """The filter that ``text`` names, as an array; `named` has the same words.

    Examples
    --------
    >>> parse("box:2")
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    return np.array(named(text))


def named(text: str) -> Filter | Outer:
    """The filter that ``text`` names: Gaussians and boxes as their factors, however wide.

    Parameters
    ----------
    text : str
        ``gaussian:2``, ``box:5``, ``random:15``, ``sobel-x``, ``sobel-y``, ``laplace``,
        ``sharpen``, the path of a ``.npy`` file, or a literal such as ``[[1, 0, -1]]``.

    Examples
    --------
    >>> named("gaussian:600").shape
    (4801, 4801)
    """
    text = text.strip()
    if text.startswith("["):
        return checked(_literal(text), text)
    if text.endswith(".npy"):
        return checked(load(text), text)
    if text in FIXED:
        return FIXED[text]
    name, colon, number = text.partition(":")
    if not colon or name not in SIZED:
        raise ValueError(f"filter {shown(text)} is not known: pass {CHOICES}")
    return _sized(name, number)


def checked(array: Filter, text: str) -> Filter:
    """The array, if it is a 2-D array of numbers that holds at least one."""
    if array.ndim != 2 or array.size == 0 or array.dtype.kind not in "buifc":
        raise ValueError(
            f"filter {shown(text)} is {array.dtype} of shape {array.shape}: pass a 2-D array of "
            "numbers"
        )
    return array


def _sized(name: str, number: str) -> Filter | Outer:
    make, kind = SIZED[name]
    try:
        value = kind(number)
    except ValueError:
        wanted = "an integer" if kind is int else "a number"
        raise ValueError(
            f"filter {shown(f'{name}:{number}')}: {shown(number)} is not {wanted}; an example is "
            f"{name}:3"
        ) from None
    return make(value)


def _literal(text: str) -> Filter:
    try:
        return np.array(ast.literal_eval(text))
    # literal_eval and np.array answer bad text with five kinds of exception between them.
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        message = (
            f"filter {shown(text)} is not a list of equally long rows of numbers: pass [[1, 0, -1]]"
        )
        raise ValueError(message) from None


def load(path: str | Path) -> Filter:
    """The array in a ``.npy`` file, of any number of axes."""
    check_source(Path(path))
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise ValueError(f"filter file {path} is not a .npy array: {error}") from None
