"""The code of the method that a plan of the user's convolution takes."""

from parconv import plan2d
from parconv.planner.plan import Plan
from parconv.runtime.outputs import new_output

from .. import plans
from ..own import Own
from .implementations import Asked, Listed, Run

# Methods whose hot loop makes each of the definition's products.
WHOLE = ("direct", "layer", "channels", "depthwise", "gemm")


def of_plan(own: Own) -> Listed:
    """Of its hot loop, and a call of it.

    Examples
    --------
    >>> of_plan(Own.of((256, 256), "5x5")).name
    'ours, direct'
    """
    plan, run = _bound(own)
    read, products = plans.asm(plan), round(plan.problem.flops / 2)
    asked, name = Asked(own.image, own.taps, own.dtype, plan.sums.name), f"ours, {plan.method}"
    whole = plan.method in WHOLE
    return Listed(name, asked, read.listing, read.loop, run, products, read.library, whole)


def call_of_plan(own: Own) -> Run:
    """A call of the same, sooner ready where no listing is wanted."""
    return _bound(own)[1]


def _bound(own: Own) -> tuple[Plan, Run]:
    f, g = own.arrays()
    words = {"threads": 1, "strategy": "serial", **own.question}
    plan = plan2d(f, g, correlate=own.correlation, **words)
    return plan, plan.bind(f, new_output(plan.problem.shape, plan.problem.dtype))
