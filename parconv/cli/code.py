"""Commands about compiled code: asm."""

from pathlib import Path
from typing import Annotated

import typer

from ..problem.shown import shown
from .app import Force, app, console, progress, refuse, sizes, write_json


@app.command()
def asm(
    dtype: Annotated[str, typer.Option(help="Of image and filter.")] = "float32",
    kernel: Annotated[
        str | None, typer.Option(help="Filter whose loop is shown; default: the biggest loop.")
    ] = None,
    cpu: Annotated[
        str | None, typer.Option(help="Processor llvm-mca models; default: one that fits.")
    ] = None,
    isa: Annotated[
        str | None,
        typer.Option(help="All methods' loops for sse, avx2, avx512 or neon, which may be away."),
    ] = None,
    only: Annotated[
        str | None, typer.Option(help="Of those only loops whose name holds or matches this.")
    ] = None,
    source: Annotated[
        bool, typer.Option("--source", help="Print the loop's instructions.")
    ] = False,
    force: Force = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all of it there.")] = None,
) -> None:
    """Show a kernel's hot loop, its cycles, and what bounds them.

    With --isa the hot loops of all methods are compiled for processors of that kind, or for --cpu,
    wherever this runs: spills, and the share of the peak that llvm-mca predicts.

    Example: parconv asm --dtype float64 --kernel 7x7 --source --json asm.json
    """
    from parconv import images

    if json_file is not None:
        images.check_target(json_file)
    if isa is None:
        refuse("only", only, "--isa beside it")
        _measured(dtype, kernel, cpu, source, force, json_file)
    else:
        refuse("kernel", kernel, "--only instead: --isa shows the loops of all methods")
        refuse("dtype", None if dtype == "float32" else dtype, "none: --isa shows float32")
        _compiled(isa, cpu, only, source, json_file)


def _compiled(
    isa: str, cpu: str | None, only: str | None, source: bool, json_file: Path | None
) -> None:
    from parconv.experiments.asm import survey

    with progress() as announce:
        found = survey.survey(isa, cpu, only, announce)
    survey.show(found, console(), source)
    write_json(json_file, found.to_json())


def _measured(
    dtype: str, kernel: str | None, cpu: str | None, source: bool, force: bool,
    json_file: Path | None,
) -> None:  # fmt: skip
    from parconv.experiments.asm import kernels, show
    from parconv.experiments.asm.study import study

    taps = kernels.BIGGEST if kernel is None else sizes(kernel, "kernel")
    if len(taps) != 2:
        raise ValueError(f"kernel is {shown(kernel)}: pass two sizes, such as 7x7")
    with progress() as announce:
        found = study(dtype, (taps[0], taps[1]), cpu, force, announce)
    show.show(found, console(), source)
    write_json(json_file, found.to_json())
