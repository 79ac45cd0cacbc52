"""The plan for images of which pixels may be missing: that of the plain call where none is."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..methods.kernels import Taps
from ..methods.missing.means import looks_first
from ..problem.dtypes import Array
from ..problem.lazily import lazily
from ..problem.missing import all_there, refuse_nan
from ..runtime import arrays
from .plan import Plan


@dataclass(frozen=True, repr=False)
class MissingPlan(Plan):
    """A plan that looks at the image before it runs.

    Attributes
    ----------
    plain : Plan or None
        Of the same call where all pixels are there; None where those outside never are.
    weights : ndarray or None
        Of the pixels of every image, where the plan was made for them.
    """

    plain: Plan | None = field(default=None, repr=False, compare=False)
    weights: Array | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, plan: Plan, plain: Plan | None) -> "MissingPlan":
        """A plan for some pixels, and one for all of them."""
        found = {each.name: getattr(plan, each.name) for each in fields(Plan)}
        return cls(**found, plain=plain)

    def prepare(self, g: Any) -> Taps:
        """The filter for either case."""
        plain = self.plain.prepare(g) if self.plain else None
        return replace(super().prepare(g), plain=plain, weights=self.weights)

    @lazily
    def looks_first(self) -> bool:
        """Whether it does: not at few pixels, which a kernel sums to the same bits either way."""
        other = self.plain is not None and self.plain.method != self.method
        asks = other or not self.bands or not (self.problem.missing and self.problem.missing.any)
        return asks or looks_first(self.problem, self.stage.method.alike(self.problem))

    def run(self, f: Array, taps: Taps, out: Array | None) -> Array:
        """Fill the output by whichever plan answers for this image."""
        if not self.looks_first:
            return super().run(f, taps, out)
        problem, missing, weights = self.problem, self.problem.missing, taps.weights
        assert missing
        if f.shape != problem.image or f.dtype != problem.image_dtype:
            f = arrays.check_image(f, problem.image, problem.image_dtype)
        if missing.raises:
            refuse_nan(f, weights)
        if self.plain and taps.plain and all_there(missing, f, weights):
            return self.plain.run(f, taps.plain, out)
        return super().run(f, taps, out)


def with_weights(plan: Plan, weights: Array | None) -> Plan:
    """The plan with the weights of every image."""
    if weights is None:
        return plan
    assert isinstance(plan, MissingPlan)
    return replace(plan, weights=weights)
