"""``perf stat`` as a child process: what it can count here, and what it counted.

Knows no implementation: it is given command lines.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import processes
from . import events
from .child import Control
from .events import EVENTS, Event, Reading

PARANOID = Path("/proc/sys/kernel/perf_event_paranoid")
DEVICES = Path("/sys/bus/event_source/devices")
HIDDEN = "this machine shows no hardware counters: most virtual machines hide them"
# Numbers with a decimal point, in every language.
_LOCALE = {"LC_ALL": "C"}


@dataclass(frozen=True)
class Counters:
    """What ``perf`` counts here: its names by ours, and why it does not count the others."""

    names: Mapping[str, str]
    missing: Mapping[str, str]
    metrics: str = ""  # the groups of them, as perf is asked for

    def groups(self) -> list[tuple[str, ...]]:
        """Our names, so many at a time as the processor counts at the same time."""
        software = [event.name for event in EVENTS if not event.hardware]
        hardware = [name for name in self.names if name not in software]
        rest = [name for name in software if name in self.names]
        return events.groups(hardware) + ([tuple(rest)] if rest else [])


def rung(names: Iterable[str]) -> str | None:
    """The best kind of counter among some of our names: hardware, software, or None."""
    plain = {name.partition(events.AT)[0].partition(":")[0] for name in names}
    kinds = {event.hardware for event in EVENTS if event.name in plain}
    return None if not kinds else "hardware" if True in kinds else "software"


def probe(wanted: Iterable[Event] | None = None) -> Counters:
    """Ask ``perf`` for some events, or all, once, around a command that does nothing."""
    asked = EVENTS if wanted is None else tuple(wanted)
    reason = obstacle()
    if reason:
        return Counters({}, {event.name: reason for event in asked})
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    hidden = ""  # why there are no hardware counters at all: then perf is not asked for each
    for event in asked:
        for modifier in event.modifiers:
            known = hidden if event.hardware else ""
            name, reason = (None, known) if known else _first_counted(event, modifier)
            hidden = reason if reason == HIDDEN and not found else hidden
            if name:
                found[event.name + modifier] = name
            else:
                missing[event.name + modifier] = reason
    return Counters(found, _merged(missing), "" if hidden or wanted else _metrics())


def _metrics() -> str:
    """The groups of metrics that perf computes here, or none."""
    for groups in events.METRICS:
        _, text = _run(["-M", groups], ["true"])
        if events.metrics(text):
            return groups
    return ""


def obstacle() -> str | None:
    """Why there is no ``perf``, or None."""
    if sys.platform != "linux":
        return "perf exists on Linux only"
    if shutil.which("perf") is None:
        return "perf is not installed: the package linux-perf or linux-tools brings it"
    return None


def printed(arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """What one of perf's own commands prints of a file."""
    return subprocess.run(
        arguments, capture_output=True, text=True, errors="replace", check=False,
        env={**os.environ, **_LOCALE}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def _first_counted(event: Event, modifier: str) -> tuple[str | None, str]:
    reason = ""
    for candidate in event.candidates:
        name = candidate + modifier
        done, text = _run(["-e", name], ["true"])
        if any(reading.value is not None for reading in events.parse(text)):
            return name, ""
        reason = reason or _reason(event, done)
    return None, reason


def _reason(event: Event, done: "subprocess.CompletedProcess[str]") -> str:
    if "unknown option" in done.stderr or "unknown switch" in done.stderr:
        return "this perf cannot print JSON: that of Linux 6.0 or later can"
    if done.returncode and ("ermission" in done.stderr or PARANOID.name in done.stderr):
        level = _text(PARANOID) or "unknown"
        return f"not permitted: kernel.{PARANOID.name} is {level}; 1 or less allows it"
    if event.hardware and DEVICES.is_dir() and not _processors():
        return HIDDEN
    return "this processor does not count it, or perf has no name for it"


def _processors() -> list[Path]:
    """The counters of processors: ``cpu``, ``cpu_core``, ``armv8_pmuv3_0`` and the like."""
    return [path for path in DEVICES.iterdir() if path.name.startswith(("cpu", "armv"))]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _merged(missing: Mapping[str, str]) -> dict[str, str]:
    """One entry where user space and kernel are missing for the same reason."""
    alone = {event.name for event in EVENTS if event.only_user}
    found = {}
    for name, reason in missing.items():
        plain = name.partition(":")[0]
        if plain in alone or missing.get(f"{plain}:u") == missing.get(f"{plain}:k"):
            found[plain] = reason
        else:
            found[name] = reason
    return found


def count(
    counters: Counters,
    names: Sequence[str],
    command: Callable[[Control | None], Sequence[str]],
    controlled: bool,
) -> dict[str, Reading]:
    """Readings by our names and kinds of cores, of one run of ``command(control)``.

    With ``controlled`` the events start disabled, and the command switches them through the pipes
    whose ends it is told.
    """
    asked = [counters.names[name] for name in names]
    text = _counted(["-e", ",".join(asked)], command, controlled)
    ours = dict(zip(asked, names, strict=True))
    found = (reading for reading in events.parse(text) if reading.event in ours)
    return events.by_name(replace(reading, event=ours[reading.event]) for reading in found)


def measured_metrics(
    counters: Counters, command: Callable[[Control | None], Sequence[str]], controlled: bool
) -> dict[str, float]:
    """Per cent of the slots, by perf's names, of one run."""
    return events.metrics(_counted(["-M", counters.metrics], command, controlled))


def _counted(
    what: Sequence[str], command: Callable[[Control | None], Sequence[str]], controlled: bool
) -> str:
    control = (*os.pipe(), *os.pipe()) if controlled else None
    done, text = _run(what, command(control), control)
    processes.check_status("the process under perf stat", done.returncode, done.stderr)
    return text


def _run(
    what: Sequence[str], command: Sequence[str], control: Control | None = None
) -> tuple["subprocess.CompletedProcess[str]", str]:
    """Run a command under ``perf stat``, which writes to a file of its own; what it wrote."""
    with tempfile.TemporaryDirectory(prefix="parconv-") as directory:
        output = Path(directory) / "perf.json"
        done = under(["perf", "stat", "-j", "-o", str(output), *what], command, control)
        return done, _text(output)


def under(
    perf: Sequence[str], command: Sequence[str], control: Control | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command under one of perf's own, which waits for what comes through the pipes.

    The pipes are closed here once both have them: then each sees that the other died.
    """
    ends = control or ()
    options = ["-D", "-1", "--control", f"fd:{ends[0]},{ends[3]}"] if ends else []
    arguments = [*perf, *options, "--", *command]
    try:
        process = subprocess.Popen(
            arguments,
            env={**processes.environment(), **_LOCALE},
            pass_fds=ends,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    finally:
        for end in ends:
            os.close(end)
    with process:
        try:
            errors = process.communicate()[1]
        except BaseException:
            process.terminate()  # perf then ends the command too
            raise
    return subprocess.CompletedProcess(arguments, process.returncode, "", errors)
