"""Commands about what does not fit in memory: stream, files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import (
    Boundary,
    Method,
    Mode,
    Threads,
    app,
    axes as pair,
    console,
    progress,
    write_json,
)

if TYPE_CHECKING:
    from parconv.experiments.streaming import Found

MIB = 1 << 20
Memory = Annotated[int | None, typer.Option(help="MiB of buffers; default: 1024, or less.")]


@app.command()
def stream(
    source: Annotated[str, typer.Argument(metavar="IN", help="A file, folder or URL, see below.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="Likewise; not read before.")],
    kernel: Annotated[str, typer.Option(help="gaussian:2, FILE.npy and so on, as for apply.")],
    mode: Mode = "same",
    boundary: Boundary = "mirror",
    where: Annotated[
        str | None, typer.Option(help="nodata: leave out pixels of the file's nodata value.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="Of the result.")] = None,
    axes: Annotated[
        str | None, typer.Option(help="Rows and columns, such as 0,1; default: IN's, or the last.")
    ] = None,
    memory: Memory = None,
    threads: Threads = None,
    executor: Annotated[
        str | None,
        typer.Option(help="tcp://HOST:PORT of a dask scheduler, or loky: processes here."),
    ] = None,
    bar: Annotated[
        bool | None,
        typer.Option("--progress/--no-progress", help="Show a bar; default: on a terminal."),
    ] = None,
    method: Method = "auto",
) -> None:
    """Filter a file or a store that may exceed memory.

    By suffix or URL: .npy, .zarr, .tif (TIFF, OME, ImageJ, GeoTIFF, COG), .h5, .vrt; in a
    store FILE.h5::NAME names an array.  OUT keeps what IN says of its pixels where both are
    of a kind.  A run that was interrupted goes on where it stopped when the command is
    repeated.  OUT takes its name when it is whole.

    Example: parconv stream dem.tif smooth.tif --kernel gaussian:2 --where nodata
    """
    import parconv
    from parconv.images import filter_text

    options: dict[str, Any] = {
        "mode": mode, "boundary": boundary, "dtype": dtype, "threads": threads, "method": method,
        "where": where, **({} if axes is None else {"axes": pair(axes)}),
    }  # fmt: skip
    name = source.rstrip("/").rpartition("/")[2]
    with progress(bar) as announce:
        parconv.stream(
            source, filter_text.named(kernel), target,
            memory=None if memory is None else memory * MIB, executor=executor,
            progress=lambda done, total: announce(name, done, total or 0),
            **options,
        )  # fmt: skip


@app.command()
def files(
    size: Annotated[int, typer.Option(help="MiB to read, and as many to write.")] = 2048,
    limit: Annotated[int, typer.Option(help="MiB that the streaming process may allocate.")] = 512,
    memory: Annotated[int, typer.Option(help="MiB of them for buffers.")] = 256,
    rounds: Annotated[int, typer.Option(help="Of each of both; medians count.")] = 3,
    store: Annotated[
        str, typer.Option(help="What the stream reads and writes: .npy, .zarr, .h5 or .tif.")
    ] = ".npy",
    folder: Annotated[
        Path | None, typer.Option(help="Where the files go; default: with temporary files.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all rounds there.")
    ] = None,
) -> None:
    """Time a stream under a limit of memory beside a plain loop.

    The loop reads and writes as much, in .npy files.  The rates of files are recorded;
    `parconv.plan_stream` predicts from them.

    Example: parconv files --size 1024 --json files.json
    """
    from parconv import images
    from parconv.experiments import streaming as experiment

    if json_file is not None:
        images.check_target(json_file)
    with progress() as announce:
        found = experiment.measure(
            size * MIB, memory * MIB, limit * MIB, folder, rounds, announce, store
        )
    console().print(_told(found), highlight=False)
    write_json(json_file, found.to_json())


def _told(found: "Found") -> str:
    plain, stream = (found.seconds(way) for way in ("plain", "stream"))
    enforced = "enforced" if found.enforced else "not enforced here"
    peak = f"{found.peak / MIB:.0f} MiB" if found.peak else "unknown"
    return (
        f"{found.nbytes / MIB:.0f} MiB {found.store} in and out, 5x5 float32: plain loop "
        f"{plain:.2f} s, stream {stream:.2f} s, {found.ratio:.2f} times as long\n"
        f"limit {found.limit / MIB:.0f} MiB ({enforced}), memory held at most: {peak}"
    )
