"""The doctor's report: facts, limits, hazards."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import facts
from .hazards import Hazard, judge

_FAILED = 1


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes
    ----------
    facts : dict
        By section and name: text, or a list of files.
    limits : tuple of dict
        What limits the threads of a call, to how many (None: it does not), and who says so.
    budget : dict
        Threads of a call when nobody says, and the limit that decides.
    hazards : tuple of Hazard
        What is wrong here.
    """

    facts: dict[str, dict[str, Any]]
    limits: tuple[dict[str, Any], ...]
    budget: dict[str, Any]
    hazards: tuple[Hazard, ...]

    @property
    def status(self) -> int:
        """Exit status of the command: 1 where calls fail."""
        return _FAILED if any(hazard.fails for hazard in self.hazards) else 0

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        hazards = [hazard._asdict() for hazard in self.hazards]
        return {**self.facts, "limits": self.limits, "budget": self.budget, "hazards": hazards}

    def lines(self) -> Iterator[str]:
        """The report as people read it."""
        for section, found in self.facts.items():
            yield from _section(section, {name: _text(fact) for name, fact in found.items()})
        yield from _section("limits of threads", self._limits())
        yield "hazards" if self.hazards else "no hazards"
        for hazard in self.hazards:
            yield f"  {'calls fail: ' if hazard.fails else ''}{hazard.what}"
            yield f"    mend: {hazard.mend}"

    def _limits(self) -> dict[str, str]:
        rows = {row["name"]: f"{row['threads'] or '-':<4} {row['source']}" for row in self.limits}
        threads, decided = (self.budget[name] for name in ("threads", "decided by"))
        return {**rows, "budget": f"{threads or '-':<4} {decided}"}


def _section(title: str, rows: dict[str, str]) -> Iterator[str]:
    yield title
    yield from (f"  {name:<20} {text}" for name, text in rows.items())
    yield ""


def _text(fact: Any) -> str:
    return (", ".join(fact) or "none loaded") if isinstance(fact, list) else str(fact)


def _limits() -> list[dict[str, Any]]:
    from parconv.runtime import budget

    return [limit._asdict() for limit in budget.limits()]


def _budget() -> dict[str, Any]:
    from parconv.runtime import budget

    return {"threads": budget.thread_budget(), "decided by": budget.decisive().name}


def examine() -> Report:
    """Look at this process.

    Examples
    --------
    >>> from parconv.doctor import examine
    >>> print(*examine().lines(), sep="\\n")  # doctest: +SKIP
    """
    found = {
        section: {name: facts.find(finder) for name, finder in finders.items()}
        for section, finders in facts.FACTS.items()
    }
    rows, decided = facts.find(_limits), facts.find(_budget)
    return Report(
        found,
        tuple(rows) if isinstance(rows, list) else (),
        decided if isinstance(decided, dict) else {"threads": None, "decided by": decided},
        judge(found),
    )
