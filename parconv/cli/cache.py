"""Commands about the cache of compiled kernels: cache, warmup."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .app import app

if TYPE_CHECKING:
    from parconv.codegen.kernel_cache.survey import Part

cache = typer.Typer(help="Look at the cache of compiled kernels, or clear it.")
app.add_typer(cache, name="cache")


@cache.callback(invoke_without_command=True)
def _help(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@cache.command()
def info() -> None:
    """Tell where compiled kernels are kept, or why they are not.

    And how many there are, and which are stale.

    Example: parconv cache info
    """
    from parconv.codegen.kernel_cache.survey import survey

    found = survey()
    if found.own is not None:
        typer.echo(f"{found.own.path}: {_size([found.own])}")
    if found.obstacle:
        use = "new kernels cannot" if found.readable else "kernels cannot"
        typer.echo(f"{use} be kept: {found.obstacle}")
        typer.echo("set NUMBA_CACHE_DIR to a directory that only you may write")
    if found.stale:
        states = f"{len(found.stale)} other state{'s' * (len(found.stale) > 1)} of the source"
        typer.echo(f"stale, of {states}: {_size(found.stale)}; `parconv cache clear` removes all")


@cache.command()
def clear() -> None:
    """Remove all compiled kernels, stale ones too.

    The next processes compile anew.

    Example: parconv cache clear
    """
    from parconv.codegen.kernel_cache.survey import clear as remove

    typer.echo(f"removed {_size(remove())}")


def _size(parts: Sequence["Part"]) -> str:
    entries, nbytes = (sum(getattr(it, name) for it in parts) for name in ("entries", "nbytes"))
    return f"{entries} entr{'y' if entries == 1 else 'ies'}, {nbytes / 2**20:.1f} MiB"


@app.command()
def warmup(
    dtypes: Annotated[
        str, typer.Option(help="Of images, between commas.")
    ] = "uint8,uint16,float32,float64",
    layers: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Of the floating-point ones, layers too.")
    ] = True,
) -> None:
    """Compile what usual calls need, for all later processes.

    Example: parconv warmup --dtypes uint8,float32 --no-layers
    """
    import parconv

    told = parconv.warmup(
        dtypes.split(","),
        layers=layers,
        progress=lambda name, seconds: typer.echo(f"{seconds:6.2f} s  {name}"),
    )
    typer.echo(f"{sum(told.values()):6.2f} s in all")
