"""Are the benchmarks of one commit slower than those of another?

Commits take turns, so that a drift of the machine's clock meets both; a case is slower if it is so
in the median of the turns' ratios and in at least three turns of four; and what looks slower is
measured once more before it counts.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import median

from . import runner
from .results import Case, Commit, Value, commits

BENCH = "^bench_kernel"
FACTOR = 1.15
ROUNDS = 6  # even: asv swaps the order of the commits in every second round
AGREE = 0.75  # the share of turns that must point the same way


@dataclass(frozen=True)
class Change:
    """How much longer than the base the head took for one case, turn by turn."""

    case: Case
    ratios: tuple[float, ...]

    @cached_property
    def ratio(self) -> float:
        return median(self.ratios)

    def slower(self, factor: float) -> bool:
        return self.ratio > factor and self._share(above=True) >= AGREE

    def faster(self, factor: float) -> bool:
        return self.ratio < 1 / factor and self._share(above=False) >= AGREE

    def _share(self, above: bool) -> float:
        return sum((ratio > 1) == above for ratio in self.ratios) / len(self.ratios)


def _turns(value: Value, rounds: int) -> list[float]:
    """The median of each turn's samples; asv records the turns one after another."""
    size, rest = divmod(len(value.samples), rounds)
    if not size or rest:
        return [value.number or 0.0]
    return [median(value.samples[i * size : (i + 1) * size]) for i in range(rounds)]


def compared(case: Case, base: Value, head: Value, rounds: int) -> Change:
    """The change of one case between two recorded values."""
    pairs = _turns(base, rounds), _turns(head, rounds)
    if len(pairs[0]) != len(pairs[1]):
        pairs = [base.number or 0.0], [head.number or 0.0]
    return Change(case, tuple(b / a for a, b in zip(*pairs, strict=True)))


def changes(base: Commit, head: Commit, rounds: int) -> list[Change]:
    """The change of every case that both commits measured, as far as a ratio has a meaning."""
    both = [case for case in base.values if case in head.values]
    return [
        compared(case, base.values[case], head.values[case], rounds)
        for case in both
        if (base.values[case].number or 0) > 0 and head.values[case].number is not None
    ]


def _measured(pair: Sequence[str], bench: Sequence[str], rounds: int) -> list[Change]:
    """Measure both commits in turns."""
    patterns = [text for pattern in bench for text in ("--bench", pattern)]
    with tempfile.TemporaryDirectory(prefix="parconv-compare-") as folder:
        results = Path(folder)
        runner.measure(
            pair, results, runner.default_machine(),
            ["--interleave-rounds", "--record-samples", "-a", f"rounds={rounds}", *patterns],
        )  # fmt: skip
        found = {commit.commit: commit for commit in commits(results)}
    base, head = (found[commit] for commit in pair)
    return changes(base, head, rounds)


def compare(
    base: str, head: str, bench: str = BENCH, factor: float = FACTOR, rounds: int = ROUNDS
) -> tuple[list[Change], list[Change]]:
    """Measure two commits and tell what changed.

    Parameters
    ----------
    base, head : str
        Commits; the same one twice measures the noise.
    bench : str
        A regular expression for the names of the benchmarks.
    factor : float
        A case that takes this much longer is slower.
    rounds : int
        Turns of each commit.

    Returns
    -------
    tuple of list of Change
        Every case; and those that are slower, as measured the second time.
    """
    if factor <= 1 or rounds < 1:
        raise ValueError(f"factor is {factor} and rounds {rounds}: above 1 and at least 1, please")
    pair = runner.commit_of(base), runner.commit_of(head)
    if pair[0] == pair[1]:
        pair = pair[0], runner.twin_of(pair[1])
    every = _measured(pair, [bench], rounds)
    if not every:
        raise ValueError(f"bench is {bench!r}: no benchmark of that name ran on both commits")
    suspects = [f"^{re.escape(change.case)}$" for change in every if change.slower(factor)]
    again = _measured(pair, suspects, rounds) if suspects else []
    return every, [change for change in again if change.slower(factor)]


def told(every: Sequence[Change], slower: Sequence[Change], factor: float) -> str:
    """The table that the command prints."""
    confirmed = {change.case: change for change in slower}
    lines = [f"{'head/base':>9}  {'turns':^11}  case"]
    for change in sorted(every, key=lambda change: -change.ratio):
        turns = f"{min(change.ratios):4.2f} - {max(change.ratios):4.2f}"
        remark = _remark(change, confirmed.get(change.case), factor)
        lines.append(f"{change.ratio:9.2f}  {turns}  {change.case}  {remark}".rstrip())
    verdict = f"{len(slower)} of {len(every)} slower" if slower else "nothing is slower"
    return "\n".join([*lines, f"{verdict} (factor {factor:g})"])


def _remark(change: Change, again: Change | None, factor: float) -> str:
    if again:
        return f"SLOWER (again: {again.ratio:.2f})"
    if change.slower(factor):
        return "not confirmed by a second measurement"
    return "faster" if change.faster(factor) else ""
