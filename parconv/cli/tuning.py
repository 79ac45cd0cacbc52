"""The command that experiments with threads: tune."""

from pathlib import Path
from typing import Annotated

import typer

from .app import Force, app, console, numbers, progress

SECONDS = 90.0


@app.command()
def tune(
    workload: Annotated[
        list[str], typer.Argument(help="Studies, or rows of the race by name or pattern.")
    ],
    implementation: Annotated[
        str, typer.Option(help="parconv or a baseline such as segments or im2col.")
    ] = "parconv",
    threads: Annotated[
        str | None,
        typer.Option(help="Thread counts, such as 1,2,4; default: 1 to twice the cores."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Runs of a setting that is swept in full.")] = 7,
    budget: Annotated[
        float | None,
        typer.Option(help=f"Seconds for all workloads; default: {SECONDS:g}, exhaustive: no end."),
    ] = None,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Run all settings, not a quarter of the runs.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Directory for samples, results, pictures.")] = Path(
        "parconv-tune"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the samples in the directory.")
    ] = False,
    save: Annotated[
        bool, typer.Option("--save", help="Record the result as wisdom for later processes.")
    ] = False,
    force: Force = False,
    seed: Annotated[int, typer.Option(help="Of the random order.")] = 0,
) -> None:
    """Find the fastest strategy, threads, bands, threading layer and backend by experiment.

    Example: parconv tune "medium 1024x1024 7x7 float32" --output tuned --save
    """
    from parconv.experiments.tune import report, subjects, sweep

    if force and not save:
        raise ValueError("--force is for --save, which alone refuses busy machines: pass both")
    counts = () if threads is None else tuple(sorted({*numbers(threads, "threads", ",")}))
    seconds = budget if budget is not None or exhaustive else SECONDS
    options = sweep.Options(implementation, counts, repeats, seed, exhaustive, seconds)
    chosen = subjects.subjects(workload)
    sweep.check(chosen, options, save)
    sweep.make_directory(output)
    with progress() as announce:
        found = sweep.sweep(chosen, options, output, resume, announce)
    screen = console()
    report.show(found, screen)
    for line in (*report.write(found, output), *(report.save(found, force) if save else ())):
        screen.print(line, highlight=False, soft_wrap=True)
