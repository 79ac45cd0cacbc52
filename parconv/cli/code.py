"""Commands about compiled code: asm."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..problem.shown import shown
from .app import Force, app, console, progress, refuse, sizes, write_json
from .own import Asked, takes_convolution

if TYPE_CHECKING:
    from parconv.experiments.asm.compared import Comparison
    from parconv.experiments.own import Own
    from parconv.experiments.screen import Announce

Taps = tuple[int, int]


@app.command()
@takes_convolution
def asm(
    asked: Asked,
    functions: Annotated[
        list[str] | None,
        typer.Argument(help="Code of yours beside ours: module:function, compiled by Numba."),
    ] = None,
    implementation: Annotated[
        str | None,
        typer.Option(help="Side by side: naive, autovectorised, gather, scatter, ours, or all."),
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
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Latency, ports and cycles of each instruction.")
    ] = False,
    graph: Annotated[
        Path | None,
        typer.Option(help="What waits for what in the first loop: .svg, .png or .dot."),
    ] = None,
    blocks: Annotated[
        Path | None, typer.Option(help="Where the first loop's function jumps: .dot.")
    ] = None,
    counts: Annotated[
        str | None,
        typer.Option(
            help="Cycles and misses of each instruction: perf samples, valgrind simulates, auto."
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Predicted against measured cycles of three loops.")
    ] = False,
    force: Force = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all of it there.")] = None,
) -> None:
    """Show a kernel's hot loop, its cycles, and what bounds them.

    With --shape and --kernel the loop of the method that "auto" takes for a convolution of yours;
    with --kernel alone that of the direct method for a filter of that size.  With --implementation,
    or code of yours, hot loops side by side: spills, stores, the critical path.  With --isa the hot
    loops of all methods are compiled for processors of that kind, or for --cpu, wherever this runs:
    spills, and the share of the peak that llvm-mca predicts.

    Example: parconv asm --shape 3000x2000 --kernel gaussian:2 --dtype uint8

    Example: parconv asm --implementation naive,ours --kernel 5x5 --graph naive.svg

    Example: parconv asm --implementation naive --counts valgrind
    """
    from parconv import images

    if json_file is not None:
        images.check_target(json_file)
    _check_pictures(graph, blocks)
    names = [*(functions or ()), *_implementations(implementation, bool(functions))]
    if check:
        refuse("isa", isa, "none: NUMBA_CPU_NAME names a processor to compile for and to run")
        asked.refuse_but((), "none: --check has three loops of its own")
        _checked(force, json_file)
        return
    if isa is not None:
        refuse("kernel", asked.kernel, "--only instead: --isa shows the loops of all methods")
        asked.refuse_but((), "none: --isa shows float32, each loop by itself")
        refuse("implementation", names[0] if names else None, "none: --isa shows ours")
        _compiled(isa, cpu, only, source, json_file)
        return
    refuse("only", only, "--isa beside it")
    own = _own(asked, names)
    if counts is not None:
        others = {"cpu": cpu, "graph": graph, "blocks": blocks, "source": source or None,
                  "timeline": timeline or None, "force": force or None}  # fmt: skip
        for option, value in others.items():
            refuse(option, value, "none: --counts shows instructions as they run, and times none")
        _counted(own or asked, names or ["ours"], counts, json_file)
        return
    if not (own or names or timeline or graph or blocks or asked.shape):
        _measured(asked.dtype, _taps(asked.kernel), cpu, source, force, json_file)
        return
    refuse("cpu", cpu, "none: loops side by side are of this machine")
    with progress() as announce:
        found = _compared(own or asked, names or ["ours"], force, announce)
    _show(found, (source, timeline), (graph, blocks), json_file)


def _own(asked: Asked, names: list[str]) -> "Own | None":
    """The user's convolution, where all of it was asked for and nothing beside it."""
    if asked.shape and asked.kernel and set(names) <= {"ours"}:
        refuse("threads", asked.threads, "none: one core's code is shown")
        return asked.own()
    asked.refuse_but(
        ("shape", "kernel", "dtype"),
        "--shape and --kernel beside it, and no other implementation",
    )
    return None


def _compared(
    what: "Own | Asked", names: list[str], force: bool, announce: "Announce"
) -> "Comparison":
    from parconv.experiments.asm import compared, planned

    if not isinstance(what, Asked):
        return compared.read([planned.of_plan(what)], force, announce)
    taps = _taps(what.kernel) or (5, 5)
    return compared.compare(names, _image(what), taps, what.dtype, force, announce)


def _show(
    found: "Comparison", told: tuple[bool, bool], pictures: tuple[Path | None, Path | None],
    json_file: Path | None,
) -> None:  # fmt: skip
    from parconv.experiments.asm import compared

    compared.show(found, console(), *told)
    for line in compared.pictures(found, *pictures):
        typer.echo(line)
    write_json(json_file, found.to_json())


def _counted(what: "Own | Asked", names: list[str], tool: str, json_file: Path | None) -> None:
    from parconv.experiments.asm import counts

    if isinstance(what, Asked):
        image = _image(what)
        each = [counts.named(name, image, _taps(what.kernel) or (5, 5), what.dtype)
                for name in names]  # fmt: skip
    else:
        each = [counts.own(what)]
    with progress() as announce:
        found = counts.found(each, tool, announce)
    counts.show(found, console())
    write_json(json_file, [one.to_json() for one in found])


def _image(asked: Asked) -> tuple[int, ...]:
    from parconv.experiments.asm.implementations import PIXELS

    return sizes(asked.shape, "shape") if asked.shape else PIXELS


def _checked(force: bool, json_file: Path | None) -> None:
    from parconv.experiments.asm import checked

    with progress() as announce:
        found = checked.check(force, announce)
    checked.show(found, console())
    write_json(json_file, found.to_json())


def _implementations(text: str | None, beside: bool) -> list[str]:
    from parconv.experiments.asm.implementations import IMPLEMENTATIONS

    if text is None:
        return ["ours"] if beside else []
    return [*IMPLEMENTATIONS] if text == "all" else text.split(",")


def _check_pictures(graph: Path | None, blocks: Path | None) -> None:
    from parconv import images

    for target, suffixes in ((graph, (".svg", ".png", ".dot")), (blocks, (".dot",))):
        if target is not None:
            if target.suffix not in suffixes:
                raise ValueError(f"{shown(str(target))} must end with {' or '.join(suffixes)}")
            images.check_target(target)


def _taps(kernel: str | None) -> Taps | None:
    if kernel is None:
        return None
    found = sizes(kernel, "kernel")
    if len(found) != 2:
        raise ValueError(f"kernel is {shown(kernel)}: pass two sizes, such as 7x7")
    return found[0], found[1]


def _compiled(
    isa: str, cpu: str | None, only: str | None, source: bool, json_file: Path | None
) -> None:
    from parconv.experiments.asm import survey

    parts = []
    for core in survey.cores(isa, cpu):  # each shown when it is there: one takes 10 to 60 s
        with progress() as announce:
            parts.append(survey.survey(isa, core, only, announce))
        survey.show(parts[-1], console(), source)
    write_json(json_file, survey.joined(parts).to_json())


def _measured(
    dtype: str, taps: Taps | None, cpu: str | None, source: bool, force: bool,
    json_file: Path | None,
) -> None:  # fmt: skip
    from parconv.experiments.asm import kernels, show
    from parconv.experiments.asm.study import study

    with progress() as announce:
        found = study(dtype, taps or kernels.BIGGEST, cpu, force, announce)
    show.show(found, console(), source)
    write_json(json_file, found.to_json())
