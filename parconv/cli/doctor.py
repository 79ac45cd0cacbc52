"""The command that examines the installation: doctor."""

import json
from pathlib import Path
from typing import Annotated

import typer

from .app import app, write_json


@app.command()
def doctor(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report there; - is standard output.")
    ] = None,
) -> int:
    """Tell what parconv runs on here, and what makes it slow.

    Versions, processor, limits to the threads, directories, hazards with their mend.  Exit
    status 1 where a hazard makes calls fail.

    Example: parconv doctor --json doctor.json
    """
    from parconv.doctor import examine

    to_screen = json_file == Path("-")
    found = examine()
    if to_screen:
        typer.echo(json.dumps(found.to_json(), indent=1))
        return found.status
    typer.echo("\n".join(found.lines()))
    if json_file is not None:  # what writes files needs libraries that may be missing
        write_json(json_file, found.to_json())
    return found.status
