"""Winograd's transforms F(m x m, 3x3) as matrices, the largest patches first.

Of a patch, m x m outputs, its (m + 2) x (m + 2) inputs d become B' d B, a filter g becomes G g G',
and their products p, summed over channels, become the outputs A' p A.  The points at which the
polynomials are taken: 0, then pairs of opposite ones, then infinity.
"""

from typing import NamedTuple

import numpy as np

from ...problem.problem import Problem
from ..usual import bank_of

Matrix = tuple[tuple[int, ...], ...]

TESTED_CHANNELS = 2048  # up to which errors were measured; they grow no faster than channels


class Transform(NamedTuple):
    """One of them.

    Attributes
    ----------
    inputs, filters, outputs : matrix of int
        B', ``divisor`` times G, and A'.
    divisor : int
        See there.
    error : int
        Stated and tested, in units of ``u S`` as the package's docstring has them.
    work : int
        Operations that take as long as transforming a patch of one channel, there or back.
    """

    inputs: Matrix
    filters: Matrix
    outputs: Matrix
    divisor: int
    error: int
    work: int

    @property
    def size(self) -> int:
        """Outputs of a patch, on either axis."""
        return len(self.outputs)

    @property
    def points(self) -> int:
        """Products of a patch."""
        return len(self.inputs) ** 2

    def bound(self, problem: Problem) -> float:
        """The stated error of an output, in units of ``S``."""
        unit = float(np.finfo(problem.sums).eps) / 2
        return self.error * unit * max(1.0, bank_of(problem).inputs / TESTED_CHANNELS)


F4 = Transform(
    inputs=(
        (4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0), (0, 4, 0, -5, 0, 1),
    ),
    filters=((6, 0, 0), (-4, -4, -4), (-4, 4, -4), (1, 2, 4), (1, -2, 4), (0, 0, 24)),
    outputs=((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1)),
    divisor=24, error=1000, work=1000,
)  # fmt: skip
F2 = Transform(
    inputs=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    filters=((2, 0, 0), (1, 1, 1), (1, -1, 1), (0, 0, 2)),
    outputs=((1, 1, 1, 0), (0, 1, -1, -1)),
    divisor=2, error=150, work=400,
)  # fmt: skip
TRANSFORMS = F4, F2
