"""Plans of layers among torch's operators, run by torch's threads where several are planned."""

from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path

from ...codegen import machine
from ...codegen.digest import digest
from ...methods.kernels import Taps
from ...planner.choice import part_of
from ...planner.plan import Plan
from ...problem.dtypes import Array
from ...problem.problem import READ_SOON
from ...runtime.strategies import STRATEGIES, automatic
from ...runtime.strategies.team import NOTHING, Memory, Team, team_of
from ...runtime.strategies.work import Arrays, Work
from ...runtime.telling import told


@cache
def team() -> Team | None:
    import torch

    return team_of(Path(torch.__file__).parent)


def threads() -> int:
    """Threads that torch uses, and so ours at most."""
    import torch

    return int(torch.get_num_threads())


def through_caches(plan: Plan) -> Plan:
    """The plan, of whose result the next operator reads all at once.

    Past the caches a depthwise layer of 8 x 144 x 56 x 56, channels last, took 8.3 ms for 2.9 in
    MobileNetV2, and what normalises results of ResNet-18, channels first, 23 for 16 (one thread,
    Sapphire Rapids VM, AVX-512, 2026-11).
    """
    large = plan.problem.bytes > 2 * machine.STREAM_BYTES
    return _through_caches(plan) if large and plan.problem.bank else plan


@lru_cache(maxsize=256)
def _through_caches(plan: Plan) -> Plan:
    return part_of(plan, replace(plan.problem, within=READ_SOON))


@told
def run(plan: Plan, taps: Taps, f: Array, out: Array | None = None) -> Array:
    """``plan.run(f, taps, out)``; an output that is given is new, and whole."""
    helpers = _helpers(plan, taps)
    if helpers is None:
        return plan.run(f, taps, out)
    result: Array = plan.ends[2]() if out is None else out
    helpers(*_given(plan, taps, f, result), threads(), NOTHING)
    return result


@told
def looked(plan: Plan, taps: Taps, f: Array, out: Array, memory: Memory) -> int:
    """The same, and the digest of memory, by the same threads."""
    helpers = _helpers(plan, taps)
    if helpers is None:
        plan.run(f, taps, out)
        return digest(*memory)
    return helpers(*_given(plan, taps, f, out), threads(), memory)


def _helpers(plan: Plan, taps: Taps) -> Team | None:
    """Torch's threads, where they can run the plan and it has several."""
    alone = plan.strategy != "threads" or plan.ends[-1] is None or taps.limit is not None
    return None if alone or taps.given is not None or plan.kernels.obstacle else team()


def _given(plan: Plan, taps: Taps, f: Array, out: Array) -> tuple[Work, Arrays]:
    _, work, fill, layout = plan.shared
    seen = plan.ends[-1].seen
    return work, (seen(f), taps.values, fill, seen(out), layout)


def launch(work: Work, arrays: Arrays) -> None:
    """Fill all bands of what several threads share, or one does."""
    helpers = team() if work.threads > 1 else None
    if helpers is None:
        return STRATEGIES[automatic(threaded=work.threads > 1)].run(work, arrays)
    helpers(work, arrays, threads(), NOTHING)
    return None
