"""Which chunks of a result lie in its file already: a small file beside it, a line of JSON each.

The first line tells what is computed from what.  A chunk's line is added when its bytes lie on the
device, and the file goes when all do.  Whoever writes the result holds a lock on it, so nobody else
does meanwhile.
"""

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any
from weakref import WeakSet

SUFFIX = ".progress"
MOST = 1 << 26  # bytes to read of one: a million chunks, 64 TiB of result
_LOCKED = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)  # what systems answer where another has it
_LOCKED_BYTE = 1 << 30  # on Windows nobody can read what is locked: a byte that is never written


class Journal:
    """The finished chunks of a stream, in order; no other stream has it until it is closed.

    Attributes
    ----------
    path : Path
        Of the file, which is made where there is none.
    done : list of str
        For each chunk, what tells whether its pixels are still the same.
    until : int
        When the last of them was told, in nanoseconds.

    Raises
    ------
    OSError
        Where another stream has it.
    """

    def __init__(self, output: Path) -> None:
        self.path = output.with_name(output.name + SUFFIX)
        self.done: list[str] = []
        self._file = _locked(self.path, output)
        self.until = os.fstat(self._file.fileno()).st_mtime_ns

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def load(self, head: dict[str, Any]) -> None:
        """Take up what an earlier run left, if ``head`` was the same."""
        self._file.seek(0)
        with suppress(ValueError, RecursionError):
            first, *lines = self._file.read(MOST).decode().splitlines()
            if json.loads(first) == json.loads(json.dumps(head)):
                self.done = list(_whole(lines))

    def clear(self) -> None:
        """Tell of nothing; before what it told of is given up."""
        self.done.clear()
        self._file.truncate(0)

    def begin(self, head: dict[str, Any]) -> None:
        """Tell what is done, and no more.

        What stands there already is not written again: a kill meanwhile would leave less of it.
        """
        self._head = head
        told = b"".join(map(_line, [head, *self.done]))
        self._file.seek(0)
        as_it_is = self._file.read(len(told)) == told
        self._file.truncate(len(told) if as_it_is else 0)
        if not as_it_is:
            self._file.write(told)

    def cut(self, number: int) -> None:
        """No chunk from that one on is done; before any of them is written."""
        del self.done[number:]
        self.begin(self._head)

    def add(self, digest: str) -> None:
        """One more chunk is done."""
        self.done.append(digest)
        self._file.write(_line(digest))

    def close(self) -> None:
        _held.discard(self._file)
        self._file.close()

    def remove(self) -> None:
        """The file, if it is still ours, and with it the lock."""
        ours = _leads_to(self.path, self._file)
        if os.name == "nt":  # where no open file can be removed
            self.close()
        if ours:
            with suppress(OSError):
                self.path.unlink()
        self.close()


def forget(output: Path) -> None:
    """Remove what an earlier stream left, unless another one is at work."""
    if os.path.lexists(output.with_name(output.name + SUFFIX)):
        with Journal(output) as journal:
            journal.remove()


def _line(content: Any) -> bytes:
    return json.dumps(content).encode() + b"\n"


def _whole(lines: list[str]) -> Iterator[str]:
    """Until half a line, left by a kill, or whatever else is no chunk's."""
    for line in lines:
        try:
            digest = json.loads(line)
        except (ValueError, RecursionError):
            return
        if not isinstance(digest, str):
            return
        yield digest


# --- the lock ------------------------------------------------------------------------------------

_held: WeakSet[FileIO] = WeakSet()


def _forget_held() -> None:
    """A forked child's copies would keep the locks of a parent that was killed."""
    while _held:
        _held.pop().close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_held)


def _locked(path: Path, output: Path) -> FileIO:
    """The file at that path, ours alone; it is made where there is none."""
    while True:
        file = FileIO(path, "a+", opener=_open)
        try:
            _check(file, path, output)
        except BaseException:
            file.close()
            raise
        if _leads_to(path, file):
            _held.add(file)
            return file
        file.close()  # its owner finished between our opening and locking it


def _open(path: str, flags: int) -> int:
    """Not through a link, and without waiting for whoever may write to a pipe."""
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags, 0o666)


def _check(file: FileIO, path: Path, output: Path) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise ValueError(f"{path} is no regular file: remove it, or pass another out")
    if not _lock(file.fileno()):
        told = "another stream is writing to it: wait for its end, or pass another out"
        raise OSError(errno.EBUSY, told, str(output))


def _lock(descriptor: int) -> bool:
    """Whether nobody else has it; where a file system knows no locks, nobody has."""
    try:
        _lock_at_once(descriptor)
    except OSError as error:
        return error.errno not in _LOCKED
    return True


def _lock_at_once(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _leads_to(path: Path, file: FileIO) -> bool:
    """Whether the name is still that of the open file."""
    with suppress(OSError):
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    return False
