"""The command that experiments with threads: tune."""

from pathlib import Path
from typing import Annotated

import typer

from .app import Force, app, console, progress
from .own import Asked, takes_convolution

SECONDS, METHOD_SECONDS = 90.0, 600.0


@app.command()
@takes_convolution
def tune(
    asked: Asked,
    workload: Annotated[
        list[str] | None, typer.Argument(help="Studies, or rows of the race by name or pattern.")
    ] = None,
    implementation: Annotated[
        str, typer.Option(help="parconv or a baseline such as segments or im2col.")
    ] = "parconv",
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
    methods: Annotated[
        bool, typer.Option("--methods", help="Measure what methods cost here, in place of that.")
    ] = False,
    number: Annotated[
        int, typer.Option(min=1, help="Of --methods: problems drawn at random.")
    ] = 400,
    seed: Annotated[int, typer.Option(help="Of the random order.")] = 0,
) -> None:
    """Find the fastest strategy, threads and bands by experiment.

    Threading layers and joblib's backends are tried too, and 1 to twice the cores of threads.

    With --methods: how wrong the costs are by which "auto" chooses methods here.

    Example: parconv tune "medium 1024x1024 7x7 float32" --output tuned --save

    Example: parconv tune --shape 3000x2000 --kernel 7x7 --save

    Example: parconv tune --methods --save
    """
    from parconv.experiments.tune import report, subjects, sweep

    mine = asked.own()
    if [bool(workload), mine is not None, methods].count(True) != 1:
        raise ValueError("pass workloads, --shape and --kernel, or --methods, one of the three")
    if methods:
        return _tune_methods(number, seed, budget, save, force)
    if force and not save:
        raise ValueError("--force is for --save, which alone refuses busy machines: pass both")
    counts = tuple(sorted({*(asked.counts or ())}))
    seconds = budget if budget is not None or exhaustive else SECONDS
    options = sweep.Options(implementation, counts, repeats, seed, exhaustive, seconds)
    chosen = (subjects.Subject(mine),) if mine else subjects.subjects(workload or ())
    sweep.check(chosen, options, save)
    sweep.make_directory(output)
    with progress() as announce:
        found = sweep.sweep(chosen, options, output, resume, announce)
    screen = console()
    report.show(found, screen)
    for line in (*report.write(found, output), *(report.save(found, force) if save else ())):
        screen.print(line, highlight=False, soft_wrap=True)
    return None


def _tune_methods(number: int, seed: int, budget: float | None, save: bool, force: bool) -> None:
    """The table of factors, and what they would change."""
    from parconv.experiments.tune import methods
    from parconv.experiments.tune.method_table import lines, table_of
    from parconv.planner import wisdom

    if save:
        wisdom.place()  # refuses before anything is measured
    with progress() as announce:
        found = methods.calibrate(
            ["images", "layers", "banks"], seed, number, budget or METHOD_SECONDS, force, announce
        )
    screen = console()
    screen.print(table_of(found))
    for line in (*lines(found), *((found.save(force),) if save else ())):
        screen.print(line, highlight=False, soft_wrap=True)
