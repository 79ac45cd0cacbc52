"""The command that starts a history of the user's own cases: bench."""

from pathlib import Path
from typing import Annotated

import typer

from .app import app
from .own import Asked, takes_convolution

bench = typer.Typer(help="Track convolutions of yours over your commits.")
app.add_typer(bench, name="bench")


@bench.command("init")
@takes_convolution
def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="New, or with files of yours.")],
    asked: Asked,
) -> None:
    """Write a benchmark suite for asv, which tracks them over commits.

    With --shape and --kernel that convolution is its case; more are added by editing one list.

    Example: parconv bench init bench --shape 3000x2000 --kernel gaussian:2
    """
    from parconv.experiments import scaffold

    if asked.threads is not None:
        raise ValueError("threads is of commands that measure: asv takes all that there are")
    mine = asked.own()
    for line in scaffold.write(directory, [mine] if mine else ()):
        typer.echo(line)
