"""How fast this machine's files are: what `parconv files` measured, for later predictions."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from ..runtime import records


@dataclass(frozen=True)
class Rates:
    """Bytes per second of a plain loop, each block written down to the device."""

    read: float
    write: float

    def seconds(self, nbytes_in: int, nbytes_out: int) -> float:
        """To read and to write so much, one after the other."""
        return nbytes_in / self.read + nbytes_out / self.write


def path() -> Path:
    """The file with this machine's rates, whether or not they were measured."""
    return records.local(records.home()) / "files.json"


def load() -> Rates | None:
    """The recorded rates; None where none were measured here."""
    record = records.read(path())
    try:
        found = Rates(**{name: float(value) for name, value in record["rates"].items()})  # type: ignore[index]
        able = all(1 <= rate < math.inf for rate in (found.read, found.write))
        return found if able else None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def remember(found: Rates) -> None:
    """Record them, in place of what was recorded before."""
    records.write(path(), {"rates": asdict(found)})
