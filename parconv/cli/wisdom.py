"""Commands about wisdom, the settings that `tune --save` measured: list, forget, export, import."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from .app import app

wisdom = typer.Typer(help="Look at measured settings, forget them, carry them elsewhere.")
app.add_typer(wisdom, name="wisdom")

Pattern = Annotated[str, typer.Argument(help="Only those whose line matches it.")]


@wisdom.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@wisdom.command(name="list")
def list_all(pattern: Pattern = "") -> None:
    """List what was measured here: problem, setting, times, date.

    Example: parconv wisdom list float32
    """
    from parconv.planner import wisdom_records

    found = wisdom_records.entries(pattern)
    typer.echo("\n".join(map(str, found)) or "no wisdom: `parconv tune --save` measures some")


@wisdom.command()
def forget(pattern: Pattern = "") -> None:
    """Remove it: those problems are planned by rule again.

    Example: parconv wisdom forget float32
    """
    from parconv.planner import wisdom_records

    found = wisdom_records.entries(pattern)
    if found:
        wisdom_records.forget(found)
    typer.echo(f"forgotten: {_counted(len(found))}")


@wisdom.command()
def export(
    file: Annotated[Path, typer.Argument(help="A JSON file; - is standard output.")],
    pattern: Pattern = "",
) -> None:
    """Write it to a file, for other users and containers.

    They can use it on machines of the same kind.

    Example: parconv wisdom export wisdom.json
    """
    from parconv.planner import wisdom_records

    text = wisdom_records.to_text(wisdom_records.entries(pattern))
    if file == Path("-"):
        typer.echo(text)
    else:
        file.write_text(text + "\n", encoding="utf-8")


@wisdom.command(name="import")
def take_over(
    file: Annotated[Path, typer.Argument(help="What export wrote; - is standard input.")],
) -> None:
    """Take over what was exported on a machine of the same kind.

    Example: parconv wisdom import wisdom.json
    """
    from parconv.planner import wisdom_records

    text = sys.stdin.read() if file == Path("-") else file.read_text(encoding="utf-8")
    taken, others = wisdom_records.from_text(text)
    typer.echo(f"taken over: {_counted(taken)}; of other kinds of machines, left out: {others}")


def _counted(number: int) -> str:
    return f"{number} setting{'s' * (number != 1)}"
