"""What plans have in common that others run for: they are called, bound and told alike."""

from functools import partial
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from ..problem.door import as_array
from ..problem.dtypes import Array, DType
from ..runtime import arrays
from ..runtime.outputs import new_output
from ..runtime.telling import told
from .bound import Bound
from .explain import as_table, as_text
from .keepers import keeper_of
from .studied import Measured


class Asked(Protocol):
    """Of a problem what arrays are checked against."""

    @property
    def image(self) -> tuple[int, ...]: ...
    @property
    def image_dtype(self) -> DType: ...
    @property
    def axes(self) -> tuple[int, ...]: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> DType: ...


class Composed(Measured):
    """A plan whose work others do; ``_fill`` lets them, ``_facts`` tells them."""

    problem: Any
    filter: Any  # None for a plan that was made from a filter's shape, which cannot run

    def __call__(self, f: ArrayLike, out: Array | None = None) -> Array:
        """Convolve an array with the plan's filter.

        Parameters
        ----------
        f : array_like
            An array of the planned shape and dtype.
        out : ndarray, optional
            Where to put the result, of the planned shape and dtype.

        Returns
        -------
        ndarray
            The result: ``out`` where it was given.
        """
        keeper = None if type(f) is np.ndarray else keeper_of(f)
        if keeper is not None:
            return cast(Array, keeper.applied(self, f, out))
        return self.run(self._array(f), None, out)

    @told
    def run(self, f: Array, taps: None, out: Array | None) -> Array:
        """Check the arrays against the problem, then fill the result."""
        problem: Asked = self.problem
        if self.filter is None:
            raise ValueError("the plan was made from a filter's shape: pass the filter to plan2d")
        f = self._seen(f)
        if f.shape != problem.image or f.dtype != problem.image_dtype:
            f = arrays.check_image(f, problem.image, problem.image_dtype)
        result: Array = new_output(problem.shape, problem.dtype) if out is None else out
        target = result
        if not arrays.are_easy(f, result, problem.shape, problem.dtype):
            f, target = arrays.check_output(result, f, problem.shape, problem.dtype)
        self._fill(f, target)
        return result

    def bind(self, f: Array, out: Array) -> Bound:
        """The call ``plan(f, out)`` without arguments, for one that is made again and again.

        Parameters
        ----------
        f : ndarray
            An array of the planned shape and dtype.  Each call reads what it holds by then.
        out : ndarray
            Where each call puts the result.

        Returns
        -------
        callable
            As of `Plan.bind`.
        """
        problem, array = self.problem, self._array(f)
        image = self._seen(array)
        if image.shape != problem.image or image.dtype != problem.image_dtype:
            arrays.check_image(image, problem.image, problem.image_dtype)
        arrays.check_output(out, image, problem.shape, problem.dtype)
        return Bound(partial(partial, self.run, array, None, out), image, out)

    def _array(self, f: ArrayLike) -> Array:
        return f if type(f) is np.ndarray else as_array("f", f, self.problem.axes)

    def _seen(self, f: Array) -> Array:
        """What the problem's image is, where that is more than the call's."""
        return f

    def _fill(self, f: Array, out: Array) -> None:
        raise NotImplementedError

    def _facts(self) -> dict[str, str]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def _repr_html_(self) -> str:
        """A table of what `explain` tells, for notebooks."""
        return as_table(self._facts())

    def explain(self) -> str:
        """The plan in full, one fact a line.

        Returns
        -------
        str
            Lines of a word and what it is.
        """
        return as_text(self._facts())
