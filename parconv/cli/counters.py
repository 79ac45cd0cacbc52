"""The command that counts: perf."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from .app import app, console, progress, write_json

if TYPE_CHECKING:
    from parconv.experiments.perf.report import Report


class _WithCommand(TyperCommand):
    """Keeps what stands behind ``--`` apart from the implementations before it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        split = args.index("--") if "--" in args else len(args)
        ctx.obj = args[split + 1 :] if split < len(args) else None
        return super().parse_args(ctx, args[:split])


@app.command(cls=_WithCommand)
def perf(
    context: typer.Context,
    implementations: Annotated[
        list[str] | None,
        typer.Argument(
            help="Of parconv, naive, gather, scatter, autovectorised, segments, im2col; ratios are "
            "to the first.  Or, instead: -- COMMAND, any command, whose output is thrown away."
        ),
    ] = None,
    workload: Annotated[
        str, typer.Option(help="photo3x3, batch28, batch516, image4100 or big7x7.")
    ] = "photo3x3",
    threads: Annotated[int, typer.Option(help="Of the implementations that use several.")] = 1,
    calls: Annotated[
        int | None, typer.Option(help="Of each process; default: a quarter of a second's.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Processes for each group of counters.")] = 3,
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="Count instructions and cache misses under valgrind too."),
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all medians, spreads and ratios there.")
    ] = None,
) -> None:
    """Count cycles, instructions and misses of implementations.

    Each runs as a process of its own.

    Example: parconv perf gather scatter --workload photo3x3 --simulate
    """
    from parconv import images
    from parconv.experiments.perf import report

    if json_file is not None:
        images.check_target(json_file)
    found = _measured(
        implementations or [], context.obj, workload, threads, calls, repeats, simulate
    )
    report.show(found, console())
    write_json(json_file, found.to_json())


def _measured(
    implementations: list[str],
    command: list[str] | None,
    workload: str,
    threads: int,
    calls: int | None,
    repeats: int,
    simulate: bool,
) -> "Report":
    from parconv.experiments import baselines, perf, studies

    if bool(implementations) == bool(command):
        known = ", ".join(baselines.BASELINES)
        raise ValueError(f"implementations: pass some of {known}, or else -- COMMAND, not both")
    with progress() as announce:
        if command:
            return perf.measure_command(
                command, repeats=repeats, simulated=simulate, announce=announce
            )
        return perf.measure(
            studies.chosen(workload),
            baselines.chosen(implementations),
            threads=threads,
            calls=calls,
            repeats=repeats,
            simulated=simulate,
            announce=announce,
        )
