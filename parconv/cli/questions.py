"""Commands about one convolution: explain, race."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from .app import (
    Boundary,
    Method,
    Mode,
    Only,
    Strategy,
    ThreadCounts,
    Threads,
    app,
    console,
    numbers,
    progress,
    sizes,
    write_json,
)


@app.command()
def explain(
    shape: Annotated[str, typer.Option(help="Image, such as 4096x4096.")],
    kernel: Annotated[str, typer.Option(help="Filter, such as 7x7.")],
    dtype: Annotated[str, typer.Option(help="Of the image; the filter is the same.")] = "float32",
    mode: Mode = "same",
    boundary: Boundary = "mirror",
    threads: Threads = None,
    strategy: Strategy = "auto",
    method: Method = "auto",
    tolerance: Annotated[
        float | None, typer.Option(help="Error that auto may accept for speed, such as 1e-5.")
    ] = None,
    stream: Annotated[
        int | None, typer.Option(help="As a stream of files, with so many MiB of memory.")
    ] = None,
) -> None:
    """Print how a convolution would be computed: method, strategy, bands, threads, memory.

    Example: parconv explain --shape 4096x4096 --kernel 7x7 --dtype float32
    """
    import parconv

    image, taps = (sizes(shape, "shape"), dtype), (sizes(kernel, "kernel"), dtype)
    plan: Any = parconv.plan2d
    if stream is not None:
        plan = partial(parconv.plan_stream, memory=stream * 2**20)
    found = plan(
        image,
        taps,
        mode=mode,
        boundary=boundary,
        threads=threads,
        strategy=strategy,
        method=method,
        tolerance=tolerance,
    )
    typer.echo(found.explain())


@app.command()
def race(
    only: Only = None,
    threads: ThreadCounts = None,
    peers: Annotated[
        str | None,
        typer.Option(
            help="Of opencv, torch, scipy, astropy, or single functions such as scipy-oa; "
            "default: all installed."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Rounds per workload, at least.")] = 7,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all medians and quartiles there.")
    ] = None,
) -> None:
    """Race against the installed peers and the machine's own limit.

    Workloads are grouped: big, medium, odd, small, integer, colour, complex, separable; study,
    bank, layer, winograd, depthwise, types, uneven for layers.  All take about half an hour on two
    cores.

    Example: parconv race --only integer --threads 1,2 --json race.json
    """
    from parconv.experiments import images
    from parconv.experiments.race import duel, grid, peers as competitors, table, workloads

    if json_file is not None:
        images.check_target(json_file)
    counts = None if threads is None else [int(n) for n in numbers(threads, "threads", ",")]
    rivals, chosen = competitors.chosen(peers), workloads.chosen(grid.rows(), only)
    with progress() as announce:
        found = duel.race(chosen, counts, rivals, repeats, announce)
    table.show(found, console())
    write_json(json_file, found.to_json())
