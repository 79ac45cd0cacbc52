"""A convolution of the user's own, by plain values: every experiment can ask it.

Describes and makes arrays; measures nothing.
"""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from parconv import plan2d
from parconv.images import filter_text
from parconv.problem.dtypes import Array
from parconv.problem.lazily import lazily
from parconv.problem.outer import Outer
from parconv.problem.problem import Problem
from parconv.problem.shown import shown

from .inputs import uniform
from .screen import by
from .studies import FEW_ROWS, STUDIES, Study

Shape = tuple[int, ...]
SIZES = re.compile(r"[1-9]\d{0,17}(x[1-9]\d{0,17})+", re.ASCII)
COLOURS = (3, 4)  # of a last axis that nobody spoke of


@dataclass(frozen=True)
class Own:
    """One convolution; of layers, the correlation that networks call so.

    Attributes
    ----------
    image, taps : tuple of int
        Shapes of the image, and of the filter ``(KH, KW)``, bank ``(O, KH, KW)`` or layer
        ``(O, C / groups, KH, KW)``.
    kernel : str
        The filter's name or file; its values are random where it is empty.
    dtype : str
        Of the image.  The filter is of that type too, and float32 where it holds no fractions.
    mode, boundary, axes, stride, groups
        As of `parconv.conv2d`.
    method, strategy, planned, serial
        As of a row of the race.
    """

    image: Shape
    taps: Shape
    kernel: str = ""
    dtype: str = "float32"
    mode: str = "same"
    boundary: str = "mirror"
    axes: tuple[int, int] = (-2, -1)
    stride: tuple[int, int] = (1, 1)
    groups: int = 1
    method: str = "auto"
    strategy: str = "auto"
    planned: bool = True
    serial: bool = False
    group: str = "own"
    result: ClassVar[None] = None

    @classmethod
    def of(
        cls, image: Sequence[int], kernel: str, axes: Shape | None = None, **words: Any
    ) -> "Own":
        """The convolution that a user asks for in words.

        Parameters
        ----------
        image : sequence of int
        kernel : str
            Sizes such as ``7x7`` or ``64x64x3x3``, or what `filter_text` reads.
        axes : (int, int), optional
            Of rows and columns; by default the last two, and the first of a colour image.
        **words
            Other attributes; the border is ``mirror`` by default, of layers ``constant``.

        Examples
        --------
        >>> Own.of((300, 200, 3), "box:5", dtype="uint8").name
        'own 300x200x3 box:5 uint8 same mirror axes 0,1'
        >>> Own.of((8, 64, 56, 56), "64x64x3x3", stride=(2, 2)).name
        'own 8x64x56x56 64x64x3x3 float32 same constant stride 2,2'
        """
        sized = SIZES.fullmatch(kernel) is not None
        taps = tuple(map(int, kernel.split("x"))) if sized else _named(kernel).shape
        if not 2 <= len(taps) <= 4:
            raise ValueError(f"kernel is {shown(kernel)}: pass two, three or four sizes")
        colour = len(image) == 3 and len(taps) == 2 and image[-1] in COLOURS
        first, second = axes or ((0, 1) if colour else (-2, -1))
        asked = {"boundary": "constant" if len(taps) == 4 else "mirror", **words}
        return cls(tuple(image), taps, "" if sized else kernel, axes=(first, second), **asked)

    @property
    def name(self) -> str:
        """All that was asked."""
        usual = {"axes": (-2, -1), "stride": (1, 1), "groups": 1, "method": "auto"}
        asked = {word: getattr(self, word) for word in usual}
        words = [self.group, by(self.image), self.kernel or by(self.taps), self.dtype]
        words += [self.mode, self.boundary]
        return " ".join(words + [f"{w} {_told(asked[w])}" for w in usual if asked[w] != usual[w]])

    @property
    def summary(self) -> str:
        """One line for people."""
        return f"filter {by(self.taps)}"

    @property
    def correlation(self) -> bool:
        return len(self.taps) == 4

    @property
    def question(self) -> dict[str, Any]:
        """Keywords of `parconv.plan2d`, but for the strategy and the kind of product."""
        words = ("mode", "boundary", "axes", "stride", "groups", "method")
        return {word: getattr(self, word) for word in words}

    def arrays(self) -> tuple[Array, Array]:
        """The image and the filter, the same on every call."""
        return uniform(self.image, self.dtype), self.weighting()

    def weighting(self) -> Array:
        """The filter alone; random weights of a bank or layer keep results as large as pixels."""
        if self.kernel:
            return np.array(_named(self.kernel)).astype(self.filter_dtype)
        weights: Array = np.random.default_rng(1).random(self.taps)
        weights /= math.prod(self.taps[-2:]) * (self.taps[1] if self.correlation else 1)
        return weights.astype(self.filter_dtype)

    @property
    def known_filter(self) -> Any:
        """The filter as far as the user said what it is: its values, or its shape and dtype."""
        if not self.kernel:
            return self.taps, self.filter_dtype.name
        return np.array(_named(self.kernel)).astype(self.filter_dtype)

    @property
    def filter_dtype(self) -> np.dtype[Any]:
        """The type of the weights: the image's own where that holds fractions."""
        kind = np.dtype(self.dtype)
        return kind if kind.kind in "fc" else np.dtype("float32")

    def check(self) -> "Own":
        """Itself, unless parconv refuses it: then with its error, before anything is made."""
        asked = {"correlate": self.correlation, **self.question}
        plan2d((self.image, self.dtype), self.known_filter, **asked)
        return self

    @lazily
    def problem(self) -> Problem:
        """What parconv makes of it."""
        asked = {"correlate": self.correlation, **self.question}
        return plan2d((self.image, self.dtype), self.weighting(), **asked).problem

    @property
    def unlike(self) -> str | None:
        """Why it is not what the studies' own loops compute: planes, filters, every pixel."""
        ndim = len(self.image)
        last = tuple(axis % ndim for axis in self.axes) == (ndim - 2, ndim - 1)
        plain = last and self.stride == (1, 1) and not self.correlation and self.dtype[0] != "c"
        return None if plain else "it knows real planes, filters of all of them, and no stride"

    def shortened(self, flops: float) -> "Own":
        """The convolution of so few first planes, and of their rows, that it needs no more flops.

        But for the rows of a few tiles, of which one plane is left.
        """
        found, rows = self, self.axes[0] % len(self.image)
        for axis in dict.fromkeys((0, rows)):
            size = found.image[axis]
            least = min(size, self.taps[-2] + FEW_ROWS) if axis == rows else 1
            share = min(1.0, flops / max(1, found.problem.flops))
            shape = (*found.image[:axis], max(least, int(size * share)), *found.image[axis + 1 :])
            found = dataclasses.replace(found, image=shape)
        return found


def _named(kernel: str) -> Array | Outer:
    """A file of any filter, bank or layer; or one filter that has a name."""
    return filter_text.load(kernel) if kernel.endswith(".npy") else filter_text.named(kernel)


def _told(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def record_of(row: Study | Own) -> dict[str, Any]:
    """As JSON, for another process."""
    return {"own": dataclasses.asdict(row)} if isinstance(row, Own) else {"study": row.name}


def row_of(record: Mapping[str, Any]) -> Study | Own:
    """What another process was told of.

    Examples
    --------
    >>> row_of(record_of(STUDIES["batch28"])).image
    (512, 28, 28)
    """
    if "study" in record:
        return STUDIES[record["study"]]
    fields: Any = {n: tuple(v) if isinstance(v, list) else v for n, v in record["own"].items()}
    return Own(**fields)
