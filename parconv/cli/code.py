"""Commands about compiled code: asm."""

from pathlib import Path
from typing import Annotated

import typer

from ..problem.shown import shown
from .app import Force, app, console, progress, sizes, write_json


@app.command()
def asm(
    dtype: Annotated[str, typer.Option(help="Of image and filter.")] = "float32",
    kernel: Annotated[
        str | None, typer.Option(help="Filter whose loop is shown; default: the biggest loop.")
    ] = None,
    cpu: Annotated[
        str | None, typer.Option(help="Processor llvm-mca models; default: one that fits.")
    ] = None,
    source: Annotated[
        bool, typer.Option("--source", help="Print the loop's instructions.")
    ] = False,
    force: Force = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all of it there.")] = None,
) -> None:
    """Show the kernel's hot loop, its predicted and measured cycles, and what bounds them.

    Example: parconv asm --dtype float64 --kernel 7x7 --source --json asm.json
    """
    from parconv import images
    from parconv.experiments.asm import kernels, show
    from parconv.experiments.asm.study import study

    if json_file is not None:
        images.check_target(json_file)
    taps = kernels.BIGGEST if kernel is None else sizes(kernel, "kernel")
    if len(taps) != 2:
        raise ValueError(f"kernel is {shown(kernel)}: pass two sizes, such as 7x7")
    with progress() as announce:
        found = study(dtype, (taps[0], taps[1]), cpu, force, announce)
    show.show(found, console(), source)
    write_json(json_file, found.to_json())
