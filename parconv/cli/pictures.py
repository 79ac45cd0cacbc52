"""Commands that filter pictures: demo, apply."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from .app import Boundary, Method, Mode, Strategy, Threads, app, console, progress


@app.command()
def demo(
    size: Annotated[int, typer.Option(help="Side of the tiled photograph in pixels.")] = 4096,
    output: Annotated[Path, typer.Option(help="PNG with the photograph before and after.")] = Path(
        "parconv-demo.png"
    ),
) -> None:
    """Filter a photograph, check the results, compare with OpenCV.

    SciPy is another peer; each of them takes part where it is installed.

    Example: parconv demo --size 2048 --output before-after.png
    """
    from parconv.experiments import demo as experiment

    with progress() as announce:
        found = experiment.run(size, output, announce)
    screen = console()
    screen.print(experiment.table(found))
    screen.print(
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
    absolute: Annotated[bool, typer.Option("--abs", help="Absolute values of the sums.")] = False,
    scale: Annotated[float, typer.Option(help="Times the kernel.")] = 1,
    offset: Annotated[float, typer.Option(help="Added to the sums, after --abs.")] = 0,
    dtype: Annotated[str | None, typer.Option(help="Of the result; default: the image's.")] = None,
    axes: Annotated[
        str | None,
        typer.Option(
            help="A letter for each axis, where the file has it wrong: Y rows, X columns, S "
            "samples of a pixel, others planes."
        ),
    ] = None,
    nodata: Annotated[
        str, typer.Option(help="Pixels of a TIFF's nodata value: refuse, spread or ignore.")
    ] = "refuse",
) -> None:
    """Filter an image file; the result keeps its dtype and alpha.

    Integers round and saturate.  Each band, page or plane is filtered by itself.  What the
    new file cannot keep of what the old one says is told.

    Example: parconv apply photo.jpg edges.png --kernel sobel-x --abs
    """
    import parconv
    from parconv import images
    from parconv.images import filter_text
    from parconv.problem.dtypes import check_dtype

    wanted = None if dtype is None else check_dtype("dtype", dtype)
    wish = images.Wish(wanted, absolute, offset, nodata)
    images.check_target(target)
    images.file_format(target)
    g = images.scaled(filter_text.named(kernel), scale)
    pictures = images.read(source, axes)
    images.check_writable(target, [wish.preview(picture) for picture in pictures])
    options: dict[str, Any] = {
        "mode": mode, "boundary": boundary, "cval": cval, "threads": threads,
        "strategy": strategy, "method": method,
    }  # fmt: skip
    run = partial(parconv.correlate2d if correlate else parconv.conv2d, g=g, **options)
    results = tuple(images.filtered(picture, run, wish) for picture in pictures)
    images.write(target, results)
    for told in images.remarks(source, pictures, target, results, wish, g):
        typer.echo(f"parconv: {told}", err=True)
