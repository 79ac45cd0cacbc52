"""Commands about one convolution: explain, race."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..problem.shown import shown
from .app import Method, Only, Strategy, app, console, progress, refuse, write_json
from .own import Asked, takes_convolution

if TYPE_CHECKING:
    from parconv.experiments.own import Own

Counts = Sequence[int] | None


@app.command()
@takes_convolution
def explain(
    asked: Asked,
    strategy: Strategy = "auto",
    method: Method = "auto",
    tolerance: Annotated[
        float | None, typer.Option(help="Error that auto may accept for speed, such as 1e-5.")
    ] = None,
    stream: Annotated[
        int | None, typer.Option(help="As a stream of files, with so many MiB of memory.")
    ] = None,
) -> None:
    """Print how a convolution would be computed, and how fast.

    Method, strategy, bands, threads, memory, and what the other methods would take.

    Example: parconv explain --shape 4096x4096 --kernel 7x7 --dtype float32
    """
    import parconv

    mine = asked.own()
    if mine is None:
        raise ValueError("pass --shape and --kernel: what is to be explained")
    words = {**mine.question, "method": method, "tolerance": tolerance}
    plan: Any = partial(parconv.plan2d, correlate=mine.correlation)
    if stream is not None:
        plan = partial(parconv.plan_stream, memory=stream * 2**20)
    image, threads = (mine.image, mine.dtype), asked.one_count()
    found = plan(image, mine.known_filter, threads=threads, strategy=strategy, **words)
    typer.echo(found.explain())


@app.command()
@takes_convolution
def race(
    asked: Asked,
    only: Only = None,
    peers: Annotated[
        str | None,
        typer.Option(
            help="Of opencv, torch, scipy, astropy, or single functions such as scipy-oa; "
            "default: all installed.  In bursts also prange or joblib, strategies of ours; "
            "default: opencv's filter2D."
        ),
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(help="Rounds per workload, at least; default: 7.")
    ] = None,
    pause: Annotated[
        str | None,
        typer.Option(
            metavar="MS",
            help="In bursts: single calls, each after so many milliseconds, such as 0,20,200.",
        ),
    ] = None,
    busy: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="In bursts: beside so many processes that compute, such as 0,1,2."
        ),
    ] = None,
    calls: Annotated[
        int | None,
        typer.Option(
            help="In bursts: samples of each competitor in a cell; default: 60, or 20 after "
            "pauses beyond 20 ms."
        ),
    ] = None,
    random: Annotated[
        int | None, typer.Option(metavar="N", help="So many workloads drawn at random instead.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of those.")] = 0,
    kind: Annotated[
        str, typer.Option(help="Of those: images, layers, banks, or several by turns.")
    ] = "images",
    isa: Annotated[
        str | None,
        typer.Option(help="Of those: avx2, for all competitors, in a process of its own."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all figures there; of bursts each call's.")
    ] = None,
) -> None:
    """Race against the installed peers and the machine's own limit.

    Workloads are grouped: big, medium, odd, small, integer, missing, colour, complex, separable;
    study, bank, layer, winograd, depthwise, types, uneven for layers.  All take about half an hour
    on two cores.  With --pause or --busy rows are called as users do, in bursts: eight rows of a
    group of their own, or those of the others that --only names, with all threads; every row, pause
    and number of busy processes is a cell, and every cell is judged.  --pause 0,20,200 --busy 0,1,2
    takes a quarter of an hour.  With --random workloads are drawn instead, as users have them; the
    mean ratio to the best peer, the shares below 1 and 1.3 and the worst are told.

    Example: parconv race --only integer --threads 1,2 --json race.json

    Example: parconv race --shape 3000x2000 --kernel gaussian:2 --dtype uint8
    """
    from parconv import images

    if json_file is not None:
        images.check_target(json_file)
    counts = asked.counts
    if random is None:
        refuse("isa", isa, "--random beside it")
    mine = asked.own()
    if mine is not None:
        refuse("only", only, "--shape and --kernel, or --only, one of the two")
        for option, value in (("random", random), ("pause", pause), ("busy", busy)):
            refuse(option, value, "--repeats instead: a convolution of yours is no draw, no burst")
    if random is not None:
        refuse("only", only, "--kind instead: --random draws the workloads")
        for option, value in (("pause", pause), ("busy", busy), ("calls", calls)):
            refuse(option, value, "--repeats instead: workloads drawn at random are no bursts")
        drawn = kind.split(","), seed, random
        _race_drawn(drawn, isa, counts, peers, 3 if repeats is None else repeats, json_file)
    elif pause is None and busy is None:
        refuse("calls", calls, "--pause or --busy beside it, or --repeats instead")
        _race(mine or only, counts, peers, 7 if repeats is None else repeats, json_file)
    else:
        refuse("repeats", repeats, "--calls instead: --pause and --busy ask for bursts")
        pauses = _amounts("0" if pause is None else pause, "pause")
        loads = _amounts("0" if busy is None else busy, "busy", whole=True)
        _race_bursts(only, counts, peers, (pauses, loads), calls, json_file)


def _race(
    which: "Own | str | None", counts: Counts, peers: str | None, repeats: int,
    json_file: Path | None,
) -> None:  # fmt: skip
    from parconv.experiments.race import duel, grid, owned, peers as competitors, table, workloads

    rivals = competitors.chosen(peers)
    if which is None or isinstance(which, str):
        chosen: tuple[Any, ...] = workloads.chosen(grid.rows(), which)
    else:
        chosen = (owned.entry(which),)
    with progress() as announce:
        found = duel.race(chosen, counts, rivals, repeats, announce)
    table.show(found, console())
    write_json(json_file, found.to_json())


def _race_drawn(
    asked: tuple[list[str], int, int],
    isa: str | None,
    counts: Counts,
    peers: str | None,
    repeats: int,
    json_file: Path | None,
) -> None:
    from parconv.experiments.race import drawn, duel, peers as competitors, shares, units

    if isa is not None and units.restarted(isa):
        typer.echo("\n".join(units.told()))
    rivals, chosen = competitors.chosen(peers), drawn.drawn(*asked)
    with progress() as announce:
        found = duel.race(chosen, counts, rivals, repeats, announce)
    shares.show(found, console())
    write_json(json_file, shares.to_json(found, asked[1]))


def _race_bursts(
    only: str | None,
    counts: Counts,
    peers: str | None,
    settings: tuple[list[float], list[int]],
    calls: int | None,
    json_file: Path | None,
) -> None:
    from parconv.experiments.race import burst_table, bursts, grid

    rivals, chosen = bursts.rivals(peers), grid.burst_rows(only)
    seconds, busy = [pause / 1e3 for pause in settings[0]], settings[1]
    with progress() as announce:
        found = bursts.race_bursts(chosen, seconds, busy, counts, rivals, calls, announce)
    burst_table.show(found, console())
    write_json(json_file, found.to_json())


def _amounts(text: str, option: str, whole: bool = False) -> list[Any]:
    """Numbers of at least 0 between commas."""
    number = r"\d{1,9}" if whole else r"\d{1,9}(\.\d+)?"
    if not re.fullmatch(rf"{number}(,{number})*", text, re.ASCII):
        example = "whole numbers such as 0,1,2" if whole else "milliseconds such as 0,20,200"
        raise ValueError(f"{option} is {shown(text)}: pass {example}")
    return [(int if whole else float)(part) for part in text.split(",")]
