"""The command ``parconv``: demo, apply, explain, race.

Reads arguments, prints results, and turns every error into one line and exit status 2.  Computes
nothing itself; what is slow to import is imported by the command that needs it.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

try:
    import typer
except ModuleNotFoundError:  # the decorators below need it, so this cannot wait for main()
    print("parconv's command line needs `pip install parconv[cli]`", file=sys.stderr)
    raise SystemExit(2) from None

if TYPE_CHECKING:
    from rich.console import Console

WRONG, FAILED, INTERRUPTED = 1, 2, 130
WIDE = 200  # columns for a table that goes to a file or a pipe

app = typer.Typer(
    help="The fastest 2-D convolution on the cores of a CPU.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Mode = Annotated[str, typer.Option(help="valid, same or full.")]
Boundary = Annotated[str, typer.Option(help="constant, edge, symmetric, mirror or wrap.")]
Threads = Annotated[int | None, typer.Option(help="At most so many threads; default: all cores.")]
Strategy = Annotated[str, typer.Option(help="auto, serial, prange, threads or joblib.")]
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


@app.command()
def demo(
    size: Annotated[int, typer.Option(help="Side of the tiled photograph in pixels.")] = 4096,
    output: Annotated[Path, typer.Option(help="PNG with the photograph before and after.")] = Path(
        "parconv-demo.png"
    ),
) -> None:
    """Filter a real photograph, check every result, compare with scipy and OpenCV.

    Example: parconv demo --size 2048 --output before-after.png
    """
    from parconv.experiments import demo as experiment

    with _progress() as announce:
        found = experiment.run(size, output, announce)
    console = _console()
    console.print(experiment.table(found))
    console.print(
        f"every result verified in float64 (largest error {found.worst_error:.1g} of "
        f"max|f| sum|g|); before and after: {found.output}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def apply(
    source: Annotated[Path, typer.Argument(metavar="IN", help="PNG, JPEG, TIFF or .npy.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Written whole or not at all.")],
    kernel: Annotated[
        str,
        typer.Option(
            help="gaussian:2, box:5, random:15, sobel-x, sobel-y, laplace, sharpen, FILE.npy or "
            "'[[1, 0, -1]]'."
        ),
    ],
    mode: Mode = "same",
    boundary: Boundary = "mirror",
    cval: Annotated[float, typer.Option(help="Pixels outside, for --boundary constant.")] = 0,
    threads: Threads = None,
    strategy: Strategy = "auto",
    method: Method = "auto",
    correlate: Annotated[
        bool, typer.Option("--correlate/--convolve", help="Do not reflect the kernel.")
    ] = False,
) -> None:
    """Filter an image file; the result keeps the dtype (integers round and saturate) and alpha.

    Example: parconv apply photo.jpg blurred.png --kernel gaussian:2
    """
    import parconv
    from parconv.experiments import filters, images

    images.check_target(target)
    images.file_format(target)
    g = filters.parse(kernel)
    image = images.read(source)
    images.check_writable(target, image.dtype, image.shape)
    run = partial(
        parconv.correlate2d if correlate else parconv.conv2d,
        g=g,
        mode=mode,
        boundary=boundary,
        cval=cval,
        threads=threads,
        strategy=strategy,
        method=method,
    )
    images.write(target, images.filtered(image, run))


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
) -> None:
    """Print how a convolution would be computed: method, strategy, bands, threads, memory.

    Example: parconv explain --shape 4096x4096 --kernel 7x7 --dtype float32
    """
    import parconv

    plan = parconv.plan2d(
        (_sizes(shape, "shape"), dtype),
        (_sizes(kernel, "kernel"), dtype),
        mode=mode,
        boundary=boundary,
        threads=threads,
        strategy=strategy,
        method=method,
    )
    typer.echo(plan.explain())


@app.command()
def race(
    only: Annotated[
        str | None, typer.Option(help="Only workloads whose name holds or matches this pattern.")
    ] = None,
    threads: Annotated[
        str | None, typer.Option(help="Thread counts, such as 1,2; default: one and all.")
    ] = None,
    peers: Annotated[
        str | None, typer.Option(help="Of opencv, torch, scipy, astropy; default: all installed.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Rounds per workload, at least.")] = 7,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write all medians and quartiles there.")
    ] = None,
) -> None:
    """Race against the installed peers and the machine's own limit.

    Example: parconv race --only "big 4096x4096 7x7*" --threads 1,2 --json race.json
    """
    from parconv.experiments import images, report, workloads
    from parconv.experiments import peers as competitors
    from parconv.experiments import race as experiment

    if json_file is not None:
        images.check_target(json_file)
    counts = None if threads is None else [int(n) for n in _numbers(threads, "threads", ",")]
    rivals, chosen = competitors.chosen(peers), workloads.chosen(workloads.WORKLOADS, only)
    with _progress() as announce:
        found = experiment.race(chosen, counts, rivals, repeats, announce)
    report.show(found, _console())
    if json_file is not None:
        with images.replacing(json_file) as file:
            file.write(json.dumps(found.to_json(), indent=1).encode())


def _sizes(text: str, option: str) -> tuple[int, ...]:
    sizes = _numbers(text, option, "x")
    if len(sizes) < 2:
        raise ValueError(f"{option} is {text!r}: pass two sizes, such as 7x7")
    return sizes


def _numbers(text: str, option: str, separator: str) -> tuple[int, ...]:
    """Positive integers between separators."""
    if not re.fullmatch(rf"[1-9]\d*({separator}[1-9]\d*)*", text, re.ASCII):
        example = separator.join(("1", "2") if option == "threads" else ("7", "7"))
        raise ValueError(f"{option} is {text!r}: pass positive integers such as {example}")
    return tuple(int(number) for number in text.split(separator))


def _console() -> "Console":
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on standard error, gone when the work is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda name, done, total: bar.update(
            task, description=name, completed=done, total=total
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 2 for bad input, 1 for a wrong result."""
    try:
        status = app(arguments, prog_name="parconv", standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is not installed: `pip install parconv[cli]`")
    except ArithmeticError as error:
        return _fail(str(error), WRONG)
    except (ValueError, TypeError, OSError, NotImplementedError, MemoryError) as error:
        return _fail(str(error) or type(error).__name__)
    except Exception as error:
        # Usage errors: their class has moved between typer's releases, this method has not.
        if not hasattr(error, "format_message"):
            raise
        return _fail(error.format_message())
    return status if isinstance(status, int) else 0


def _fail(message: str, status: int = FAILED) -> int:
    print(f"parconv: {' '.join(message.split())}", file=sys.stderr)
    return status
