"""Where a roofline's rows come from: a file of a race, or a race of our own rows, now."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parconv.runtime.records import Record

from ..ceilings import caches, survey
from ..own import Own
from ..race import duel, grid, owned, workloads
from ..screen import Announce, silent
from .dots import Dot, Roof, dots, read, roofs, same_machine


@dataclass(frozen=True)
class Roofline:
    """What the table and the picture show, and what is missing from them."""

    dots: list[Dot]
    roofs: list[Roof]
    title: str
    note: str = ""


def find(
    path: Path | None,
    only: str | None = None,
    threads: Sequence[int] | None = None,
    announce: Announce = silent,
    own: Own | None = None,
) -> Roofline:
    """The chosen rows of the race in a file, or of one that is held now, without peers.

    Parameters
    ----------
    path : Path, optional
        Written by ``parconv race --json``.
    only : str, optional
        Part of the workloads' names, or a shell pattern.
    threads : sequence of int, optional
        By default all of the file, or one and all that this process may use.
    announce : callable
        Told what runs next, the steps done, and their number.
    own : Own, optional
        A user's convolution, raced now in place of the rows.

    Examples
    --------
    >>> find(Path("race.json"), "7x7").dots  # doctest: +SKIP
    """
    known = survey.recorded()
    if path is None:
        rows_of = workloads.chosen(grid.rows(), only) if own is None else (owned.entry(own),)
        report = duel.race(rows_of, threads, (), repeats=5, announce=announce).to_json()
        rows = known["threads"] if known else _survey(report)
    else:
        report = read(path)
        rows = known["threads"] if known and same_machine(report, known) else []
    found = [dot for dot in dots(report) if _wanted(dot, only, threads)]
    if not found:
        raise ValueError(f"race {path} holds no row of only={only!r}, threads={threads}")
    note = "" if rows else "; no slopes of the caches: `parconv ceilings` has not seen that machine"
    return Roofline(found, roofs(found, rows), _title(report), note)


def _survey(report: Record) -> list[Record]:
    """The caches of this machine, at the most threads that raced; not recorded."""
    levels, _ = caches.sizes()
    return [survey.row(max(row["threads"] for row in report["rows"]), levels)]


def _wanted(dot: Dot, only: str | None, threads: Sequence[int] | None) -> bool:
    return workloads.matches(dot.name, only or "") and dot.threads in (threads or [dot.threads])


def _title(report: Record) -> str:
    facts = report["machine"]
    return (
        f"parconv on {facts['cpu']} ({facts['target']}), {facts['vector_bits']}-bit vectors, "
        f"{facts['cores']} cores"
    )
