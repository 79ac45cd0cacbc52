"""The command that counts: perf."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from .app import app, console, progress, refuse, write_json
from .own import Asked, takes_convolution

if TYPE_CHECKING:
    from parconv.experiments.own import Own
    from parconv.experiments.perf.report import Report
    from parconv.experiments.studies import Study


class _WithCommand(TyperCommand):
    """Keeps what stands behind ``--`` apart from the implementations before it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        split = args.index("--") if "--" in args else len(args)
        ctx.obj = args[split + 1 :] if split < len(args) else None
        return super().parse_args(ctx, args[:split])


@app.command(cls=_WithCommand)
@takes_convolution
def perf(
    context: typer.Context,
    asked: Asked,
    implementations: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of parconv, naive, gather, scatter, autovectorised, segments, im2col, and "
            "functions of yours, MODULE:FUNCTION or FILE.py:FUNCTION; ratios are to the first.  "
            "Or, instead: -- COMMAND, any command, whose output is thrown away."
        ),
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option(
            help="photo3x3 (default), photo6mp, photo24mp, batch28, batch516, image4100 or big7x7."
        ),
    ] = None,
    calls: Annotated[
        int | None, typer.Option(help="Of each process; default: a quarter of a second's.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Processes for each group of counters.")] = 3,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Count instructions and cache misses under valgrind too."),
    ] = False,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Of --simulate: the last-level cache, such as 1M; default: half of the image.",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all medians, spreads and ratios there.")
    ] = None,
) -> None:
    """Count cycles, instructions and misses of implementations.

    Each runs as a process of its own, with one thread unless --threads says more.  A function of
    yours is called with the image and the filter; how its result differs from ours is told.

    Example: parconv perf gather scatter --workload photo3x3 --simulate

    Example: parconv perf parconv mine.py:blur --shape 3000x2000 --kernel gaussian:2
    """
    from parconv import images
    from parconv.experiments.perf import page
    from parconv.experiments.perf.simulate import bytes_asked

    if json_file is not None:
        images.check_target(json_file)
    mine = asked.own()
    names = implementations or ["parconv"] * (mine is not None and context.obj is None)
    options = {
        "repeats": repeats, "simulated": simulate,
        "cache": None if cache is None else bytes_asked(cache),
    }  # fmt: skip
    if bool(names) == bool(context.obj):
        from parconv.experiments import baselines

        known = ", ".join(baselines.BASELINES)
        raise ValueError(f"implementations: pass some of {known}, or else -- COMMAND, not both")
    if context.obj:
        found = _command(context.obj, options)
    else:
        counts = {"threads": asked.one_count(1), "calls": calls}
        found = _measured(names, _study(workload, mine), {**options, **counts})
    page.show(found, console())
    write_json(json_file, found.to_json())


def _study(workload: str | None, mine: "Own | None") -> "Study | Own":
    from parconv.experiments import studies

    if mine is None:
        return studies.chosen(workload or "photo3x3")
    refuse("workload", workload, "it, or --shape and --kernel")
    return mine


def _command(command: list[str], options: dict[str, Any]) -> "Report":
    from parconv.experiments import perf

    with progress() as announce:
        return perf.measure_command(command, announce=announce, **options)


def _measured(
    implementations: list[str], study: "Study | Own", options: dict[str, Any]
) -> "Report":
    from parconv.experiments import baselines, perf

    with progress() as announce:
        return perf.measure(study, baselines.chosen(implementations), announce=announce, **options)
