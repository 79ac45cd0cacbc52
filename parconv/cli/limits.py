"""Commands about the machine's limits: ceilings, roofline."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import Force, Only, app, console, progress, refuse, write_json
from .own import Asked, takes_convolution

if TYPE_CHECKING:
    from parconv.experiments.roofline import Roofline


@app.command()
def ceilings(
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure, though it was done.")] = False,
    force: Force = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the record there; - is standard output.")
    ] = None,
) -> None:
    """Measure what this machine reaches at best.

    Arithmetic, bandwidth of every cache, fresh pages, launches of threads.

    The record is kept; `parconv explain` predicts from it.

    Example: parconv ceilings --fresh --json ceilings.json
    """
    from parconv import images
    from parconv.experiments.ceilings import survey, tables

    to_screen = json_file == Path("-")
    if json_file is not None and not to_screen:
        images.check_target(json_file)
    known = None if fresh else survey.recorded()
    with progress() as announce:
        record = known or survey.survey(force=force, announce=announce)
    if to_screen:
        typer.echo(json.dumps(record, indent=1))
        return
    tables.show(record, console())
    typer.echo(
        f"measured {record['date']}, {_spread(record)}; `parconv ceilings --fresh` measures again"
        if known
        else f"recorded for this machine, {_spread(record)}, in {record['seconds']:.0f} s"
    )
    write_json(json_file, record)


def _spread(record: dict[str, Any]) -> str:
    return f"times of the same work {100 * record['spread']:.0f} % apart"


@app.command()
@takes_convolution
def roofline(
    asked: Asked,
    race: Annotated[
        Path | None,
        typer.Option(help="What `parconv race --json` wrote; default: a race without peers, now."),
    ] = None,
    only: Only = None,
    output: Annotated[Path, typer.Option(help="PNG, written whole or not at all.")] = Path(
        "roofline.png"
    ),
) -> None:
    """Draw the rows of a race under this machine's ceilings.

    What limits each of them, and how near it came.  With --shape and --kernel a convolution of
    yours is the only row.

    Example: parconv roofline --race race.json --output roofline.png
    """
    from parconv import images
    from parconv.experiments import roofline as experiment

    images.check_png(output)
    mine = asked.own()
    if mine is not None:
        refuse("only", only, "--shape and --kernel, or --only, one of the two")
        refuse("race", None if race is None else str(race), "it, or --shape and --kernel")
    with progress() as announce:
        found = experiment.find(race, only, asked.counts, announce, mine)
    console().print(experiment.table(found.dots))
    typer.echo(_drawn(found, output))


def _drawn(found: "Roofline", output: Path) -> str:
    """Draw the picture; where it is, or why it is not."""
    from parconv import images
    from parconv.experiments import roofline as experiment

    try:
        with images.replacing(output) as file:
            experiment.draw(found.dots, found.roofs, file, found.title)
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        return f"no picture: {library} is not installed; `pip install parconv[all]` brings it"
    return f"the picture: {output}{found.note}"
