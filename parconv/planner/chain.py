"""Several convolutions in one call, each of what the last one left.

What goes together `links` knows.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.door import as_array
from ..problem.dtypes import Array
from ..problem.lazily import lazily
from ..problem.shown import shown
from ..runtime import arrays
from ..runtime.outputs import new_output
from ..runtime.telling import told
from .explain import as_table, as_text
from .keepers import keeper_of
from .links import Link, links_of
from .plan import Plan


def chain(*plans: Plan) -> "Chain":
    """Several convolutions in one call, each of the last one's result.

    The bits are those of the plans called one after another, which take longer: between two steps
    only rows lie that stay in the caches.  So Gaussian and derivative, or a depthwise layer and a
    layer of 1 x 1, read the image once and write the result once.

    Parameters
    ----------
    *plans : Plan
        Steps in order; each is for an image of the shape and dtype of the result before, as
        ``plan2d(plan_before, g, ...)`` makes it.

    Returns
    -------
    Chain
        ``chain(f, out=None)`` runs it on any image that the first plan takes; ``print(chain)``
        shows it in one line, ``chain.explain()`` in full.

    Raises
    ------
    TypeError, ValueError
        Where a step is no plan, knows no filter, or takes another image than the step before
        leaves.

    See Also
    --------
    plan2d : A step.

    Notes
    -----
    Transforms (methods "fft" and "winograd", "planes"), products by BLAS ("gemm"), "passes" of
    filters longer than the image is high and sums in int64 that might overflow take the whole of
    what the step before leaves; so does a step whose rows wrap around.  `Chain.explain` tells what
    goes together.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> f = np.random.default_rng(0).random((512, 512), np.float32)
    >>> smooth = parconv.plan2d(f, parconv.filters.gaussian_factors(1), mode="same", threads=1)
    >>> slope = parconv.plan2d(smooth, [[1, 0, -1]], mode="same", threads=1)
    >>> both = parconv.chain(smooth, slope)
    >>> bool((both(f) == slope(smooth(f))).all())
    True
    """
    for number, plan in enumerate(plans):
        _check_step(number, plan, plans[number - 1] if number else None)
    if not plans:
        raise ValueError("chain() has no steps: pass plans")
    return Chain(plans)


def _check_step(number: int, plan: Any, before: Plan | None) -> None:
    name = f"step {number + 1} of the chain"
    if not isinstance(plan, Plan):
        raise TypeError(f"{name} is {shown(plan)}: pass a plan, as plan2d makes it")
    if plan.filter is None:
        raise ValueError(f"{name} was made from a filter's shape: pass the filter to plan2d")
    if before is None:
        return
    wanted, left = plan.problem, before.problem
    if (wanted.image, wanted.image_dtype) != (left.shape, left.dtype):
        raise ValueError(
            f"{name} is for an image of shape {wanted.image} and dtype {wanted.image_dtype}, the "
            f"step before leaves shape {left.shape} and dtype {left.dtype}: make it by "
            "plan2d(plan_before, ...)"
        )


@dataclass(frozen=True, repr=False)
class Chain:
    """Several convolutions in one call; made by `parconv.chain`.

    Attributes
    ----------
    plans : tuple of Plan
        The steps.

    Examples
    --------
    >>> import numpy as np
    >>> import parconv
    >>> first = parconv.plan2d(((8, 8), "float32"), np.ones((3, 3)), threads=1)
    >>> both = parconv.chain(first, parconv.plan2d(first, [[1, -1]], threads=1))
    >>> both(np.ones((8, 8), np.float32)).shape
    (6, 5)
    """

    plans: tuple[Plan, ...]

    def __getstate__(self) -> dict[str, Any]:
        """The steps; what follows from them is found again."""
        return {"plans": self.plans}

    @told
    def __call__(self, f: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Run all steps.

        Parameters
        ----------
        f : array_like
            An image of the first plan's shape and dtype.
        out : ndarray, optional
            Where to put the result, of the last plan's shape and dtype; it may overlap ``f``.

        Returns
        -------
        ndarray
            The result: ``out`` where it was given.
        """
        first, last = self.plans[0].problem, self.plans[-1].problem
        if type(f) is np.ndarray:
            image = f
        elif (keeper := keeper_of(f)) is not None:
            return cast(Array, keeper.applied(self, f, out))
        else:
            image = as_array("f", f, first.axes)
        if image.shape != first.image or image.dtype != first.image_dtype:
            image = arrays.check_image(image, first.image, first.image_dtype)
        result: Array = new_output(last.shape, last.dtype) if out is None else out
        target = result
        if not arrays.are_easy(image, result, last.shape, last.dtype):
            image, target = arrays.check_output(result, image, last.shape, last.dtype)
        for link in self._links:
            problem = link.plans[-1].problem
            left = target if link is self._links[-1] else np.empty(problem.shape, problem.dtype)
            link.run(image, left)
            image = left
        return result

    @lazily
    def _links(self) -> tuple[Link, ...]:
        return tuple(links_of(self.plans))

    # --- tell ---

    @property
    def workspace(self) -> int:
        """Bytes beyond image and result: what lies between steps, and the largest scratch."""
        between = sum(link.room for link in self._links)
        whole = [link.plans[-1].problem for link in self._links[:-1]]
        between += sum(math.prod(problem.shape) * problem.dtype.itemsize for problem in whole)
        return between + max(plan.workspace for plan in self.plans)

    def __str__(self) -> str:
        return " | ".join(map(str, self.plans))

    def __repr__(self) -> str:
        return f"<Chain: {self}>"

    def _repr_html_(self) -> str:
        """A table of what `explain` tells, for notebooks."""
        return as_table(self._facts())

    def explain(self) -> str:
        """The chain in full, one fact a line.

        Returns
        -------
        str
            Lines of a word and what it is.
        """
        return as_text(self._facts())

    def _facts(self) -> dict[str, str]:
        steps = {f"step {n + 1}": str(plan) for n, plan in enumerate(self.plans)}
        parts = {f"part {n + 1}": str(link) for n, link in enumerate(self._links)}
        return {**steps, **parts, "workspace": f"{self.workspace:,} bytes beyond image and result"}
