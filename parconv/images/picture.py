"""A picture: pixels, and what their file says of them.

Formats differ in what they say; this is what all readers find and all writers take.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..problem.dtypes import Array

# samples of light in a pixel; those beyond them are the extra ones
SAMPLES: Mapping[str, int] = {"gray": 1, "rgb": 3, "cmyk": 4}
ALPHAS = ("assocalpha", "unassalpha")
# pixels per unit along X and Y, and the unit: an inch or a centimetre, or ImageJ's own
RESOLUTION, UNITLESS = "resolution", "resolution in a unit of its own"
# what holds no longer where the result has another size, or another dtype
OF_SIZE, OF_DTYPE = ("geographic reference", "OME metadata"), ("OME metadata",)


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels, and what their file says of them.

    Parameters
    ----------
    pixels : ndarray
        Numbers that grow with brightness, or with ink.
    axes : str
        A letter for each axis, as TIFF has them: Y rows, X columns, S the samples of a pixel; all
        others are planes.
    colour : {"gray", "rgb", "cmyk"}
        What the first samples are.
    extra : tuple of {"unspecified", "assocalpha", "unassalpha"}
        What each of the others is; filters leave alpha as it is.
    nodata : number, optional
        The value of pixels that nobody measured.
    compression : str
        How a TIFF is compressed; "" where it is not.
    about : mapping
        All else, by the name a user knows it by; None for what the reader could not keep.
    note : str
        What the reader took for granted, in a line for the user.
    """

    pixels: Array
    axes: str
    colour: str = "gray"
    extra: tuple[str, ...] = ()
    nodata: float | None = None
    compression: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def __str__(self) -> str:
        extra = " + ".join(("", *self.extra))
        return f"{self.pixels.dtype} of shape {self.pixels.shape} ({self.colour}{extra})"

    @property
    def plane(self) -> tuple[int, int]:
        """The axes of rows and columns."""
        return self.axes.index("Y"), self.axes.index("X")

    @property
    def alpha(self) -> list[int]:
        """The samples that are no light."""
        first = SAMPLES[self.colour]
        return [first + i for i, name in enumerate(self.extra) if name in ALPHAS]

    def light(self) -> Array:
        """The pixels without alpha."""
        return self.pixels if not self.alpha else np.delete(self.pixels, self.alpha, self._samples)

    def lit(self, light: Array) -> "Picture":
        """The picture with other light, and the alpha it has."""
        resized = any(light.shape[axis] != self.pixels.shape[axis] for axis in self.plane)
        gone = OF_SIZE if resized else OF_DTYPE if light.dtype != self.pixels.dtype else ()
        about = {**self.about, **{name: None for name in gone if name in self.about}}
        if not self.alpha:
            return replace(self, pixels=light, about=about)
        if resized:
            raise ValueError("an image with alpha must keep its size: pass mode 'same'")
        pixels = self.pixels.astype(light.dtype)
        lights = np.delete(np.arange(pixels.shape[self._samples]), self.alpha)
        np.moveaxis(pixels, self._samples, 0)[lights] = np.moveaxis(light, self._samples, 0)
        return replace(self, pixels=pixels, about=about)

    def beyond(self, kept: Set[str]) -> list[str]:
        """What the file said that a format does not keep."""
        return [
            name
            for name, value in self.about.items()
            if value is None or (value != {} and name not in kept)
        ]

    def ending(self, last: str) -> "Picture":
        """The picture with these letters as its last axes, in this order."""
        ends = [self.axes.index(letter) for letter in last]
        order = [i for i in range(len(self.axes)) if i not in ends] + ends
        axes = "".join(self.axes[i] for i in order)
        return replace(self, pixels=self.pixels.transpose(order), axes=axes)

    def named(self, axes: str) -> "Picture":
        """The picture with axes as the user names them; samples are red, green, blue, or bands."""
        shape = self.pixels.shape
        axes = axes.upper()
        if len(axes) != len(shape) or not axes.isalpha() or not {"Y", "X"} <= set(axes):
            raise ValueError(
                f"axes={axes[:80]!r}: pass {len(shape)} letters for the shape {shape}, Y for rows, "
                "X for columns, S for samples and others for planes, such as QYX"
            )
        if any(axes.count(letter) > 1 for letter in "YXS"):
            raise ValueError(f"axes={axes!r}: pass each of Y, X and S once")
        samples = shape[axes.index("S")] if "S" in axes else 1
        colour = "rgb" if samples == SAMPLES["rgb"] else "gray"
        extra = ("unspecified",) * (samples - SAMPLES[colour])
        return replace(self, axes=axes, colour=colour, extra=extra, note="")

    @property
    def _samples(self) -> int:
        return self.axes.index("S")
