"""Which chunks of a result lie in its file already: a small file beside it, a line of JSON each.

The first line tells what is computed from what.  A chunk's line is added when its bytes lie on the
device, and the file goes when all do.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

SUFFIX = ".progress"


class Journal:
    """The finished chunks of a stream, in order.

    Attributes
    ----------
    done : list of str
        For each chunk, what tells whether its pixels are still the same.
    """

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + SUFFIX)
        self.done: list[str] = []
        self._file: IO[str] | None = None

    def load(self, head: dict[str, Any]) -> None:
        """Take up what an earlier run left, if ``head`` was the same."""
        with suppress(OSError, ValueError):
            first, *lines = self.path.read_text(encoding="utf-8").splitlines()
            if json.loads(first) == json.loads(json.dumps(head)):
                self.done = list(_whole(lines))

    def begin(self, head: dict[str, Any]) -> None:
        """Write the file anew, with what is done: whole, or not at all."""
        self._head = head
        other = self.path.with_name(self.path.name + ".new")
        other.write_text("".join(map(_line, [head, *self.done])), encoding="utf-8")
        os.replace(other, self.path)
        self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115

    def cut(self, number: int) -> None:
        """No chunk from that one on is done; before any of them is written."""
        del self.done[number:]
        self.close()
        self.begin(self._head)

    def add(self, digest: str) -> None:
        """One more chunk is done."""
        assert self._file
        self._file.write(_line(digest))
        self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()

    def remove(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)


def _line(content: Any) -> str:
    return json.dumps(content) + "\n"


def _whole(lines: list[str]) -> Iterator[str]:
    """Until half a line, left by a kill."""
    for line in lines:
        try:
            yield str(json.loads(line))
        except ValueError:
            return
