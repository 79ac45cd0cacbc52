"""What the method costs, in floating-point operations of the direct one."""

import math

from ...codegen import machine
from ...problem.problem import Problem
from ..usual import cycle, far
from .blocks import is_few, is_pointwise
from .copies import Copy
from .inside import share
from .rates import FEW
from .shape import height_of, sizes_of
from .work import copied, copy_of, in_place

# Of what `work` says, beside what other methods' costs say: see `layer.work`.  For 16 registers the
# regret of 27 dense layers drawn at random, channels first, was 1.050 by 1, 1.022 by 1.05 to 1.15
# (Sapphire Rapids VM under AVX2, 2026-11), of 33, channels last, 1.000 by all of these;
# of 90 banks and layers 1.029 by 1.07, 1.024 by 1.02 (Zen 4 VM, AVX2).
SLOW = machine.ISA.choose({32: 1.1, 16: 1.08})
# Cycles of a unit beside its tiles.  With this, `WORK.turned` and `layer.work.MAP_CYCLES` of 0, 0
# and 80 regret among 270 layers drawn at random was 1.020 in the mean and 1.36 at the 99th
# percentile, with 200, 0.3 and 20 1.011 and 1.28 (Sapphire Rapids VM, AVX-512, 2026-11).
UNIT = machine.ISA.choose({32: 300, 16: 330})
RUN_UNIT = 50  # where outputs go as a run
# Operations of a pixel that no near cache holds, where few filters read it: 147 channels to 5 of
# 122 x 123 at 3x3, 5 images, 19.2 ms, 12.7 by `direct`, whose cost was 1.2 times this one's (Zen 4
# VM, AVX-512, 2026-11).
FAR_PIXEL = machine.ISA.choose({32: 50, 16: 0})


def cost(problem: Problem) -> float:
    """Floating-point operations that the direct method would do in its time.

    For those of taps inside the image, or of all where pixels are copied, in all lanes of a block,
    and for what goes beside them.
    """
    unit = FEW.unit if is_few(problem) else RUN_UNIT if is_pointwise(problem) else UNIT
    rows = problem.maps[0] * problem.plane[0] * _row(problem)
    near = SLOW * cycle(problem) * (rows + unit * math.prod(sizes_of(problem)))
    return near + is_few(problem) * FAR_PIXEL * far(problem)


def _row(problem: Problem) -> float:
    """Cycles of a row of output."""
    copy = copy_of(problem)
    if copy is None:
        return in_place(problem, _share(problem))
    height = min(height_of(problem), problem.plane[0])
    return copied(problem, copy, _halo(problem, copy), height)


def _share(problem: Problem) -> float:
    """Of products, those of taps inside the image."""
    return share(problem, 0) * share(problem, 1)


def _halo(problem: Problem, copy: Copy) -> float:
    """Rows copied for each that one worker would copy at once."""
    rows, height = problem.plane[0], height_of(problem)
    units = -(-rows // height)
    return 1 + units * sum(copy.depths) / (len(copy.phases) * rows)
