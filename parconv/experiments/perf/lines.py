"""What was counted as ``perf stat`` prints it: count, event, rate, share of the time it ran.

Pure text of numbers; counts nothing.
"""

from collections.abc import Iterator, Mapping

from .events import AT, EVENTS, at

CLOCK = "task-clock"
# A counter that is told as a share of another, in perf's words.
OF: Mapping[str, tuple[str, str]] = {
    "branch-misses": ("branches", "of all branches"),
    "L1-dcache-load-misses": ("L1-dcache-loads", "of all L1 loads"),
    "L2-misses": ("L2-accesses", "of all L2 accesses"),
    "LLC-load-misses": ("LLC-loads", "of all LLC loads"),
    "cache-misses": ("cache-references", "of all cache refs"),
    "dTLB-load-misses": ("dTLB-loads", "of all dTLB loads"),
    "iTLB-load-misses": ("iTLB-loads", "of all iTLB loads"),
    "stalled-cycles-frontend": ("cycles", "frontend cycles idle"),
    "stalled-cycles-backend": ("cycles", "backend cycles idle"),
}


def lines(counts: Mapping[str, float], running: Mapping[str, float], seconds: float) -> list[str]:
    """A line for each counter of perf's that has a count, each kind of core by itself.

    ``counts`` are those of a call that takes so many ``seconds``; ``running`` the per cent of the
    time that a counter ran, where other counters took turns with it.

    Examples
    --------
    >>> print(*lines({"task-clock": 0.5, "cycles": 2e9, "branches": 1e6}, {}, 1.0), sep="\\n")
             500.00  msec task-clock              # 0.500 CPUs utilized
      2,000,000,000  cycles                       # 4.000 GHz
          1,000,000  branches                     # 2.000 M/sec
    """
    cores = dict.fromkeys(name.partition(AT)[2] for name in counts)
    names = [(event.name, core) for event in EVENTS for core in cores]
    order = sorted(names, key=lambda each: each[0] != CLOCK)
    return [
        _line(name, core, counts, running, seconds)
        for name, core in order
        if at(name, core) in counts
    ]


def _line(
    name: str, core: str, counts: Mapping[str, float], running: Mapping[str, float], seconds: float
) -> str:
    value = counts[at(name, core)]
    shown, unit = (1e3 * value, "msec ") if name == CLOCK else (value, "")
    number = f"{shown:,.2f}" if shown < 1000 else f"{shown:,.0f}"
    label = f"{unit}{name} {core}".rstrip()
    rate = next(_rates(name, core, counts, seconds), "")
    turns = min(running.get(at(f"{name}{m}", core), 100.0) for m in ("", ":u", ":k"))
    share = f"  ({turns:.2f}%)" if turns < 100 else ""
    return f"{number:>15}  {label:<28} {f'# {rate}' if rate else ''}{share}".rstrip()


def _rates(name: str, core: str, counts: Mapping[str, float], seconds: float) -> Iterator[str]:
    """What perf says of it, the most telling first."""
    value, clock = counts[at(name, core)], counts.get(CLOCK, 0.0)
    cycles = counts.get(at("cycles", core), 0.0)
    whole, words = OF.get(name, ("", ""))
    all_of_them = counts.get(at(whole, core), 0.0)
    if name == CLOCK and seconds:
        yield f"{value / seconds:.3f} CPUs utilized"
    if name == "instructions" and cycles:
        yield f"{value / cycles:.2f} insn per cycle"
    if all_of_them:
        yield f"{100 * value / all_of_them:.2f}% {words}"
    if name == "cycles" and clock and not core:
        yield f"{value / clock / 1e9:.3f} GHz"
    if name != CLOCK and clock:
        yield _per_second(value / clock)


def _per_second(rate: float) -> str:
    """Such as 1.234 M/sec; of the whole time, that of other kinds of cores included."""
    for size, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if rate >= size:
            return f"{rate / size:.3f} {prefix}/sec"
    return f"{rate:.3f} /sec"
