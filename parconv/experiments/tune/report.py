"""The sweep on the screen and in files.  Measures nothing."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ... import images
from .. import steadiness
from ..race.report import machine_facts
from ..screen import counted, milliseconds, say, table
from . import outcome as outcomes
from .outcome import Outcome, seconds_of
from .scaling import fullest
from .settings import is_usual
from .sweep import Sweep

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 8  # settings in the table


def write(sweep: Sweep, directory: Path) -> Iterator[str]:
    """results.json, results.csv and a picture for each workload; a line about each."""
    content = {
        "machine": machine_facts(),
        "absent": sweep.absent,
        "workloads": [outcome.to_json() for outcome in sweep.outcomes],
    }
    texts = {"json": json.dumps(content, indent=1), "csv": outcomes.to_csv(sweep.outcomes)}
    for suffix, text in texts.items():
        path = directory / f"results.{suffix}"
        with images.replacing(path) as file:
            file.write(text.encode())
        yield f"written: {path}"
    try:
        for path in _pictures(sweep, directory):
            yield f"written: {path}"
    except ModuleNotFoundError as error:
        yield f"no picture: {error.name} is not installed (`pip install parconv[all]`)"


def _pictures(sweep: Sweep, directory: Path) -> Iterator[Path]:
    from . import plot

    for outcome in sweep.outcomes:
        path = directory / f"{outcome.subject.name.replace(' ', '-')}.png"
        with images.replacing(path) as file:
            plot.draw(outcome).savefig(file, format="png")
        yield path


def save(sweep: Sweep, force: bool = False) -> Iterator[str]:
    """Record every outcome as wisdom; a line about each.

    UnsteadyError follows where some were left out: the machine was too busy, the time too short.
    """
    for outcome in sweep.outcomes:
        yield f"wisdom for {outcome.subject.problem}: {_saved(outcome, force)}"
    doubts = [outcome.doubt for outcome in sweep.outcomes if outcome.doubt]
    if doubts and not force:
        steadiness.check(max((o.spread for o in sweep.outcomes if o.doubtful), default=0.0))
        raise steadiness.UnsteadyError(f"{doubts[0]}; --force saves it all the same")


def _saved(outcome: Outcome, force: bool) -> str:
    if outcome.doubt and not force:
        return f"not saved: {outcome.doubt}"
    path = outcome.save(force)
    return "none, for want of a comparison" if path is None else f"{outcome.chosen}, in {path}"


def show(sweep: Sweep, console: "Console") -> None:
    """Print a table and the verdict for each workload."""
    for outcome in sweep.outcomes:
        console.print(_table(outcome))
        say(console, _lines(outcome))
    absent = sweep.absent.items()
    say(console, (f"not swept: threading layer {layer}: {reason}" for layer, reason in absent))


def _table(outcome: Outcome) -> "Table":
    headings = ("setting", "ms", "quartiles", "runs", "default / it")
    title = f"{outcome.subject.name}: {outcome.implementation}"
    result = table(headings, ("setting",), title=title)
    default = seconds_of(outcome.tallies[outcome.default])
    for setting in dict.fromkeys([*outcome.ranking[:SHOWN], outcome.default]):
        row = outcomes.summary(outcome.tallies[setting])
        if row["samples"]:
            middle, *quartiles = (row[name] for name in ("median", "quartile1", "quartile3"))
            low, high = map(milliseconds, quartiles)
            ratio = f"{default / middle:.2f}"
            mark = " (default)" * (setting == outcome.default)
            cells = (milliseconds(middle), f"{low} to {high}", str(row["samples"]), ratio)
            result.add_row(f"{setting}{mark}", *cells)
    return result


def _lines(outcome: Outcome) -> Iterator[str]:
    yield _verdict(outcome)
    if outcome.ranking and not is_usual(outcome.ranking[0]):
        yield f"fastest of all, but not what auto may take: {outcome.ranking[0]}"
    yield f"{outcome.runs} runs; all settings would take {outcome.exhaustive_runs}"
    if outcome.late:
        yield "time ran out: `--budget` gives more, `--resume` goes on"
    failed = [tally for tally in outcome.tallies.values() if tally.failed]
    for reason in dict.fromkeys(tally.note for tally in failed):
        count = sum(tally.note == reason for tally in failed)
        yield f"failed: {count} of {len(outcome.tallies)} settings: {reason}"
    best = fullest(outcome.curves)
    if best is not None:
        curve, slow = map(_over_threads, (best.seconds, best.slow))
        yield f"{best.label}, ms for threads {curve}; up to {counted(best.cores, 'core')}:"
        yield f"  95th percentile: {slow}"
        yield from (f"  {law.text}" for law in best.laws(outcome.subject.problem))


def _over_threads(seconds: Mapping[int, float]) -> str:
    return ", ".join(f"{n}: {milliseconds(t)}" for n, t in seconds.items())


def _verdict(outcome: Outcome) -> str:
    verdict = outcome.verdict
    if verdict is None:
        return "nothing to compare with the default"
    gain = f"{100 * verdict.gain:+.1f} %, noise {100 * verdict.noise:.1f} %"
    if verdict.better:
        return f"faster than the default in turn: {verdict.rival} ({gain})"
    return f"the default stays: {outcome.default} (fastest rival in turn {gain})"
