"""Directories and files that nobody but their user can change: what they hold is run.

A directory is opened, looked at as it is open, and its files are opened relative to it and looked
at likewise: nobody can exchange them between the look and the use, nor can `os.chdir`.  Root, who
may do anything, is trusted as the user is.

Windows has no such modes, and os.stat makes up some that say "all may write": there the profile of
the user, closed to others by the system, is what is relied on.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HAS_MODES = hasattr(os, "geteuid")
RELATIVE = HAS_MODES and {os.open, os.unlink, os.rename} <= os.supports_dir_fd
# Neither through a link nor waiting for whoever opens the other end of a pipe.
_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
TEMPORARY = ".tmp"  # how names end that a writer who was killed leaves


@dataclass(frozen=True)
class Directory:
    """An open one of the user's own.

    Attributes
    ----------
    path : Path
        Where it was found.
    descriptor : int or None
        What its files are opened relative to, where the system knows how.
    """

    path: Path
    descriptor: int | None

    def names(self) -> list[str]:
        """Of all that lies in it."""
        return sorted(os.listdir(self.path if self.descriptor is None else self.descriptor))

    def read(self, name: str) -> bytes:
        """A whole file; OSError where there is none that only the user could have written."""
        with open(self._where(name), "rb", opener=self._open) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise PermissionError(f"{self.path / name} is no regular file")
            _check(self.path / name, status)
            return file.read()

    def write(self, name: str, content: bytes) -> None:
        """Replace a file at one stroke: whoever reads sees the old one or the new one, whole."""
        temporary = f"{secrets.token_hex(8)}{TEMPORARY}"
        try:
            with open(self._where(temporary), "xb", opener=self._open) as file:
                file.write(content)
            self._replace(temporary, name)
        except BaseException:
            with suppress(OSError):
                self.remove(temporary)
            raise

    def _replace(self, temporary: str, name: str) -> None:
        at, where = self.descriptor, self._where(name)
        try:
            os.replace(self._where(temporary), where, src_dir_fd=at, dst_dir_fd=at)
        except PermissionError:
            if HAS_MODES or not os.path.exists(where):
                raise
            self.remove(temporary)  # Windows: another process reads the one that is there

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return os.stat(self._where(name), dir_fd=self.descriptor, follow_symlinks=False).st_size

    def remove(self, name: str) -> None:
        """A file, or a link."""
        os.unlink(self._where(name), dir_fd=self.descriptor)

    def _where(self, name: str) -> str:
        return name if self.descriptor is not None else os.path.join(self.path, name)

    def _open(self, where: str, flags: int) -> int:
        return os.open(where, flags | _SAFELY, 0o600, dir_fd=self.descriptor)


@contextmanager
def opened(path: Path, make: bool = False) -> Iterator[Directory]:
    """The directory at an absolute path; OSError where it is not there or others may change it."""
    path = Path(os.path.realpath(path))
    _check_parents(path)
    if make:
        _make(path)
        _check_parents(path)
    if not RELATIVE:
        _check(path, os.stat(path))
        yield Directory(path, None)
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFELY)
    try:
        _check(path, os.fstat(descriptor))
        yield Directory(path, descriptor)
    finally:
        os.close(descriptor)


def obstacle(path: Path) -> str:
    """Why a directory that is not there cannot be made; empty where it can."""
    parent = next(it for it in Path(os.path.realpath(path)).parents if os.path.lexists(it))
    try:
        _check_parents(parent / "any")
    except OSError as error:
        return str(error)
    if not parent.is_dir():
        return f"{parent} is no directory"
    return "" if os.access(parent, os.W_OK) else f"nothing can be made in {parent}"


def _make(path: Path) -> None:
    """With all parents, closed to others whatever the umask says."""
    if not path.is_dir():
        _make(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def _check_parents(path: Path) -> None:
    """Refuse directories in which others may exchange ours, as ssh does."""
    for parent in path.parents if HAS_MODES else ():
        with suppress(FileNotFoundError):
            status = os.stat(parent)
            _check_owner(parent, status)
            group = status.st_mode & stat.S_IWGRP and not _is_own(status.st_gid)
            others = group or status.st_mode & stat.S_IWOTH
            if others and not status.st_mode & stat.S_ISVTX:
                _refuse_mode(parent, status)


def _check(path: Path, status: os.stat_result) -> None:
    """Refuse what somebody else owns or may write."""
    if HAS_MODES:
        _check_owner(path, status)
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            _refuse_mode(path, status)


def _check_owner(path: Path, status: os.stat_result) -> None:
    if status.st_uid not in (os.geteuid(), 0):
        raise PermissionError(f"{path} belongs to user {status.st_uid}, not to {os.geteuid()}")


def _refuse_mode(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    raise PermissionError(f"others may write {path}, whose mode is {mode:o}")


def _is_own(gid: int) -> bool:
    """Whether it is the group that some systems make for each user alone."""
    with suppress(ImportError, KeyError):
        import grp
        import pwd

        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid())
        mine = user.pw_gid == gid and user.pw_name == group.gr_name
        return mine and {*group.gr_mem} <= {user.pw_name}
    return False
