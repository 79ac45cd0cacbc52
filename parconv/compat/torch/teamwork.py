"""Plans of layers among torch's operators, run by torch's threads where several are planned."""

from functools import cache
from pathlib import Path

from ...methods.kernels import Taps
from ...planner.plan import Plan
from ...problem.dtypes import Array
from ...runtime.strategies.team import Team, team_of


@cache
def team() -> Team | None:
    import torch

    return team_of(Path(torch.__file__).parent)


def threads() -> int:
    """Threads that torch uses, and so ours at most."""
    import torch

    return int(torch.get_num_threads())


def run(plan: Plan, taps: Taps, f: Array, out: Array | None = None) -> Array:
    """``plan.run(f, taps, out)``; an output that is given is new, and whole."""
    new, lift = plan.ends[2], plan.ends[-1]
    alone = plan.strategy != "threads" or lift is None or taps.limit is not None
    helpers = None if alone or taps.given is not None or plan.kernels.obstacle else team()
    if helpers is None:
        return plan.run(f, taps, out)
    result: Array = new() if out is None else out
    _, work, fill, layout = plan.shared
    helpers(work, (lift.seen(f), taps.values, fill, lift.seen(result), layout), threads())
    return result
