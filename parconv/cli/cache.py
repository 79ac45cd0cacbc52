"""Commands about the cache of compiled kernels: cache, warmup."""

from typing import TYPE_CHECKING, Annotated

import typer

from .app import app

if TYPE_CHECKING:
    from parconv.kernel_cache.survey import Part

cache = typer.Typer(help="Look at the cache of compiled kernels, or clear it.")
app.add_typer(cache, name="cache")


@cache.command()
def info() -> None:
    """Tell where compiled kernels are kept, or why not, how many there are, and which are stale.

    Example: parconv cache info
    """
    from parconv.kernel_cache.survey import survey

    found = survey()
    if found.own is not None:
        typer.echo(_told(found.own))
    if found.obstacle:
        use = "new kernels cannot" if found.readable else "kernels cannot"
        typer.echo(f"{use} be kept: {found.obstacle}")
        typer.echo("set NUMBA_CACHE_DIR to a directory that only you may write")
    for part in found.stale:
        typer.echo(f"stale, of another state of the source: {_told(part)}")


@cache.command()
def clear() -> None:
    """Remove all compiled kernels, stale ones too; the next processes compile anew.

    Example: parconv cache clear
    """
    from parconv.kernel_cache.survey import clear as remove

    parts = remove()
    for part in parts:
        typer.echo(f"removed {_told(part)}")
    if not parts:
        typer.echo("nothing to remove")


def _told(part: "Part") -> str:
    return f"{part.path}: {part.entries} entries, {part.nbytes / 2**20:.1f} MiB"


@app.command()
def warmup(
    dtypes: Annotated[
        str, typer.Option(help="Of images, between commas.")
    ] = "uint8,uint16,float32,float64",
    layers: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Of the floating-point ones, layers too.")
    ] = True,
) -> None:
    """Compile what usual calls need, so that later processes find it.

    Example: parconv warmup --dtypes uint8,float32 --no-layers
    """
    import parconv

    told = parconv.warmup(
        dtypes.split(","),
        layers=layers,
        progress=lambda name, seconds: typer.echo(f"{seconds:6.2f} s  {name}"),
    )
    typer.echo(f"{sum(told.values()):6.2f} s in all")
