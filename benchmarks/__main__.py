"""``python -m benchmarks``: the history of this repository's speed, its pages, and comparisons."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from . import chunked, comparison, mutants, pages, quotients, regret, runner, scaling, tables

Commands = Any  # argparse does not name the class


def _history(chosen: argparse.Namespace) -> int:
    arguments = list(runner.QUICK) if chosen.quick else []
    arguments += ["--bench", chosen.bench] if chosen.bench else []
    commits = [runner.commit_of(name) for name in chosen.commits]
    runner.measure(commits, chosen.results, chosen.machine, arguments)
    return 0


def _publish(chosen: argparse.Namespace) -> int:
    pages.check(chosen.results)  # before scripts are fetched for it
    scripts = None if chosen.online else pages.local_scripts()
    print(pages.publish(chosen.results, chosen.html, scripts))
    return 0


def _compare(chosen: argparse.Namespace) -> int:
    every, slower = comparison.compare(
        chosen.base, chosen.head, chosen.bench, chosen.factor, chosen.rounds
    )
    print(comparison.told(every, slower, chosen.factor))
    return 1 if slower else 0


def _regret(chosen: argparse.Namespace) -> int:
    rows = regret.measure(chosen.kinds.split(","), chosen.seed, chosen.number, chosen.json)
    print(regret.told(rows))
    return 0


def _chunked(chosen: argparse.Namespace) -> int:
    print(chunked.told(chunked.measure(chosen.side, chosen.chunk, chosen.peer)))
    return 0


def _mutants(chosen: argparse.Namespace) -> int:
    given = chosen.number, chosen.seed
    words = {"jobs": chosen.jobs, "keep": chosen.keep, "patience": chosen.patience}
    print(mutants.told(mutants.measure(*given, **words)))
    return 0


def _quotients(chosen: argparse.Namespace) -> int:
    os.environ["PARCONV_NUM_THREADS"] = str(
        chosen.threads
    )  # where other libraries' words have none
    parts = chosen.only.split(",")
    for line in quotients.measure(parts, chosen.match, chosen.threads, chosen.seconds, chosen.json):
        print(quotients.told(line), flush=True)
    return 0


def _scaling(chosen: argparse.Namespace) -> int:
    threads = [int(n) for n in chosen.threads.split(",")]
    print(scaling.told(scaling.measure(threads, chosen.repeats, chosen.json)))
    return 0


def _tables(chosen: argparse.Namespace) -> int:
    page = tables.filled(chosen.page.read_text(encoding="utf-8"))
    chosen.page.write_text(page, encoding="utf-8")
    return 0


def _add_history(commands: Commands) -> None:
    command = commands.add_parser(
        "history",
        help="measure commits and keep the results",
        epilog="Example: python -m benchmarks history --machine zen5-2-cores v0.1.0 main",
    )
    command.set_defaults(run=_history)
    option = command.add_argument
    option("commits", nargs="+", metavar="COMMIT")
    option("--machine", default=runner.default_machine(), help="its name here (%(default)s)")
    option("--bench", metavar="REGEX", help="only benchmarks of such a name")
    option("--quick", action="store_true", help="one sample each: a trial, not a measurement")
    option("--results", type=Path, default=runner.HISTORY, help="where to keep them (%(default)s)")


def _add_publish(commands: Commands) -> None:
    command = commands.add_parser(
        "publish",
        help="make the pages from the results",
        epilog="Example: python -m benchmarks publish && python -m http.server -d .asv/html",
    )
    command.set_defaults(run=_publish)
    option = command.add_argument
    option("--results", type=Path, default=runner.HISTORY, help="where they are (%(default)s)")
    option("--html", type=Path, default=pages.HTML, help="the folder to replace (%(default)s)")
    option("--online", action="store_true", help="asv's scripts from the web, not through npm")


def _add_compare(commands: Commands) -> None:
    command = commands.add_parser(
        "compare",
        help="is HEAD slower than BASE?",
        description=comparison.__doc__,
        epilog="Example: python -m benchmarks compare main my-branch",
    )
    command.set_defaults(run=_compare)
    option, default = command.add_argument, "(%(default)s)"
    option("base", metavar="BASE")
    option("head", metavar="HEAD", help="exit status 1 if it is slower; BASE again: the noise")
    option("--bench", metavar="REGEX", default=comparison.BENCH, help=f"which ones {default}")
    option("--factor", type=float, default=comparison.FACTOR, help=f"how much slower {default}")
    option("--rounds", type=int, default=comparison.ROUNDS, help=f"turns of each {default}")


def _add_regret(commands: Commands) -> None:
    command = commands.add_parser(
        "regret",
        help="how much longer auto takes than the best method, on problems drawn at random",
        description=regret.__doc__,
        epilog="Example: python -m benchmarks regret --number 400 --seed 7 --json regret.json",
    )
    command.set_defaults(run=_regret)
    option = command.add_argument
    option("--kinds", default="images,layers,banks", help="by turns (%(default)s)")
    option("--number", type=int, default=400, help="how many problems (%(default)s)")
    option("--seed", type=int, default=1, help="other problems (%(default)s)")
    option("--json", type=Path, metavar="FILE", help="keep every method's time and cost")


def _add_chunked(commands: Commands) -> None:
    command = commands.add_parser(
        "chunked",
        help="dask arrays: seconds, memory, bytes read; two workers beside one",
        description=chunked.__doc__,
        epilog="Example: python -m benchmarks chunked --peer (needs dask-image)",
    )
    command.set_defaults(run=_chunked)
    option = command.add_argument
    option("--side", type=int, default=20_000, help="pixels of float32 (%(default)s squared)")
    option("--chunk", type=int, default=2000, help="the same of a chunk (%(default)s)")
    option("--peer", action="store_true", help="dask_image.ndfilters.convolve, too")


def _add_mutants(commands: Commands) -> None:
    command = commands.add_parser(
        "mutants",
        help="put small faults into copies of the source: which does no test notice?",
        description=mutants.__doc__,
        epilog="Example: python -m benchmarks mutants --number 200 --seed 1",
    )
    command.set_defaults(run=_mutants)
    option = command.add_argument
    option("--number", type=int, default=200, help="how many faults (%(default)s)")
    option("--seed", type=int, default=1, help="other faults (%(default)s)")
    option("--jobs", type=int, default=1, help="processes beside each other (%(default)s)")
    option("--keep", type=Path, metavar="FOLDER", help="go on there with what an ended run found")
    option("--patience", type=float, default=mutants.PATIENCE, metavar="SECONDS",
           help="tests for each fault, beside a few; with more, kept ones that no test noticed "
           "are asked again (%(default)g)")  # fmt: skip


def _add_quotients(commands: Commands) -> None:
    command = commands.add_parser(
        "quotients",
        help="what masks, stores, volumes and other libraries' names cost: which promises hold?",
        description=quotients.__doc__,
        epilog="Example: python -m benchmarks quotients --only masks,stores --match 1024",
    )
    command.set_defaults(run=_quotients)
    option, every = command.add_argument, ",".join(quotients.PARTS)
    option("--only", default=every, metavar="PARTS", help="some of %(default)s")
    option("--match", default="", metavar="REGEX", help="only rows of such a name")
    option("--threads", type=int, default=1, help="of ours, and of torch's (%(default)s)")
    option("--seconds", type=float, default=quotients.ROW, help="of a row (%(default)g)")
    option("--json", type=Path, metavar="FILE", help="keep every figure")


def _add_scaling(commands: Commands) -> None:
    command = commands.add_parser(
        "scaling",
        help="rows of the race with more and more threads, and the laws that they follow",
        epilog="Example: python -m benchmarks scaling --threads 1,2,4,8,12,16 --json scaling.json",
    )
    command.set_defaults(run=_scaling)
    option = command.add_argument
    option("--threads", default="1,2,4,8", help="how many (%(default)s)")
    option("--repeats", type=int, default=7, help="rounds of each row, at least (%(default)s)")
    option("--json", type=Path, metavar="FILE", help="write the record there")


def _add_tables(commands: Commands) -> None:
    command = commands.add_parser(
        "tables",
        help="write the records' figures into the page on speed",
        description=tables.__doc__,
        epilog="Example: python -m benchmarks tables && git diff docs/performance.md",
    )
    command.set_defaults(run=_tables)
    option = command.add_argument
    option("--page", type=Path, default=tables.PAGE, help="the page to change (%(default)s)")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 2 for a mistake, 1 if `compare` finds a slower case."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_history,
        _add_publish,
        _add_compare,
        _add_regret,
        _add_chunked,
        _add_mutants,
        _add_quotients,
        _add_scaling,
        _add_tables,
    ):
        add(commands)
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except KeyboardInterrupt:
        return 130
    except (ValueError, OSError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
