"""The command ``experiment``: one thing varies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import Force, app, console, progress, sizes, write_json

if TYPE_CHECKING:
    from parconv.experiments.varied.experiment import Experiment


@app.command()
def experiment(
    name: Annotated[str | None, typer.Argument(help="Which one; none: list them.")] = None,
    shape: Annotated[str | None, typer.Option(help="An image of yours, for maximum.")] = None,
    kernel: Annotated[str | None, typer.Option(help="Its filter, such as 7x7.")] = None,
    dtype: Annotated[str, typer.Option(help="Of both.")] = "float32",
    output: Annotated[Path | None, typer.Option(help="PNG; default: NAME.png.")] = None,
    force: Force = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all of it there.")] = None,
) -> None:
    """Vary one thing, and say what comes of it.

    Pages, packing, prefetching, tiles, bands, unrolling, claiming, chains, and the theoretical
    maximum of the studies: a table, a picture and a conclusion that the noise allows.

    Example: parconv experiment prefetch --json prefetch.json
    """
    from parconv import images
    from parconv.experiments.varied import show

    if name is None:
        _list()
        return
    chosen = _chosen(name, shape, kernel, dtype)
    picture = output or Path(f"{name}.png")
    images.check_png(picture)
    if json_file is not None:
        images.check_target(json_file)
    with progress() as announce:
        found = chosen.run(name, force, announce)
    show.show(found, console())
    try:
        with images.replacing(picture) as file:
            show.draw(found, file)
        typer.echo(f"the picture: {picture}")
    except ModuleNotFoundError as error:
        typer.echo(f"no picture: {error.name} is not installed; `pip install parconv[all]`")
    write_json(json_file, found.to_json())


def _chosen(name: str, shape: str | None, kernel: str | None, dtype: str) -> "Experiment":
    from parconv.experiments import varied
    from parconv.experiments.varied import maximum

    if (shape is None) != (kernel is None):
        raise ValueError("--shape and --kernel are one convolution: pass both")
    if shape is None or kernel is None:
        return varied.chosen(name)
    if varied.chosen(name) is not maximum.MAXIMUM:
        raise ValueError(f"--shape is for maximum alone: {name} needs images made for it")
    taps = sizes(kernel, "kernel")
    if len(taps) != 2:
        raise ValueError(f"kernel is {kernel}: pass two sizes, such as 7x7")
    return maximum.of_user(sizes(shape, "shape"), (taps[0], taps[1]), dtype)


def _list() -> None:
    from parconv.experiments.varied import EXPERIMENTS

    for name, one in EXPERIMENTS.items():
        typer.echo(f"{name:10} {one.varies}\n{'':10} of {one.runs}\n{'':10} says: {one.reads}")
