"""What every command of ``parconv`` shares: the app, its options, its output."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from ..problem.shown import shown

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200  # columns for a table that goes to a file or a pipe

# The help page's order: what most users want first, then diagnosis, then the laboratory.
ORDER = ("demo", "apply", "stream", "explain", "race", "doctor", "warmup", "cache", "wisdom",
         "tune", "roofline", "ceilings", "perf", "asm", "experiment", "files", "bench")  # fmt: skip


class _InOrder(typer.core.TyperGroup):
    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    cls=_InOrder,
    help="The fastest 2-D convolution on the cores of a CPU.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Mode = Annotated[str, typer.Option(help="valid, same or full.")]
Boundary = Annotated[str, typer.Option(help="constant, edge, symmetric, mirror or wrap.")]
Threads = Annotated[int | None, typer.Option(help="At most so many threads; default: all cores.")]
Strategy = Annotated[str, typer.Option(help="auto, serial, prange, threads or joblib.")]
Only = Annotated[
    str | None, typer.Option(help="Only workloads whose name holds or matches this pattern.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Believe what was measured on a busy machine too.")
]
Method = Annotated[str, typer.Option(help="auto or a method such as direct.")]


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        import parconv

        typer.echo(f"parconv {parconv.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def sizes(text: str, option: str) -> tuple[int, ...]:
    """Two or more of them, such as 4096x4096."""
    found = numbers(text, option, "x")
    if len(found) < 2:
        raise ValueError(f"{option} is {shown(text)}: pass two sizes, such as 7x7")
    return found


def numbers(text: str, option: str, separator: str) -> tuple[int, ...]:
    """Positive integers between separators."""
    number = r"[1-9]\d{0,17}"  # what int64 holds
    if not re.fullmatch(rf"{number}({separator}{number})*", text, re.ASCII):
        example = separator.join(("1", "2") if option == "threads" else ("7", "7"))
        raise ValueError(f"{option} is {shown(text)}: pass positive integers such as {example}")
    return tuple(map(int, text.split(separator)))


def refuse(option: str, value: object, mend: str) -> None:
    """An option that another one rules out."""
    if value is not None:
        raise ValueError(f"{option} is {value}: pass {mend}")


def axes(text: str) -> tuple[int, ...]:
    """Two integers, such as 0,1."""
    if not re.fullmatch(r"-?\d{1,3},-?\d{1,3}", text, re.ASCII):
        raise ValueError(f"axes is {shown(text)}: pass two integers such as 0,1")
    return tuple(map(int, text.split(",")))


def write_json(target: Path | None, content: Any) -> None:
    """The content in the file, whole or not at all; nothing where no file is wanted."""
    from parconv import images

    if target is not None:
        with images.replacing(target) as file:
            file.write(json.dumps(content, indent=1).encode())


def console() -> "Console":
    """Standard output; wide tables stay whole in a file or a pipe."""
    from rich.console import Console

    found = Console()
    return found if found.is_terminal else Console(width=WIDE)


@contextmanager
def progress(wanted: bool | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error, gone when the work is done; by default on a terminal only."""
    from rich.console import Console
    from rich.progress import Progress

    errors = Console(stderr=True)
    shown = errors.is_terminal if wanted is None else wanted
    with Progress(console=errors, transient=not wanted, disable=not shown) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda name, done, total: bar.update(
            task, description=name, completed=done, total=total
        )
