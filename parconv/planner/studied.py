"""What a plan finds out about itself: the experiments that do it are imported when it is asked."""

from typing import TYPE_CHECKING, Any, cast

from numpy.typing import ArrayLike

from ..codegen import apart

if TYPE_CHECKING:
    from .plan import Plan

EXPERIMENTS = "parconv.experiments.plans"


class Measured:
    """A plan that can be timed."""

    def measure(self, f: ArrayLike | None = None, *, seconds: float = 0.5) -> Any:
        """Time the plan as it would be called again and again, into the same output.

        Parameters
        ----------
        f : array_like, optional
            An image of the planned shape and dtype; by default random pixels.
        seconds : float
            Of calls that are timed, at least nine samples of them.

        Returns
        -------
        Measurement
            ``median`` and quartiles in seconds, ``gflops``, ``gbytes`` per second, the ``share``
            of what the machine allowed in these moments, and ``spread``: how much the times of
            work that is always the same differed around.  ``steady`` is False where that is too
            much: on a busy machine it is measured again, three times at most.

        Raises
        ------
        ValueError
            Where the plan was made from a filter's shape, or the image is another than planned.

        Examples
        --------
        >>> import numpy as np
        >>> import parconv
        >>> plan = parconv.plan2d(((64, 64), "float32"), np.ones((3, 3)), threads=1)
        >>> found = plan.measure(seconds=0.02)
        >>> 0 < found.quartile1 <= found.median <= found.quartile3
        True
        """
        return apart.load(EXPERIMENTS).measure(self, f, seconds)


class Studied(Measured):
    """A plan of one method, whose threads can be chosen by experiment, and whose code be read."""

    def tune(self, *, seconds: float = 30.0, save: bool = False, force: bool = False) -> "Plan":
        """Find the fastest strategy, threads and bands by experiment, for this plan's method.

        Processes of their own run the settings, as those of ``parconv tune`` do.

        Parameters
        ----------
        seconds : float
            For all of it.
        save : bool
            Record what was found as wisdom, which later processes plan by.
        force : bool
            Believe, and record, what was measured on a busy machine too.

        Returns
        -------
        Plan
            The fastest one that surely is: the rule's own where none is.  ``explain()`` tells both
            times.

        Raises
        ------
        ValueError
            Where the machine is too busy to measure, unless forced; where the plan was made from a
            filter's shape.

        Examples
        --------
        >>> import numpy as np
        >>> import parconv
        >>> plan = parconv.plan2d(((4096, 4096), "float32"), np.ones((7, 7)))
        >>> plan = plan.tune(save=True)  # doctest: +SKIP
        """
        return cast("Plan", apart.load(EXPERIMENTS).tune(self, seconds, save, force))

    def asm(self) -> Any:
        """The machine code of the plan's kernel, and its hot loop.

        Returns
        -------
        Code
            ``listing`` is the whole kernel as text, ``loop`` the instructions that repeat, each
            with its class; ``print`` shows how many there are of each class, and that no vector
            goes to the stack.

        Raises
        ------
        ValueError
            Where there is nothing to read: no output, or a method whose code is not its own.

        Examples
        --------
        >>> import numpy as np
        >>> import parconv
        >>> plan = parconv.plan2d(((64, 64), "float32"), np.ones((3, 3)), method="direct")
        >>> code = plan.asm()  # doctest: +SKIP
        >>> len(code.loop.spills)  # doctest: +SKIP
        0
        """
        return apart.load(EXPERIMENTS).asm(self)
